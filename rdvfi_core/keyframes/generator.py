"""The built-in one-step generator: a small diffusion transformer that corrects keyframes made by straight motion.

Attention is factorised: odd-numbered blocks look around within a frame, the others along time at one place. Space and
time are rotary and thus relative: any grid size, any number of keyframes and any uneven times go through the same
weights. Parameters live in leaf modules only, so that ComfyUI can build, cast and move them one by one.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .diffusion import v_of

PATCH = 2
WAVES = 16  # frequencies in the features of t and tau
CONDITION = 32  # width of what t and tau become: two numbers need no more, and it is paid for in every block
TAU_SCALE = 32.0  # rotary positions per unit of tau: knots 1/8 apart stand as far from each other as 4 patches


def waves(value: Tensor) -> Tensor:
    """(...) in [0, 1] -> (..., 2 WAVES) sines and cosines, from half a period over the unit interval to 32 periods."""
    frequency = torch.linspace(0, math.log(64), WAVES, device=value.device).exp() * math.pi
    angle = value.float()[..., None] * frequency
    return torch.cat((angle.sin(), angle.cos()), -1)


def rotary_angles(positions: Tensor, width: int) -> Tensor:
    """(L, axes) positions -> (L, width / 2) angles for heads of `width`: each axis has an equal share of the pairs."""
    pairs = width // (2 * positions.shape[1])
    frequency = 100.0 ** (-torch.arange(pairs, device=positions.device, dtype=torch.float32) / pairs)
    return (positions.float()[:, :, None] * frequency).flatten(1)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turns the pairs of (..., L, width) by (L, width / 2), after which a dot product depends on distance only."""
    a, b = x.chunk(2, -1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


def _zeroed(layer: nn.Module) -> nn.Module:
    for parameter in layer.parameters(recurse=False):
        nn.init.zeros_(parameter)
    return layer


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, operations):
        super().__init__()
        self.heads = heads
        self.qkv = operations.Linear(width, 3 * width)
        self.out = operations.Linear(width, width)

    def forward(self, x: Tensor, angles: Tensor) -> Tensor:
        """(S, L, d) -> (S, L, d): S sequences that do not see each other; angles (L, d / heads / 2)."""
        q, k, v = rearrange(self.qkv(x), "s l (three heads d) -> three s heads l d", three=3, heads=self.heads)
        y = F.scaled_dot_product_attention(rotate(q, angles), rotate(k, angles), v)
        return self.out(rearrange(y, "s heads l d -> s l (heads d)"))


class Block(nn.Module):
    """Attention and a perceptron, both modulated by the condition and gated from zero (adaLN-zero)."""

    def __init__(self, width: int, heads: int, along_time: bool, operations):
        super().__init__()
        self.along_time = along_time
        self.norm1 = operations.LayerNorm(width, elementwise_affine=False)
        self.attention = Attention(width, heads, operations)
        self.norm2 = operations.LayerNorm(width, elementwise_affine=False)
        self.mlp = nn.Sequential(
            operations.Linear(width, 4 * width), nn.GELU(approximate="tanh"), operations.Linear(4 * width, width)
        )
        self.modulation = _zeroed(operations.Linear(CONDITION, 6 * width))

    def forward(self, x: Tensor, condition: Tensor, angles: Tensor) -> Tensor:
        """x (B, N, P, d), condition (B, N, 1, CONDITION) -> (B, N, P, d)."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(condition).chunk(6, -1)
        x = x + gate1 * self._attend(self.norm1(x) * (1 + scale1) + shift1, angles)
        return x + gate2 * self.mlp(self.norm2(x) * (1 + scale2) + shift2)

    def _attend(self, x: Tensor, angles: Tensor) -> Tensor:
        apart, together = ("b n p d", "(b p) n d") if self.along_time else ("b n p d", "(b n) p d")
        batch, frames, places = x.shape[:3]
        y = self.attention(rearrange(x, f"{apart} -> {together}"), angles)
        return rearrange(y, f"{together} -> {apart}", b=batch, **({"p": places} if self.along_time else {"n": frames}))


def tokens(latents: Tensor) -> Tensor:
    """(B, N, C, h, w) -> (B, N, P, C PATCH^2), edges repeated to full patches, row by row."""
    count, h, w = len(latents), *latents.shape[-2:]
    padded = F.pad(latents.flatten(0, 1), (0, -w % PATCH, 0, -h % PATCH), mode="replicate")
    patches = "(b n) c (rows y) (columns x) -> b n (rows columns) (c y x)"
    return rearrange(padded, patches, b=count, y=PATCH, x=PATCH)


def untokens(x: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `tokens`: (B, N, P, C PATCH^2) -> (B, N, C, height, width)."""
    patches = "b n (rows columns) (c y x) -> b n c (rows y) (columns x)"
    return rearrange(x, patches, rows=-(-height // PATCH), y=PATCH, x=PATCH)[..., :height, :width]


class KeyframeGenerator(nn.Module):
    """Noise, both ends and straight-motion keyframes -> v-prediction (cosine schedule) of the true keyframes.

    The network proper predicts a residual: the denoised keyframes are base + residual, the head starts at zero, and so
    an untrained generator returns its base: exactly at t = 1, where one-step sampling happens."""

    def __init__(self, channels: int = 48, width: int = 320, depth: int = 8, heads: int = 5, operations=nn):
        super().__init__()
        if width % (4 * heads):
            raise ValueError(f"A width of {width} does not split into {heads} heads of a multiple of 4: change either.")
        self.channels, self.width, self.heads = channels, width, heads
        area = PATCH * PATCH
        self.embed_frames = operations.Linear((2 * channels + 1) * area, width)
        self.embed_ends = operations.Linear(2 * channels * area, width)
        self.condition = nn.Sequential(
            operations.Linear(4 * WAVES, CONDITION), nn.SiLU(), operations.Linear(CONDITION, CONDITION), nn.SiLU()
        )
        self.blocks = nn.ModuleList(Block(width, heads, i % 2 == 1, operations) for i in range(depth))
        self.norm = operations.LayerNorm(width, elementwise_affine=False)
        self.modulation = _zeroed(operations.Linear(CONDITION, 2 * width))
        self.head = _zeroed(operations.Linear(width, channels * area))

    def forward(
        self,
        z_t: Tensor,  # (B, N, C, h, w) noisy keyframes; pure noise at t = 1
        z0: Tensor,  # (B, C, h, w) latents of I0
        z1: Tensor,  # (B, C, h, w) latents of I1
        base: Tensor,  # (B, N, C, h, w) keyframes by straight motion
        validity: Tensor,  # (B, N, 1, h, w) in [0, 1], how far base is seen rather than guessed
        times: Tensor,  # (N,) tau of the keyframes, increasing or not
        t: Tensor,  # (B,) noise time in [0, 1]
    ) -> Tensor:  # (B, N, C, h, w) v = alpha eps - sigma z
        self._check(z_t, z0, z1, base, validity, times)
        times, t = times.to(z_t.device), t.to(z_t.device)
        residual = self._residual(z_t, z0, z1, base, validity, times, t)
        return v_of(z_t, base + residual, t)

    def _residual(self, z_t, z0, z1, base, validity, times, t) -> Tensor:
        (batch, count), (height, width) = z_t.shape[:2], z_t.shape[-2:]
        x = self.embed_frames(tokens(torch.cat((z_t, base, validity.to(z_t.dtype)), 2)))  # (B, N, P, d)
        x = x + self.embed_ends(tokens(torch.cat((z0, z1), 1)[:, None]))

        noise_time = waves(t)[:, None].expand(batch, count, -1)
        tau = waves(times)[None].expand(batch, count, -1)
        condition = self.condition(torch.cat((noise_time, tau), -1).to(x.dtype))[:, :, None]

        space, time = self._angles(height, width, times)
        for block in self.blocks:
            x = block(x, condition, time if block.along_time else space)
        shift, scale = self.modulation(condition).chunk(2, -1)
        return untokens(self.head(self.norm(x) * (1 + scale) + shift), height, width)

    def _angles(self, height: int, width: int, times: Tensor) -> tuple[Tensor, Tensor]:
        """Rotary angles of the patches (P, ...) and of the keyframes (N, ...)."""
        rows = torch.arange(-(-height // PATCH), device=times.device)
        columns = torch.arange(-(-width // PATCH), device=times.device)
        head = self.width // self.heads
        return rotary_angles(torch.cartesian_prod(rows, columns), head), rotary_angles(times[:, None] * TAU_SCALE, head)

    def _check(self, z_t, z0, z1, base, validity, times) -> None:
        batch, count, channels, height, width = z_t.shape
        if channels != self.channels:
            raise ValueError(f"Latents have {channels} channels but this generator was made for {self.channels}.")
        if times.shape != (count,):
            raise ValueError(f"Got {tuple(times.shape)} times for {count} keyframes; give one for each.")
        end, mask = (batch, channels, height, width), (batch, count, 1, height, width)
        wanted = {"z0": (z0, end), "z1": (z1, end), "base": (base, tuple(z_t.shape)), "validity": (validity, mask)}
        for name, (tensor, shape) in wanted.items():
            if tensor.shape != shape:
                raise ValueError(f"{name} has the shape {tuple(tensor.shape)}; beside this noise it must be {shape}.")
