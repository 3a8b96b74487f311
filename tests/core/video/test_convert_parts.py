"""Runs that stop and go on, and what cannot be. A renderer that cross-fades stands in for the method."""

from __future__ import annotations

import gc
import json
from fractions import Fraction

import av
import numbered_frames
import numpy as np
import pytest
from numbered_frames import numbered
from video_files import (
    LOSSLESS,
    CrossFade,
    clip_of,
    decoded,
    pattern,
    write,
)

from rdvfi_core.errors import Interrupted
from rdvfi_core.retime import render
from rdvfi_core.timeline import Plan, Source, Timeline
from rdvfi_core.video import parts
from rdvfi_core.video.convert import Choices, convert, make_job
from rdvfi_core.video.parts import Part


def long_clip(folder) -> tuple:
    return write(folder / "in.mkv", [pattern(i) for i in range(30)], **LOSSLESS), folder / "out.mkv"


@pytest.fixture
def short_parts(monkeypatch):
    monkeypatch.setattr(parts.split, "__defaults__", (10, 4))


def stopping(after: int):
    """A watch that stops the run after so many frames."""

    def watch(done, total, frame) -> None:
        if done == after:
            raise KeyboardInterrupt

    return watch


def test_a_stopped_run_goes_on_after_its_last_finished_part(tmp_path, short_parts):
    source, output = long_clip(tmp_path)
    clip = clip_of(source)
    with pytest.raises(KeyboardInterrupt):
        convert(CrossFade(), make_job(*clip, Timeline.multiplied(2), output, Choices(codec="ffv1")), stopping(35))
    assert not output.exists() and len(list((tmp_path / ".out.mkv.parts").glob("*.mkv"))) == 3
    rest = CrossFade()
    convert(rest, make_job(*clip, Timeline.multiplied(2), output, Choices(codec="ffv1")))
    assert rest.fitted == 29 - 15 + 5  # and the pairs around three parts, but after the last one there is none
    whole = tmp_path / "whole.mkv"
    convert(CrossFade(), make_job(*clip, Timeline.multiplied(2), whole, Choices(codec="ffv1")))
    assert np.array_equal(decoded(output), decoded(whole))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.mkv", "out.mkv", "whole.mkv"]


@pytest.mark.parametrize("change", ["plan", "format", "source", "model"])
def test_parts_of_another_job_are_not_mixed_in(tmp_path, short_parts, change):
    source, output = long_clip(tmp_path)

    def job(change=None):
        timeline = Timeline.multiplied(3 if change == "plan" else 2)
        choices = Choices(codec="h264" if change == "format" else "ffv1")
        return make_job(*clip_of(source), timeline, output, choices, model="b" if change == "model" else "a")

    with pytest.raises(KeyboardInterrupt):
        convert(CrossFade(), job(), stopping(35))
    if change == "source":
        write(source, [pattern(-i) for i in range(30)], **LOSSLESS)
    renderer, anew = CrossFade(), job(change)
    convert(renderer, anew)
    assert renderer.fitted == 29 + 2 * (len(anew.spans) - 1)  # every part's own pairs, and those that they continue


@pytest.mark.parametrize(
    "timeline",
    [
        Timeline.multiplied(3),
        Timeline.multiplied(3, resample_all=True),
        Timeline.multiplied(3, shutter=Fraction(180), blur_samples=4),
        Timeline.multiplied(3, loop=True, at_cuts="blend"),
        Timeline.at([Fraction(i * i % 79, 2) for i in range(60)]),  # to and fro, single frames among them
    ],
)
def test_parts_show_the_motion_of_the_whole(timeline):
    """What each pair's motion continues does not depend on where parts begin, and if it is inside of a pair."""
    source = Source.constant(40, Fraction(24), cuts=[17], duplicates=[21, 23])
    plan, frames, whole = timeline.plan(source), numbered(40), numbered_frames.CrossFade()
    list(render(whole, plan, frames))
    anywhere = [range(start, min(start + 7, len(plan))) for start in range(0, len(plan), 7)]
    for spans in (parts.split(plan, most=10, least=4), anywhere):
        in_parts = numbered_frames.CrossFade()
        for span in spans:
            part = Part(None, plan.part(span), None, "", 0, "auto")
            wanted = part.plan.source_numbers()
            list(render(in_parts, part.plan, [frame if i in wanted else None for i, frame in enumerate(frames)]))
        assert len(spans) > 3 and in_parts.rendered == whole.rendered


def test_a_part_never_goes_back_in_its_file():
    class Sought(list):
        def __getitem__(self, number):
            assert number >= max(asked, default=0) - 1  # a pair's two frames in either order
            asked.append(number)
            return super().__getitem__(number)

    plan, asked = Timeline.multiplied(4).plan(Source.constant(30, Fraction(24))), []
    list(render(numbered_frames.CrossFade(), plan.part(range(40, 60)), Sought(numbered(30))))
    assert asked[0] == 9


def test_no_pair_is_estimated_twice_and_a_cut_begins_a_part(tmp_path):
    source = Source.constant(100, Fraction(24), cuts=[29])
    plan = Timeline.multiplied(5).plan(source)
    spans = parts.split(plan, most=60, least=10)
    assert [span.start for span in spans][:4] == [0, 60, 120, 150]  # frame 150 of the output is frame 30, after the cut
    assert spans[-1].stop == len(plan) and all(a.stop == b.start for a, b in zip(spans, spans[1:], strict=False))
    assert all(plan[span.start].kind == "copy" for span in spans)


def test_a_run_that_is_not_resumable_leaves_nothing(tmp_path, short_parts):
    source, output = long_clip(tmp_path)
    job = make_job(*clip_of(source), Timeline.multiplied(2), output)
    with pytest.raises(KeyboardInterrupt):
        convert(CrossFade(), job, stopping(35), resumable=False)
    with pytest.raises(Interrupted):
        convert(CrossFade(), job, should_stop=lambda: True)
    assert [file.name for file in tmp_path.iterdir()] == ["in.mkv"]


def test_no_encoder_of_a_finished_part_is_left(tmp_path, short_parts):
    """They are parts of reference cycles, so the collector that waits is turned off here."""
    source, output = long_clip(tmp_path)
    job = make_job(*clip_of(source), Timeline.multiplied(2), output)
    gc.collect()
    counts = []
    gc.disable()
    try:
        convert(CrossFade(), job, lambda *_: counts.append(_encoders()))
    finally:
        gc.enable()
    assert len(job.spans) > 3 and max(counts) == min(counts)


def _encoders() -> int:
    return sum(type(thing) is av.VideoCodecContext and thing.is_encoder for thing in gc.get_objects())


def test_an_edited_plan_is_followed(tmp_path):
    source, output = long_clip(tmp_path)
    clip = clip_of(source)
    written = json.loads(Timeline.multiplied(2).plan(clip[1]).to_json())
    written["frames"] = written["frames"][:8]
    written["frames"][3] = {"time": written["frames"][3]["time"], "copy": 9}
    convert(CrossFade(), make_job(*clip, Plan.from_json(json.dumps(written)), output, Choices(codec="ffv1")))
    frames = decoded(output)
    assert len(frames) == 8 and np.array_equal(frames[3], decoded(source)[9])


# What cannot be


def test_a_full_disk_is_one_sentence_and_leaves_nothing_under_the_name(tmp_path):
    resource = pytest.importorskip("resource")
    noise = [np.random.default_rng(i).random((128, 128, 3)) for i in range(6)]
    source = write(tmp_path / "in.mkv", noise, **LOSSLESS)
    job = make_job(*clip_of(source), Timeline.multiplied(2), tmp_path / "out.mkv", Choices(codec="ffv1"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(OSError, match="out.mkv could not be written .*make room"):
            convert(CrossFade(), job)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize(
    ("name", "choices", "words"),
    [
        ("a.mp4", {"codec": "theora"}, "codec 'theora' is not supported; use one of h264"),
        ("a.webm", {"codec": "h264"}, "h264 does not go into .webm; write it to .mp4"),
        ("a.mp4", {"quality": "superb"}, "quality is 'superb'; use one of draft"),
        ("a.mp4", {"audio": "loud"}, "audio is 'loud'"),
        ("a.avi", {}, "ends in .avi"),
        ("nowhere/a.mp4", {}, "does not exist"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_any_work(tmp_path, name, choices, words):
    source = write(tmp_path / "in.mkv", [pattern(i) for i in range(3)], **LOSSLESS)
    with pytest.raises(ValueError, match=words):
        make_job(*clip_of(source), Timeline.multiplied(2), tmp_path / name, Choices(**choices))


def test_one_frame_is_too_few(tmp_path):
    source = write(tmp_path / "in.mkv", [pattern(0)], **LOSSLESS)
    with pytest.raises(ValueError, match="1 source frame"):
        make_job(*clip_of(source), Timeline.multiplied(2), tmp_path / "out.mkv")
