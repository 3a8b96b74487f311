import numpy as np
import pytest
import torch
from PIL import Image

from rdvfi_core.media import read_image
from rdvfi_core.video.colour import to_integers


def test_rgb_is_read_exactly(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.shape == (3, 64, 80) and image.dtype == torch.float32
    assert np.array_equal(to_integers(image), pixels)


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((64, 80, 3), np.uint8)
    pixels[:8, :, 0] = 255  # a red band at the stored top
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    image = read_image(tmp_path / "a.png")
    assert image.shape == (3, 80, 64)
    assert image[0, :, -8:].min() == 1 and image[0, :, :-8].max() == 0


def test_transparency_is_composited_on_white(tmp_path):
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[..., 2], pixels[:, 16:, 3], pixels[:, 32:, 3] = 255, 51, 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")[:, 0]
    assert image[:, 0].tolist() == [1, 1, 1]
    assert torch.allclose(image[:, 20], torch.tensor([0.8, 0.8, 1.0]), atol=1 / 255)
    assert image[:, 40].tolist() == [0, 0, 1]


def test_grey_sixteen_bits_and_palettes_become_rgb(tmp_path):
    grey = np.linspace(0, 255, 64 * 64).astype(np.uint8).reshape(64, 64)
    fine = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    colourful = Image.fromarray(noise).convert("P", palette=Image.Palette.ADAPTIVE)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(fine).save(tmp_path / "fine.png")
    colourful.save(tmp_path / "palette.png")
    assert np.array_equal(to_integers(read_image(tmp_path / "grey.png")), grey[..., None].repeat(3, -1))
    expected = torch.from_numpy(fine.astype(np.float32) / 65535).expand(3, 64, 64)
    assert torch.allclose(read_image(tmp_path / "fine.png"), expected, atol=1e-6)
    assert np.array_equal(to_integers(read_image(tmp_path / "palette.png")), np.asarray(colourful.convert("RGB")))


@pytest.mark.parametrize("fault", ["missing", "folder", "text", "truncated"])
def test_an_unreadable_image_is_one_sentence(tmp_path, fault):
    path = tmp_path / "a.png"
    if fault == "folder":
        path.mkdir()
    if fault == "text":
        path.write_text("not an image")
    if fault == "truncated":
        Image.effect_noise((90, 64), 50).save(path)
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="a.png (is not a file|cannot be read).*give an") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
