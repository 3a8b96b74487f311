"""Pieces of graphs in the API's format."""

from __future__ import annotations

LOADER = {"class_type": "RDVFILoadModel", "inputs": {"weights": "built-in", "precision": "auto"}}


def node(kind: str, **inputs) -> dict:
    return {"class_type": kind, "inputs": inputs}


def load(name: str) -> dict:
    return node("LoadImage", image=name)


def sample(frames: int = 2, width: int = 128, height: int = 96) -> dict:
    return node("RDVFISampleClip", frames=frames, width=width, height=height)


def preview(images: list) -> dict:
    return node("PreviewImage", images=images)


def interpolate(images: list, multiplier: int = 4, **more) -> dict:
    inputs = {"model": ["model", 0], "images": images, "multiplier": multiplier, "source_fps": 24.0}
    return node("RDVFIInterpolate", **inputs | {"keyframes": "auto", "seed": 0} | more)


def fit(start: list, end: list, **more) -> dict:
    inputs = {"model": ["model", 0], "start_image": start, "end_image": end, "direct": False}
    return node("RDVFIFitTrajectory", **inputs | more)


def flow(trajectory: list, frames: int = 3, times: str = "", method: str = "cubic") -> dict:
    return node("RDVFISampleFlow", trajectory=trajectory, frames=frames, times=times, method=method)


def fuse(start: list, end: list, flows: list) -> dict:
    return node("RDVFIWarpFuse", model=["model", 0], start_image=start, end_image=end, flow=flows)


def keyframes(start: list, end: list, **more) -> dict:
    inputs = {"model": ["model", 0], "start_image": start, "end_image": end}
    return node("RDVFIKeyframes", **inputs | {"count": 7, "source": "auto", "steps": 1, "seed": 0} | more)


def from_frames(frames: list, **more) -> dict:
    inputs = {"model": ["model", 0], "frames": frames, "count": 7, "ends_included": True, "times": ""}
    return node("RDVFIKeyframesFromFrames", **inputs | more)


def failed(server, nodes: dict) -> str:
    error = server.run(nodes).error
    assert error, "nothing was refused"
    return error
