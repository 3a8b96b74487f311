"""phi_s: from the flows at tau to the frame at tau.

Two parts, because only the second one has to run at full resolution. `Correction` works on the motion grid: it corrects
the flows, decides how much of each warp to show, and paints what neither input shows. `Detail` works on the
full-resolution warps: it sharpens the blend along real edges. Both run on pixel-unshuffled (4) grids. `crispness` gives
back what warping took. Along keyframes the colours at tau are known too, on the motion grid: `KeyframeSynthesis`
corrects the frame by them. Directions and units: `conventions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import ResidualBlock, zero_
from ..pixels.blending import blend_prior
from ..pixels.light import change, follow_time
from ..pixels.patches import patch_mean
from ..pixels.warp import backward_warp, resize, resize_flow
from ..trajectory.flow_pair import FlowPair
from .crispness import agreement, lost

SHUFFLE = 4
FEATURES = 8  # planes that `Correction` hands to `Detail` beside the blend's logits
FLOW_UNIT = 16.0  # px of the motion grid that enter the network as 1
SEEN = 3 * 3 + 2 * 3 + 4 + 4 + 2  # planes that `Correction` reads: warps and colour, unwarped ends, flows, maps, times
CANDIDATES = 3  # warp of I0, warp of I1, and the plain cross-fade for what no motion explains

PATCH = 7  # px of the motion grid: where frames and keyframes are compared
SMOOTH = 0.4  # share of their difference that must be smoother than a patch for keyframes to be taken in full
DRIFT = 0.1  # from this on an even difference in brightness is another thing, not a generator's drift
NOISE = 1e-3  # a difference under this is left alone
WRONG = 0.1  # mean difference at which half of the frame's fine detail is taken for wrong


@dataclass(frozen=True)
class Corrected:
    """What `Correction` decides, on the motion grid."""

    to0: Tensor  # (B, 2, h, w) f_{tau->0}, corrected
    to1: Tensor
    blend: Tensor  # (B, 3, h, w) logits of the candidates
    paint: Tensor  # (B, 3, h, w) colour to add
    features: Tensor  # (B, FEATURES, h, w)
    light: Tensor  # (B, 3, h / 8, w / 8) how much lighter I1 is, see `light.change`
    agreement: Tensor  # (B, 1, h, w) in [0, 1] of the two warps, see `crispness.agreement`

    @property
    def decided(self) -> tuple[Tensor, ...]:
        return self.blend, self.paint, self.features


class Correction(nn.Module):
    def __init__(self, width: int, operations=nn):
        super().__init__()
        conv = operations.Conv2d
        self.enter = conv(SEEN * SHUFFLE**2, width, 1)
        self.fine = nn.Sequential(*(ResidualBlock(width, operations) for _ in range(2)))
        self.down = conv(width, 2 * width, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(*(ResidualBlock(2 * width, operations) for _ in range(2)))
        self.down_again = conv(2 * width, 2 * width, 3, stride=2, padding=1)
        self.coarsest = nn.Sequential(*(ResidualBlock(2 * width, operations) for _ in range(2)))
        self.up = conv(2 * width, width, 1)
        self.leave = ResidualBlock(width, operations)
        self.decide = zero_(conv(width, (4 + CANDIDATES + 3 + FEATURES) * SHUFFLE**2, 3, padding=1))

    def forward(self, image0: Tensor, image1: Tensor, flows: FlowPair) -> Corrected:
        """image0, image1: (B, 3, h, w), the pair on the motion grid."""
        warp0, warp1 = backward_warp(image0, flows.to0), backward_warp(image1, flows.to1)
        time = flows.time.expand_as(flows.coverage)
        maps = (
            flows.visible0,
            flows.visible1,
            flows.coverage.clamp(max=2),
            (warp0 - warp1).abs().mean(1, keepdim=True),
        )
        seen = (warp0, warp1, flows.colour, image0, image1, flows.to0 / FLOW_UNIT, flows.to1 / FLOW_UNIT, *maps)
        fine = self.fine(self.enter(_unshuffle(torch.cat((*seen, time, 1 - time), 1))))
        coarse = self.coarse(self.down(fine))
        coarse = coarse + _enlarge(self.coarsest(self.down_again(coarse)), coarse)
        x = self.leave(fine + _enlarge(self.up(coarse), fine))
        decided = F.pixel_shuffle(self.decide(x), SHUFFLE).float()
        flow0, flow1, blend, paint, features = decided.split((2, 2, CANDIDATES, 3, FEATURES), 1)
        to0, to1 = flows.to0 + flow0, flows.to1 + flow1
        blend = blend_prior(flows.time, flows.visible0, flows.visible1) + blend
        light, fit = change(warp0, warp1), agreement(warp0, warp1, flows.time)
        return Corrected(to0, to1, blend, paint, features, light, fit)


class Detail(nn.Module):
    """Reads the two warps at full resolution; what comes from the motion grid is smooth and enters on the coarser
    grid."""

    def __init__(self, width: int, operations=nn):
        super().__init__()
        self.body = nn.Sequential(
            operations.Conv2d(2 * 3 * SHUFFLE**2 + CANDIDATES + 3 + FEATURES, width, 1),
            ResidualBlock(width, operations),
            ResidualBlock(width, operations),
        )
        self.decide = zero_(operations.Conv2d(width, (CANDIDATES + 3) * SHUFFLE**2, 3, padding=1))

    def forward(
        self,
        warps: Tensor,  # (B, 6, H, W)
        decided: Tensor,  # (B, 3 + 3 + FEATURES, h, w) blend, paint and features of `Correction`
    ) -> tuple[Tensor, Tensor]:  # corrections of the blend's logits and of the paint, each (B, 3, H, W)
        height, width = warps.shape[-2:]
        shuffled = _unshuffle(warps)
        seen = torch.cat((shuffled, resize(decided, *shuffled.shape[-2:]).to(shuffled.dtype)), 1)
        found = F.pixel_shuffle(self.decide(self.body(seen)), SHUFFLE)
        return found[..., :height, :width].float().split((CANDIDATES, 3), 1)


class Synthesis(nn.Module):
    """phi_s. Untrained it is the occlusion-aware, time-weighted mean of the two warps, as crisp as `crispness` can."""

    def __init__(self, width: int = 64, detail: int = 48, operations=nn):
        super().__init__()
        self.correction = Correction(width, operations)
        self.detail = Detail(detail, operations)

    def forward(
        self,
        image0: Tensor,  # (B, 3 + E, H, W) full resolution; planes after RGB, such as alpha, follow the same motion
        image1: Tensor,
        small0: Tensor,  # (B, 3, h, w) the RGB on the motion grid
        small1: Tensor,
        flows: FlowPair,
    ) -> Tensor:  # (B, 3 + E, H, W)
        size = image0.shape[-2:]
        corrected = self.correction(small0, small1, flows)
        warp0, lost0 = _warped(image0, resize_flow(corrected.to0, *size))
        warp1, lost1 = _warped(image1, resize_flow(corrected.to1, *size))
        follow_time(warp0, warp1, corrected.light, flows.time)
        warps = (warp0, warp1, torch.lerp(image0, image1, flows.time.to(image0.dtype)))
        colours = torch.cat([warp[:, :3] for warp in warps[:2]], 1)
        more_blend, more_paint = self.detail(colours, torch.cat(corrected.decided, 1))
        shares = (resize(corrected.blend, *size) + more_blend).softmax(1)
        frame = resize(corrected.paint, *size) + more_paint
        crisp = shares[:, :1] * lost0 + shares[:, 1:2] * lost1
        frame = frame + crisp * resize(corrected.agreement, *size)
        del lost0, lost1, crisp
        if image0.shape[1] > 3:  # only colour is painted
            frame = F.pad(frame, (0, 0, 0, 0, 0, image0.shape[1] - 3))
        for share, warp in zip(shares.split(1, 1), warps, strict=True):
            frame = torch.addcmul(frame, share, warp)
        del warp0, warp1, warps, warp
        frame = self._finish(frame, flows)
        return frame if self.training else frame.clamp(0, 1)

    def _finish(self, frame: Tensor, flows: FlowPair) -> Tensor:
        return frame


class KeyframeSynthesis(Synthesis):
    """phi_s along keyframes. The ends bring full resolution, but not always what is there at tau; the keyframes bring
    that, on the motion grid. So what is left of the frame on that grid is drawn toward their colours, and the finer
    detail fades where the two differ, because the warps are wrong there.

    Two differences are not the keyframes' to decide: an even light, since generators drift in brightness, and what
    differs in detail alone, since keyframes may be softer or grainier than the images."""

    @classmethod
    def of(cls, straight: Synthesis) -> KeyframeSynthesis:
        """With the weights of `straight`, to begin learning from."""
        made = cls(straight.correction.enter.out_channels, straight.detail.body[0].out_channels)
        made.load_state_dict(straight.state_dict())
        return made.to(straight.detail.decide.weight.device)

    def _finish(self, frame: Tensor, flows: FlowPair) -> Tensor:
        size, grid = frame.shape[-2:], flows.colour.shape[-2:]
        colour = frame[:, :3]
        shown = resize(colour, *grid)
        known = flows.colour - resize(_drift(change(shown, flows.colour)), *grid)
        share, kept = _trust(shown, known)
        settled = torch.lerp(shown, known, share)
        if size != grid:
            detail = (colour - resize(shown, *size)).mul_(resize(kept, *size))
            settled = resize(settled, *size).add_(detail)
        return torch.cat((settled, frame[:, 3:]), 1)


def _warped(image: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:  # (B, 3 + E, H, W), (B, 1, H, W)
    return backward_warp(image, flow), lost(image, flow)


def _drift(light: Tensor) -> Tensor:
    return light * (1 - (light / DRIFT).pow(4)).clamp(min=0)


@torch.no_grad()
def _trust(shown: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:  # (B, 1, h, w) in [0, 1] each
    """How much of the keyframes' colour to take, and how much of the frame's finer detail to keep."""
    difference = known - shown
    whole = patch_mean(difference.abs().mean(1, keepdim=True), PATCH)
    smooth = patch_mean(patch_mean(difference, PATCH).abs().mean(1, keepdim=True), PATCH)
    return (smooth / (SMOOTH * whole + NOISE)).clamp(max=1), 1 / (1 + (whole / WRONG).square())


def _unshuffle(planes: Tensor) -> Tensor:  # (B, C, H, W) -> (B, 16 C, ceil(H / 4), ceil(W / 4))
    """In the networks' own precision from the start, because moving these planes costs more than computing with
    them."""
    device = planes.device.type
    if torch.is_autocast_enabled(device):
        planes = planes.to(torch.get_autocast_dtype(device))
    bottom, right = -planes.shape[-2] % SHUFFLE, -planes.shape[-1] % SHUFFLE
    if bottom or right:
        planes = F.pad(planes, (0, right, 0, bottom), mode="replicate")
    return F.pixel_unshuffle(planes, SHUFFLE).contiguous(memory_format=torch.channels_last)


def _enlarge(values: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(values, like.shape[-2:], mode="bilinear", align_corners=False)
