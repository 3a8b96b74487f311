"""Finished parts of a video, remuxed into one file without decoding them again, with sound, subtitles, chapters and
metadata of the source. Frames get their exact times here: parts only know their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from pathlib import Path

import av

from ..callbacks import ShouldStop, check_stop
from ..timeline import Plan
from . import audio
from .reader import Survey, VideoFile
from .timemap import TimeMap
from .writer import HVC1, IMAGE_NAME, MUXERS, one_sentence

ISO = (".mp4", ".mov")
KEEP_TAGS = {"movflags": "use_metadata_tags"}  # else MP4 drops what it has no own field for, such as a workflow
CONTAINERS_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
ALPHA_TAGS = {"alpha_mode", "ALPHA_MODE"}  # of WebM, whose players look for transparency only where it stands
NO_ENCODER = {"libdav1d", "av1"}  # decoders whose encoders have other names
FINE = Fraction(1, 90000)  # seconds: times of a plan that was edited off its rate are rounded to this
SUBTITLES = {".mp4": {"mov_text"}, ".mov": {"mov_text"}, ".webm": {"webvtt"}}

Timed = tuple[Fraction, int, av.Packet]  # second, order among equals, packet


@dataclass(frozen=True)
class Extras:
    """What of the source goes along with the pictures."""

    video: VideoFile
    survey: Survey
    time_map: TimeMap | None
    audio: str = "auto"


def join(
    parts: Sequence[Path],
    target: Path,  # a file, or a folder that is to be made for PNGs
    suffix: str,
    plan: Plan,
    extras: Extras | None,  # none for pictures alone
    should_stop: ShouldStop | None = None,
    tags: dict[str, str] | None = None,  # of the file, beside those of the source
) -> list[str]:
    """Returns what did not go along, in sentences."""
    with one_sentence(target):
        if not suffix:
            return _images(parts, target, extras)
        with av.open(str(target), "w", format=MUXERS[suffix], options=KEEP_TAGS if suffix in ISO else {}) as container:
            container.metadata.update(tags or {})
            return _Joining(container, parts, suffix, plan, extras).run(should_stop)


class _Joining:
    def __init__(self, container, parts: Sequence[Path], suffix: str, plan: Plan, extras: Extras | None):
        self.container, self.parts, self.suffix, self.plan, self.extras = container, parts, suffix, plan, extras
        self.notes: list[str] = []

    def run(self, should_stop: ShouldStop | None) -> list[str]:
        if self.extras is not None:
            _copy_metadata(self.container, self.extras.video)
        with av.open(str(self.parts[0])) as first:
            template = first.streams.video[0]
            # Opaque: a copy of its parameters, without the encoder of the same name that PyAV looks for otherwise.
            stream = self.container.add_stream_from_template(template, opaque=template.codec_context.name in NO_ENCODER)
            for key in ALPHA_TAGS & template.metadata.keys():
                stream.metadata["alpha_mode"] = template.metadata[key]
            is_hevc = template.codec_context.name == "hevc"
        even = all((self.plan.time(i) * self.plan.fps).denominator == 1 for i in range(len(self.plan)))
        stream.time_base = 1 / self.plan.fps if even else FINE
        if is_hevc and self.suffix in ISO:
            stream.codec_context.codec_tag = HVC1
        tracks = [_ordered(self._pictures(stream), 0)]
        if self.extras is not None and self.suffix != ".gif":
            tracks += [_ordered(track, i) for i, track in enumerate(self._sounds(), 1)]
            tracks += [_ordered(track, i) for i, track in enumerate(self._subtitles(), 100)]
            self._chapters()
        for number, (_, _, packet) in enumerate(merge(*tracks, key=lambda timed: timed[:2])):
            if number % 64 == 0:
                check_stop(should_stop, "The video")
            self.container.mux(packet)
        return self.notes

    def _pictures(self, stream) -> Iterator[tuple[Fraction, av.Packet]]:
        """All parts in decoding order, each packet at the time of its frame in the plan."""
        ranks = [_ranks(part) for part in self.parts]
        reorder = max((i - rank for part in ranks for i, rank in enumerate(part)), default=0)
        before = 0
        for path, order in zip(self.parts, ranks, strict=True):
            with av.open(str(path)) as part:
                packets = (packet for packet in part.demux(video=0) if packet.size)
                for i, (packet, rank) in enumerate(zip(packets, order, strict=True)):
                    shown, decoded = self._time(before + rank), self._time(before + i - reorder)
                    packet.time_base = stream.time_base
                    packet.pts, packet.dts = round(shown / stream.time_base), round(decoded / stream.time_base)
                    packet.duration = round((self._time(before + rank + 1) - shown) / stream.time_base)
                    packet.stream = stream
                    yield decoded, packet
            before += len(order)
        if before != len(self.plan):
            raise ValueError(f"The parts hold {before} frames, the plan {len(self.plan)}; remove them and start again.")

    def _time(self, number: int) -> Fraction:
        """Of an output frame; before the first and after the last one it goes on at the plan's rate."""
        if number < 0:
            return self.plan.time(0) + number / self.plan.fps
        return self.plan.time(number) if number < len(self.plan) else self.plan.duration

    def _sounds(self) -> list[Iterator[tuple[Fraction, av.Packet]]]:
        extras, tracks = self.extras, []
        with extras.video.open() as source:
            streams = [stream for stream in source.streams.audio if _is_playable(stream)]
            if not streams:
                return tracks
            if extras.audio == "drop":
                return tracks
            time_map = extras.time_map
            if time_map is None:
                self.notes.append("The sound is left out: it cannot follow single times or times that go backward.")
                return tracks
            speeds = [piece.speed for piece in time_map.pieces()]
            slowest, fastest = audio.PLEASANT
            if extras.audio == "auto" and not slowest <= sum(speeds) / len(speeds) <= fastest:
                self.notes.append("The sound is left out at this speed; with audio set to 'stretch' it is kept.")
                return tracks
            same = time_map.is_identity and not extras.video.is_trimmed
            for stream in streams:
                place = list(source.streams.audio).index(stream)
                name = stream.codec_context.name
                if same and extras.audio == "auto" and audio.can_copy(name, self.suffix):
                    tracks.append(self._copied("audio", place, stream))
                else:
                    tracks.append(self._encoded(place, stream))
        return tracks

    def _copied(self, kind: str, place: int, template) -> Iterator[tuple[Fraction, av.Packet]]:
        stream = self.container.add_stream_from_template(template)
        stream.metadata.update(_tags(template))
        extras = self.extras

        def packets() -> Iterator[tuple[Fraction, av.Packet]]:
            for second, packet in audio.copied_packets(extras.video, extras.survey, kind, place, self.plan.duration):
                shift = round(extras.survey.start / packet.time_base)
                packet.pts -= shift
                packet.dts = packet.pts if packet.dts is None else packet.dts - shift
                packet.stream = stream
                yield second, packet

        return packets()

    def _encoded(self, place: int, template) -> Iterator[tuple[Fraction, av.Packet]]:
        codec = audio.ENCODERS[self.suffix]
        rate = audio.OPUS_RATE if codec == "libopus" else template.codec_context.sample_rate
        stream = self.container.add_stream(codec, rate=rate, layout=template.codec_context.layout.name)
        if codec != "flac":
            stream.bit_rate = 96_000 * max(1, template.codec_context.layout.nb_channels)
        stream.metadata.update(_tags(template))
        extras = self.extras

        def packets() -> Iterator[tuple[Fraction, av.Packet]]:
            made, context = Fraction(0), stream.codec_context
            context.open()
            fit = av.AudioResampler(context.format, context.layout, rate, frame_size=context.frame_size or 1024)
            frames = audio.stretched_frames(extras.video, extras.survey, place, extras.time_map, rate)
            for frame in _with_end(frames):
                for block in fit.resample(frame):
                    for packet in stream.encode(block):
                        made = packet.pts * packet.time_base if packet.pts is not None else made
                        yield made, packet
            for packet in stream.encode(None):
                yield made, packet

        return packets()

    def _subtitles(self) -> list[Iterator[tuple[Fraction, av.Packet]]]:
        extras, tracks, left = self.extras, [], 0
        with extras.video.open() as source:
            for place, stream in enumerate(source.streams.subtitles):
                fits = self.suffix == ".mkv" or stream.codec_context.name in SUBTITLES.get(self.suffix, ())
                if fits and extras.time_map is not None and not extras.video.is_trimmed:
                    tracks.append(self._retimed(place, stream))
                else:
                    left += 1
        if left:
            self.notes.append(f"{left} subtitle tracks are left out: {self.suffix} or the timeline cannot carry them.")
        return tracks

    def _retimed(self, place: int, template) -> Iterator[tuple[Fraction, av.Packet]]:
        stream = self.container.add_stream_from_template(template)
        stream.metadata.update(_tags(template))
        extras, end = self.extras, self.extras.time_map.knots[-1][1]

        def packets() -> Iterator[tuple[Fraction, av.Packet]]:
            for second, packet in audio.copied_packets(extras.video, extras.survey, "subtitles", place, end):
                base = packet.time_base
                shown = max(Fraction(0), extras.time_map.output(second))
                gone = extras.time_map.output(min(end, second + (packet.duration or 0) * base))
                packet.pts = packet.dts = round(shown / base)
                packet.duration = max(0, round((gone - shown) / base))
                packet.stream = stream
                yield shown, packet

        return packets()

    def _chapters(self) -> None:
        extras = self.extras
        if extras.time_map is None or extras.video.is_trimmed:
            return
        with extras.video.open() as source:
            chapters = source.chapters()
        moved = []
        for chapter in chapters:
            base = chapter["time_base"]
            ends = (extras.time_map.output(chapter[end] * base - extras.survey.start) for end in ("start", "end"))
            start, end = (round(min(max(second, Fraction(0)), self.plan.duration) / base) for second in ends)
            if start < end:
                moved.append({**chapter, "start": start, "end": end})
        if moved:
            self.container.set_chapters(moved)


def _with_end(frames: Iterator) -> Iterator:
    yield from frames
    yield None  # what the resampler still holds


def _ordered(track: Iterator[tuple[Fraction, av.Packet]], number: int) -> Iterator[Timed]:
    return ((second, number, packet) for second, packet in track)


def _ranks(part: Path) -> list[int]:
    """For each packet, in decoding order, which of the part's frames it shows."""
    with av.open(str(part)) as container:
        shown = [packet.pts for packet in container.demux(video=0) if packet.size]
    place = {pts: rank for rank, pts in enumerate(sorted(shown))}
    return [place[pts] for pts in shown]


def _images(parts: Sequence[Path], folder: Path, extras: Extras | None) -> list[str]:
    """A part that holds PNG is a chain of whole PNG files."""
    folder.mkdir()
    number = 0
    for path in parts:
        with av.open(str(path)) as part:
            for packet in part.demux(video=0):
                if packet.size:
                    (folder / IMAGE_NAME.format(number)).write_bytes(bytes(packet))
                    number += 1
    if extras is None:
        return []
    with extras.video.open() as source:
        silent = not len(source.streams.audio) or extras.audio == "drop"
    return [] if silent else ["A folder of PNGs holds no sound; write a video file to keep it."]


def _is_playable(stream) -> bool:
    return stream.codec_context is not None and bool(stream.codec_context.sample_rate)


def _copy_metadata(container, video: VideoFile) -> None:
    ours = CONTAINERS_OWN | {key.lower() for key in container.metadata}  # Matroska writes them in capitals
    with video.open() as source:
        for key, value in source.metadata.items():
            if key.lower() not in ours:
                container.metadata[key] = value


def _tags(stream) -> dict[str, str]:
    return {key: value for key, value in stream.metadata.items() if key in ("language", "title", "handler_name")}
