"""Built-in latents: 8x8 patches on a linear PCA path, plus a convolutional residual that starts at zero."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..conventions import LATENT_STRIDE
from .latents import BUILT_IN

PATCH_VALUES = 3 * LATENT_STRIDE**2


class Autoencoder(nn.Module):
    """(B, 3, H, W) in [0, 1] <-> (B, channels, H/8, W/8), about unit variance per channel.

    Encoding is linear, so a latent is a translation-covariant description of its patch and nothing has to be learned
    for motion to be read from it. Only the decoder has a learned residual, which removes the blocks that PCA leaves.

    space: the latent space it stands for. Weights for another space than the built-in one bring an autoencoder that
    imitates it for still images, so that the two ends can be compared with its keyframes."""

    def __init__(self, channels: int = 48, width: int = 96, space: str = BUILT_IN, operations=nn):
        super().__init__()
        self.channels, self.space = channels, space
        self.analysis = operations.Conv2d(PATCH_VALUES, channels, 1)
        self.synthesis = operations.Conv2d(channels, PATCH_VALUES, 1)
        self.deblock = nn.Sequential(
            operations.Conv2d(channels, width, 3, padding=1),
            nn.GELU(),
            operations.Conv2d(width, width, 3, padding=1),
            nn.GELU(),
            operations.Conv2d(width, PATCH_VALUES, 3, padding=1),
        )
        nn.init.zeros_(self.deblock[-1].weight)
        nn.init.zeros_(self.deblock[-1].bias)

    def encode(self, image: Tensor) -> Tensor:
        return self.analysis(F.pixel_unshuffle(image, LATENT_STRIDE))

    def decode(self, latents: Tensor) -> Tensor:
        """Clamped to [0, 1] outside training, where the clamp would stop gradients."""
        patches = self.synthesis(latents) + self.deblock(latents)
        image = F.pixel_shuffle(patches, LATENT_STRIDE)
        return image if self.training else image.clamp(0, 1)

    @torch.no_grad()
    def fit_pca(self, images: Tensor) -> None:
        """Sets the linear path to the whitened principal components of the 8x8 patches of `images` (B, 3, H, W)."""
        patches = F.pixel_unshuffle(images, LATENT_STRIDE).permute(0, 2, 3, 1).reshape(-1, PATCH_VALUES).double()
        mean = patches.mean(0)
        covariance = (patches - mean).T @ (patches - mean) / len(patches)
        values, vectors = torch.linalg.eigh(covariance)
        order = values.argsort(descending=True)[: self.channels]
        basis, scale = vectors[:, order].T, values[order].clamp_min(1e-8).sqrt()  # (C, 192), (C)
        self.analysis.weight.copy_((basis / scale[:, None])[:, :, None, None])
        self.analysis.bias.copy_(-(basis @ mean) / scale)
        self.synthesis.weight.copy_((basis.T * scale)[:, :, None, None])
        self.synthesis.bias.copy_(mean)
