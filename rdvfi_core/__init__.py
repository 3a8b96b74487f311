"""RDVFI: frames between two images along continuous pixel trajectories. Needs torch, knows nothing of ComfyUI."""

from .errors import Interrupted
from .pipeline import Interpolator
from .trajectory.flow_pair import FlowPair
from .trajectory.trajectory import Trajectory

__all__ = ["FlowPair", "Interpolator", "Interrupted", "Trajectory"]
__version__ = "0.1.0"
