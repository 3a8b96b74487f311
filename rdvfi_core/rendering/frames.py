"""Phase 2: frames of a pair at full resolution, along flows of the motion grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from ..callbacks import Progress, ShouldStop, check_stop
from ..image_pair import ImagePair
from ..memory import Memory, frames_at_once, in_batches
from ..precision import mixed
from ..trajectory.flow_pair import FlowPair
from ..weights.networks import renderer


def render_frames(
    networks: dict[str, nn.Module],
    pair: ImagePair,
    times: Sequence[float],
    flow_at: Callable[[int], FlowPair],  # of the i-th time, on `device`
    device: torch.device,
    dtype: torch.dtype | None,
    memory: Memory,
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> Iterator[Tensor]:  # (3 + E, H, W) each, on the CPU, in the images' precision
    """In the order of `times`, a few at once where a GPU has room for them. At 0 and 1 it is the images themselves."""
    given0, given1 = pair.with_planes
    ends = {0.0: given0[0].detach(), 1.0: given1[0].detach()}
    full0, full1 = (image.to(device, torch.float32) for image in (given0, given1))
    small0, small1 = pair.small(device)

    def frames(batch: list[int]) -> list[Tensor]:
        check_stop(should_stop)
        found, inner = iter(()), [i for i in batch if times[i] not in ends]
        if inner:
            images = (image.expand(len(inner), -1, -1, -1) for image in (full0, full1, small0, small1))
            with torch.no_grad(), mixed(device, dtype):
                flows = FlowPair.batch([flow_at(i) for i in inner])
                synthesis = renderer(networks, flows.keyframed)
                found = iter(synthesis(*images, flows).to("cpu", given0.dtype))
        return [next(found) if i in inner else ends[times[i]].to("cpu", copy=True) for i in batch]

    size = frames_at_once(device, *pair.size, memory)
    rendered = in_batches(frames, range(len(times)), size, memory)
    for done in range(1, len(times) + 1):
        yield next(rendered)  # without a name, under which it would live while the next one is made
        if progress is not None:
            progress(done, len(times))


def check_grid(pair: ImagePair, flow: Tensor, name: str) -> None:
    """flow: (..., h, w) of the thing that `name` names."""
    expected, given = pair.motion_size, tuple(flow.shape[-2:])
    if expected != given:
        raise ValueError(
            f"The {name} was fitted on a {given[1]}x{given[0]} grid, but images of this size need "
            f"{expected[1]}x{expected[0]}; fit it on images of the same shape."
        )
