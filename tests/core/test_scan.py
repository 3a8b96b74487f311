"""Cuts and duplicates in drawn clips."""

from __future__ import annotations

import pytest
import torch
from clip_files import texture
from torch import Tensor

from rdvfi_core.errors import Interrupted
from rdvfi_core.scan import Scan, scan

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
