"""What RDVFI Interpolate Video saves itself: found in the history and in the folders, with no other node behind it."""

from __future__ import annotations

from datetime import datetime

import av
import pytest
from graphs import LOADER, node
from test_video import frames_of, interpolate_video, load
from video_files import clicks, decoded


def alone(video: dict, **more) -> dict:
    return {"model": LOADER, "video": video, "work": interpolate_video(["video", 0], **more)}


def listed(server, result):
    """The one file in the history, and what the page is told about it."""
    shown = result.outputs["work"]
    (file,) = shown["images"]
    assert file["type"] == "output"
    return server.base / "output" / file["subfolder"] / file["filename"], shown["animated"]


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm", "gif"])
def test_a_node_with_nothing_behind_it_saves_and_shows_its_file(server, container):
    clip = load(server, f"alone-{container}.mp4", frames_of(3))
    result = server.run(alone(clip, container=container, filename_prefix=f"alone/{container}"))
    assert result.error is None
    path, moving = listed(server, result)
    assert path == server.base / "output" / "alone" / f"{container}_00001_.{container}"
    assert len(decoded(path)) == 6 and moving == [container != "gif"]
    again = server.run(alone(clip, container=container, filename_prefix=f"alone/{container}"))
    assert again.outputs["work"] == result.outputs["work"]  # nothing is rendered, and it still shows


def test_an_mp4_for_save_video_is_saved_once(server):
    clip = load(server, "once.mp4", frames_of(3))
    nodes = alone(clip, filename_prefix="once/node")
    nodes["save"] = node("SaveVideo", video=["work", 0], filename_prefix="once/save", format="auto", codec="auto")
    result = server.run(nodes)
    assert "work" not in result.outputs
    assert [path.name for path in (server.base / "output" / "once").iterdir()] == ["save_00001_.mp4"]


@pytest.mark.parametrize("container", ["mov", "mkv", "webm", "gif"])
def test_save_video_behind_another_container_makes_a_whole_mp4(server, container):
    """Copied as they are, the packets of these lose frames or do not go into MP4."""
    more = {} if container == "gif" else {"sound": clicks(0.25, [0.1])}
    clip = load(server, f"both-{container}.mp4", frames_of(3), **more)
    nodes = alone(clip, container=container, filename_prefix=f"both/{container}")
    nodes["save"] = node("SaveVideo", video=["work", 0], filename_prefix=f"both/{container}-copy")
    nodes["save"]["inputs"] |= {"format": "auto", "codec": "auto"}
    result = server.run(nodes)
    assert result.error is None
    path, _ = listed(server, result)
    (copy,) = result.outputs["save"]["images"]
    copy = server.base / "output" / "both" / copy["filename"]
    assert copy.suffix == ".mp4" and len(decoded(copy)) == len(decoded(path)) == 6
    with av.open(str(copy)) as file:
        assert len(file.streams.audio) == len(more) and "prompt" in file.metadata


def test_dates_and_values_of_nodes_are_filled_in(server):
    clip = load(server, "dated.mp4", frames_of(3))
    prefix = "dated/%date:yyyy-MM-dd%/%RDVFIInterpolateVideo.multiplier%x"
    days = {datetime.now()}
    path, _ = listed(server, server.run(alone(clip, container="mkv", filename_prefix=prefix)))
    days.add(datetime.now())  # midnight may lie between
    assert path.parent.name in {day.strftime("%Y-%m-%d") for day in days} and path.name == "2x_00001_.mkv"
