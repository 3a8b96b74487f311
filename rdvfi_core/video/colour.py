"""Between FFmpeg's frames and tensors: matrix, range, depth, alpha and rotation in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import av
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..pixels.alpha import on_ground
from .orientation import Orientation

UNKNOWN = 2  # "unspecified", as matrix, primaries and transfer
BT709, BT601, BT2020 = 1, 6, 9
PQ, HLG = 16, 18
UNKNOWN_RANGE, LIMITED, FULL = 0, 1, 2
RGB_MATRIX = 0
HD_WIDTH, SD_HEIGHT = 1280, 576  # from the one on or beyond the other, untagged video is taken for BT.709
AREA = 0x20  # swscale's
CAREFUL = 0x4 | 0x2000 | 0x4000 | 0x40000  # swscale's BICUBIC, FULL_CHR_H_INT, FULL_CHR_H_INP and ACCURATE_RND
# (bits, alpha) -> RGB with a plane for each channel, like tensors: interleaving and back would cost as much as swscale
PLANAR = {(8, False): "gbrp", (8, True): "gbrap", (16, False): "gbrp16le", (16, True): "gbrap16le"}
WHITE, GREY = 1.0, 0.5  # grounds for what is transparent: where alpha is left out, and for the look before
ORDER = (2, 0, 1, 3)  # of the planes that hold red, green, blue and alpha


@dataclass(frozen=True)
class Colour:
    """The tags of a stream, as the numbers that all containers share. Matrix and range are needed to make RGB: where
    they are guessed, nobody else learns of it."""

    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709
    range: int = LIMITED
    matrix_tagged: bool = True
    range_tagged: bool = True

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Colour:
        """What is not tagged is taken as players take it: BT.709 for HD, also where it is cut to a wide format or
        upright, BT.601 for what is smaller, limited range."""
        if frame.format.is_rgb or frame.format.name == "pal8":
            return cls(RGB_MATRIX, *_tags(frame), FULL)
        matrix, tagged = frame.colorspace, frame.colorspace not in (UNKNOWN, RGB_MATRIX)
        if not tagged:
            short, long = sorted((frame.width, frame.height))
            matrix = BT709 if long >= HD_WIDTH or short > SD_HEIGHT else BT601
        full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
        known = full or frame.color_range == LIMITED
        return cls(matrix, *_tags(frame), FULL if full else LIMITED, tagged, known)

    @property
    def is_hdr(self) -> bool:
        return self.transfer in (PQ, HLG)

    def stored(self) -> Colour:
        """For luma and chroma in a file, in limited range, which every player expects. RGB is coded by BT.709; else the
        tags are those of the source, and none where it has none."""
        if self.matrix != RGB_MATRIX:
            return replace(self, range=LIMITED)
        primaries, transfer = (BT709 if tag == UNKNOWN else tag for tag in (self.primaries, self.transfer))
        return Colour(BT709, primaries, transfer, LIMITED)

    @property
    def tags(self) -> tuple[int, int, int, int]:
        """Matrix, primaries, transfer and range, as they are to be written."""
        matrix = self.matrix if self.matrix_tagged else UNKNOWN
        return matrix, self.primaries, self.transfer, self.range if self.range_tagged else UNKNOWN_RANGE


def _tags(frame: av.VideoFrame) -> tuple[int, int]:
    return frame.color_primaries, frame.color_trc


def to_tensor(
    frame: av.VideoFrame, colour: Colour, bits: int, alpha: bool, orientation: Orientation, size: tuple[int, int]
) -> Tensor:  # (3 or 4, H, W) float32 in [0, 1], upright
    """bits: 8 or 16 of the RGB in between. alpha: is kept, else what it hides becomes white. size: (H, W) as stored,
    which frames keep where a stream changes its own."""
    seen = has_alpha(frame)
    pixels = _converted(frame, colour, PLANAR[bits, alpha or seen], size, CAREFUL)
    planes = [orientation.upright(plane) for plane in _planes(pixels, bits)]
    tensor = torch.empty(len(planes), *planes[0].shape)
    np.stack(planes, out=tensor.numpy())
    tensor.div_(_top(bits))
    return on_ground(tensor, WHITE) if seen and not alpha else tensor


def has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def is_transparent(frame: av.VideoFrame) -> bool:
    """Somewhere, and not only by its format: a GIF is decoded with alpha though every pixel of it may be opaque."""
    if not has_alpha(frame):
        return False
    return bool((_planes(frame.reformat(format=PLANAR[8, True]), 8)[3] < 255).any())


def small_tensor(frame: av.VideoFrame, colour: Colour, size: tuple[int, int]) -> Tensor:  # (3, *size)
    """Reduced on the way: for a look at every frame of a long clip. Not turned upright. Two fields are averaged, which
    swscale would reduce one by one and weave again."""
    fields = 1 + frame.interlaced_frame
    if has_alpha(frame):  # at full size, or hidden colours would leak over the edges
        whole = to_tensor(frame, colour, 8, True, Orientation(), (frame.height, frame.width))
        return F.interpolate(on_ground(whole, GREY)[None], size, mode="area")[0]
    pixels = _converted(frame, colour, "rgb24", (fields * size[0], size[1]), AREA).to_ndarray()
    return torch.from_numpy(pixels).permute(2, 0, 1).float().unflatten(1, (size[0], fields)).mean(2) / 255


def _converted(frame: av.VideoFrame, colour: Colour, kind: str, size: tuple[int, int], scaling: int) -> av.VideoFrame:
    """Without the frame's own tags, all that is needed of which is given: swscale refuses some of them (constant
    luminance, logarithms, before FFmpeg 8.1)."""
    own = frame.colorspace, frame.color_primaries, frame.color_trc
    frame.colorspace = frame.color_primaries = frame.color_trc = UNKNOWN
    try:
        return frame.reformat(
            height=size[0],
            width=size[1],
            format=kind,
            src_colorspace=_coefficients(colour.matrix),
            src_color_range=colour.range,
            dst_color_range=FULL,
            interpolation=scaling,
            threads=1,
        )
    finally:
        frame.colorspace, frame.color_primaries, frame.color_trc = own


def _planes(frame: av.VideoFrame, bits: int) -> list[np.ndarray]:  # (H, W) each, R, G, B and where there is one alpha
    """Views into a frame of a `PLANAR` format, without what its lines are padded with."""
    kind, lines = np.dtype(np.uint8 if bits == 8 else "<u2"), []
    for number in ORDER[: len(frame.planes)]:
        plane = frame.planes[number]
        line = plane.line_size // kind.itemsize
        lines.append(np.frombuffer(plane, kind).reshape(-1, line)[: frame.height, : frame.width])
    return lines


def _top(bits: int) -> int:
    return 255 if bits == 8 else 65535


def to_rgb(image: Tensor, bits: int) -> av.VideoFrame:  # (3 or 4, H, W) float in [0, 1]
    """Rounded: what came from so many bits returns to the same bits."""
    frame = av.VideoFrame(image.shape[2], image.shape[1], PLANAR[bits, image.shape[0] == 4])
    for plane, channel in zip(_planes(frame, bits), image, strict=True):
        plane[:] = _scaled(channel, bits)
    return frame


def to_integers(image: Tensor) -> np.ndarray:  # (H, W, 3 or 4) uint8
    return np.ascontiguousarray(_scaled(image, 8).astype(np.uint8).transpose(1, 2, 0))


def _scaled(image: Tensor, bits: int) -> np.ndarray:
    """Whole numbers, still as floats."""
    top = _top(bits)
    return image.float().mul(top).round_().clamp_(0, top).cpu().numpy()


def to_stored(frame: av.VideoFrame, pixel_format: str, colour: Colour) -> av.VideoFrame:
    """RGB as the file keeps it, as its tags say; swscale alone would take BT.601."""
    stored = frame.reformat(
        format=pixel_format,
        src_color_range=FULL,
        dst_color_range=colour.range,
        dst_colorspace=_coefficients(colour.matrix),
        interpolation=CAREFUL,
        threads=1,
    )
    stored.colorspace, _, _, stored.color_range = colour.tags
    return tag(stored, colour)


def tag(frame: av.VideoFrame, colour: Colour) -> av.VideoFrame:
    """The same frame: some encoders (ProRes, PNG) read what the codec's context says from the frames instead."""
    _, frame.color_primaries, frame.color_trc, _ = colour.tags
    return frame


def _coefficients(matrix: int) -> int:
    """swscale's number: as the standard's, but one for both kinds of BT.601."""
    return {RGB_MATRIX: BT709, 6: 5, 10: BT2020}.get(matrix, matrix if matrix in (1, 4, 5, 7, 9) else BT709)
