"""A video file as exact times and upright RGB frames, decoded one by one.

A file is read twice. The survey decodes all of it, at a small size, and so finds out what can really be decoded: the
headers are often wrong. Then the frames that a plan asks for are decoded at full size, in a thread that runs ahead."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from torch import Tensor

from ..callbacks import Progress
from ..memory import pairs_ahead
from ..timeline import exact_fps
from .clock import may_jump
from .colour import Colour, has_alpha, is_transparent, small_tensor, to_tensor
from .decoding import Damage, decoded, decoder_of, deinterlaced
from .hdr import Hdr
from .missing import missing
from .orientation import Orientation
from .sizes import at_one_size
from .streams import film_of, is_film
from .survey import Survey
from .telecine import RATES, FieldRepeats
from .threads import ahead, waiting

NEAR = 48  # frames: decoding on is cheaper than seeking, which goes back to a key frame
SMALL_SIDE = 160  # of the survey's frames, the longer one


class VideoFile:
    """file: a path, or bytes in memory. start, duration: the part of it that is used, in seconds of the file; no
    duration is up to the end. deinterlace: frames of two fields are made whole pictures, one for each."""

    def __init__(
        self,
        file: str | Path | BytesIO,
        start: Fraction = Fraction(0),
        duration: Fraction | None = None,
        deinterlace: bool = True,
    ):
        self.file, self.start, self.duration, self.deinterlace = file, start, duration, deinterlace
        self.name = "The video" if isinstance(file, BytesIO) else str(file)

    @property
    def is_trimmed(self) -> bool:
        return self.start > 0 or self.duration is not None

    @contextmanager
    def open(self) -> Iterator[av.container.InputContainer]:
        """For reading; ValueError in one sentence where that cannot be."""
        if isinstance(self.file, BytesIO):
            self.file.seek(0)
        elif not Path(self.file).is_file():
            raise ValueError(f"{self.name} is not a file; give a video file.")
        try:
            container = av.open(self.file if isinstance(self.file, BytesIO) else str(self.file))
        except (av.FFmpegError, OSError) as error:
            reason = error.strerror or error
            raise ValueError(f"{self.name} cannot be read as a video ({reason}); give an intact video file.") from error
        with container:
            yield container

    def survey(
        self,
        look: Callable[[Iterator[Tensor], Sequence[int]], object] | None = None,
        progress: Progress | None = None,
    ) -> tuple[Survey, object]:
        """Decodes everything once. look: takes (3, h, w) small frames, not turned upright, and the ticks of
        those that were taken so far; it may return what it found."""
        survey, found = self._survey(look, progress)
        return self._survey(look, progress, survey.telecine) if survey.telecine else (survey, found)

    def _survey(self, look, progress, telecine: str = "") -> tuple[Survey, object]:
        """telecine: it was seen that the frames are, in which order of fields; these are matched."""
        first: list[av.VideoFrame] = []
        ticks: list[int] = []
        sizes: Counter[tuple[int, int]] = Counter()
        seen, repeats = Damage(), FieldRepeats()

        def frames_of_film() -> Iterator[tuple[int, av.VideoFrame]]:
            return deinterlaced(self._decode(seen), telecine) if telecine else self._decode(seen)

        def small() -> Iterator[Tensor]:
            for tick, frame in ahead(frames_of_film(), waiting()):
                if not first:
                    first.append(frame)
                    scale = SMALL_SIDE / max(frame.width, frame.height)
                    size = tuple(max(16, round(side * min(scale, 1))) for side in (frame.height, frame.width))
                    colour = Colour.of(frame)
                ticks.append(tick)
                sizes[frame.width, frame.height] += 1
                if self.deinterlace and not telecine and seen.may_be_telecine:
                    repeats.see(frame)
                if progress is not None:
                    progress(len(ticks), max(seen.promised, len(ticks)))
                seen.length = 0 if seen.counted or seen.in_order else frame.duration or 0
                yield small_tensor(frame, colour, size)

        frames = small()
        found = look(frames, ticks) if look is not None else None
        for _ in frames:
            pass  # what was not looked at
        if not ticks and Path(self.name).suffix.lower() == ".webp":
            raise ValueError(
                f"{self.name} is an animated WebP, which FFmpeg cannot decode here; make it an animated PNG or a GIF."
            )
        if not ticks:
            part = " in the part that was asked for" if self.is_trimmed else ""
            raise ValueError(f"{self.name} holds no video frame that can be decoded{part}; give another file.")
        survey = self._surveyed(first[0], ticks, seen, telecine or repeats.order)
        return at_one_size(survey, sizes, self.name), found

    def frames(self, survey: Survey, wanted: Callable[[int], bool] | None = None) -> FileFrames:
        """At full size; those that are not wanted are decoded only where others depend on them."""
        return FileFrames(self, survey, wanted)

    def _surveyed(self, frame: av.VideoFrame, ticks: list[int], seen: Damage, telecine: str) -> Survey:
        with self.open() as container:
            stream = film_of(container)
            rate = 1 / seen.time_base if seen.counted else stream.guessed_rate or stream.average_rate
            fps = exact_fps(Fraction(rate)) if rate and 0 < rate <= 1000 else None
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            time_base = seen.time_base
            step = _step(ticks, seen.length, fps, time_base)
            end = ticks[-1] + step
            if self.duration is not None:
                end = min(end, max(ticks[-1] + 1, round((self.start + self.duration) / time_base)))
            notes = seen.notes(self.name)
            if not self.is_trimmed and len(seen.joints) < 2:
                notes += missing(self.name, container, stream, ticks[0], ticks[-1] + step, len(ticks), seen)
            films = sum(map(is_film, container.streams.video))
            if films > 1:
                used = f"number {stream.index}, {stream.codec_context.width}x{stream.codec_context.height}"
                notes.append(f"{self.name} holds {films} video streams; one of them ({used}) is used.")
            if telecine:
                notes.append(
                    f"{self.name} is film on interlaced video (telecine): its own frames are put together again."
                )
            elif seen.interlaced:
                done = "are made whole pictures, one for each" if self.deinterlace else "are left as they are"
                notes.append(f"{self.name}: {seen.interlaced} of {len(ticks)} frames are interlaced and {done}.")
        orientation = Orientation.of(frame)
        height, width = orientation.size(frame.height, frame.width)
        bits = max((component.bits for component in frame.format.components), default=8)
        alpha = seen.transparent if stream.codec_context.name == "gif" else has_alpha(frame)
        return Survey(
            height=height,
            width=width,
            bits=bits,
            alpha=alpha,
            colour=Colour.of(frame),
            sample_aspect=1 / aspect if orientation.transposed and aspect else aspect or Fraction(1),
            ticks=tuple(ticks),
            time_base=time_base,
            end=end,
            fps=fps,
            seekable=not (seen.counted or seen.in_order) and len(seen.joints) < 2,
            hdr=Hdr.of(frame),
            orientation=orientation,
            interlaced=self.deinterlace and seen.interlaced > 0 and not telecine,
            telecine=telecine,
            joints=tuple(seen.joints),
            notes=tuple(notes),
        )

    def _decode(self, seen: Damage, start: int | None = None) -> Iterator[tuple[int, av.VideoFrame]]:
        """(tick, frame) with rising ticks. start: a tick, at or before which decoding begins where the file can seek.
        Pieces that cannot be decoded are counted and left out."""
        with self.open() as container:
            stream = film_of(container)
            if stream is None:
                raise ValueError(f"{self.name} has no video stream; give a video file.")
            seen.time_base, seen.promised = stream.time_base, stream.frames
            rate = stream.guessed_rate or stream.average_rate
            seen.may_be_telecine = bool(rate) and RATES[0] < rate < RATES[1]
            decode = decoder_of(stream)
            low = self.start / stream.time_base
            if start is None and self.start > 0 and not may_jump(container):
                start = int(low)
            if start is not None:
                container.seek(start, stream=stream)
            high = None if self.duration is None else (self.start + self.duration) / stream.time_base
            last = None
            for frame in decoded(container, stream, decode, seen):
                tick = frame.pts if frame.pts is not None else frame.dts
                if tick is None:  # a bare stream, without times
                    rate = stream.codec_context.framerate or stream.guessed_rate or 25  # H.264 may be guessed by field
                    seen.counted, seen.time_base = True, 1 / Fraction(rate)
                    tick = 0 if last is None else last + 1
                if last is not None and tick <= last:
                    seen.backward += 1
                    continue
                last = tick
                if self.is_trimmed and tick < low:
                    continue
                if high is not None and tick >= high:
                    return
                seen.corrupt += frame.is_corrupt
                seen.interlaced += frame.interlaced_frame
                seen.transparent = seen.transparent or (stream.codec_context.name == "gif" and is_transparent(frame))
                yield tick, frame


class FileFrames(Sequence[Tensor]):
    """(3 or 4, H, W) float32 in [0, 1], upright, by their number. Cheap in rising order; going back seeks."""

    def __init__(self, video: VideoFile, survey: Survey, wanted: Callable[[int], bool] | None = None):
        self._video, self._survey, self.wanted = video, survey, wanted
        self._kept: OrderedDict[int, Tensor] = OrderedDict()
        at_once = pairs_ahead(survey.height, survey.width) if waiting() else 1
        self._room = at_once + 2  # frames of those pairs, and the one before
        self._stream, self._next = None, 0

    def __len__(self) -> int:
        return len(self._survey.ticks)

    def __getitem__(self, index: int) -> Tensor:
        if index not in self._kept:
            if not 0 <= index < len(self):
                raise IndexError(index)
            if len(self._kept) == self._room:
                self._kept.popitem(last=False)
            self._kept[index] = self._find(index)
        self._kept.move_to_end(index)
        return self._kept[index]

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self._kept.clear()

    def __enter__(self) -> FileFrames:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def _find(self, index: int) -> Tensor:
        beyond = self._survey.seekable and index > self._next + NEAR
        fresh = self._stream is None or index < self._next or beyond
        for seek in (True, False):
            if fresh:
                if self._stream is not None:
                    self._stream.close()
                self._stream = ahead(self._converted(index, seek and self._survey.seekable and index > 0), waiting())
            for number, frame in self._stream:
                self._next = number + 1
                if number == index and frame is not None:
                    return frame
                if number >= index:
                    break
            fresh = True  # it sought too far, or decoded otherwise than in the survey: once more from the beginning
        raise ValueError(f"{self._video.name} has changed while it was read: frame {index} is gone; start again.")

    def _converted(self, index: int, seek: bool) -> Iterator[tuple[int, Tensor | None]]:
        """(number, frame) from at most `index` on; None for a frame that is not wanted."""
        survey = self._survey
        size = survey.orientation.size(survey.height, survey.width)  # as stored
        # Fields are completed with the frame before, and matched among those around.
        start = max(0, index - (3 if survey.telecine else survey.interlaced))
        frames = self._video._decode(Damage(), survey.ticks[start] if seek else None)
        fielded = survey.interlaced or survey.telecine
        for tick, frame in deinterlaced(frames, survey.telecine) if fielded else frames:
            number = bisect_left(survey.ticks, tick)
            if number == len(survey.ticks) or survey.ticks[number] != tick:
                continue
            if number < index or (number > index and self.wanted is not None and not self.wanted(number)):
                yield number, None
            else:
                yield number, to_tensor(frame, survey.colour, survey.depth, survey.alpha, survey.orientation, size)


def _step(ticks: list[int], length: int, fps: Fraction | None, time_base: Fraction) -> int:
    """Ticks that the last frame lasts: as it says itself, as the one before, or by the rate."""
    if length > 0:
        return length
    if len(ticks) > 1:
        return ticks[-1] - ticks[-2]
    return max(1, round(1 / ((fps or 25) * time_base)))
