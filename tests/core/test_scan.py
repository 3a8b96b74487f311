"""Cuts and duplicates in drawn clips."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from clip_files import texture
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from rdvfi_core.errors import Interrupted
from rdvfi_core.scan import Scan, scan
from rdvfi_core.scenes.sample import sample_scene

HEIGHT, WIDTH = 96, 160


def shot(seed: int, frames: int = 8, speed: int = 2) -> list[Tensor]:
    """A pan by so many px a frame."""
    whole = texture(seed, HEIGHT, 4 * WIDTH)
    return [whole[:, :, i * speed : i * speed + WIDTH] for i in range(frames)]


def noisy(frames: list[Tensor], strength: float = 0.02) -> list[Tensor]:
    """As compression leaves them: no two frames are equal."""
    generator = torch.Generator().manual_seed(0)
    return [(frame + strength * torch.randn(frame.shape, generator=generator)).clamp(0, 1) for frame in frames]


def cuts(frames: list[Tensor], **more) -> tuple[int, ...]:
    return scan(iter(frames), **more).cuts


def test_cuts_are_found_where_shots_meet():
    assert cuts(noisy(shot(0, 8) + shot(1, 5) + shot(2, 9))) == (7, 12)
    assert cuts(noisy([frame.mean(0, keepdim=True) for frame in shot(0) + shot(1)])) == (7,)  # grey
    alpha = [torch.cat((frame, torch.ones(1, HEIGHT, WIDTH))) for frame in shot(0) + shot(1)]
    assert cuts(alpha) == (7,)


def test_a_jump_within_one_scene_is_a_cut_where_all_else_is_calm():
    """Most of the background stays, someone else stands before it."""
    frames = [texture(20, HEIGHT, WIDTH).clone() for _ in range(16)]
    for i, frame in enumerate(frames):
        frame[:, 16:, 30:110] = texture(21 + i // 8, HEIGHT, WIDTH)[:, 16:, 30:110]
    assert cuts(noisy(frames)) == (7,)


def test_a_fast_pan_is_no_cut():
    assert cuts(noisy(shot(3, 12, speed=20))) == ()
    assert cuts(noisy(shot(3, 9, speed=20) + shot(4, 9, speed=25))) == (8,)


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_a_flash_is_no_cut(length, strength):
    frames = noisy(shot(5, 14))
    for i in range(6, 6 + length):
        frames[i] = torch.lerp(frames[i], torch.ones(3, HEIGHT, WIDTH), strength)
    assert cuts(frames) == ()
    assert cuts(frames + noisy(shot(6))) == (13,)


def test_something_else_for_a_moment_is_no_cut_either():
    """A hand before the camera, a broken frame."""
    frames = noisy(shot(7, 12))
    frames[5:7] = noisy(shot(8, 2))
    assert cuts(frames) == ()


def test_fades_are_no_cuts():
    frames = [frame * abs(i - 8) / 8 for i, frame in enumerate(shot(9, 17))]
    assert cuts(noisy(frames, 0.004)) == ()


def test_unrelated_pictures_and_two_frames_have_no_cuts():
    """They are meant to be joined: nothing stands out."""
    assert cuts([texture(seed, HEIGHT, WIDTH) for seed in range(6)]) == ()
    assert cuts([texture(0, HEIGHT, WIDTH), texture(1, HEIGHT, WIDTH)]) == ()
    assert cuts([texture(0, HEIGHT, WIDTH)]) == () and cuts([]) == ()


def test_the_threshold_moves_the_line_and_none_asks_for_nothing():
    frames = noisy(shot(0) + shot(1))
    assert cuts(frames, cut_threshold=1.0) == () == cuts(frames, cut_threshold=None)
    assert scan(iter(frames), None, "keep") == Scan()


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.12), (0.8, 0.95), (0.45, 0.55), (0.3, 0.42)])
def test_cuts_between_shots_of_little_contrast_are_found(low, high):
    """Night, fog, and a dull day; 8 bits are left of them."""
    frames = [low + (high - low) * frame for frame in shot(15) + shot(16, 10) + shot(17)]
    assert cuts([(frame * 255).round() / 255 for frame in noisy(frames, 0.001)]) == (7, 17)


def slide(lines: int, seed: int) -> Tensor:
    """Dark text on white."""
    drawn, page = random.Random(seed), Image.new("RGB", (640, 384), "white")
    draw = ImageDraw.Draw(page)
    draw.text((30, 20), words(drawn, 3).title(), font=ImageFont.load_default(32), fill=(30, 40, 90))
    for line in range(lines):
        draw.text((50, 90 + 42 * line), "- " + words(drawn, 5), font=ImageFont.load_default(22), fill=(40, 40, 40))
    return torch.from_numpy(np.array(page)).permute(2, 0, 1) / 255


def words(drawn: random.Random, count: int) -> str:
    return " ".join("".join(drawn.choices("aeinorstl", k=drawn.randint(3, 9))) for _ in range(count))


@pytest.mark.parametrize("seed", range(4))
def test_a_new_slide_is_a_cut_and_a_new_line_is_none(seed):
    frames = [slide(3, seed)] * 10 + [slide(4, seed + 10)] * 10
    assert cuts(frames) == (9,)
    lines = [slide(2 + i // 6, seed) for i in range(18)]
    assert cuts(lines) == ()


def without(frames: list[Tensor], *missing: int) -> tuple[list[Tensor], list[int]]:
    """Frames that are left, and the ticks that they are shown at."""
    ticks = [i for i in range(len(frames)) if i not in missing]
    return [frames[i] for i in ticks], ticks


@pytest.mark.parametrize(
    ("speed", "missing"), [(4, (6, 7, 15)), (9, (5, 6, 7)), (14, (9, 10)), (3, (8, *range(10, 16)))]
)
def test_a_gap_is_no_cut(speed, missing):
    """Where a recorder dropped frames a pair lasts longer, and more has moved."""
    frames, ticks = without(noisy(shot(18, 24, speed)), *missing)
    assert cuts(frames, ticks=ticks) == ()


def test_a_cut_in_a_gap_is_one():
    frames, ticks = without(noisy(shot(3, 9, 1) + shot(19, 9, 1)), 3, 8, 9, 13)
    assert cuts(frames, ticks=ticks) == (6,)


# Duplicates


def test_an_animation_on_twos_repeats_every_other_frame():
    frames = noisy([frame for frame in shot(10, 8, speed=3) for _ in (0, 1)], 0.008)
    assert scan(iter(frames)) == Scan((), tuple(range(1, 16, 2)))
    assert scan(iter(frames), duplicates="keep").duplicates == ()


def test_threes_and_fours_are_found_and_a_standstill_is_none():
    frames = noisy([frame for i, frame in enumerate(shot(11, 6, speed=3)) for _ in range(3 + i % 2)], 0.008)
    assert scan(iter(frames)).duplicates == (1, 2, 4, 5, 6, 8, 9, 11, 12, 13, 15, 16, 18, 19, 20)
    still = noisy(shot(12, 4) + [shot(12, 4)[-1]] * 12 + shot(12, 12)[4:], 0.008)
    assert scan(iter(still)).duplicates == ()  # not many enough for "auto"


def test_single_repeats_are_passed_over_only_where_that_is_asked_for():
    frames = shot(13, 24)
    frames = noisy(frames[:9] + [frames[8]] + frames[9:], 0.008)
    assert scan(iter(frames)).duplicates == ()
    assert scan(iter(frames), duplicates="pass over").duplicates == (9,)


def test_a_small_motion_is_no_repeat():
    """A mouth that moves in a picture that stands still, every frame."""
    frames = []
    for i in range(12):
        frame = texture(14, HEIGHT, WIDTH).clone()
        frame[:, 40:60, 40 + i : 60 + i] = 0.9
        frames.append(frame)
    assert scan(iter(noisy(frames, 0.008)), duplicates="pass over").duplicates == ()


# Bad input and stops


def test_an_unknown_choice_is_refused_and_a_stop_is_heard():
    with pytest.raises(ValueError, match="duplicates is 'drop'; it must be one of auto, pass over, keep"):
        scan([], duplicates="drop")
    with pytest.raises(Interrupted):
        scan(shot(0), should_stop=lambda: True)


def wheel(frames: int) -> list[Tensor]:
    """A pan round a picture without an end, whose last frame is its first one."""
    whole = texture(3, HEIGHT, WIDTH)
    return [whole.roll(round(i * WIDTH / (frames - 1)), 2) for i in range(frames)]


@pytest.mark.parametrize("frames", [5, 9, 33])
def test_a_clip_whose_last_frame_is_its_first_closes(frames):
    assert scan(noisy(wheel(frames), 0.005)).closes
    assert not scan(noisy(wheel(frames)[:-1], 0.005)).closes  # it leads there, and stops before


def test_a_standstill_and_a_clip_that_ends_elsewhere_do_not_close():
    still = [texture(4, HEIGHT, WIDTH)] * 6
    assert not scan(still).closes and not scan(noisy(still, 0.005)).closes
    assert not scan(shot(0)).closes
    assert not scan(wheel(9), duplicates="keep").closes


def test_an_animation_on_twos_has_no_cuts():
    """Three drawings, each held for two frames, look like slides that are shown very briefly."""
    scene = sample_scene(192, 256)
    assert cuts([scene.render(i // 2 * 0.4).image[0] for i in range(6)]) == ()
