import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from rdvfi_core.video.colour import to_integers
from rdvfi_core.video.formats import check_output
from rdvfi_core.video.writer import open_writer

FPS = Fraction(24000, 1001)


def moving_picture(height: int, width: int, count: int) -> torch.Tensor:  # (count, 3, height, width)
    y, x = torch.meshgrid(torch.linspace(0, 6, height), torch.linspace(0, 6, width), indexing="ij")
    return torch.stack([torch.stack(((x + t).sin(), (y - t).cos(), (x + y).sin())) / 2 + 0.5 for t in range(count)])


def patches(height: int, width: int) -> np.ndarray:  # (height, width, 3): a 3 by 9 field of colours
    colours = np.array(list(itertools.product((0, 128, 255), repeat=3)), np.uint8).reshape(3, 9, 3)
    return colours[np.arange(height)[:, None] * 3 // height, np.arange(width) * 9 // width]


def patch_centres(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    rows, columns = (2 * np.arange(3) + 1) * height // 6, (2 * np.arange(9) + 1) * width // 18
    return pixels[rows[:, None], columns].astype(int)


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def write(path, frames, fps=FPS) -> None:
    with open_writer(path, frames.shape[-2:], fps) as writer:
        for frame in frames:
            writer.write(frame)


def read_video(path) -> np.ndarray:  # (T, height, width, 3)
    bt709 = dict(src_colorspace="ITU709", src_color_range="MPEG", dst_color_range="JPEG")
    options = {} if path.suffix == ".gif" else bt709  # said aloud, because older PyAV does not look at the tags
    careful = 0x4 | 0x2000 | 0x40000  # swscale's BICUBIC, FULL_CHR_H_INT and ACCURATE_RND
    with av.open(str(path)) as container:
        frames = [
            frame.reformat(format="rgb24", interpolation=careful, **options) for frame in container.decode(video=0)
        ]
        return np.stack([frame.to_ndarray() for frame in frames])


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif", ""])
@pytest.mark.parametrize("size", [(64, 96), (65, 97), (96, 65)])
def test_frames_come_back_in_order_and_at_their_size(tmp_path, suffix, size):
    frames, path = moving_picture(*size, count=5), tmp_path / f"out{suffix}"
    write(path, frames)
    if suffix:
        back = read_video(path)
    else:
        assert [file.name for file in sorted(path.iterdir())] == [f"{i:05d}.png" for i in range(5)]
        back = np.stack([np.asarray(Image.open(file)) for file in sorted(path.iterdir())])
    assert back.shape == (5, *size, 3)
    for given, got in zip(frames, back, strict=True):
        error = np.abs(to_integers(given).astype(int) - got).mean()
        assert error <= {"": 0, ".gif": 10}.get(suffix, 3)  # neighbouring frames differ by 51
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("size", [(96, 288), (97, 287)])
def test_colours_survive_and_are_tagged(tmp_path, suffix, size):
    pixels, path = patches(*size), tmp_path / f"out{suffix}"
    write(path, to_tensor(pixels).expand(4, -1, -1, -1))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        tags = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
    assert tags == (1, 1, 1, 1)  # BT.709 matrix, primaries and transfer; limited range
    assert np.abs(patch_centres(read_video(path)[2]) - patch_centres(pixels)).max() <= 4


def test_a_gif_keeps_colours_that_only_one_frame_has(tmp_path):
    plain = np.zeros((64, 288, 3), np.uint8)
    write(tmp_path / "out.gif", torch.stack([to_tensor(plain), to_tensor(patches(64, 288))]), Fraction(24))
    assert np.abs(patch_centres(read_video(tmp_path / "out.gif")[1]) - patch_centres(patches(64, 288))).max() <= 8


def test_the_rate_is_exact(tmp_path):
    write(tmp_path / "out.mp4", moving_picture(64, 64, count=4))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].average_rate == FPS


def test_an_error_or_interruption_leaves_nothing_and_keeps_what_was_there(tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"earlier work")
    for name, error in itertools.product(
        ("out.mp4", "out.webm", "out.gif", "frames"), (KeyboardInterrupt, RuntimeError)
    ):
        with pytest.raises(error), open_writer(tmp_path / name, (64, 64), FPS) as writer:
            writer.write(torch.rand(3, 64, 64))
            raise error
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"earlier work"


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif", "frames"])
def test_a_file_that_cannot_grow_is_one_sentence_and_leaves_nothing(tmp_path, name):
    """A limit on file sizes stands for a full disk: writing fails in the middle, with an error of the system."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = torch.rand(12, 3, 128, 128)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match=f"{name} could not be written .*make room"):
            write(tmp_path / name, noise, Fraction(24))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path):
    folder = tmp_path / "frames.v2"
    folder.mkdir()
    write(folder, moving_picture(64, 64, count=2))
    assert len(list(folder.iterdir())) == 2
    with pytest.raises(ValueError, match="not empty"):
        write(folder, moving_picture(64, 64, count=1))
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "fps", "words"),
    [
        ("out.png", 24, r"ends in \.png; use \.mp4"),
        ("nowhere/out.mp4", 24, "nowhere does not exist"),
        ("plain", 24, "file without a suffix"),
        ("out.gif", 60, "at most 50 frames per second, not 60"),
    ],
)
def test_outputs_that_cannot_be_are_refused(tmp_path, name, fps, words):
    (tmp_path / "plain").write_text("")
    with pytest.raises(ValueError, match=words):
        check_output(tmp_path / name, Fraction(fps))


def test_a_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not fit"), open_writer(tmp_path / "out.mp4", (64, 64), FPS) as writer:
        writer.write(torch.rand(3, 64, 66))
    assert list(tmp_path.iterdir()) == []
