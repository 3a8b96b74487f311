"""What is called damaged is damaged: headers of healthy files promise more than is shown."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from sound_files import tones
from video_files import integers, pattern, write

from rdvfi_core.video.reader import VideoFile
from rdvfi_core.video.sound_formats import SoundFormat, sound_frame


def looked_at(path) -> tuple[int, str]:
    survey, _ = VideoFile(path).survey()
    return len(survey.ticks), " ".join(survey.notes)


def trimmed(source, target, start: int):
    """The packets from the key frame before frame `start` on; an edit list says which of them are shown."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as container:
        template = whole.streams.video[0]
        stream = container.add_stream_from_template(template)
        step = round(1 / (template.average_rate * template.time_base))
        for packet in whole.demux(template):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - start * step, packet.dts - start * step, stream
                container.mux(packet)
    return target


@pytest.mark.parametrize("start", [1, 7, 20])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_what_an_edit_list_cuts_off_is_not_missing(tmp_path, start, suffix):
    frames = [pattern(i) for i in range(24)]
    whole = write(tmp_path / "whole.mp4", frames, options={"crf": "8", "g": "24", "bf": "2"})
    assert looked_at(trimmed(whole, tmp_path / f"a.{suffix}", start)) == (24 - start, "")


@pytest.mark.parametrize("dropped", [{5}, {5, 6, 12}, {1, 2, 3, 22, 23}])
def test_frames_that_a_recorder_dropped_are_not_damaged(tmp_path, dropped):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=12)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuvj420p"
        for i in range(24):
            frame = av.VideoFrame.from_ndarray(integers(pattern(i)), "rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 12)
            packets = stream.encode(frame)
            container.mux([] if i in dropped else packets)
    assert looked_at(path) == (24 - len(dropped), "")


def with_sound(path, sound_seconds: float, late: float = 0.0, frames: int = 12, codec="aac", video="libx264"):
    """A second of pictures that begins `late`, with sound from 0 on."""
    form = SoundFormat(codec, "stereo", 48000)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(video, rate=12, options={"g": "6"})
        pictures.height, pictures.width = 64, 96
        pictures.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
        sound = form.add_to(container)
        packets = list(form.encoded(sound, [sound_frame(tones("stereo", sound_seconds, 48000), "stereo", 48000, 0)]))
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(integers(pattern(i)), "rgb24")
            frame.pts, frame.time_base = i + round(12 * late), Fraction(1, 12)
            packets += pictures.encode(frame)
        packets += pictures.encode()
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


@pytest.mark.parametrize(
    ("name", "sound", "late", "more"),
    [
        ("a.mkv", 2, 1, {}),  # the picture starts after its sound
        ("a.mp4", 2, 1, {}),
        ("a.mkv", 4, 0, {}),  # the sound goes on
        ("a.webm", 4, 0, {"codec": "libopus", "video": "libvpx-vp9"}),
        ("a.ts", 3, 0.5, {"codec": "mp2", "video": "mpeg2video"}),
        ("a.avi", 1, 0, {"codec": "libmp3lame", "video": "mjpeg"}),  # its header counts one frame too many
    ],
)
def test_other_streams_may_last_longer(tmp_path, name, sound, late, more):
    assert looked_at(with_sound(tmp_path / name, sound, late, **more)) == (12, "")


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.avi"])
def test_what_breaks_off_is_said(tmp_path, name):
    more = {"codec": "libmp3lame", "video": "mjpeg"} if name == "a.avi" else {}
    path = with_sound(tmp_path / name, 10, frames=120, **more)
    data = path.read_bytes()
    if name == "a.mp4":  # its header comes last
        first = {"movflags": "faststart"}
        with av.open(str(path)) as whole, av.open(str(tmp_path / "b.mp4"), "w", options=first) as out:
            streams = {stream.index: out.add_stream_from_template(stream) for stream in whole.streams}
            for packet in whole.demux():
                if packet.size:
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)
        data = (tmp_path / "b.mp4").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, notes = looked_at(path)
    assert 30 < frames < 90
    assert "missing" in notes or "ends after" in notes or "breaks off" in notes


def test_frames_that_cannot_be_decoded_are_counted(tmp_path):
    path = write(tmp_path / "a.mp4", [pattern(i) for i in range(60)], options={"crf": "8", "g": "6", "bf": "0"})
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for pos, size in places[20:30]:
        data[pos + 4 : pos + size] = bytes(np.full(size - 4, 0x0C, np.uint8))  # filler: a decoder takes no notice
    path.write_bytes(data)
    frames, notes = looked_at(path)
    assert frames < 58 and notes
