"""A long video takes the memory of a short one."""

import pytest
from live_bytes import peak
from small_networks import moving, random_networks
from video_files import LOSSLESS, clip_of, write

from rdvfi_core import Interpolator
from rdvfi_core.conventions import motion_size
from rdvfi_core.timeline import Timeline
from rdvfi_core.video import parts
from rdvfi_core.video.colour import to_integers
from rdvfi_core.video.convert import Choices, convert, make_job


@pytest.mark.parametrize("at_once", [1, 4])
def test_tensors_of_a_long_video_take_no_more_than_those_of_a_short_one(tmp_path, monkeypatch, at_once):
    """at_once: pairs of phase 1, one on a CPU and several on a GPU."""
    monkeypatch.setattr(parts.split, "__defaults__", (12, 4))
    monkeypatch.setattr(motion_size, "__defaults__", (64 * 96,))
    interpolator = Interpolator(random_networks(), "cpu")
    monkeypatch.setattr(interpolator, "pairs_at_once", lambda height, width: at_once)
    frames = [to_integers(frame) for frame in moving(5, (2, 1), 64, 96)]

    def bytes_of(count: int) -> int:
        source = write(tmp_path / f"{count}.mkv", [frames[min(i % 8, 8 - i % 8)] for i in range(count)], **LOSSLESS)
        job = make_job(*clip_of(source), Timeline.multiplied(2), tmp_path / "out.mkv", Choices("ffv1"))
        return peak(lambda: convert(interpolator, job))

    bytes_of(2)  # what is made once and kept
    assert bytes_of(17) <= 1.05 * bytes_of(9)
