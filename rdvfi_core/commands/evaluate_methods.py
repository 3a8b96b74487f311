"""The methods that `evaluate` compares: this package's, those without training, and the trained ones of others that
are at hand, RIFE from the folder of anchors, RIFE and FILM from an installed ComfyUI."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..anchors import ENVIRONMENT
from ..anchors.rife import FILE as RIFE
from ..evaluation.baselines import BASELINES, FLOWS, RifeMethod
from ..evaluation.core_interpolation import CoreInterpolation, core_weights
from ..evaluation.pictures import FlowAt
from ..evaluation.protocols import Protocol
from ..evaluation.runner import Method
from ..precision import default_device
from . import checked_device, load_interpolator

KEYFRAMES = {"rdvfi": "auto", "straight": "straight"}  # methods of this package: how they get their keyframes
CORE = ("rife", "film")  # methods of ComfyUI's core
METHODS = (*KEYFRAMES, *BASELINES, *CORE)
DEFAULT_METHODS = ("rdvfi", "straight", "blend", "dis")


def methods_argument(text: str) -> list[str]:
    """ "rdvfi, blend" -> names in this order, each once."""
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in METHODS:
            raise ArgumentTypeError(f"{name!r} is not a method; choose from {', '.join(METHODS)}.")
    return names


@dataclass(frozen=True)
class Methods:
    methods: dict[str, Method]  # by name, in the order asked for
    flows: Mapping[str, FlowAt]  # the motion that those find who have nothing but the ends
    absent: dict[str, str] = field(default_factory=dict)  # of those that nobody asked for by name: why not

    @classmethod
    def asked(cls, args: Namespace, anchors: Path | None, protocol: Protocol | None = None) -> Methods:
        """The networks are loaded only if a method needs them. A method that was asked for and cannot be had is refused
        with a ValueError."""
        weights, absent = _weights(args, anchors)
        names = args.methods or [*DEFAULT_METHODS, *weights]
        device = checked_device(args.device) or default_device()
        found, flows = dict(BASELINES), dict(FLOWS)
        for name in (name for name in names if name in weights):
            path, comfyui = weights[name]
            if comfyui is None:
                found[name] = method = RifeMethod(path, device)
                flows[name] = method.flow_at
            else:
                found[name] = CoreInterpolation(comfyui, path)
        own, own_flows = _own(args, [name for name in names if name in KEYFRAMES], protocol)
        found, flows = found | own, flows | own_flows
        return cls({name: found[name] for name in names}, flows, {} if args.methods else absent)

    @contextmanager
    def running(self) -> Iterator[dict[str, Method]]:
        """ComfyUI's processes end with the block."""
        processes = [method for method in self.methods.values() if isinstance(method, CoreInterpolation)]
        try:
            for process in processes:
                process.start()
            yield {name: m if name in KEYFRAMES else _from_ends(m) for name, m in self.methods.items()}
        finally:
            for process in processes:
                process.close()


def _own(args: Namespace, names: list[str], protocol: Protocol | None) -> tuple[dict[str, Method], dict[str, FlowAt]]:
    if not names:
        return {}, {}
    interpolator = load_interpolator(args)

    def method(keyframes: str) -> Method:
        return lambda image0, image1, times, *beside: interpolator(image0, image1, times, keyframes=keyframes)

    def flow(keyframes: str) -> FlowAt:
        return lambda image0, image1, tau: interpolator.fit(image0, image1, keyframes=keyframes).sample(tau).to0

    def through_keyframes(
        image0: Tensor, image1: Tensor, times: list[float], frames: Tensor, at: list[float]
    ) -> Tensor:
        return interpolator.render(image0, image1, interpolator.fit_frames(image0, image1, frames, at), times)

    def among_neighbours(image0: Tensor, image1: Tensor, times: list[float], frames: Tensor, at: list[float]) -> Tensor:
        return interpolator(image0, image1, times, before=frames[0], after=frames[1])

    found = {name: method(KEYFRAMES[name]) for name in names}
    flows = {name: flow(KEYFRAMES[name]) for name in names}
    if protocol is not None and protocol.shown and "rdvfi" in names:
        found["rdvfi"] = through_keyframes if protocol.keyframes else among_neighbours
        del flows["rdvfi"]  # which has another motion among other frames
    return found, flows


def _from_ends(method: Method) -> Method:
    """The method without a look at other frames."""
    return lambda image0, image1, times, *beside: method(image0, image1, times)


def _weights(args: Namespace, anchors: Path | None) -> tuple[dict[str, tuple[Path, Path | None]], dict[str, str]]:
    """Of the methods of CORE that can be had: their file, and the ComfyUI that runs it or None for this process; and
    why there is no RIFE if there is none. `--rife FILE` is ComfyUI's."""
    found, absent = {}, {}
    given = {name: getattr(args, name) for name in CORE}
    if given["rife"] is None and anchors is not None and (anchors / RIFE).is_file():
        found["rife"] = anchors / RIFE, None
        del given["rife"]
    asked = [name for name in given if name in (args.methods or ()) or given[name] is not None]
    if args.comfyui is not None:
        weights = core_weights(args.comfyui, given)
        missing = [name for name in asked if name not in weights]
        if missing or not weights:
            name = (missing or list(given))[0]
            raise ValueError(
                f"There are no weights of {name.upper()} in {args.comfyui}'s models/frame_interpolation; put its file "
                f"there, with {name} in its name, or give --{name} FILE."
            )
        found |= {name: (path, args.comfyui) for name, path in weights.items()}
    elif asked:
        beside = f" or, with {RIFE} in it, --anchors FOLDER" if asked[0] == "rife" and given["rife"] is None else ""
        raise ValueError(f"The method {asked[0]} runs in ComfyUI; give its folder with --comfyui PATH{beside}.")
    if "rife" not in found:
        absent["rife"] = (
            f"no folder of anchors was given (--anchors FOLDER, or {ENVIRONMENT} in the environment, with {RIFE})"
            if anchors is None
            else f"the folder of anchors has no {RIFE}"
        )
    return found, absent
