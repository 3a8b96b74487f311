"""Files in, files out: frames at exact times. A renderer that cross-fades stands in for the method."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from video_files import (
    LOSSLESS,
    CrossFade,
    clicks,
    clip_of,
    decoded,
    pattern,
    run,
    times_of,
    write,
)

from rdvfi_core.timeline import Timeline
from rdvfi_core.video import parts
from rdvfi_core.video.convert import convert, make_job

FILM = Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "h264"),
        ("a.mp4", "hevc"),
        ("a.mov", "prores"),
        ("a.webm", "vp9"),
        ("a.webm", "av1"),
        ("a.mkv", "ffv1"),
    ],
)
def test_every_codec_gives_all_frames_at_exact_times(tmp_path, monkeypatch, name, codec):
    monkeypatch.setattr(parts.split, "__defaults__", (5, 2))  # several parts, joined
    source = write(tmp_path / "in.mkv", [pattern(i) for i in range(12)], FILM, **LOSSLESS)
    timeline = Timeline.resampled(Fraction(60000, 1001), hold_end=True)
    run(source, tmp_path / name, timeline, codec=codec)
    found = times_of(tmp_path / name)
    rate = Fraction(60000, 1001)
    slack = 0 if name.endswith(("mp4", "mov")) else Fraction(1, 1999)  # Matroska counts milliseconds
    assert len(found) == 30
    assert all(abs(time - i / rate) <= slack for i, time in enumerate(found))
    frames = decoded(tmp_path / name)
    assert np.abs(frames[10] / 255 - pattern(4)).mean() < 0.02
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([name, "in.mkv"])


def test_source_frames_pass_bit_for_bit_through_a_lossless_codec(tmp_path):
    frames = [pattern(i) for i in range(6)]
    source = write(tmp_path / "in.mkv", frames, **LOSSLESS)
    run(source, tmp_path / "out.mkv", Timeline.multiplied(3), codec="ffv1")
    assert np.array_equal(decoded(tmp_path / "out.mkv")[::3], decoded(source))


def test_a_folder_of_pngs(tmp_path):
    source = write(tmp_path / "in.mkv", [pattern(i) for i in range(4)], sound=clicks(0.3, [0.1]), **LOSSLESS)
    notes = run(source, tmp_path / "out", Timeline.multiplied(2))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"{i:05d}.png" for i in range(7)]
    assert notes == ["A folder of PNGs holds no sound; write a video file to keep it."]


def test_variable_times_become_the_constant_rate_that_was_asked(tmp_path):
    ticks = [0, 40, 90, 100, 250, 260, 270, 400]
    source = write(tmp_path / "in.mkv", [pattern(t / 40) for t in ticks], ticks=ticks, **LOSSLESS)
    run(source, tmp_path / "out.mkv", Timeline.resampled(Fraction(50)), codec="ffv1")
    frames = decoded(tmp_path / "out.mkv")
    assert len(frames) == 21  # 0 to 400 ms in steps of 20
    assert np.array_equal(frames[2], decoded(source)[1]) and np.array_equal(frames[13], decoded(source)[5])


def test_a_gap_at_a_cut_leaves_the_times_of_what_follows(tmp_path):
    source = write(tmp_path / "in.mp4", [pattern(i + 50 * (i >= 4)) for i in range(8)])
    job = make_job(*clip_of(source, cuts=[3]), Timeline.multiplied(2, at_cuts="gap"), tmp_path / "out.mp4")
    convert(CrossFade(), job)
    assert [time * 48 for time in times_of(tmp_path / "out.mp4")] == [i for i in range(15) if i != 7]


def test_an_hour_does_not_drift():
    from rdvfi_core.timeline import Source

    plan = Timeline.resampled(Fraction(120), hold_end=True).plan(Source.constant(3600 * 24, FILM))
    last = plan[len(plan) - 1]
    assert last.time == Fraction(len(plan) - 1, 120)
    assert plan.duration - 3600 * 24 / FILM < Fraction(1, 120)
