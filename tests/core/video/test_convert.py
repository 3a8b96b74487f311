"""Files in, files out, with a renderer that cross-fades: times, sound, resuming and failures."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import groupby

import av
import numpy as np
import pytest
from video_files import (
    LOSSLESS,
    RATE,
    CrossFade,
    bursts,
    clicks,
    clip_of,
    decoded,
    pattern,
    read_sound,
    times_of,
    write,
)

from rdvfi_core.errors import Interrupted
from rdvfi_core.timeline import Plan, SpeedCurve, Timeline
from rdvfi_core.video import parts
from rdvfi_core.video.convert import Choices, convert, make_job

FILM = Fraction(24000, 1001)
SIDES = (64, 96)


def run(path, output, timeline, renderer=None, **choices) -> list[str]:
    job = make_job(*clip_of(path), timeline, output, Choices(**choices))
    return job.notes + convert(renderer or CrossFade(), job)


def length_of(path, kind: str) -> float:
    """Seconds at which the last packet ends."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return max(float((p.pts + p.duration) * p.time_base) for p in container.demux(stream) if p.size)


# Times


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


# Sound


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
    assert "--audio stretch keeps it" in notes[0] and "single times" in times[0]
    run(source, tmp_path / "slow.mp4", Timeline.slowed(8), audio="stretch")
    assert len(bursts(*read_sound(tmp_path / "slow.mp4"))) == 1


# What goes along


def test_metadata_subtitles_and_chapters_follow_the_times(tmp_path):
    path = write(tmp_path / "plain.mkv", [pattern(i) for i in range(48)], metadata={"title": "A pan", "workflow": "{}"})
    source = with_subtitles(path, tmp_path / "in.mkv")
    run(source, tmp_path / "out.mkv", Timeline.slowed(2, hold_end=True))
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert {key.lower(): value for key, value in container.metadata.items()}["title"] == "A pan"
        shown = [(float(p.pts * p.time_base), float(p.duration * p.time_base), bytes(p))
                 for p in container.demux(subtitles=0) if p.size]  # fmt: skip
        chapters = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"])) for c in container.chapters()
        ]
    assert shown == [(1.0, 0.5, b"hello"), (2.0, 1.0, b"there")]
    assert chapters == [(0.0, 2.0), (2.0, 4.0)]


def with_subtitles(path, target):
    text = path.with_suffix(".srt")
    text.write_text(
        "1\n00:00:00,500 --> 00:00:00,750\nhello\n\n2\n00:00:01,000 --> 00:00:01,500\nthere\n", encoding="utf-8"
    )
    with av.open(str(path)) as source, av.open(str(text)) as words, av.open(str(target), "w") as container:
        container.metadata.update(source.metadata)
        base = Fraction(1, 1000)
        container.set_chapters(
            [
                {"id": 1 + i, "start": 1000 * i, "end": 1000 * i + 1000, "time_base": base, "metadata": {}}
                for i in (0, 1)
            ]
        )
        streams = [(file, container.add_stream_from_template(file.streams[0])) for file in (source, words)]
        for file, stream in streams:
            for packet in file.demux(file.streams[0]):
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
    return target


def test_ten_bits_go_through(tmp_path):
    ramp = np.linspace(0.4, 0.45, 96)[None, :, None].repeat(64, 0).repeat(3, 2)
    deep = {"pixel_format": "yuv420p10le", "bits": 16, "codec": "libx264", "options": {"crf": "0"}}
    source = write(tmp_path / "in.mp4", [ramp] * 4, **deep)
    run(source, tmp_path / "out.mp4", Timeline.multiplied(2), quality="best")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "hevc"
        frame = next(container.decode(video=0))
        assert frame.format.name == "yuv420p10le"
        assert len(np.unique(frame.to_ndarray()[:64])) > 30


@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a.webm", "folder"])
def test_alpha_goes_through_where_it_can(tmp_path, name):
    alpha = np.linspace(0, 1, 96)[None, :, None].repeat(64, 0)
    frames = [np.concatenate((pattern(i), alpha), -1) for i in range(4)]
    source = write(tmp_path / "in.mkv", frames, codec="ffv1", pixel_format="bgra", options={})
    assert run(source, tmp_path / name, Timeline.multiplied(2)) == []
    if name == "folder":
        from PIL import Image

        kept = np.asarray(Image.open(tmp_path / name / "00003.png"))
    else:
        kept = decoded(tmp_path / name)[3]
    assert np.abs(kept[..., 3] / 255 - alpha[..., 0]).mean() < 0.02


def test_alpha_that_cannot_be_kept_is_said(tmp_path):
    frames = [np.concatenate((pattern(i), np.ones((64, 96, 1))), -1) for i in range(4)]
    source = write(tmp_path / "in.mkv", frames, codec="ffv1", pixel_format="bgra", options={})
    notes = run(source, tmp_path / "out.mp4", Timeline.multiplied(2))
    assert len(notes) == 1 and "no alpha channel" in notes[0]


def test_odd_sides_rotation_and_colour_tags(tmp_path):
    stored = [np.ascontiguousarray(np.rot90(pattern(i, 65, 97), -1)) for i in range(4)]
    source = write(tmp_path / "in.mp4", stored, rotation=90, pixel_format="yuv444p", matrix=6)
    run(source, tmp_path / "out.mp4", Timeline.multiplied(2))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width, stream.codec_context.colorspace) == (65, 97, 6)
        assert stream.average_rate == 48 and next(container.decode(stream)).rotation == 0
    assert np.abs(decoded(tmp_path / "out.mp4")[2] / 255 - pattern(1, 65, 97)).mean() < 0.02


# Parts


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
    assert rest.fitted == 29 - 15
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
    renderer = CrossFade()
    convert(renderer, job(change))
    assert renderer.fitted == 29


def test_no_pair_is_estimated_twice_and_a_cut_begins_a_part(tmp_path):
    from rdvfi_core.timeline import Source

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
