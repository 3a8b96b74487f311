"""Recordings whose times jump: pictures and sound go on where they would have."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from video_files import RATE, bursts, clicks, clip_of, integers, pattern, read_sound, run, times_of, write

from rdvfi_core.timeline import Source, Timeline, doubts
from rdvfi_core.video.clock import Clock, Joint
from rdvfi_core.video.reader import VideoFile

FPS = Fraction(25)


def recording(start: int, count: int, first: int, click: float, b_frames: int = 2) -> bytes:
    """A transport stream that begins at this second: `count` pictures from number `first` on, a click in its sound."""
    with tempfile.NamedTemporaryFile(suffix=".ts") as file:
        with av.open(file.name, "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=FPS, options={"crf": "8", "g": "10", "bf": str(b_frames)})
            stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
            sound = container.add_stream("aac", rate=RATE, layout="mono")
            for i in range(count):
                frame = av.VideoFrame.from_ndarray(integers(pattern(first + i)), "rgb24")
                frame.pts, frame.time_base = start * 25 + i, 1 / FPS
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            heard = clicks(float(count / FPS), [click])
            for at in range(0, heard.shape[1] - 1023, 1024):
                block = av.AudioFrame.from_ndarray(np.ascontiguousarray(heard[:, at : at + 1024]), "fltp", "mono")
                block.sample_rate, block.pts, block.time_base = RATE, start * RATE + at, Fraction(1, RATE)
                container.mux(sound.encode(block))
            container.mux(sound.encode(None))
        file.seek(0)
        return file.read()


@pytest.fixture(params=["ahead", "back", "both"])
def joined(request, tmp_path):
    starts = {"ahead": (3, 20_000), "back": (500, 3), "both": (3, 7200, 5)}[request.param]
    path = tmp_path / "in.ts"
    parts = [recording(start, 50, 50 * i, 0.5, b_frames=2 * (i % 2)) for i, start in enumerate(starts)]
    path.write_bytes(b"".join(parts))
    return path, len(parts)


def test_all_pictures_are_read_at_an_even_rate(joined):
    path, parts = joined
    video = VideoFile(path)
    survey, _ = video.survey()
    source = survey.source()
    assert len(source) == 50 * parts and source.is_constant and source.fps == 25
    assert sum("its times jump" in note for note in survey.notes) == 1 and len(survey.notes) == 1
    with video.frames(survey) as frames:
        for number in (3, 49, 50, 50 * parts - 2, 20):
            truth = np.moveaxis(pattern(number), -1, 0)
            assert np.abs(frames[number].numpy() - truth).mean() < 0.03


@pytest.mark.parametrize("audio", ["auto", "stretch"])
def test_the_sound_goes_with_them(joined, tmp_path, audio):
    path, parts = joined
    run(path, tmp_path / "out.mkv", Timeline.multiplied(2), audio=audio)
    last = times_of(tmp_path / "out.mkv")[-1]
    assert last == pytest.approx(2 * parts - 0.04, abs=0.03)  # sound that begins before 0 moves both
    heard = bursts(*read_sound(tmp_path / "out.mkv"))
    assert heard == pytest.approx([0.5 + 2 * i for i in range(parts)], abs=0.06)


def closed(clock: Clock, seconds: list[float]) -> list[float]:
    found = []
    for second in seconds:
        packet = SimpleNamespace(pts=round(second * 1000), dts=round(second * 1000), duration=40)
        packet.time_base = Fraction(1, 1000)
        clock.close(packet)
        found.append(packet.pts / 1000)
    return found


def test_gaps_within_ten_seconds_and_small_steps_back_stay():
    seconds = [1.0, 1.04, 9.0, 8.95, 9.08]
    assert closed(Clock(True), seconds) == seconds
    assert closed(Clock(False), [1.0, 5000.0, 3.0]) == [1.0, 5000.0, 3.0]
    assert closed(Clock(True), [1.0, 1.04, 5000.0, 5000.04, 0.5]) == [1.0, 1.04, 1.08, 1.12, 1.16]


def test_what_follows_keeps_its_own_gaps():
    known = [Joint(Fraction(1), Fraction(0)), Joint(Fraction(5000), Fraction(-4900)), Joint(Fraction(1), Fraction(200))]
    subtitles = Clock(True, known)
    assert closed(subtitles, [2, 60, 95, 5010, 5060, 20, 60]) == [2, 60, 95, 110, 160, 220, 260]
    assert closed(Clock(True, known), [5001, 5002, 2]) == [101, 102, 202]  # it begins late


def test_a_gap_that_no_broadcast_has_is_said_before_any_work(tmp_path):
    ticks = [*range(0, 400, 40), *range(7_200_000, 7_200_400, 40)]
    path = write(tmp_path / "in.mkv", [pattern(i) for i in range(20)], FPS, ticks=ticks)
    _, source = clip_of(path)
    (said,) = doubts(Timeline.multiplied(2).plan(source), source)
    assert "2:00:00 h, would be made of 0:10.8 min" in said and "frame 9 stands still for 1:59:59 h" in said


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Timeline.multiplied(2), None),
        (Timeline.slowed(8), None),
        (Timeline.multiplied(64), "1600 frames a second"),
        (Timeline.slowed(1000), "min, would be made of 0:02.0 min"),
    ],
)
def test_plans_that_nobody_can_have_meant_are_doubted(wish, words):
    source = Source.constant(50, FPS)
    said = " ".join(doubts(wish.plan(source), source))
    assert (words in said) if words else not said
