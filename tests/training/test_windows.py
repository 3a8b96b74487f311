"""Windows of made-up clips: ramps that move evenly, so that every frame between two is their exact mean in time."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from clip_files import write_video
from PIL import Image

from rdvfi_core.pixels.warp import resize
from rdvfi_core.training.processes import ALL, Share
from rdvfi_core.training.windows import Windows, knot_gaps, window_stream

CROP = (64, 64)


def ramp(frames: int, height: int = 96, width: int = 128, speed: int = 3) -> np.ndarray:
    """(frames, height, width, 3) uint8: grey that rises to the right and moves left by `speed` px a frame."""
    grey = 16 + np.arange(width)[None, None, :, None] + speed * np.arange(frames)[:, None, None, None]
    return np.broadcast_to(grey, (frames, height, width, 3)).astype(np.uint8)


def write_images(folder: Path, frames: np.ndarray) -> None:
    folder.mkdir()
    for index, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / f"{index}.png")


def cut(folder: Path, count: int, share: Share = ALL, rendered: float = 0.0, seed: int = 0, **more) -> list:
    return list(islice(Windows(str(folder), None, seed, 2, CROP, share, rendered, **more), count))


def equal(a, b) -> bool:
    images = ("first", "second", "knots")
    return a.times == b.times and all(
        torch.equal(x, y)
        for x, y in zip(
            (*(getattr(a, n) for n in images), *a.targets), (*(getattr(b, n) for n in images), *b.targets), strict=True
        )
    )


@pytest.fixture
def clips(tmp_path) -> Path:
    write_images(tmp_path / "a", ramp(26))
    write_video(tmp_path / "b.mp4", ramp(26))
    return tmp_path


def test_targets_lie_between_the_ends_at_their_times(clips):
    moved = []
    for window in cut(clips, 12):
        for tau, target in zip(window.times, window.targets, strict=True):
            assert 0 < tau < 1
            expected = torch.lerp(window.first, window.second, tau)
            torch.testing.assert_close(target, expected, atol=0.02, rtol=0)  # the video is not quite lossless
        moved.append((window.second - window.first).mean().item() * 255 / 3)  # frames, negative if reversed
    assert min(moved) < -3 and max(moved) > 3
    assert len({round(abs(m)) for m in moved}) > 2  # several gaps


def test_shapes_and_small_copies(clips):
    sizes = set()
    for window in cut(clips, 8):
        assert window.first.shape == window.second.shape == window.targets[0].shape
        assert window.knots.shape == (2, 2, 3, *CROP) and window.knot_times == (0, 1)
        for small, image in zip(window.ends, (window.first, window.second), strict=True):
            torch.testing.assert_close(small, resize(image, *CROP), atol=1e-5, rtol=0)
        assert 0 <= window.first.min() and window.first.max() <= 1
        sizes.add(window.first.shape[-2:])
    assert len(sizes) > 1 and all(min(size) >= 64 for size in sizes)


def test_a_later_start_gives_the_rest_of_the_same_stream(clips):
    whole = cut(clips, 5, rendered=0.5)
    for window, other in zip(whole[3:], cut(clips, 2, Share(3), rendered=0.5), strict=True):
        assert equal(window, other)
    assert not equal(whole[3], whole[4])
    assert not equal(whole[0], cut(clips, 1, rendered=0.5, seed=1)[0])


def test_memory_and_processes_do_not_change_the_stream(clips):
    whole = cut(clips, 3)
    for window, other in zip(whole, cut(clips, 3, memory=0), strict=True):
        assert equal(window, other)
    by_two = window_stream(Windows(str(clips), None, 0, 2, CROP, rendered=0.0), workers=2)
    for window, other in zip(whole, by_two, strict=False):
        assert equal(window, other)


def test_a_share_is_rendered(clips):
    for window in cut(clips, 2, rendered=1.0):
        assert window.first.shape[0] == 2 and window.knots.shape == (2, 2, 3, *CROP)
        assert all(0 < tau < 1 for tau in window.times)
        assert window.first.std((1, 2, 3)).min() > 0.01 and not torch.equal(window.first, window.second)
        ramps = torch.lerp(window.first, window.second, window.times[0])
        assert not torch.allclose(window.targets[0], ramps, atol=0.02)


def test_clips_that_cannot_be_used_are_left_out_with_a_line_each(clips, caplog):
    (clips / "broken.mp4").write_bytes(b"no video")
    write_images(clips / "short", ramp(4))
    write_images(clips / "torn", ramp(6))
    (clips / "torn" / "3.png").write_bytes((clips / "torn" / "3.png").read_bytes()[:60])
    write_images(clips / "uneven", ramp(6))
    Image.new("RGB", (30, 30)).save(clips / "uneven" / "5.png")
    cut(clips, 40)
    told = " | ".join(record.getMessage() for record in caplog.records)
    for name, reason in (
        ("broken.mp4", "unreadable"), ("short", "fewer than 5"), ("torn", "unreadable"),
        ("uneven", "its frames differ in size"),
    ):  # fmt: skip
        assert f"{name} is left out: " in told and reason in told
    assert len(caplog.records) == 4 and "(4 of 6 so far)" in told


def test_no_clip_that_can_be_used(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match="None of the 1 clips in .* can be used .broken.mp4: unreadable"):
        next(window_stream(Windows(str(tmp_path), None, 0, 2, CROP, rendered=0.0), workers=1))
    with pytest.raises(ValueError, match="holds no clips"):
        next(window_stream(Windows(str(empty), None, 0, 2, CROP, rendered=0.0), workers=1))


def test_short_clips_are_asked_for_short_gaps_only(tmp_path):
    write_images(tmp_path / "a", ramp(5))
    for window in cut(tmp_path, 4):
        assert all(4 * tau == round(4 * tau) for tau in window.times)
        assert abs((window.second - window.first).mean().item()) * 255 == pytest.approx(4 * 3, abs=0.1)


def test_processes_share_the_stream_among_them(clips):
    whole = cut(clips, 4)
    for rank in (0, 1):
        for window, other in zip(whole[rank::2], cut(clips, 2, Share(0, rank, 2)), strict=True):
            assert equal(window, other)


def test_knots_are_frames_evenly_between_the_ends(clips):
    gaps = set()
    for window in cut(clips, 8, keyframes=7):
        assert window.knots.shape == (2, 9, 3, *CROP)
        assert window.knot_times == tuple(i / 8 for i in range(9))
        for k, tau in enumerate(window.knot_times):
            expected = torch.lerp(window.knots[:, 0], window.knots[:, -1], tau)
            torch.testing.assert_close(window.knots[:, k], expected, atol=0.02, rtol=0)
        gaps.add(round(abs((window.second - window.first).mean().item()) * 255 / 3))
    assert gaps == {8, 16, 24}


def test_gaps_of_windows_with_keyframes():
    assert knot_gaps(7) == (8, 16, 24, 24) and knot_gaps(11) == (12, 24, 24) and knot_gaps(30) == (31, 31)
    assert all(gap % 4 == 0 for gap in knot_gaps(3)) and knot_gaps(3)[-1] == 24


def test_scenes_alone_need_no_clips():
    window = next(iter(Windows(None, None, 0, 2, CROP, keyframes=3)))
    assert window.knots.shape == (2, 5, 3, *CROP) and window.first.shape == window.targets[0].shape
    small = [resize(v, *CROP) for v in (window.first, window.second)]
    assert torch.equal(torch.stack(small), torch.stack(window.ends))
