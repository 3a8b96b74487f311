"""Clips of a folder, and what makes one unusable."""

import numpy as np
import pytest
from clip_files import write_video
from panning_clips import panning, write_images
from PIL import Image

from rdvfi_core.clips import Clip, ClipError, list_clips


def test_clips_are_listed_by_name_and_other_files_are_left_alone(tmp_path):
    write_video(tmp_path / "b.mp4", panning(2))
    write_images(tmp_path / "a", panning(2))
    (tmp_path / "notes.csv").write_text("no clip")
    (tmp_path / "empty").mkdir()
    assert [clip.name for clip in list_clips(tmp_path)] == ["a", "b.mp4"]


def test_clips_are_found_at_any_depth_and_named_by_their_path(tmp_path):
    """DAVIS: JPEGImages/480p/<clip>/00000.jpg."""
    for name in ("480p/bear", "480p/swan", "1080p/bear"):
        (tmp_path / "JPEGImages" / name).parent.mkdir(parents=True, exist_ok=True)
        write_images(tmp_path / "JPEGImages" / name, panning(2))
    (tmp_path / ".cache").mkdir()
    write_video(tmp_path / ".cache" / "hidden.mp4", panning(2))
    (tmp_path / "Annotations" / "480p").mkdir(parents=True)
    write_images(tmp_path / "Annotations" / "480p" / "bear", panning(2))
    (tmp_path / "JPEGImages" / "up").symlink_to(tmp_path, target_is_directory=True)
    names = [clip.name for clip in list_clips(tmp_path)]
    assert names == [f"JPEGImages/{name}" for name in ("1080p/bear", "480p/bear", "480p/swan")]
    assert list_clips(tmp_path)[2].count() == 2


def test_frames_of_a_folder_come_exactly_and_in_the_order_of_their_numbers(tmp_path):
    frames = panning(12)
    write_images(tmp_path / "clip", frames)  # frame10.png sorts before frame2.png as text
    clip = Clip(tmp_path / "clip")
    assert clip.count() == 12
    for index, frame in zip((2, 10, 11), clip.read((10, 2, 11)), strict=True):
        assert np.array_equal(frame, frames[index])


def test_frames_of_a_video_are_the_ones_asked_for(tmp_path):
    frames = panning(12, speed=4)
    write_video(tmp_path / "clip.mp4", frames)
    clip = Clip(tmp_path / "clip.mp4")
    assert clip.count() == 12
    for index, frame in zip((0, 5, 11), clip.read((0, 5, 11)), strict=True):
        errors = np.abs(frames.astype(int) - frame).mean((1, 2, 3))
        assert errors.argmin() == index and errors[index] < 10  # what chroma subsampling costs


def test_a_gif_is_read_as_rgb(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = [Image.new("RGB", (64, 64), colour) for colour in colours]
    pictures[0].save(tmp_path / "clip.gif", save_all=True, append_images=pictures[1:], duration=100)
    assert [tuple(frame[32, 32]) for frame in Clip(tmp_path / "clip.gif").read(range(3))] == colours


def test_reasons_why_a_clip_cannot_be_read(tmp_path):
    (tmp_path / "noise.mp4").write_bytes(b"not a video" * 100)
    with pytest.raises(ClipError, match="unreadable: Invalid data"):
        Clip(tmp_path / "noise.mp4").count()
    write_images(tmp_path / "clip", panning(3))
    with pytest.raises(ClipError, match="ends before frame 7"):
        list(Clip(tmp_path / "clip").read((1, 7)))
    Image.new("RGB", (70, 64)).save(tmp_path / "clip" / "frame2.png")
    with pytest.raises(ClipError, match="frame 2 is 70x64, the frames before it are 96x64"):
        list(Clip(tmp_path / "clip").read(range(3)))
    (tmp_path / "clip" / "frame1.png").write_bytes(b"not a picture")
    with pytest.raises(ClipError, match="unreadable"):
        list(Clip(tmp_path / "clip").read(range(3)))


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no clips"):
        list_clips(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        list_clips(tmp_path / "missing")
