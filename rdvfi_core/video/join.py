"""Finished parts of a video, remuxed into one file without decoding them again, with sound, subtitles, attachments,
chapters and metadata of the source. Frames get their exact times here: parts only know their order.

The pictures are the work: a track that cannot be written after all is left out, and the others are joined anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from heapq import merge
from pathlib import Path

import av

from ..callbacks import ShouldStop, check_stop
from ..timeline import Plan
from .audio import stretched_frames
from .reader import VideoFile
from .samples import copied_packets
from .sound_formats import MUXERS
from .tracks import Extras, Track, encoded_instead
from .writer import DISK_FULL, HVC1, IMAGE_NAME

ISO = (".mp4", ".mov")
KEEP_TAGS = {"movflags": "use_metadata_tags"}  # else MP4 drops what it has no own field for, such as a workflow
CONTAINERS_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
ALPHA_TAGS = {"alpha_mode", "ALPHA_MODE"}  # of WebM, whose players look for transparency only where it stands
NO_ENCODER = {"libdav1d", "av1"}  # decoders whose encoders have other names
FINE = Fraction(1, 90000)  # seconds: times of a plan that was edited off its rate are rounded to this


Timed = tuple[Fraction, int, av.Packet]  # second, order among equals, packet


def join(
    parts: Sequence[Path],
    target: Path,  # a file, or a folder that is to be made for PNGs
    suffix: str,
    plan: Plan,
    extras: Extras | None,  # none for pictures alone
    tracks: Sequence[Track] = (),  # of the source of `extras`
    should_stop: ShouldStop | None = None,
    tags: dict[str, str] | None = None,  # of the file, beside those of the source
) -> list[str]:
    """Returns which tracks did not go along after all, in sentences."""
    notes: list[str] = []
    if not suffix:
        _images(parts, target)
        return notes
    while True:
        try:
            _file(parts, target, suffix, plan, extras, tracks, should_stop, tags)
            return notes
        except TrackError as error:
            instead = error.track and encoded_instead(error.track, extras, suffix)
            name = f"{extras.video.name}: {error.track.name if error.track else 'sound and subtitles'}"
            done = f"encoded as {instead.sound.encoder}" if instead else "left out"
            notes.append(f"{name} had to be {done} ({error.reason}).")
            kept = [instead if track is error.track else track for track in tracks if error.track]
            tracks = [track for track in kept if track is not None]


class TrackError(Exception):
    """A track that cannot be written; which one, where that is known."""

    def __init__(self, track: Track | None, error: Exception):
        super().__init__(track, error)
        self.track = track
        self.reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def _file(parts, target: Path, suffix: str, plan: Plan, extras, tracks: Sequence[Track], should_stop, tags) -> None:
    container = av.open(str(target), "w", format=MUXERS[suffix], options=KEEP_TAGS if suffix in ISO else {})
    try:
        container.metadata.update(tags or {})
        _Joining(container, parts, suffix, plan, extras, tracks).run(should_stop)
    except BaseException:
        with suppress(OSError, ValueError):  # it cannot be ended well either
            container.close()
        raise
    container.close()


class _Joining:
    def __init__(
        self, container, parts: Sequence[Path], suffix: str, plan: Plan, extras: Extras | None, tracks: Sequence[Track]
    ):
        self.container, self.parts, self.suffix, self.plan = container, parts, suffix, plan
        self.extras, self.tracks = extras, tracks

    def run(self, should_stop: ShouldStop | None) -> None:
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
        timed = [_ordered(self._pictures(stream), 0)]
        for number, track in enumerate(self.tracks, 1):
            packets = self._added(track)
            if packets is not None:
                timed.append(_ordered(_blamed(packets, track), number))
        if self.extras is not None and self.suffix != ".gif":
            self._chapters()
        self._mux(merge(*timed, key=lambda timed: timed[:2]), should_stop)

    def _mux(self, timed: Iterator[Timed], should_stop: ShouldStop | None) -> None:
        for number, (_, track, packet) in enumerate(timed):
            if number % 64 == 0:
                check_stop(should_stop, "The video")
            try:
                self.container.mux(packet)
            except (OSError, ValueError) as error:
                if not self.tracks or getattr(error, "errno", None) in DISK_FULL:
                    raise
                # The first packet brings the header, which is about all of them.
                raise TrackError(self.tracks[track - 1] if track and number else None, error) from error

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

    def _added(self, track: Track) -> Iterator[tuple[Fraction, av.Packet]] | None:
        """The packets of a track, for which there is a stream now; none for what has no times."""
        with self.extras.video.open() as source, _blame(track):
            template = getattr(source.streams, track.kind)[track.place]
            if track.kind == "attachments":
                self.container.add_attachment(template.name, template.mimetype, template.data)
                return None
            if track.sound is not None:
                stream = track.sound.add_to(self.container)
            else:
                stream = self.container.add_stream_from_template(template)
            stream.metadata.update(_tags(template))
            stream.disposition = getattr(template.disposition, "value", template.disposition)  # no int before PyAV 18
        if track.sound is not None:
            return self._encoded(track, stream)
        return self._copied(track, stream) if track.kind == "audio" else self._retimed(track, stream)

    def _copied(self, track: Track, stream) -> Iterator[tuple[Fraction, av.Packet]]:
        extras = self.extras
        for second, packet in copied_packets(extras.video, extras.survey, "audio", track.place, self.plan.duration):
            shift = round(extras.survey.start / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = stream
            yield second, packet

    def _encoded(self, track: Track, stream) -> Iterator[tuple[Fraction, av.Packet]]:
        extras, made = self.extras, Fraction(0)
        frames = stretched_frames(extras.video, extras.survey, track.place, extras.time_map, track.sound)
        for packet in track.sound.encoded(stream, frames):
            made = packet.pts * packet.time_base if packet.pts is not None else made
            yield made, packet

    def _retimed(self, track: Track, stream) -> Iterator[tuple[Fraction, av.Packet]]:
        extras, end = self.extras, self.extras.time_map.duration
        for second, packet in copied_packets(extras.video, extras.survey, "subtitles", track.place, end):
            base = packet.time_base
            shown = max(Fraction(0), extras.time_map.output(second))
            gone = extras.time_map.output(min(end, second + (packet.duration or 0) * base))
            packet.pts = packet.dts = round(shown / base)
            packet.duration = max(0, round((gone - shown) / base))
            packet.stream = stream
            yield shown, packet

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


@contextmanager
def _blame(track: Track) -> Iterator[None]:
    """Whatever fails is the track's fault, but for a full disk."""
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) in DISK_FULL:
            raise
        raise TrackError(track, error) from error


def _blamed(packets: Iterator, track: Track) -> Iterator:
    with _blame(track):
        yield from packets


def _ordered(track: Iterator[tuple[Fraction, av.Packet]], number: int) -> Iterator[Timed]:
    return ((second, number, packet) for second, packet in track)


def _ranks(part: Path) -> list[int]:
    """For each packet, in decoding order, which of the part's frames it shows."""
    with av.open(str(part)) as container:
        shown = [packet.pts for packet in container.demux(video=0) if packet.size]
    place = {pts: rank for rank, pts in enumerate(sorted(shown))}
    return [place[pts] for pts in shown]


def _images(parts: Sequence[Path], folder: Path) -> None:
    """A part that holds PNG is a chain of whole PNG files."""
    folder.mkdir()
    number = 0
    for path in parts:
        with av.open(str(path)) as part:
            for packet in part.demux(video=0):
                if packet.size:
                    (folder / IMAGE_NAME.format(number)).write_bytes(bytes(packet))
                    number += 1


def _copy_metadata(container, video: VideoFile) -> None:
    ours = CONTAINERS_OWN | {key.lower() for key in container.metadata}  # Matroska writes them in capitals
    with video.open() as source:
        for key, value in source.metadata.items():
            if key.lower() not in ours:
                container.metadata[key] = value


def _tags(stream) -> dict[str, str]:
    return {key: value for key, value in stream.metadata.items() if key in ("language", "title", "handler_name")}
