"""VIDEOs that are more than a file: trimmed, cropped, resized, joined or in memory, in what newer versions of ComfyUI
and other packs offer for it. Small classes stand in for versions that are not here."""

from __future__ import annotations

import pytest
from comfyui import in_comfyui

SCRIPT = """
import io, os, tempfile
from dataclasses import replace
from fractions import Fraction
from comfy_api.latest import Input, InputImpl, Types
from pack.nodes.video import clip_of
import pack.nodes.images as images

frames = torch.zeros(12, 96, 160, 3)
for i in range(12):
    frames[i, :, :80] = (i + 1) / 16  # the left half grows lighter
path = os.path.join(tempfile.mkdtemp(), "video.mp4")
InputImpl.VideoFromComponents(Types.VideoComponents(images=frames, frame_rate=Fraction(12))).save_to(path)

class Cropped(InputImpl.VideoFromFile):
    "The left half; the stream stays whole."
    def get_components(self):
        found = super().get_components()
        return replace(found, images=found.images[:, :, :80])
    def get_dimensions(self):
        return 80, 96

class Pending(Cropped):
    "As from version 0.34 on."
    def has_pending_frame_edits(self):
        return True

class Flipped(InputImpl.VideoFromFile):
    "An edit that keeps the size."
    def get_components(self):
        found = super().get_components()
        return replace(found, images=found.images.flip(2))
    def has_pending_frame_edits(self):
        return True

class Unedited(InputImpl.VideoFromFile):
    def has_pending_frame_edits(self):
        return False
    def get_components(self):
        raise AssertionError("a whole video was loaded")

class Joined(Input.Video):
    "Several videos, whose stream is a file that they were written to."
    def get_components(self):
        raise AssertionError("a whole video was loaded")
    def get_stream_source(self):
        return path
    def get_dimensions(self):
        return 160, 96
    def save_to(self, *args, **more):
        raise NotImplementedError
    def as_trimmed(self, *args, **more):
        raise NotImplementedError

class Foreign(Input.Video):
    "What another pack makes, with no stream of its own."
    def get_components(self):
        return Types.VideoComponents(images=frames[:4], frame_rate=Fraction(12), alpha=torch.full((4, 96, 160), 0.5))
    def save_to(self, *args, **more):
        raise AssertionError("frames were encoded only to be decoded")
    def as_trimmed(self, *args, **more):
        raise NotImplementedError

trim = dict(start_time=0.25, duration=0.5)
videos = {"whole": InputImpl.VideoFromFile(path), "trimmed": InputImpl.VideoFromFile(path, **trim),
          "cropped": Cropped(path), "pending": Pending(path), "both": Pending(path, **trim), "flipped": Flipped(path),
          "unedited": Unedited(path), "joined": Joined(), "foreign": Foreign(),
          "memory": InputImpl.VideoFromFile(io.BytesIO(open(path, "rb").read())),
          "nothing": InputImpl.VideoFromFile(os.path.join(os.path.dirname(path), "gone.mp4"))}

def look(video):
    try:
        clip, source = clip_of(video, None, "keep", True)
    except ValueError as error:
        return str(error)
    with clip.frames(None) as opened:
        first = opened[0]
    left, right = first[:3, :, :70].mean().item(), first[:3, :, -70:].mean().item()
    return [clip.survey.width, clip.survey.height, len(source), round(left * 16), round(right * 16), clip.survey.alpha]

found = {name: look(video) for name, video in videos.items()}
images.mm.get_free_memory = lambda *_: 2**20
found["too large"] = look(videos["pending"])
found["as a file"] = look(videos["whole"])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(comfyui) -> dict:
    return in_comfyui(comfyui, SCRIPT)


@pytest.mark.parametrize(
    "name, width, count, left, right",
    [
        ("whole", 160, 12, 1, 0),
        ("memory", 160, 12, 1, 0),
        ("trimmed", 160, 6, 4, 0),
        ("cropped", 80, 12, 1, 1),
        ("pending", 80, 12, 1, 1),
        ("both", 80, 6, 4, 4),
        ("unedited", 160, 12, 1, 0),
        ("joined", 160, 12, 1, 0),
        ("foreign", 160, 4, 1, 0),
    ],
)
def test_what_is_noted_in_a_video_is_honoured(found, name, width, count, left, right):
    assert found[name] == [width, 96, count, left, right, name == "foreign"]


def test_an_edit_that_keeps_the_size_is_seen_where_the_video_says_so(found):
    assert found["flipped"] == [160, 96, 12, 0, 1, False]


def test_frames_that_would_not_fit_into_memory_are_refused_and_files_are_not(found):
    assert "need" in found["too large"] and "save the video with Save Video, and load that file" in found["too large"]
    assert found["as a file"] == found["whole"]


def test_a_file_that_is_gone_is_said_by_its_name(found):
    assert "gone.mp4 is not a file" in found["nothing"]
