"""The one place where order, direction, units and range are fixed; docstrings elsewhere refer to it.

Convention
    image       float, (B, 3, H, W), RGB in [0, 1]. Nodes convert from and to ComfyUI's (B, H, W, 3).
    time        tau in [0, 1]: I0 at 0, I1 at 1. Keyframe times k_1 < ... < k_N, by default i / (N + 1) with N = 7.
    knots       I0, the keyframes and I1 in this order: M = N + 2 of them, times 0 = t_0 < ... < t_{M-1} = 1.
    flow        f_{a->b}: (B, 2, h, w) float32, x then y, in pixels of its own grid, which is the grid of a. a's pixel x
                lies at x + f_{a->b}(x) at time b, so sampling b there shows what a shows at x (a backward warp to a).
                The paper's index map "f_{0->k}", which fetches I0's pixels for keyframe k, is f_{k->0} here.
    pixel       integer coordinates are pixel centres (align_corners=True arithmetic): x in [0, w - 1], y in [0, h - 1].
    resizing    keeps the image's corners, not its corner pixel centres (align_corners=False): a flow that is carried to
                another size is multiplied by (new / old) per axis.
    motion grid the pair resized, never cropped, to about 448x256 pixels of area, sides multiples of 32.
    latent grid one eighth of the motion grid.
    precision   coordinates, flows and splat sums are float32 whatever the precision of images and networks.
"""

from __future__ import annotations

MOTION_AREA = 448 * 256
MOTION_MULTIPLE = 32
SMALLEST_SIDE = 64
LATENT_STRIDE = 8
KEYFRAMES = 7


def motion_size(height: int, width: int, area: int = MOTION_AREA) -> tuple[int, int]:
    """Size (h, w) of the motion grid for an image of (height, width): the multiples of 32 that come closest to `area`
    pixels at the image's aspect ratio. Neither side falls under 64, however long and thin the image is."""
    aspect = width / height
    ideal = (area / aspect) ** 0.5

    def snap(side: float) -> int:
        return max(2 * MOTION_MULTIPLE, round(side / MOTION_MULTIPLE) * MOTION_MULTIPLE)

    return snap(ideal), snap(ideal * aspect)


def uniform_times(count: int = KEYFRAMES) -> tuple[float, ...]:
    """Times of `count` keyframes strictly inside the interval: i / (count + 1)."""
    return tuple(i / (count + 1) for i in range(1, count + 1))


def spanning_times(count: int) -> tuple[float, ...]:
    """Times of `count` >= 2 frames of which the first is I0 and the last I1: i / (count - 1)."""
    return tuple(i / (count - 1) for i in range(count))
