"""The pack's workflow templates, and what each of them gives."""

from __future__ import annotations

from comfyui import REPOSITORY

WORKFLOWS = REPOSITORY / "workflows"
TEMPLATES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))

SHORT = {"width": 320, "height": 180, "frames": 5}  # of the sample clip in tests, at most

# Frames and frames per second of the video that a template saves, from a sample clip no longer than that.
VIDEOS = {
    "animation-on-twos-made-smooth": (9, 48),
    "generated-clip-four-times-smoother": (17, 64),
    "point-tracks": (17, 16),
    "rdvfi-in-the-core-interpolation-node": (17, 24),
    "slow-motion-from-two-pictures": (25, 24),
    "speed-ramp": (8, 24),
    "video-at-60-frames-a-second": (13, 60),
}

# Templates that need files which the user downloads. Tests put small random models, or files that are never read, in
# their places.
WAN_FILES = {
    "wan_fun_inp.safetensors": "diffusion_models/wan2.1_fun_inp_1.3B_bf16.safetensors",
    "wan_vae.safetensors": "vae/wan_2.1_vae.safetensors",
}
UNREAD_FILES = ("text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors",)
WITH_SMALL_MODELS = {"wan-one-step-keyframes": (3, 24)}  # frames and rate of its video
VALIDATED_ONLY = ("a-generators-latents-as-keyframes",)  # its text encoder has no small twin

# Title of a preview and its number of pictures.
PREVIEWS = {
    "every-step-as-a-node": {
        "Keyframes": 7,
        "Motion to the start": 4,
        "Motion to the end": 4,
        "Seen in the start": 4,
        "Seen in the end": 4,
        "Frames": 4,
    }
}
