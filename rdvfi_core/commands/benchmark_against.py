"""`benchmark --against rife`: retiming a clip beside RIFE, both in one process, one after the other in turn."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from fractions import Fraction
from statistics import median

import torch
from torch import Tensor

from ..anchors.rife import FILE, Rife
from ..evaluation.launches import Launches
from ..pixels.warp import resize
from ..retime import Renderer, render
from ..scenes.sample import sample_scene
from ..timeline import Source, Timeline
from . import anchors_folder, load_interpolator, seconds

FRAMES = 4  # of the clip: three pairs, of which one has frames on both sides
PUBLISHED = dict(head=4, widths=(192, 128, 96, 64, 32))  # RIFE 4.25; random weights cost the same


def against_rife(args: Namespace, sizes: list[tuple[int, int]], factors: list[int]) -> Iterator[str]:
    """Lines of a table: per new frame, medians of `--repeats` runs after one to warm up. RIFE looks at both images
    anew for each frame, which core does once a pair; that is a small part of its work."""
    folder = anchors_folder(args.anchors)
    rife = Rife(**PUBLISHED).eval() if folder is None else Rife.load(folder / FILE)
    interpolator = load_interpolator(args)
    device = interpolator.device
    rife = rife.to(device)
    yield "| size | times | RDVFI, s per new frame | RIFE | RDVFI / RIFE | kernels | RIFE | waits | RIFE |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    scene = sample_scene(256, 448)
    for width, height in sizes:
        clip = [resize(scene.render(i / (FRAMES - 1)).image, height, width)[0] for i in range(FRAMES)]
        for factor in factors:
            works = _retimed(interpolator, clip, factor), _interpolated(rife, clip, factor, device)
            counted = [_counted(work) for work in works]
            taken = [[seconds(work) for work in works] for _ in range(args.repeats)]
            new = (FRAMES - 1) * (factor - 1)
            ours, theirs = (median(of_one) / new for of_one in zip(*taken, strict=True))
            kernels, waits = ([round(getattr(c, kind) / new) for c in counted] for kind in ("kernels", "waits"))
            times = f"{ours:.3f} | {theirs:.3f} | {ours / theirs:.2f}"
            yield f"| {width}x{height} | {factor} | {times} | {' | '.join(map(str, (*kernels, *waits)))} |"


def _retimed(interpolator: Renderer, clip: list[Tensor], factor: int) -> Callable[[], None]:
    plan = Timeline.multiplied(factor).plan(Source.constant(len(clip), Fraction(24)))

    def work() -> None:
        for _ in render(interpolator, plan, clip):
            pass  # a frame that has arrived on the CPU is done

    return work


def _interpolated(rife: Rife, clip: list[Tensor], factor: int, device: torch.device) -> Callable[[], None]:
    @torch.no_grad()
    def work() -> None:
        for pair in zip(clip, clip[1:], strict=False):
            image0, image1 = (image[None].to(device) for image in pair)
            for k in range(1, factor):
                rife(image0, image1, torch.full((1,), k / factor, device=device)).frame.to("cpu")

    return work


def _counted(work: Callable[[], None]) -> Launches:
    """Warms up as well."""
    work()
    with Launches() as counted:
        work()
    return counted
