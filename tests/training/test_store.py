"""Random access to clips: frame numbers written into the pictures come back."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rdvfi_core.clips import Clip
from rdvfi_core.training.store import ClipStore


def numbered(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(count, height, width, 3): frame n is grey of 4 n + 8 on the left and noise on the right."""
    frames = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    frames[:, :, : width // 2] = (4 * np.arange(count) + 8)[:, None, None, None]
    return frames


def numbers(frames: np.ndarray) -> list[int]:
    return [round((frame[:, :24].mean() - 8) / 4) for frame in frames]


def write(path: Path, frames: np.ndarray, codec: str = "libx264", **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=24, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 8_000_000
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def write_images(folder: Path, frames: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for index, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / f"{index:05d}.jpg", quality=95)


WANTED = [[0, 1, 5], [37, 40, 44], [12], [55, 59], [11, 12, 13]]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b-frames.mp4", "libx264", {"g": "12", "bf": "3"}),
        ("open.mkv", "libx264", {"g": "10", "bf": "2", "x264-params": "open-gop=1"}),
        ("one-key.mp4", "libx264", {"g": "250"}),
        ("stampless.avi", "mpeg4", {"g": "12"}),
    ],
)
@pytest.mark.parametrize("memory", [0, 2**30])
def test_frames_of_a_video_are_the_ones_asked_for(tmp_path, name, codec, options, memory):
    write(tmp_path / name, numbered(60), codec, **options)
    store = ClipStore(tmp_path, 2, memory)
    assert store.length(0) == 60
    whole = np.stack(list(Clip(tmp_path / name).read(range(60))))
    for wanted in (*WANTED, *WANTED):
        found = store.frames(0, wanted)
        assert numbers(found) == wanted
        assert np.array_equal(found, whole[wanted])


def test_folders_in_the_layout_of_davis_and_videos_beside_them(tmp_path):
    write_images(tmp_path / "JPEGImages" / "480p" / "bear", numbered(12))
    write_images(tmp_path / "JPEGImages" / "480p" / "camel", numbered(7))
    write(tmp_path / "more" / "deep" / "x.mp4", numbered(9))
    store = ClipStore(tmp_path, 2)
    assert [clip.name for clip in store.clips] == ["JPEGImages/480p/bear", "JPEGImages/480p/camel", "more/deep/x.mp4"]
    assert [store.length(i) for i in range(3)] == [12, 7, 9]
    assert numbers(store.frames(1, [2, 6])) == [2, 6]


def test_nothing_is_decoded_before_it_is_asked_for_and_nothing_twice(tmp_path, monkeypatch):
    for i in range(20):
        write_images(tmp_path / f"{i}", numbered(10))
    opened = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda path: opened.append(path) or real(path))
    store = ClipStore(tmp_path, 2)
    assert store.length(3) == 10 and opened == []
    store.frames(3, [1, 4])
    assert len(opened) == 2
    store.frames(3, [1, 4])
    assert len(opened) == 2


def test_memory_is_bounded(tmp_path):
    write_images(tmp_path / "a", numbered(40))
    size = 48 * 64 * 3
    store = ClipStore(tmp_path, 2, memory=10 * size)
    for start in range(0, 36, 4):
        assert numbers(store.frames(0, [start, start + 3])) == [start, start + 3]
    assert sum(frame.nbytes for frame in store._kept.values()) <= 10 * size


def test_a_damaged_frame_spoils_its_windows_only(tmp_path, caplog):
    write_images(tmp_path / "a", numbered(20))
    (tmp_path / "a" / "00010.jpg").write_bytes(b"")
    store = ClipStore(tmp_path, 2)
    assert store.frames(0, [8, 10]) is None and store.frames(0, [9, 10]) is None
    assert numbers(store.frames(0, [8, 9])) == [8, 9]
    assert len(caplog.records) == 1 and "a is left out: unreadable" in caplog.text and "(1 of 1 so far)" in caplog.text


def test_a_video_that_breaks_off_serves_what_it_has(tmp_path):
    path = tmp_path / "a.mkv"
    write(path, numbered(60), g="12")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    store = ClipStore(tmp_path, 2)
    assert 10 < store.length(0) < 60
    assert numbers(store.frames(0, [3, 9])) == [3, 9]


def test_short_clips_count_as_nothing(tmp_path, caplog):
    write_images(tmp_path / "a", numbered(3))
    store = ClipStore(tmp_path, 5)
    assert store.length(0) == 0 and "it has 3 frames, fewer than 5" in caplog.text
    with pytest.raises(ValueError, match=r"None of the 1 clips in .* can be used \(a: it has 3 frames, fewer than 5\)"):
        store.check()
