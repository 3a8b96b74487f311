"""What goes along: metadata, subtitles, chapters, depth, alpha, tags. A cross-fade stands in for the method."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from video_files import (
    decoded,
    pattern,
    run,
    write,
)

from rdvfi_core.timeline import Timeline


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


def test_chapters_of_an_mp4_are_not_called_lost(tmp_path):
    """They are a track there, which FFmpeg shows as data."""
    path = write(tmp_path / "plain.mkv", [pattern(i) for i in range(48)])
    run(with_subtitles(path, tmp_path / "chapters.mkv"), tmp_path / "in.mp4", Timeline.multiplied(1))
    with av.open(str(tmp_path / "in.mp4")) as container:
        assert len(container.streams.data) == 1 and len(container.chapters()) == 2
    assert run(tmp_path / "in.mp4", tmp_path / "out.mp4", Timeline.multiplied(2)) == []
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(container.chapters()) == 2


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_a_new_workflow_takes_the_place_of_the_source_s(tmp_path, suffix):
    """Matroska writes the names of tags in capitals, and of two that differ in nothing else the last one stays."""
    old = {"prompt": "old", "title": "A pan"}
    source = write(tmp_path / "in.mkv", [pattern(i) for i in range(3)], metadata=old)
    run(source, tmp_path / f"out.{suffix}", Timeline.multiplied(2), tags={"prompt": "new"})
    with av.open(str(tmp_path / f"out.{suffix}")) as container:
        tags = [(key.lower(), value) for key, value in container.metadata.items()]
    assert ("prompt", "new") in tags and ("title", "A pan") in tags and "old" not in dict(tags).values()


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
                {
                    "id": 1 + i,
                    "start": 1000 * i,
                    "end": 1000 * i + 1000,
                    "time_base": base,
                    "metadata": {"title": f"{i}"},
                }
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
        assert len(np.unique(frame.reformat(format="gray16le").to_ndarray())) > 30


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
