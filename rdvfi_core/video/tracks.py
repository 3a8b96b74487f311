"""What of the source goes along with the pictures, and how: decided when the job is made, from what the container and
its encoders take."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .audio import PLEASANT
from .reader import VideoFile
from .sound_formats import SoundFormat, sound_format, takes, usual_layout
from .streams import film_of, is_film
from .survey import Survey
from .timemap import TimeMap


@dataclass(frozen=True)
class Extras:
    """What of the source goes along with the pictures."""

    video: VideoFile
    survey: Survey
    time_map: TimeMap | None
    audio: str = "auto"


@dataclass(frozen=True)
class Track:
    kind: str  # "audio", "subtitles", "attachments"
    place: int  # among the source's streams of its kind
    name: str  # in messages
    sound: SoundFormat | None = None  # what it is encoded in; none where its packets are copied


def planned(extras: Extras, suffix: str) -> tuple[tuple[Track, ...], list[str]]:
    """The tracks, and what is left out or changed, in sentences."""
    with extras.video.open() as source:
        if suffix in ("", ".gif"):
            kind = "A GIF" if suffix else "A folder of PNGs"
            silent = not source.streams.audio or extras.audio == "drop"
            return (), [] if silent else [f"{kind} holds no sound; write a video file to keep it."]
        sounds, about_sounds = _sounds(extras, source, suffix)
        others, about_others = _others(extras, source, suffix)
        return (*sounds, *others), about_sounds + about_others


def encoded_instead(track: Track, extras: Extras, suffix: str) -> Track | None:
    """For a sound that turned out not to be one that can be copied."""
    if track.kind != "audio" or track.sound is not None:
        return None
    with extras.video.open() as source:
        form = _format(source.streams.audio[track.place], suffix)
    return None if form is None else Track(track.kind, track.place, track.name, form)


def _sounds(extras: Extras, source, suffix: str) -> tuple[list[Track], list[str]]:
    streams = source.streams.audio
    if not streams or extras.audio == "drop":
        return [], []
    if extras.time_map is None:
        return [], ["The sound is left out: it cannot follow single times or times that go backward."]
    if extras.audio == "auto" and not PLEASANT[0] <= _mean_speed(extras.time_map) <= PLEASANT[1]:
        return [], ["The sound is left out at this speed; with audio set to 'stretch' it is kept."]
    tracks, notes = [], []
    is_copied = extras.audio == "auto" and extras.time_map.is_identity and not extras.video.is_trimmed
    for place, stream in enumerate(streams):
        name = "the sound" if len(streams) == 1 else f"sound {place + 1}"
        said = f"{extras.video.name}: {name}"
        if not _is_playable(stream):
            notes.append(f"{said} is left out: FFmpeg cannot decode it.")
        elif is_copied and takes(suffix, stream):
            tracks.append(Track("audio", place, name))
        elif (form := _format(stream, suffix)) is None:
            notes.append(f"{said} is left out: its {_described(stream)} fit no encoder for {suffix}.")
        else:
            tracks.append(Track("audio", place, name, form))
            context = stream.codec_context
            if (usual_layout(context.layout.name), context.sample_rate) != (form.layout, form.rate):
                notes.append(
                    f"{said} becomes {form.layout} at {form.rate} Hz, which {form.encoder} takes; it has "
                    f"{_described(stream)}."
                )
    return tracks, notes


def _others(extras: Extras, source, suffix: str) -> tuple[list[Track], list[str]]:
    tracks, notes, left = [], [], 0
    follows = extras.time_map is not None and not extras.video.is_trimmed
    for place, stream in enumerate(source.streams.subtitles):
        if follows and takes(suffix, stream):
            tracks.append(Track("subtitles", place, f"subtitles {place + 1}"))
        else:
            left += 1
    if left:
        notes.append(f"{left} subtitle tracks are left out: {suffix} or the timeline cannot carry them.")
    attached = source.streams.attachments
    if suffix == ".mkv":
        tracks += [Track("attachments", i, stream.name or f"attachment {i + 1}") for i, stream in enumerate(attached)]
    elif attached:
        notes.append(f"{len(attached)} attachments (fonts, pictures) are left out: .mkv alone carries them.")
    film = film_of(source)
    pictures = sum(stream is not film and not is_film(stream) for stream in source.streams.video)
    data = sum(not _names_chapters(stream, source) for stream in source.streams.data)
    for count, kind in ((data, "data streams (time code, telemetry)"), (pictures, "cover pictures")):
        if count:
            notes.append(f"{count} {kind} are left out.")
    return tracks, notes


def _names_chapters(stream, source) -> bool:
    """MP4 and MOV hold the titles of chapters as a track of their own, one piece for each; time code has one too."""
    return stream.frames == len(source.chapters()) and "timecode" not in stream.metadata


def _format(stream, suffix: str) -> SoundFormat | None:
    context = stream.codec_context
    return sound_format(suffix, context.layout.name, context.sample_rate)


def _described(stream) -> str:
    context = stream.codec_context
    return f"{context.layout.name} at {context.sample_rate} Hz"


def _mean_speed(time_map: TimeMap) -> Fraction:
    speeds = [piece.speed for piece in time_map.pieces()]
    return sum(speeds, Fraction(0)) / len(speeds)


def _is_playable(stream) -> bool:
    context = stream.codec_context
    return context is not None and bool(context.sample_rate) and context.layout.nb_channels > 0
