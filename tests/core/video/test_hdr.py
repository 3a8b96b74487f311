"""HDR through a conversion: tags, the mastering display and the light level."""

from __future__ import annotations

from fractions import Fraction
from struct import pack

import av
import pytest
from video_files import pattern, run, write

from rdvfi_core.timeline import Timeline
from rdvfi_core.video import formats
from rdvfi_core.video.colour import HLG, PQ
from rdvfi_core.video.hdr import Hdr, _mastering

BT2020 = 9
GRADED = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
HDR10 = Hdr(
    tuple(Fraction(i, 50000) for i in (34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450))
    + (Fraction(50, 10000), Fraction(1000)),
    (1000, 400),
)


def hdr_file(path, transfer: int = PQ, params: str = f":{GRADED}"):
    options = {"crf": "4", "x265-params": f"log-level=error{params}"}
    tags = {"matrix": BT2020, "primaries": BT2020, "transfer": transfer, "bits": 16}
    frames = [pattern(i, 96, 128) for i in range(8)]
    return write(path, frames, codec="libx265", pixel_format="yuv420p10le", options=options, **tags)


def first_and_last(path) -> tuple[av.VideoFrame, av.VideoFrame]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return frames[0], frames[-1]


@pytest.mark.parametrize("name, codec", [("a.mp4", "hevc"), ("a.mkv", "h264"), ("a.mp4", "av1"), ("a.webm", "av1")])
def test_codecs_with_a_place_for_it_carry_how_the_film_was_graded(tmp_path, name, codec):
    source = hdr_file(tmp_path / "in.mp4")
    assert Hdr.of(first_and_last(source)[0]) == HDR10
    notes = run(source, tmp_path / name, Timeline.multiplied(2), codec=codec)
    first, last = first_and_last(tmp_path / name)
    found = Hdr.of(first)
    assert found.light == HDR10.light
    assert [float(number) for number in found.mastering] == pytest.approx([*map(float, HDR10.mastering)], abs=1e-4)
    assert first.format.components[0].bits == 10 and not notes
    for frame in (first, last):
        assert (frame.color_trc, frame.color_primaries, frame.colorspace) == (PQ, BT2020, BT2020)


@pytest.mark.parametrize("name, codec", [("a.mov", "prores"), ("a.mkv", "ffv1")])
def test_the_others_keep_the_tags_and_say_what_is_lost(tmp_path, name, codec):
    source = hdr_file(tmp_path / "in.mp4")
    notes = run(source, tmp_path / name, Timeline.multiplied(2), codec=codec)
    assert [note for note in notes if "does not carry how the source was graded" in note] and len(notes) == 1
    frame = first_and_last(tmp_path / name)[1]
    assert (frame.color_trc, frame.color_primaries) == (PQ, BT2020)


def test_hlg_keeps_its_transfer_and_a_png_says_so_too(tmp_path):
    source = hdr_file(tmp_path / "in.mp4", HLG, "")
    assert not run(source, tmp_path / "a.mp4", Timeline.multiplied(2))
    assert first_and_last(tmp_path / "a.mp4")[1].color_trc == HLG
    run(source, tmp_path / "frames", Timeline.multiplied(2))
    assert b"cICP" + bytes((BT2020, HLG, 0, 1)) in (tmp_path / "frames" / "00001.png").read_bytes()


def test_a_light_level_alone_is_carried_alone(tmp_path):
    source = hdr_file(tmp_path / "in.mp4", PQ, ":max-cll=500,200")
    assert not run(source, tmp_path / "a.mp4", Timeline.multiplied(2))
    assert Hdr.of(first_and_last(tmp_path / "a.mp4")[0]) == Hdr(light=(500, 200))


def test_half_of_a_mastering_display_is_worth_nothing():
    numbers = [34000, 50000] * 8 + [50, 10000, 1000, 1]
    assert len(_mastering(pack("=22i", *numbers, 1, 1))) == 10
    for flags in ((0, 1), (1, 0)):
        assert _mastering(pack("=22i", *numbers, *flags)) == ()
    assert _mastering(pack("=22i", 0, 0, *numbers[2:], 1, 1)) == ()
    assert _mastering(b"") == ()


def test_hardware_that_would_lose_it_is_not_used(monkeypatch):
    monkeypatch.setattr(formats, "opens", lambda *asked: True)
    hevc = {"codec": "hevc", "bits": 10, "hardware": True}
    assert formats.choose_format(".mp4", (96, 128), **hevc).encoder == "hevc_nvenc"
    assert formats.choose_format(".mp4", (96, 128), **hevc, hdr=HDR10).encoder == "libx265"
    dynamic = formats.choose_format(".mp4", (96, 128), **hevc, hdr=Hdr(dynamic=True))
    assert dynamic.encoder == "hevc_nvenc" and "Dolby Vision" in dynamic.notes[0]
