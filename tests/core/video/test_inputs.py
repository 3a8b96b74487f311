"""What users name: files, folders, wildcards that no shell filled in, numbered frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from rdvfi_core.video.inputs import gathered, one_of, titles


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def touch(*names: str) -> None:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    return touch


def names(*given: str) -> list:
    return [named.as_posix() if isinstance(named, Path) else [p.as_posix() for p in named] for named in gathered(given)]


def test_wildcards_are_filled_in_and_sorted_by_number(here):
    here("b10.mp4", "b9.mp4", "a.mp4", "c.mov", "deep/d.mp4", "take[1].mp4")
    assert names("*.mp4") == ["a.mp4", "b9.mp4", "b10.mp4", "take[1].mp4"]
    assert names("c.mov", "b?.mp4") == ["c.mov", "b9.mp4"]
    assert names("*/*.mp4", "take[1].mp4") == ["deep/d.mp4", "take[1].mp4"]  # the name of a file is no wildcard
    assert names("nothing.mp4") == ["nothing.mp4"]  # it is said when it is opened


def test_a_folder_means_the_videos_in_it_or_else_its_frames(here):
    here("films/b.MP4", "films/a.mkv", "films/cover.jpg", "films/.hidden.mp4", "films/notes.txt")
    here("shot/f2.png", "shot/f10.png", "shot/f1.png", "shot/notes.txt")
    assert names("films") == ["films/a.mkv", "films/b.MP4"]
    assert (
        names("shot")
        == names("shot/*.png")
        == names("shot/f%d.png")
        == [["shot/f1.png", "shot/f2.png", "shot/f10.png"]]
    )
    assert names("*") == names("films", "shot")


def test_frames_belong_together_by_their_names(here):
    here("a_001.png", "a_002.png", "b_001.png", "b_002.png", "b_002.jpg", "clip.mp4")
    assert names("a_001.png", "a_002.png", "clip.mp4", "b_001.png", "b_002.png") == [
        ["a_001.png", "a_002.png"], "clip.mp4", ["b_001.png", "b_002.png"]
    ]  # fmt: skip
    assert names("*_%03d.png") == [["a_001.png", "a_002.png"], ["b_001.png", "b_002.png"]]


def test_outputs_are_called_like_the_folder_or_the_frames(here):
    here(
        "shot 4/0001.png",
        "shot 4/0002.png",
        "b/f_1.png",
        "c/f_1.png",
        "two/a_1.png",
        "two/b_1.png",
        "two/2.png",
        "x.mp4",
    )
    given = gathered(["shot 4", "x.mp4", "b", "c", "two"])
    assert titles(given) == ["shot 4", "x", "b", "c", "two", "a", "b"]


@pytest.mark.parametrize(
    "given, words",
    [
        ("*.webm", r"\*.webm matches no file"),
        ("f_%04d.png", "matches no file"),
        ("empty", "holds neither videos nor frames"),
    ],
)
def test_what_is_not_there_is_said(here, given, words):
    here("empty/readme.txt", "a.mp4")
    with pytest.raises(ValueError, match=words):
        gathered([given])


def test_one_is_one(here):
    here("a.mp4", "b.mp4")
    with pytest.raises(ValueError, match="stands for 2 videos"):
        one_of("*.mp4")
    assert one_of("a*") == Path("a.mp4")


@pytest.mark.parametrize(("suffix", "is_video"), [("png", True), ("webp", True), ("tif", False)])
def test_an_animation_is_a_video_and_the_pages_of_a_scan_are_none(here, suffix, is_video):
    pictures = [Image.new("RGB", (64, 64), (40 * i, 0, 0)) for i in range(3)]
    for number in (1, 2):
        pictures[0].save(f"a_{number}.{suffix}", save_all=True, append_images=pictures[1:])
        pictures[0].save(f"b_{number}.{suffix}")
    apart = ["a_1", "a_2"] if is_video else [["a_1", "a_2"]]
    still = [["b_1", "b_2"]]
    found = [named.stem if isinstance(named, Path) else [path.stem for path in named] for named in gathered(["."])]
    assert found == apart + still
