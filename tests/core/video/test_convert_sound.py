"""Sound stays with the pictures at any speed. A renderer that cross-fades stands in for the method."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby

import av
import numpy as np
import pytest
from video_files import (
    RATE,
    CrossFade,
    bursts,
    clicks,
    clip_of,
    decoded,
    length_of,
    pattern,
    read_sound,
    run,
    times_of,
    write,
)

from rdvfi_core.timeline import SpeedCurve, Timeline
from rdvfi_core.video.convert import convert, make_job

SIDES = (64, 96)


@pytest.mark.parametrize(("inside", "outside"), [("mp4", "mp4"), ("mkv", "mkv"), ("mp4", "mkv")])
def test_at_speed_one_the_sound_is_copied_bit_for_bit(tmp_path, inside, outside):
    sound = clicks(2, [0.5, 1.5], hum=0.2)
    source = write(tmp_path / f"in.{inside}", [pattern(i) for i in range(48)], sound=sound)
    run(source, tmp_path / f"out.{outside}", Timeline.multiplied(2, hold_end=True))

    def packets(path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert packets(tmp_path / f"out.{outside}") == packets(source)


def flash_and_click(folder, seconds=4.0, at=(1.0, 2.5), fps=24, burst=None):
    """A file whose picture is white while its sound clicks."""
    frames = []
    for i in range(int(seconds * fps)):
        lit = any(second <= i / fps < second + 0.04 for second in at)
        frames.append(np.full((*SIDES, 3), 1.0 if lit else 0.1))
    return write(folder / "in.mp4", frames, Fraction(fps), sound=clicks(seconds, at, hum=0.1))


def flashes(path) -> list[float]:
    """Seconds of the brightest frame of each flash."""
    light, times = decoded(path).mean((1, 2, 3)), times_of(path)
    lit = enumerate(i for i in range(len(light)) if light[i] > 110)
    runs = [[i for _, i in run] for _, run in groupby(lit, key=lambda pair: pair[1] - pair[0])]
    return [float(times[max(run, key=light.__getitem__)]) for run in runs]


@pytest.mark.parametrize("suffix", ["mp4", "webm", "mkv"])
@pytest.mark.parametrize("speed", ["1", "1/2", "4/5", "3/2", "1/4"])
def test_click_and_flash_stay_together_and_both_end_together(tmp_path, speed, suffix):
    source, out = flash_and_click(tmp_path), tmp_path / f"out.{suffix}"
    run(source, out, Timeline(speed=Fraction(speed), hold_end=True))
    heard, seen = bursts(*read_sound(out)), flashes(out)
    assert len(heard) == len(seen) == 2
    for click, flash, second in zip(heard, seen, (1.0, 2.5), strict=True):
        assert abs(flash - second / float(Fraction(speed))) <= 1 / 24 + 1e-3
        assert abs(click - flash) <= 1 / 24
    assert abs(length_of(out, "video") - length_of(out, "audio")) <= 1 / 24


def test_a_phone_video_at_sixty_frames_a_second(tmp_path):
    """Turned on its side, at times of its own, with sound."""
    ticks = [round(i * 1000 / 30) + (i % 3) * 4 for i in range(60)]
    flash = next(i for i, tick in enumerate(ticks) if tick >= 1000)
    frames = [np.full((96, 64, 3), 1.0 if i == flash else 0.1) for i in range(60)]
    sound = clicks(2, [ticks[flash] / 1000], hum=0.1)
    source = write(tmp_path / "in.mp4", frames, ticks=ticks, rotation=90, sound=sound)
    out = tmp_path / "out.mp4"
    run(source, out, Timeline.resampled(Fraction(60), hold_end=True))
    assert times_of(out) == [Fraction(i, 60) for i in range(len(times_of(out)))]
    assert abs(len(times_of(out)) - 120) <= 1 and decoded(out).shape[1:] == (64, 96, 3)
    (seen,), (heard,) = flashes(out), bursts(*read_sound(out))
    assert abs(seen - ticks[flash] / 1000) <= 1 / 60 and abs(heard - seen) <= 1 / 30
    assert abs(length_of(out, "video") - length_of(out, "audio")) <= 1 / 24


def test_sound_follows_a_speed_curve_and_keeps_its_pitch(tmp_path):
    at = (0.5, 2.0, 3.2)
    source, out = flash_and_click(tmp_path, at=at), tmp_path / "out.mkv"
    curve = SpeedCurve.of([(0, 1), ("0.5", "0.4"), (1, 1)])
    run(source, out, Timeline.curved(curve, hold_end=True), quality="draft")
    sound, start = read_sound(out)
    heard, seen = bursts(sound, start), flashes(out)
    assert len(heard) == len(seen) == 3
    assert all(abs(click - flash) <= 1 / 24 for click, flash in zip(heard, seen, strict=True))
    hum = np.abs(np.fft.rfft(sound[: 2 * RATE] * np.hanning(2 * RATE)))[: 2 * 1000]
    assert abs(hum.argmax() / 2 - 220) < 8
    assert abs(length_of(out, "video") - length_of(out, "audio")) <= 1 / 24


def test_sound_that_starts_late_or_early_stays_where_it_was(tmp_path):
    frames = [pattern(i) for i in range(48)]
    source = write(tmp_path / "in.mp4", frames, sound=clicks(2, [1.0]))
    part = {"start": Fraction(1, 2), "duration": Fraction(1)}
    job = make_job(*clip_of(source, **part), Timeline.multiplied(2, hold_end=True), tmp_path / "out.mp4")
    convert(CrossFade(), job)
    heard = bursts(*read_sound(tmp_path / "out.mp4"))
    assert len(heard) == 1 and abs(heard[0] - 0.5) < 0.01
    assert abs(length_of(tmp_path / "out.mp4", "audio") - 1) < 1 / 24


def test_sound_can_be_dropped_and_is_where_nothing_can_be_heard(tmp_path):
    source = flash_and_click(tmp_path, seconds=1.0, at=(0.5,))
    run(source, tmp_path / "drop.mp4", Timeline.multiplied(2), audio="drop")
    notes = run(source, tmp_path / "slow.mp4", Timeline.slowed(8))
    times = run(source, tmp_path / "times.mp4", Timeline.at([3, 1]))
    for name in ("drop", "slow", "times"):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            assert not container.streams.audio
    assert "set to 'stretch'" in notes[0] and "single times" in times[0]
    run(source, tmp_path / "slow.mp4", Timeline.slowed(8), audio="stretch")
    assert len(bursts(*read_sound(tmp_path / "slow.mp4"))) == 1
