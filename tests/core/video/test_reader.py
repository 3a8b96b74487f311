from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from video_files import LOSSLESS, integers, pattern, write

from rdvfi_core.video.reader import VideoFile

FRAMES = [pattern(i) for i in range(20)]
NTSC_FILM = Fraction(24000, 1001)


def read(path, **options) -> tuple:
    video = VideoFile(path, **options)
    survey, _ = video.survey()
    with video.frames(survey) as frames:
        return survey, [frames[i] for i in range(len(frames))]


def planes(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).float()


def error(frame: torch.Tensor, pixels: np.ndarray) -> float:
    return (frame - planes(pixels)).abs().mean().item()


def test_lossless_frames_come_back_bit_for_bit_at_exact_times(tmp_path):
    survey, frames = read(write(tmp_path / "a.mkv", FRAMES, NTSC_FILM, **LOSSLESS))
    assert (survey.height, survey.width, survey.bits, survey.alpha, survey.notes) == (64, 96, 8, False, ())
    for frame, pixels in zip(frames, FRAMES, strict=True):
        assert torch.equal(frame, planes(integers(pixels)) / 255)
    source = survey.source()  # Matroska counts milliseconds: the rate is what was meant
    assert source.is_constant and source.fps == NTSC_FILM and source.duration == 20 / NTSC_FILM


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
def test_matrix_and_range_are_honoured(tmp_path, matrix, full):
    corners = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5]], float)
    picture = corners[np.arange(96) // 16][None].repeat(64, 0)
    path = write(tmp_path / "a.mp4", [picture] * 3, pixel_format="yuv444p", matrix=matrix, full_range=full)
    _, frames = read(path)
    middle = frames[1][:, 32, 8::16]
    assert (middle - torch.from_numpy(corners.T).float()).abs().max() < 0.02


def test_ten_bits_stay_finer_than_eight(tmp_path):
    ramp = np.linspace(0.4, 0.45, 96)[None, :, None].repeat(64, 0).repeat(3, 2)
    options = {"pixel_format": "yuv444p10le", "bits": 16, "options": {"crf": "0"}}
    survey, frames = read(write(tmp_path / "a.mp4", [ramp] * 3, **options))
    assert (survey.bits, survey.depth) == (10, 16)
    assert len(frames[1][0].unique()) > 30  # 8 bits would give 14
    assert error(frames[1], ramp) < 1 / 1500


@pytest.mark.parametrize(("suffix", "options"), [
    ("mkv", {"codec": "ffv1", "pixel_format": "bgra", "options": {}}),
    ("webm", {"codec": "libvpx-vp9", "pixel_format": "yuva420p", "options": {"crf": "5", "b": "0"}}),
    ("mov", {"codec": "prores_ks", "pixel_format": "yuva444p10le", "options": {"profile": "4444"}}),
])  # fmt: skip
def test_alpha_is_read(tmp_path, suffix, options):
    alpha = np.linspace(0, 1, 96)[None, :, None].repeat(64, 0)
    frames = [np.concatenate((pixels, alpha), -1) for pixels in FRAMES[:4]]
    survey, back = read(write(tmp_path / f"a.{suffix}", frames, **options))
    assert survey.alpha and back[2].shape == (4, 64, 96)
    assert error(back[2], frames[2]) < 0.02


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_frames_are_turned_upright(tmp_path, rotation):
    stored = [np.ascontiguousarray(np.rot90(pixels, -rotation // 90)) for pixels in FRAMES[:4]]
    path = write(tmp_path / "a.mp4", stored, rotation=rotation)
    survey, frames = read(path)
    assert (survey.height, survey.width) == (64, 96)
    assert error(frames[2], FRAMES[2]) < 0.02


ONE = 1 << 16


@pytest.mark.parametrize(("matrix", "shown"), [
    ((-ONE, 0, 0, 0, ONE, 0, 96 << 16, 0, 1 << 30), lambda stored: stored[:, ::-1]),  # a selfie
    ((ONE, 0, 0, 0, -ONE, 0, 0, 64 << 16, 1 << 30), lambda stored: stored[::-1]),
    ((0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), lambda stored: stored.transpose(1, 0, 2)),
    ((0, -ONE, 0, -ONE, 0, 0, 64 << 16, 96 << 16, 1 << 30), lambda stored: stored[::-1, ::-1].transpose(1, 0, 2)),
    ((0, ONE, 0, -ONE, 0, 0, 64 << 16, 0, 1 << 30), lambda stored: np.rot90(stored, 3)),
    ((-2 * ONE, 200, 0, -200, -2 * ONE, 0, 0, 0, 1 << 30), lambda stored: stored[::-1, ::-1]),  # not quite half a turn
])  # fmt: skip
def test_the_whole_display_matrix_counts(tmp_path, matrix, shown):
    path = write(tmp_path / "a.mp4", FRAMES[:4], matrix_shown=matrix)
    survey, frames = read(path)
    truth = np.ascontiguousarray(shown(FRAMES[2]))
    assert (survey.height, survey.width) == truth.shape[:2]
    assert error(frames[2], truth) < 0.02


def test_variable_times_are_exact(tmp_path):
    ticks = [0, 40, 90, 100, 250, 260, 270, 400]
    survey, frames = read(write(tmp_path / "a.mkv", FRAMES[:8], ticks=ticks))
    source = survey.source()
    assert [source.time(i) for i in range(8)] == [Fraction(tick, 1000) for tick in ticks]
    assert not source.is_constant and error(frames[4], FRAMES[4]) < 0.02


REORDERED = {"crf": "8", "g": "30", "bf": "3", "b-adapt": "0"}


@pytest.mark.parametrize(("suffix", "codec", "options"), [
    ("avi", "libx264", REORDERED),  # its packets have the times at which they are decoded, and no others
    ("avi", "mpeg4", {"bf": "2", "qscale": "2"}),
    ("h264", "libx264", REORDERED),  # none have times
    ("m4v", "mpeg4", {"qscale": "2"}),
])  # fmt: skip
@pytest.mark.parametrize("fps", [Fraction(12), NTSC_FILM])
def test_files_without_times_of_frames_show_them_in_order(tmp_path, suffix, codec, options, fps):
    survey, frames = read(write(tmp_path / f"a.{suffix}", FRAMES, fps, codec=codec, options=options))
    source = survey.source()
    assert (len(source), source.fps, source.duration, survey.notes) == (20, fps, 20 / fps, ())
    nearest = [min(range(20), key=lambda i: error(frame, FRAMES[i])) for frame in frames]  # noqa: B023 - used at once
    assert nearest == list(range(20))


def test_frames_may_be_asked_for_in_any_order_and_far_apart(tmp_path):
    many = [pattern(i) for i in range(120)]
    video = VideoFile(write(tmp_path / "a.mp4", many))
    survey, _ = video.survey()
    with video.frames(survey) as frames:
        straight = {i: frames[i] for i in range(120)}
    with video.frames(survey) as frames:
        for i in (0, 1, 0, 110, 111, 5, 119, 0, 60):
            assert torch.equal(frames[i], straight[i]), i
        with pytest.raises(IndexError):
            frames[120]


def test_only_wanted_frames_are_converted(tmp_path, monkeypatch):
    video = VideoFile(write(tmp_path / "a.mp4", FRAMES))
    survey, _ = video.survey()
    converted = []
    from rdvfi_core.video import reader

    original = reader.to_tensor
    monkeypatch.setattr(reader, "to_tensor", lambda *args: converted.append(1) or original(*args))
    with video.frames(survey, wanted={3, 12}.__contains__) as frames:
        assert error(frames[3], FRAMES[3]) < 0.02 and error(frames[12], FRAMES[12]) < 0.02
    assert len(converted) == 2


def test_a_part_of_a_file(tmp_path):
    path = write(tmp_path / "a.mp4", FRAMES)
    survey, frames = read(path, start=Fraction(1, 4), duration=Fraction(1, 3))
    assert len(frames) == 8 and survey.start == Fraction(1, 4) and survey.source().duration == Fraction(1, 3)
    assert error(frames[0], FRAMES[6]) < 0.02


def test_bytes_in_memory(tmp_path):
    path = write(tmp_path / "a.mp4", FRAMES)
    survey, frames = read(BytesIO(path.read_bytes()))
    assert len(frames) == 20 and error(frames[7], FRAMES[7]) < 0.02


def test_the_survey_shows_small_frames(tmp_path):
    path = write(tmp_path / "a.mp4", [pattern(i, 128, 320) for i in range(5)])
    survey, shapes = VideoFile(path).survey(lambda frames, ticks: [tuple(frame.shape) for frame in frames])
    assert shapes == [(3, 64, 160)] * 5


# Files that are broken


def test_a_file_that_breaks_off_gives_what_it_has_and_says_so(tmp_path):
    whole = write(tmp_path / "whole.mkv", [pattern(i) for i in range(60)], options={"crf": "8", "g": "12", "bf": "0"})
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    survey, frames = read(tmp_path / "cut.mkv")
    assert 10 < len(frames) < 50 and error(frames[9], FRAMES[9]) < 0.02
    assert len(survey.notes) == 1 and "but its video ends after" in survey.notes[0]


def test_damage_in_the_middle_is_counted(tmp_path):
    path = write(tmp_path / "a.mp4", [pattern(i) for i in range(60)], options={"crf": "8", "g": "6"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    survey, frames = read(path)
    assert len(frames) >= 40 and survey.notes
    assert error(frames[3], FRAMES[3]) < 0.02


@pytest.mark.parametrize("fault", ["missing", "text", "sound", "headless", "empty"])
def test_what_is_no_video_is_one_sentence(tmp_path, fault):
    path = tmp_path / "a.mp4"
    words = {"missing": "is not a file", "sound": "no video stream", "empty": "no video frame"}
    if fault == "text":
        path.write_text("no video at all")
    elif fault == "sound":
        import av
        from video_files import clicks, put_sound

        with av.open(str(path), "w") as container:
            put_sound(container, container.add_stream("aac", rate=48000, layout="mono"), clicks(0.5, [0.1]))
    elif fault == "headless":
        path.write_bytes(write(path, FRAMES).read_bytes()[:-400])
    elif fault == "empty":
        write(path, FRAMES[:2])
        data = path.read_bytes()
        start = data.index(b"mdat") + 4
        end = data.index(b"moov") - 4
        path.write_bytes(data[:start] + bytes(end - start) + data[end:])
    with pytest.raises(ValueError, match=words.get(fault, "cannot be read as a video")) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_webp_that_ffmpeg_does_not_decode_is_not_called_empty(tmp_path):
    pictures = [Image.fromarray(integers(pixels)) for pixels in FRAMES[:4]]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:])
    try:
        assert len(read(tmp_path / "a.webp")[1]) == 4  # of FFmpeg's next versions
    except ValueError as error:
        assert "a.webp is an animated WebP, which FFmpeg cannot decode here" in str(error)
