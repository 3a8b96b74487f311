import pytest
import torch
import torch.nn.functional as F

from rdvfi_core.keyframes.autoencoder import Autoencoder


def smooth_images(count: int, height: int = 64, width: int = 96, seed: int = 0) -> torch.Tensor:
    """(count, 3, height, width) in [0, 1]: soft colour noise with details down to about 8 pixels."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, height // 8 + 1, width // 8 + 1, generator=generator)
    return F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True).clamp(0, 1)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return -10 * (a - b).square().mean().log10().item()


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    torch.manual_seed(0)
    autoencoder = Autoencoder(channels=24, width=16).eval()
    autoencoder.fit_pca(smooth_images(24))
    return autoencoder


@torch.no_grad()
def test_pca_reaches_32_db_on_images_it_was_not_fitted_to_and_beats_the_mean_colour(fitted):
    images = smooth_images(4, seed=1)
    found = psnr(fitted.decode(fitted.encode(images)), images)
    mean_colour = psnr(images.mean((2, 3), keepdim=True).expand_as(images), images)
    assert found > 32 and found > mean_colour + 15


@torch.no_grad()
def test_more_channels_reconstruct_better():
    images, others = smooth_images(24), smooth_images(4, seed=1)
    found = []
    for channels in (3, 12, 48):
        autoencoder = Autoencoder(channels, width=8).eval()
        autoencoder.fit_pca(images)
        found.append(psnr(autoencoder.decode(autoencoder.encode(others)), others))
    assert found[0] + 3 < found[1] < found[2] - 3


@torch.no_grad()
def test_latents_of_the_fitted_images_are_white(fitted):
    latents = fitted.encode(smooth_images(24)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(latents.mean(1), torch.zeros(24), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(latents), torch.eye(24), atol=0.02, rtol=0)


@torch.no_grad()
def test_shapes_and_space(fitted):
    latents = fitted.encode(torch.rand(2, 3, 40, 56))
    assert latents.shape == (2, 24, 5, 7)
    assert fitted.decode(latents).shape == (2, 3, 40, 56)
    assert fitted.space == "rdvfi"


@torch.no_grad()
def test_untrained_decoder_is_the_linear_path_alone():
    autoencoder = Autoencoder(channels=8, width=8).train()
    latents = torch.randn(2, 8, 4, 5)
    assert torch.equal(autoencoder.decode(latents), F.pixel_shuffle(autoencoder.synthesis(latents), 8))


@torch.no_grad()
def test_decoded_images_are_clamped_outside_training_only():
    autoencoder = Autoencoder(channels=8, width=8)
    latents = 20 * torch.randn(1, 8, 4, 5)
    free, clamped = autoencoder.train().decode(latents), autoencoder.eval().decode(latents)
    assert free.min() < 0 and free.max() > 1
    assert torch.equal(clamped, free.clamp(0, 1))


@torch.no_grad()
def test_encoding_moves_with_the_image_by_whole_patches(fitted):
    image = smooth_images(1)
    moved = image.roll((8, -16), (2, 3))
    torch.testing.assert_close(fitted.encode(moved), fitted.encode(image).roll((1, -2), (2, 3)))
