"""Rendered scenes with exact motion: textured sprites over a moving background, flow between any two times.

A layer is a texture on canonical coordinates u in [-1, 1]^2. At time t its point u is seen at

    x = A(t) p + c(t),   u = p + W(p, t)

with A a similarity, c a path and W a smooth non-rigid warp. x -> u is closed form; u -> x inverts W by fixed-point
steps. The flow a -> b of a pixel is therefore u_a(x) carried to b on the layer that is on top at x: exact for any a and
b.

Paths are of kinds whose course can be told from the two ends or from physics: straight, eased, turning about a pivot
(the orientation shows the arc) and thrown (gravity points down); a camera moves over everything with parallax.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pixels.warp import inside, pixel_grid
from .textures import Textures, plain, shapes

WARP_MODES = 3
INVERSION_STEPS = 8
STEEPEST_WARP = 0.3  # Lipschitz bound of W: the fixed point contracts by at least this factor a step


@dataclass(frozen=True)
class Frame:
    """One rendered moment of B scenes."""

    image: Tensor  # (B, 3, h, w) in [0, 1]
    layer: Tensor  # (B, h, w) index of the layer on top
    canonical: Tensor  # (B, 2, h, w) its u at the pixel


@dataclass(frozen=True)
class Scenes:
    """B scenes of L layers; index 0 of the layers is the background. Lengths in px of the window, time in [0, 1]."""

    height: int
    width: int
    texture: Tensor  # (B, L, 4, S, S) RGB and alpha
    start: Tensor  # (B, L, 2) centre at t = 0
    shift: Tensor  # (B, L, 2) straight part of the path
    pivot: Tensor  # (B, L, 2) turning centre relative to `start`
    turn: Tensor  # (B, L) rad over the interval
    grow: Tensor  # (B, L) log of the scale's change
    radius: Tensor  # (B, L) px
    ease: Tensor  # (B, L) in [-0.8, 0.8]: acceleration of the eased time
    throw: Tensor  # (B, L) px that gravity bends the path upward at t = 1/2
    depth: Tensor  # (B, L, 2) depth at t = 0 and t = 1; larger is nearer
    wave: Tensor  # (B, L, modes, 2) wave vectors of W
    phase: Tensor  # (B, L, modes, 2)
    swing: Tensor  # (B, L, modes, 2, 2) amplitudes of W at t = 0 and t = 1, x and y
    camera: Tensor  # (B, 4) pan x, pan y, turn, log zoom over the interval
    parallax: Tensor  # (B, L)

    def pose(self, t: float) -> tuple[Tensor, Tensor]:
        """A (B, L, 2, 2) and c (B, L, 2) at time t."""
        g = t + self.ease * (t * t - t)
        angle = self.turn * g
        from_pivot = _rotate(-self.pivot, angle)
        centre = self.start + self.pivot + from_pivot + self.shift * g[..., None]
        centre = centre - torch.stack((torch.zeros_like(g), 4 * t * (1 - t) * self.throw), -1)
        scale = self.radius * (self.grow * g).exp()
        pan, turn, zoom = self.camera[:, None, :2], self.camera[:, None, 2] * t, (self.camera[:, None, 3] * t).exp()
        middle = centre.new_tensor((self.width / 2, self.height / 2))
        centre = middle + zoom[..., None] * _rotate(centre - middle, turn) + pan * t * self.parallax[..., None]
        return _similarity(angle + turn, scale * zoom), centre

    def _warp(self, p: Tensor, t: float, of: Tensor | None = None) -> Tensor:
        """W(p, t) for p (B, K, n, 2): K is the layers, or n pixels of layers `of` (B, n) when K = 1."""
        swing = self.swing[..., 0, :] + (self.swing[..., 1, :] - self.swing[..., 0, :]) * t  # (B, L, modes, 2)
        total = torch.zeros_like(p)
        for mode in range(WARP_MODES):
            wave, phase, reach = self.wave[:, :, mode], self.phase[:, :, mode], swing[:, :, mode]
            wave, phase, reach = (_per_pixel(v, of) for v in (wave, phase, reach))
            total = total + reach * torch.sin((p * wave).sum(-1, keepdim=True) + phase)
        return total

    def render(self, t: float) -> Frame:
        a, c = self.pose(t)
        pixels = pixel_grid(self.height, self.width, c.device).flatten(2).transpose(1, 2)[:, None]  # (1, 1, n, 2)
        p = (pixels - c[:, :, None]) @ torch.linalg.inv(a).transpose(-1, -2)  # (B, L, n, 2)
        u = p + self._warp(p, t)
        batch, layers = u.shape[:2]
        grid = u.view(batch * layers, self.height, self.width, 2)
        drawn = F.grid_sample(self.texture.flatten(0, 1), grid, padding_mode="reflection", align_corners=False)
        drawn = drawn.view(batch, layers, 4, self.height, self.width)
        rgb, alpha = drawn[:, :, :3], drawn[:, :, 3:]
        outside = (u.abs().amax(-1) > 1).view(batch, layers, 1, self.height, self.width)
        alpha = torch.where(outside, torch.zeros_like(alpha), alpha)
        alpha = torch.cat((torch.ones_like(alpha[:, :1]), alpha[:, 1:]), 1)

        order = torch.lerp(self.depth[..., 0], self.depth[..., 1], t).argsort(
            1
        )  # far to near; the background is farthest
        each = torch.arange(batch, device=u.device)
        image = rgb.new_zeros(batch, 3, self.height, self.width)
        top = torch.zeros(batch, self.height, self.width, dtype=torch.long, device=u.device)
        for place in range(layers):
            layer = order[:, place]
            image = torch.lerp(image, rgb[each, layer], alpha[each, layer])
            top = torch.where(alpha[each, layer, 0] > 0.5, layer[:, None, None], top)
        canonical = u.view(batch, layers, self.height, self.width, 2)
        index = top[:, None, ..., None].expand(-1, 1, -1, -1, 2)
        return Frame(image.clamp(0, 1), top, canonical.gather(1, index)[:, 0].permute(0, 3, 1, 2))

    def blurred(self, t: float, shutter: float, samples: int = 4) -> Tensor:
        """(B, 3, h, w): the mean over an exposure of `shutter` (in units of the interval) centred on t."""
        offsets = [(i + 0.5) / samples - 0.5 for i in range(samples)]
        return torch.stack([self.render(t + shutter * o).image for o in offsets]).mean(0)

    def flow(self, start: Frame, t: float) -> Tensor:  # (B, 2, h, w) from the frame's grid to time t
        """Where the frame's pixels lie at time t, minus where they are."""
        of = start.layer.flatten(1)
        u = start.canonical.flatten(2).transpose(1, 2)[:, None]  # (B, 1, n, 2)
        p = u
        for _ in range(INVERSION_STEPS):
            p = u - self._warp(p, t, of)
        a, c = self.pose(t)
        a, c = (
            v.gather(1, of[..., None].expand(-1, -1, v.shape[2])) for v in (a.flatten(2), c)
        )  # (B, n, 4), (B, n, 2)
        p = p[:, 0]
        x = torch.stack(
            (a[..., 0] * p[..., 0] + a[..., 1] * p[..., 1], a[..., 2] * p[..., 0] + a[..., 3] * p[..., 1]), -1
        )
        x = (x + c).transpose(1, 2).view(-1, 2, self.height, self.width)
        return x - pixel_grid(self.height, self.width, x.device)


def visible(start: Frame, end: Frame, flow: Tensor) -> Tensor:  # (B, 1, h, w) 0 or 1
    """Whether start's pixels, carried by `flow`, are on top in `end` and inside its frame."""
    height, width = flow.shape[-2:]
    target = (pixel_grid(height, width, flow.device) + flow).round().long()
    x, y = target[:, 0].clamp(0, width - 1), target[:, 1].clamp(0, height - 1)
    there = (y * width + x).flatten(1)
    same = end.layer.flatten(1).gather(1, there) == start.layer.flatten(1)
    return same.view(-1, 1, height, width).float() * inside(flow)


def draw_scenes(
    textures: Textures,
    batch: int,
    height: int,
    width: int,
    generator: torch.Generator,
    largest: float = 90.0,
    calm: float = 0.0,
) -> Scenes:
    """Scenes drawn at random. `largest`: the longest straight path of a sprite, px of a window of 448 px area width.
    `calm`: the share of draws whose camera and background stand still; half of these backgrounds are plain, as a sky
    is."""
    layers, size = 3 + int(torch.randint(5, (), generator=generator)), 256
    device = textures.device
    span = (height * width) ** 0.5  # lengths scale with the window, so that small windows show the same kind of picture
    longest = largest * span / (448 * 256) ** 0.5

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.empty(batch, layers, *shape).uniform_(low, high, generator=generator)

    def sometimes(probability: float) -> Tensor:
        return (torch.rand(batch, layers, generator=generator) < probability).float()

    def directions() -> Tensor:
        angle = uniform(0, 2 * torch.pi)
        return torch.stack((angle.cos(), angle.sin()), -1)

    radius = span * uniform(-2.3, -0.9).exp()
    window = torch.tensor((float(width), float(height)))
    start = uniform(-0.05, 1.05, 2) * window
    shift = directions() * (longest * uniform(-4.0, 0.0).exp())[..., None]
    turn = uniform(-1.0, 1.0) * sometimes(0.5)
    pivot = directions() * (span * uniform(0.0, 0.6) * sometimes(0.5))[..., None]
    wave = directions()[:, :, None] * uniform(1.0, 5.0, WARP_MODES, 1)
    steep = STEEPEST_WARP / WARP_MODES * uniform(0.0, 1.0, WARP_MODES, 1, 1) * sometimes(0.6)[..., None, None, None]
    swing = uniform(-1.0, 1.0, WARP_MODES, 2, 2) * steep / wave.norm(dim=-1)[..., None, None]
    depth = uniform(0.1, 1.0, 1).expand(-1, -1, 2) + uniform(-0.4, 0.4, 2) * sometimes(0.15)[..., None]
    camera = torch.cat(
        (
            torch.randn(batch, 2, generator=generator) * longest * torch.rand(batch, 1, generator=generator) * 0.5,
            torch.randn(batch, 2, generator=generator) * 0.06,
        ),
        1,
    )
    fields = dict(
        start=start, shift=shift, pivot=pivot, turn=turn, grow=uniform(-0.25, 0.25) * sometimes(0.5), radius=radius,
        ease=uniform(-0.8, 0.8) * sometimes(0.5), throw=longest * 0.6 * uniform(0.0, 1.0) * sometimes(0.25),
        depth=depth, wave=wave, phase=uniform(0, 2 * torch.pi, WARP_MODES, 2), swing=swing, camera=camera, parallax=0.3
        + depth.mean(-1),
    )  # fmt: skip
    fields = {name: value.contiguous().clone() for name, value in fields.items()}
    _calm_background(fields, span, window, generator)

    colours = torch.stack([textures.draw(layers, size, generator) for _ in range(batch)])
    if calm and torch.rand((), generator=generator) < calm:
        for name in ("shift", "turn", "grow", "ease", "swing"):
            fields[name][:, 0] = 0
        fields["camera"].zero_()
        if torch.rand((), generator=generator) < 0.5:
            colours[:, 0] = torch.stack([plain(size, generator) for _ in range(batch)]).to(device)
    masks = torch.stack([shapes(layers, size, generator) for _ in range(batch)]).to(device)
    texels = (size / 2 / fields["radius"]).to(
        device
    )  # texels per px: where it exceeds 1 the texture is softened to match
    alpha = (masks * (size / 2) / texels.clamp_min(1)[..., None, None, None] + 0.5).clamp(0, 1)
    for b in range(batch):
        for layer in range(1, layers):
            side = max(8, min(size, round(size / texels[b, layer].item())))
            small = F.interpolate(colours[b, layer][None], (side, side), mode="area")
            colours[b, layer] = F.interpolate(small, (size, size), mode="bilinear", align_corners=False)[0]
    return Scenes(height, width, torch.cat((colours, alpha), 2), **{k: v.to(device) for k, v in fields.items()})


def _calm_background(fields: dict[str, Tensor], span: float, window: Tensor, generator: torch.Generator) -> None:
    """Layer 0 fills the window, lies behind everything and moves less than the sprites."""
    fields["start"][:, 0] = window / 2
    fields["radius"][:, 0] = span * torch.empty(len(fields["radius"])).uniform_(0.7, 1.1, generator=generator)
    fields["shift"][:, 0] *= 0.3
    fields["turn"][:, 0] *= 0.1
    fields["throw"][:, 0] = 0
    fields["depth"][:, 0] = -1
    fields["parallax"][:, 0] = torch.empty(len(fields["radius"])).uniform_(0.3, 1.0, generator=generator)
    fields["swing"][:, 0] *= 0.5


def _rotate(v: Tensor, angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return torch.stack((v[..., 0] * cos - v[..., 1] * sin, v[..., 0] * sin + v[..., 1] * cos), -1)


def _similarity(angle: Tensor, scale: Tensor) -> Tensor:
    cos, sin = angle.cos() * scale, angle.sin() * scale
    return torch.stack((torch.stack((cos, -sin), -1), torch.stack((sin, cos), -1)), -2)


def _per_pixel(value: Tensor, of: Tensor | None) -> Tensor:
    """(B, L, 2) broadcast over pixels, or gathered for pixels of given layers (B, n) -> (B, 1, n, 2)."""
    if of is None:
        return value[:, :, None]
    return value.gather(1, of[..., None].expand(-1, -1, value.shape[-1]))[:, None]
