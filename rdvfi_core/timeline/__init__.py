"""Exact retiming: a `Timeline` (the wish) and a `Source` (the clip's times) make a `Plan` (what to render).

Times are Fractions of seconds, or whole ticks, up to the moment a frame is rendered, so that no rounding adds up
however long the clip is."""

from .curve import SpeedCurve
from .doubts import doubts
from .frames import PlanFrame
from .moments import AT_CUTS
from .plan import Plan
from .rates import exact, exact_fps, parse_times
from .schedule import Regular
from .source import Source
from .timeline import BLUR_SAMPLES, MOST_FRAMES, MOST_SAMPLES, Timeline

__all__ = [
    "AT_CUTS",
    "BLUR_SAMPLES",
    "MOST_FRAMES",
    "MOST_SAMPLES",
    "Plan",
    "PlanFrame",
    "Regular",
    "Source",
    "SpeedCurve",
    "Timeline",
    "doubts",
    "exact",
    "exact_fps",
    "parse_times",
]
