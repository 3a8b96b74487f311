"""Inputs that the nodes which retime a whole clip share: how it is read, and how its motion is found."""

from __future__ import annotations

from comfy_api.latest import io

from ..rdvfi_core.keyframes.keyframes import SOURCES
from ..rdvfi_core.scan import CUT_THRESHOLD, DUPLICATES


def reading_inputs(optional: bool = False) -> list[io.Input]:
    """`optional` in nodes that had saved graphs before these inputs came."""
    return [
        io.Combo.Input(
            "cuts",
            options=["detect", "ignore"],
            default="detect",
            optional=optional,
            advanced=True,
            tooltip="detect: nothing is interpolated from one shot to the next; what happens there is up to RDVFI "
            "Timeline. ignore: all frames continue each other.",
        ),
        io.Float.Input(
            "cut_threshold",
            default=CUT_THRESHOLD,
            optional=optional,
            min=0.05,
            max=1.0,
            step=0.05,
            advanced=True,
            tooltip="Part of the picture that must be new for a cut. Lower finds more cuts.",
        ),
        io.Combo.Input(
            "duplicates",
            options=list(DUPLICATES),
            default="auto",
            optional=optional,
            advanced=True,
            tooltip="Frames that repeat the one before. pass over: motion leads across them, so that an animation on "
            "twos becomes smooth. keep: they stay. auto: passed over where there are many.",
        ),
    ]


def motion_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "keyframes",
            options=list(SOURCES),
            default="auto",
            advanced=True,
            tooltip="auto: imagined keyframes where the weights hold a generator, else none.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**63 - 1,
            control_after_generate=False,  # else the page draws a new seed, and so a new clip, for every run
            advanced=True,
            tooltip="Noise of generated keyframes.",
        ),
    ]
