"""Every kind of sound that files hold, at several speeds: each channel has a tone of its own and keeps it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from sound_files import FPS, heard, loudest, tone, tones, write_tones
from video_files import length_of, run

from rdvfi_core.timeline import SpeedCurve, Timeline
from rdvfi_core.video.sound_formats import sound_format

PICTURES = {"avi": ("mjpeg", "yuvj420p"), "wmv": ("msmpeg4", "yuv420p")}
CURVE = Timeline.curved(SpeedCurve.of([(0, 1), ("0.5", "0.4"), (1, 1)]), hold_end=True)


def at_speed(speed: str) -> Timeline:
    return CURVE if speed == "curve" else Timeline(speed=Fraction(speed), hold_end=True)


def check(out, layout: str, channels=None) -> None:
    """channels: the source's numbers of the output's channels, None for a silent one."""
    sound, rate, found = heard(out)
    assert found == layout
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    channels = range(len(names)) if channels is None else channels
    expected = [0 if i is None else tone(i, name) for i, name in zip(channels, names, strict=True)]
    middle = sound[:, sound.shape[1] // 8 : -sound.shape[1] // 8]
    assert np.allclose(loudest(middle, rate), expected, atol=16)
    levels = np.sqrt((middle**2).mean(1))
    assert (levels[np.array(expected) > 0] > 0.12).all()  # of 0.3 / sqrt(2)
    assert abs(length_of(out, "video") - length_of(out, "audio")) <= 1 / FPS + 0.02  # of an Opus packet


@pytest.mark.parametrize(
    ("layout", "rate", "codec", "inside", "outside", "speed", "becomes"),
    [
        ("stereo", 48000, "aac", "mp4", "mp4", "1/2", "stereo"),
        ("stereo", 48000, "aac", "mp4", "mkv", "1/4", "stereo"),
        ("stereo", 44100, "aac", "mp4", "webm", "3/2", "stereo"),
        ("stereo", 44100, "pcm_s16le", "avi", "mp4", "1", "stereo"),  # no layout in the file, nor in the next ones
        ("stereo", 44100, "pcm_s16le", "avi", "mp4", "curve", "stereo"),
        ("stereo", 22050, "adpcm_ms", "avi", "webm", "1", "stereo"),
        ("stereo", 44100, "wmav2", "wmv", "mp4", "4", "stereo"),
        ("mono", 8000, "pcm_s16le", "avi", "mp4", "1/2", "mono"),
        ("mono", 8000, "pcm_u8", "mkv", "webm", "1", "mono"),
        ("5.1", 48000, "pcm_s24le", "mkv", "mp4", "1", "5.1"),
        ("5.1", 48000, "flac", "mkv", "mp4", "1/2", "5.1"),
        ("5.1(side)", 48000, "ac3", "mkv", "webm", "1", "5.1"),
        ("5.1(side)", 48000, "ac3", "mkv", "mp4", "1/2", "5.1"),
        ("5.1(side)", 44100, "ac3", "mkv", "mkv", "2", "5.1(side)"),
        ("5.0", 48000, "pcm_f32le", "mkv", "mp4", "1", "5.0"),
        ("7.1", 48000, "pcm_s16le", "mkv", "mp4", "1/2", "7.1"),
        ("7.1", 96000, "flac", "mkv", "webm", "1", "7.1"),
        ("stereo", 192000, "pcm_s24le", "mov", "mp4", "1", "stereo"),
        ("stereo", 192000, "pcm_s24le", "mov", "mkv", "1/2", "stereo"),
        ("mono", 176400, "pcm_s16be", "mov", "mp4", "1/2", "mono"),
    ],
)
def test_channels_and_pitch_are_kept(tmp_path, layout, rate, codec, inside, outside, speed, becomes):
    picture = PICTURES.get(inside, ("libx264", "yuv420p"))
    source = write_tones(tmp_path / f"in.{inside}", [layout], rate, codec, video=picture)
    out = tmp_path / f"out.{outside}"
    notes = run(source, out, at_speed(speed))
    check(out, becomes)
    with av.open(str(out)) as container:
        found = container.streams.audio[0].rate
    is_said = any(f"becomes {becomes} at {found} Hz" in note and str(source) in note for note in notes)
    assert is_said == (found != rate or becomes != layout) and len(notes) == is_said


def test_layouts_that_opus_does_not_know_lose_no_channel(tmp_path):
    source = write_tones(tmp_path / "in.mkv", ["2.1"], 48000, "flac")
    (note,) = run(source, tmp_path / "out.webm", at_speed("1/2"))
    assert "becomes 5.1" in note
    check(tmp_path / "out.webm", "5.1", [0, 1, None, 2, None, None])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 channels", "mono"),
        ("quad(side)", "quad"),
        ("4.1", "6.1"),
        ("hexagonal", "5.0"),
        ("22.2", "7.1"),
        ("12 channels", "7.1"),
        ("5 channels (FL+FR+BC+LFE+FC)", "6.1"),
        ("downmix", "stereo"),
    ],
)
def test_the_nearest_layout_is_the_one_that_loses_least(source, expected):
    assert sound_format(".webm", source, 44100).layout == expected


@pytest.mark.parametrize(
    ("suffix", "rate", "expected"),
    [
        (".mp4", 48000, 48000),
        (".mp4", 6000, 7350),
        (".mp4", 37800, 44100),
        (".mov", 176400, 88200),
        (".mp4", 384000, 96000),
        (".mkv", 384000, 384000),
        (".webm", 8000, 48000),
    ],
)
def test_the_nearest_rate(suffix, rate, expected):
    assert sound_format(suffix, "stereo", rate).rate == expected


def test_mixed_channels_are_not_louder_than_full_scale(tmp_path):
    """Five that say the same would add up to 2.4 in each of two."""
    source = write_tones(tmp_path / "in.mkv", ["hexagonal"], 48000, "flac")
    run(source, tmp_path / "out.webm", at_speed("1/2"))
    assert np.abs(heard(tmp_path / "out.webm")[0]).max() < 1


def joined(tmp_path, first: tuple[str, int], second: tuple[str, int], codec: str):
    """A broadcast of two seconds whose sound is of another kind in the second one."""
    path = tmp_path / "tv.ts"
    halves = [
        write_tones(tmp_path / f"{i}.ts", [layout], rate, codec, first=i, video=("mpeg2video", "yuv420p"))
        for i, (layout, rate) in enumerate((first, second))
    ]
    path.write_bytes(b"".join(half.read_bytes() for half in halves))
    return path


@pytest.mark.parametrize(
    ("codec", "first", "second"),
    [
        ("mp2", ("stereo", 48000), ("mono", 48000)),
        ("mp2", ("mono", 44100), ("stereo", 48000)),
        ("ac3", ("stereo", 48000), ("5.1(side)", 48000)),
        ("ac3", ("5.1(side)", 48000), ("stereo", 44100)),
        ("aac", ("stereo", 48000), ("mono", 44100)),
    ],
)
@pytest.mark.parametrize("speed", ["1", "1/2"])
def test_sound_that_changes_in_the_stream(tmp_path, codec, first, second, speed):
    source, out = joined(tmp_path, first, second, codec), tmp_path / "out.mp4"
    notes = run(source, out, at_speed(speed))
    sound, rate, layout = heard(out)
    half = sound.shape[1] // 2
    pieces = sound[:2, rate // 8 : half - rate // 8], sound[:2, half + rate // 8 : -rate // 8]
    for (kind, _), piece in zip((first, second), pieces, strict=True):
        # What has one channel alone is heard on both sides, and the other way round.
        there = {tone(0)} if kind == "mono" else {tone(0), tone(1)}
        assert all(min(abs(found - one) for one in there) < 12 for found in loudest(piece, rate))
    assert abs(sound.shape[1] / rate - 2 / Fraction(speed)) < 0.25
    if codec == "aac" and speed == "1":
        assert [note for note in notes if "encoded as aac" in note and "rate change" in note]


def test_tones_of_the_test_itself():
    assert np.allclose(loudest(tones("5.1", 1, 48000), 48000), [300, 430, 560, 100, 820, 950], atol=1)
