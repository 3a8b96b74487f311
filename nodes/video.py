"""RDVFI Interpolate Video: a video in, a video at other times out, through files, in memory that does not grow."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from comfy_api.latest import Input, io
from torch import Tensor

from ..rdvfi_core.scan import scan
from ..rdvfi_core.timeline import Plan, Source, Timeline
from ..rdvfi_core.video.audio import CHOICES as AUDIO_CHOICES
from ..rdvfi_core.video.clip import Clip
from ..rdvfi_core.video.colour import Colour
from ..rdvfi_core.video.convert import Choices, at_own_rate, convert, make_job, open_clip
from ..rdvfi_core.video.formats import CODECS, QUALITIES, SUFFIXES, codec_for
from ..rdvfi_core.video.reader import VideoFile
from ..rdvfi_core.video.survey import Survey
from ..rdvfi_core.video.timemap import TimeMap
from ..rdvfi_core.video.tracks import Extras
from .clip_inputs import motion_inputs, reading_inputs
from .images import Pictures
from .networks import Loaded, interrupted
from .progress import Progress
from .stored_videos import stored_file
from .types import CATEGORY, Model, TimelineType, TimelineValue
from .video_targets import Target

FOLDER = "png"  # of many files: no VIDEO
CODEC_CHOICES = ("auto", *(name for name in CODECS if name != FOLDER))
CONTAINERS = tuple(suffix.removeprefix(".") for suffix in SUFFIXES)


class RDVFIInterpolateVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIInterpolateVideo",
            display_name="RDVFI Interpolate Video",
            category=CATEGORY,
            description="Makes a video smoother or slower, or gives it another frame rate, with its sound. Frames are "
            "read, rendered and written one by one, so memory does not grow with the length of the video.",
            search_aliases=[
                "frame interpolation", "vfi", "rife", "film", "slow motion", "retime", "fps", "60 fps", "video speed",
                "time stretch",
            ],
            inputs=[
                Model.Input("model", tooltip="From RDVFI Load Model."),
                io.Video.Input("video", tooltip="From Load Video or Create Video. Its own frame rate is used."),
                io.Int.Input(
                    "multiplier",
                    default=2,
                    min=1,
                    max=256,
                    tooltip="Output frames for each frame of the video, at as many times the rate. Not used where a "
                    "timeline is connected.",
                ),
                TimelineType.Input(
                    "timeline",
                    optional=True,
                    tooltip="From RDVFI Timeline: a rate, slow motion, a speed curve, single times or an edited plan. "
                    "Its source_fps is not used: the video knows its own.",
                ),
                io.Combo.Input(
                    "audio",
                    options=list(AUDIO_CHOICES),
                    default="auto",
                    tooltip="auto: copied where the speed is 1, else stretched with its pitch kept, left out beyond "
                    "1/4 and 4 times. stretch: always encoded anew, at any speed. drop: left out.",
                ),
                io.Combo.Input(
                    "codec",
                    options=list(CODEC_CHOICES),
                    default="auto",
                    tooltip="auto: what suits the container and the video; in mp4 h264, and hevc where the video has "
                    "more than 8 bits. prores goes into mov and mkv, vp9 into webm, mkv and mp4, ffv1 (lossless) into "
                    "mkv.",
                ),
                io.Combo.Input(
                    "quality",
                    options=list(QUALITIES),
                    default="high",
                    tooltip="draft is small, best is nearly lossless.",
                ),
                *reading_inputs(),
                *motion_inputs(),
                io.Boolean.Input(
                    "hardware_encoder",
                    default=True,
                    advanced=True,
                    tooltip="Encode on the GPU where it can; else, and where this is off, in software.",
                ),
                io.Combo.Input(
                    "container",
                    options=list(CONTAINERS),
                    default="mp4",
                    optional=True,
                    tooltip="Kind of file. An mp4 whose video output is connected goes to ComfyUI's temp folder, for "
                    "Save Video. All others are saved right here. mov, mkv, webm and gif carry transparency.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="video/RDVFI",
                    optional=True,
                    tooltip="Where a file is saved that is saved here, in ComfyUI's output folder. May hold "
                    "%date:yyyy-MM-dd% and values of other nodes, as in %Empty Latent Image.width%.",
                ),
                io.Boolean.Input(
                    "deinterlace",
                    default=True,
                    optional=True,
                    advanced=True,
                    tooltip="Interlaced frames become whole pictures, one for each. Off: they are used as they are.",
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip="The file. Save Video copies an mp4, and encodes others anew.",
                ),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the output."),
                io.Int.Output(display_name="frame_count", tooltip="Number of output frames."),
                io.String.Output(
                    display_name="plan", tooltip="Which output frame comes from where, and what was left out, as text."
                ),
                io.String.Output(
                    display_name="plan_json",
                    tooltip="The plan as JSON: edited, it goes into RDVFI Timeline, in the mode plan.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, video: Input.Video, multiplier, audio, codec, quality, cuts, cut_threshold, duplicates, keyframes,
        seed, hardware_encoder, timeline: TimelineValue | None = None, container="mp4", filename_prefix="video/RDVFI",
        deinterlace=True,
    ) -> io.NodeOutput:  # fmt: skip
        codec_for(f".{container}", codec)  # refused before the video is read
        wish = Timeline.multiplied(multiplier) if timeline is None else timeline.timeline
        if isinstance(wish, Plan):  # it knows its cuts and duplicates
            clip, source = clip_of(video, None, "keep", deinterlace)
        else:
            clip, source = clip_of(video, cut_threshold if cuts == "detect" else None, duplicates, deinterlace)
            # The last frame is shown as long as in the source, or the sound would outlast the picture.
            wish = replace(wish, hold_end=True)
        target = Target.of(container, filename_prefix, clip.survey, cls.hidden)
        choices = Choices(codec, quality, hardware_encoder, audio)
        job = make_job(clip, source, wish, target.path, choices, seed, keyframes, tags=target.tags(cls.hidden))
        bar = Progress(len(job.plan))
        renderer = Loaded(model, (clip.survey.height, clip.survey.width))
        for note in job.notes:  # before hours of work
            logging.warning("RDVFI Interpolate Video: %s", note)

        def watch(done: int, total: int, frame: Tensor | None) -> None:
            # The page keeps showing a node's last preview in place of the file that the node saves.
            bar.step(None if target.is_saved else frame)

        later = convert(renderer, job, watch, interrupted, resumable=False)
        later += [target.note] if target.note else []
        for note in later:
            logging.warning("RDVFI Interpolate Video: %s", note)
        text = "\n".join((*job.notes, *later, job.plan.describe()))
        outputs = target.video(), float(job.plan.fps), len(job.plan), text, job.plan.to_json()
        return io.NodeOutput(*outputs, ui=target.shown())


def clip_of(video: Input.Video, cut_threshold: float | None, duplicates: str, deinterlace: bool) -> tuple[Clip, Source]:
    """A video file is read frame by frame; what another node holds in memory already is used as it is."""
    file = stored_file(video, deinterlace)
    if file is not None:
        return open_clip(file, cut_threshold, duplicates, should_stop=interrupted)
    clip = FramesInMemory.of(video)
    found = scan(clip.pictures, cut_threshold, duplicates, should_stop=interrupted)
    survey, source = at_own_rate(clip.survey, found, duplicates, "The video")
    return replace(clip, survey=survey), source


@dataclass(frozen=True)
class FramesInMemory:
    """A `Clip` of what `get_components` gives."""

    pictures: Pictures
    survey: Survey
    sound: BytesIO | None

    @classmethod
    def of(cls, video: Input.Video) -> FramesInMemory:
        components = video.get_components()
        pictures = Pictures.of(components.images, "video", alpha_of(components))
        alpha, rate = pictures.channels == 4, Fraction(components.frame_rate)
        survey = Survey(
            height=pictures.size[0],
            width=pictures.size[1],
            bits=video.get_bit_depth() if hasattr(video, "get_bit_depth") else 8,
            alpha=alpha,
            colour=Colour(),
            sample_aspect=Fraction(1),
            ticks=tuple(range(len(pictures))),
            time_base=1 / rate,
            end=len(pictures),
            fps=rate,
            seekable=True,
            notes=(pictures.note,) if pictures.note else (),
        )
        return cls(pictures.in_colour(alpha), survey, None if components.audio is None else wave_file(components.audio))

    def frames(self, wanted) -> FramesInMemory:
        return self

    def __enter__(self) -> Pictures:
        return self.pictures

    def __exit__(self, *error) -> None:
        pass

    def extras(self, time_map: TimeMap | None, audio: str) -> Extras | None:
        return None if self.sound is None else Extras(VideoFile(self.sound), self.survey, time_map, audio)

    def identity(self) -> str:
        return "in memory"

    def without_alpha(self) -> FramesInMemory:
        return replace(self, pictures=self.pictures.in_colour(False), survey=replace(self.survey, alpha=False))


def alpha_of(components) -> Tensor | None:  # (B, H, W)
    """What core keeps beside the images, for each of them."""
    alpha = getattr(components, "alpha", None)
    if alpha is None or len(alpha) != len(components.images):
        return None
    return alpha[..., 0] if alpha.ndim == 4 else alpha


def wave_file(audio: dict) -> BytesIO:
    """AUDIO as a file of floats, in memory."""
    waveform, rate = audio["waveform"][0], int(audio["sample_rate"])  # (C, N)
    samples = np.ascontiguousarray(waveform.float().cpu().numpy().T).reshape(1, -1)
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(len(waveform), f"{len(waveform)}c")
    file = BytesIO()
    with av.open(file, "w", format="wav") as container:
        stream = container.add_stream("pcm_f32le", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file
