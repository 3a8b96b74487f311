"""RDVFI Fit Trajectory, and its files."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths
from comfy_api.latest import io, ui

from ..rdvfi_core.conventions import motion_size
from ..rdvfi_core.trajectory import file as trajectory_file
from .file_names import filled
from .images import Pair
from .latents import from_latent
from .networks import interrupted, loaded
from .progress import Progress
from .types import CATEGORY, Model, TrajectoryType, TrajectoryValue

SUFFIX = ".trajectory.safetensors"
OUTPUT_MARK = " [output]"  # how ComfyUI marks names of files in the output folder


class RDVFIFitTrajectory(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIFitTrajectory",
            display_name="RDVFI Fit Trajectory",
            category=CATEGORY,
            description="The continuous motion of every pixel between two images, at low resolution. Without keyframes "
            "the motion is straight, or bent by the clip's frames before and after; with keyframes it is chained along "
            "them and may be curved.",
            search_aliases=["optical flow", "motion estimation", "trajectory", "vfi"],
            inputs=[
                Model.Input("model", tooltip="From RDVFI Load Model."),
                io.Image.Input("start_image", tooltip="The first image (time 0)."),
                io.Image.Input("end_image", tooltip="The second image (time 1), of the same size."),
                io.Latent.Input(
                    "keyframes",
                    optional=True,
                    tooltip="From RDVFI Keyframes or RDVFI Keyframes From Frames, or a video model's latents.",
                ),
                io.Vae.Input(
                    "vae",
                    optional=True,
                    tooltip="Decodes keyframes that are latents of another model. Else not needed.",
                ),
                io.Boolean.Input(
                    "direct",
                    default=False,
                    advanced=True,
                    tooltip="Estimate the motion from each keyframe to the two images at once instead of chaining it "
                    "from keyframe to keyframe. For comparison: else the best of both and of straight motion is taken.",
                ),
                io.Image.Input(
                    "frame_before",
                    optional=True,
                    tooltip="The clip's frame as long before the start image as the end image is after it: paths go on "
                    "from its motion. Not used with keyframes.",
                ),
                io.Image.Input(
                    "frame_after",
                    optional=True,
                    tooltip="The clip's frame as long after the end image: paths go on into its motion. Not used with "
                    "keyframes.",
                ),
            ],
            outputs=[
                TrajectoryType.Output(
                    display_name="trajectory", tooltip="For RDVFI Sample Flow, RDVFI Tracks and RDVFI Save Trajectory."
                )
            ],
        )

    @classmethod
    def execute(
        cls, model, start_image, end_image, direct, keyframes=None, vae=None, frame_before=None, frame_after=None
    ) -> io.NodeOutput:
        pair = Pair.of(start_image, end_image)
        if keyframes is None:
            beside = pair.beside(frame_before, "frame_before"), pair.beside(frame_after, "frame_after")
            fit = loaded(model).fit
            found = fit(pair.start, pair.end, 0, "straight", Progress(1).report, interrupted, *beside)
        else:
            chosen = from_latent(keyframes, model, motion_size(*pair.like.size), vae)
            interpolator = loaded(model, keyframes=len(chosen.times))
            way = "direct" if direct else "best"
            found = interpolator.fit_keyframes(pair.start, pair.end, chosen, Progress(1).report, interrupted, way)
        return io.NodeOutput(TrajectoryValue.of(found))


class RDVFISaveTrajectory(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFISaveTrajectory",
            display_name="RDVFI Save Trajectory",
            category=CATEGORY,
            description="Writes a trajectory to the output folder as one safetensors file.",
            search_aliases=["save motion", "export flow"],
            inputs=[
                TrajectoryType.Input("trajectory", tooltip="From RDVFI Fit Trajectory."),
                io.String.Input(
                    "filename_prefix",
                    default="trajectories/rdvfi",
                    tooltip="Folder and start of the name, below ComfyUI's output folder. May hold "
                    "%date:yyyy-MM-dd% and values of other nodes, as in %Empty Latent Image.width%. A number is "
                    "added.",
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, trajectory: TrajectoryValue, filename_prefix: str) -> io.NodeOutput:
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            filled(filename_prefix, cls.hidden), folder_paths.get_output_directory()
        )
        file = f"{name}_{counter:05}_{SUFFIX}"
        trajectory_file.save(trajectory.trajectory(), os.path.join(folder, file))
        return io.NodeOutput(ui=ui.PreviewText(os.path.join(subfolder, file)))


class RDVFILoadTrajectory(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFILoadTrajectory",
            display_name="RDVFI Load Trajectory",
            category=CATEGORY,
            description="Reads a trajectory that RDVFI Save Trajectory wrote, from the input or the output folder.",
            search_aliases=["load motion", "import flow"],
            inputs=[
                io.Combo.Input(
                    "trajectory",
                    options=_files(),
                    tooltip=f"A file that ends in {SUFFIX}, in ComfyUI's input or output folder or a folder in them.",
                )
            ],
            outputs=[
                TrajectoryType.Output(display_name="trajectory", tooltip="For RDVFI Sample Flow and RDVFI Tracks.")
            ],
        )

    @classmethod
    def validate_inputs(cls, trajectory: str) -> bool | str:
        if not trajectory or not folder_paths.exists_annotated_filepath(trajectory):
            return f"There is no trajectory file {trajectory}; save one first, or reload the page to see new files."
        try:
            trajectory_file.check(folder_paths.get_annotated_filepath(trajectory))
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, trajectory: str) -> tuple:
        file = os.stat(folder_paths.get_annotated_filepath(trajectory))
        return trajectory, file.st_mtime_ns, file.st_size

    @classmethod
    def execute(cls, trajectory: str) -> io.NodeOutput:
        found = trajectory_file.load(folder_paths.get_annotated_filepath(trajectory))
        return io.NodeOutput(TrajectoryValue.of(found))


def _files() -> list[str]:
    """Newest first, those of the output folder with ComfyUI's mark."""
    found = []
    for folder, mark in (
        (folder_paths.get_input_directory(), ""),
        (folder_paths.get_output_directory(), OUTPUT_MARK),
    ):
        for path in Path(folder).rglob("*" + SUFFIX):
            found.append((path.stat().st_mtime, path.relative_to(folder).as_posix() + mark))
    return [name for _, name in sorted(found, reverse=True)]
