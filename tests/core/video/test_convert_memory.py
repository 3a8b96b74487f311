"""A long video takes the memory of a short one."""

from weakref import WeakSet

import pytest
from live_bytes import peak
from small_networks import moving, random_networks
from torch import Tensor
from video_files import LOSSLESS, clip_of, write

from rdvfi_core import Interpolator
from rdvfi_core.conventions import motion_size
from rdvfi_core.timeline import Timeline
from rdvfi_core.video import convert as converting
from rdvfi_core.video import heap, parts, reader, writer
from rdvfi_core.video.colour import to_integers, to_rgb, to_tensor
from rdvfi_core.video.convert import Choices, convert, make_job


def test_tensors_of_a_long_video_take_no_more_than_those_of_a_short_one(tmp_path, monkeypatch):
    monkeypatch.setattr(parts.split, "__defaults__", (12, 4))
    monkeypatch.setattr(motion_size, "__defaults__", (64 * 96,))
    interpolator = Interpolator(random_networks(), "cpu")
    frames = [to_integers(frame) for frame in moving(5, (2, 1), 64, 96)]

    def bytes_of(count: int) -> int:
        source = write(tmp_path / f"{count}.mkv", [frames[min(i % 8, 8 - i % 8)] for i in range(count)], **LOSSLESS)
        job = make_job(*clip_of(source), Timeline.multiplied(2), tmp_path / "out.mkv", Choices("ffv1"))
        return peak(lambda: convert(interpolator, job))

    bytes_of(2)  # what is made once and kept
    assert bytes_of(33) <= 1.05 * bytes_of(17)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_few_frames_are_held_at_once(tmp_path, monkeypatch, grey, large):
    """While one is decoded, two others of the source; while one is rendered, a small one that was written last."""
    monkeypatch.setattr(heap, "LARGE", 0 if large else heap.LARGE)
    monkeypatch.setattr(motion_size, "__defaults__", (64 * 96,))
    interpolator = Interpolator(random_networks(), "cpu")
    decoded, written, held = WeakSet(), WeakSet(), []

    def read(*facts) -> Tensor:
        assert len(decoded) <= 2
        frame = to_tensor(*facts)
        frame = frame[:1].clone() if grey else frame
        decoded.add(frame)
        return frame

    monkeypatch.setattr(reader, "to_tensor", read)
    monkeypatch.setattr(writer, "to_rgb", lambda frame, bits: to_rgb(frame.expand(3, -1, -1), bits))
    monkeypatch.setattr(writer.FrameWriter, "write", lambda self, frame: self._thread.put(frame))
    interpolator.networks["synthesis"].register_forward_pre_hook(lambda *_: held.append(len(written)))
    source = write(tmp_path / "in.mkv", [to_integers(frame) for frame in moving(5, (2, 1), 64, 96)], **LOSSLESS)
    timeline = Timeline.multiplied(2, resample_all=True)
    job = make_job(*clip_of(source), timeline, tmp_path / "out.mkv", Choices("ffv1"))
    convert(interpolator, job, lambda done, total, frame: written.add(frame))
    assert held == [0] + [0 if large else 1] * (len(job.plan) - 1)


def test_memory_is_looked_at_after_every_frame_of_every_part(tmp_path, monkeypatch):
    seen = []

    class Remember:
        def begin(self) -> None:
            seen.append(0)

        def check(self, frame: Tensor) -> None:
            assert frame.shape[-2:] == (64, 96)
            seen[-1] += 1

    monkeypatch.setattr(parts.split, "__defaults__", (4, 2))
    monkeypatch.setattr(converting, "EvenParts", Remember)
    monkeypatch.setattr(motion_size, "__defaults__", (64 * 96,))
    source = write(tmp_path / "in.mkv", [to_integers(frame) for frame in moving(5, (2, 1), 64, 96)], **LOSSLESS)
    job = make_job(*clip_of(source), Timeline.multiplied(2), tmp_path / "out.mkv", Choices("ffv1"))
    convert(Interpolator(random_networks(), "cpu"), job)
    assert seen == [len(span) for span in job.spans] and len(seen) > 1
