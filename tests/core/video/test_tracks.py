"""What is said about a stream goes along with it, and a track that fails takes nothing else with it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from sound_files import heard, loudest, tone, write_tones
from video_files import run, times_of

from rdvfi_core.timeline import Timeline
from rdvfi_core.video import join as joining
from rdvfi_core.video import tracks

SLOW = Timeline(speed=Fraction(1, 2), hold_end=True)
TWICE = Timeline.multiplied(2, hold_end=True)


def value(disposition) -> int:
    return getattr(disposition, "value", disposition)


def film(path, defaults):
    """Three sounds with languages, subtitles that are forced and others, and a font."""
    sounds = write_tones(path.with_name("sounds.mkv"), ["stereo"] * 3, codec="aac", languages=("eng", "jpn", "fra"))
    text = path.with_suffix(".srt")
    text.write_text("1\n00:00:00,100 --> 00:00:00,400\nHello\n")
    with av.open(str(sounds)) as source, av.open(str(text)) as words, av.open(str(path), "w") as container:
        streams = {stream: container.add_stream_from_template(stream) for stream in source.streams}
        for i, stream in enumerate(source.streams.audio):
            streams[stream].metadata["language"] = stream.metadata["language"]
            streams[stream].disposition = int(i in defaults)
        subtitles = [container.add_stream_from_template(words.streams[0]) for _ in range(2)]
        subtitles[0].disposition = 64  # forced
        container.add_attachment("some.ttf", "application/x-truetype-font", bytes(range(200)))
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream]
                container.mux(packet)
        for packet in list(words.demux()):
            for stream in subtitles if packet.size else ():
                packet.stream = stream
                container.mux(packet)
    return path


@pytest.mark.parametrize("defaults", [{1}, {0}, {2}, set()])
@pytest.mark.parametrize(("suffix", "timeline"), [("mkv", TWICE), ("mkv", SLOW), ("mp4", TWICE), ("mp4", SLOW)])
def test_which_track_is_the_default_goes_along(tmp_path, defaults, suffix, timeline):
    source = film(tmp_path / "film.mkv", defaults)
    notes = " ".join(run(source, tmp_path / f"out.{suffix}", timeline))
    with av.open(str(tmp_path / f"out.{suffix}")) as container:
        sounds, words = container.streams.audio, container.streams.subtitles
        if defaults or suffix == "mkv":  # in MP4 one of them always is
            assert {i for i, sound in enumerate(sounds) if value(sound.disposition) & 1} == defaults
        assert [sound.metadata["language"] for sound in sounds] == ["eng", "jpn", "fra"]
        if suffix == "mkv":
            assert [value(stream.disposition) for stream in words] == [64, 0]
            (font,) = container.streams.attachments
            assert (font.name, font.mimetype, font.data) == (
                "some.ttf",
                "application/x-truetype-font",
                bytes(range(200)),
            )
            assert notes == ""
        else:
            assert "2 subtitle tracks are left out" in notes and "1 attachments" in notes


def test_a_sound_that_fails_costs_neither_the_pictures_nor_the_others(tmp_path, monkeypatch):
    source = write_tones(tmp_path / "in.mkv", ["stereo", "mono"], codec="flac")
    stretched = joining.stretched_frames

    def broken(video, survey, index, *more):
        for number, frame in enumerate(stretched(video, survey, index, *more)):
            if index == 0 and number == 1:
                raise RuntimeError("no more of it")
            yield frame

    monkeypatch.setattr(joining, "stretched_frames", broken)
    (note,) = run(source, tmp_path / "out.mp4", SLOW)
    assert note == f"{source}: sound 1 had to be left out (no more of it)."
    sound, rate, layout = heard(tmp_path / "out.mp4")
    assert layout == "mono" and np.allclose(loudest(sound, rate), [tone(0)], atol=12)
    assert len(times_of(tmp_path / "out.mp4")) == 24


def test_a_disk_that_is_full_is_no_fault_of_the_sound(tmp_path, monkeypatch):
    source = write_tones(tmp_path / "in.mkv", ["stereo"], codec="flac")

    def full(*more):
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(joining, "stretched_frames", full)
    with pytest.raises(OSError, match="/out.mp4 could not be written .*make room"):
        run(source, tmp_path / "out.mp4", SLOW)


def test_a_sound_that_cannot_be_copied_after_all_is_encoded(tmp_path, monkeypatch):
    source = write_tones(tmp_path / "in.mp4", ["stereo"], codec="aac")

    def broken(*more):
        raise ValueError("its packets are strange")
        yield

    monkeypatch.setattr(joining, "copied_packets", broken)
    (note,) = run(source, tmp_path / "out.mp4", TWICE)
    assert "encoded as aac (its packets are strange)" in note
    assert np.allclose(loudest(*heard(tmp_path / "out.mp4")[:2]), [tone(0), tone(1)], atol=12)


def test_a_layout_that_no_encoder_takes_is_said_before(tmp_path, monkeypatch):
    monkeypatch.setattr(tracks, "sound_format", lambda *more: None)
    source = write_tones(tmp_path / "in.mkv", ["stereo"], codec="flac")
    (note,) = run(source, tmp_path / "out.mp4", SLOW)
    assert note == f"{source}: the sound is left out: its stereo at 48000 Hz fit no encoder for .mp4."
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio and len(times_of(tmp_path / "out.mp4")) == 24
