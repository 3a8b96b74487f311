"""What is transparent may hold any colours: nothing shows them, and nothing follows them."""

from __future__ import annotations

import pytest
import torch
from numbered_frames import CrossFade
from panned import HEIGHT, WIDTH, ground
from torch import Tensor

from rdvfi_core.pixels.alpha import cross_fade, ground_for, off_ground, on_ground
from rdvfi_core.retime import render
from rdvfi_core.timeline import Source, Timeline


def sticker(at: int, hidden: Tensor | float) -> Tensor:
    """(4, HEIGHT, WIDTH): a textured disc with a soft edge."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    alpha = (26.5 - ((rows - 48) ** 2 + (columns - 40 - at) ** 2).sqrt()).clamp(0, 1)
    return torch.cat((torch.where(alpha > 0, ground(at)[0], torch.as_tensor(hidden)), alpha[None]))


def seen(picture: Tensor, before: float = 0.5) -> Tensor:
    return on_ground(picture, before)


HIDDEN = {
    "black": (0.0, 0.0),
    "magenta": (torch.tensor((1.0, 0, 1)).view(3, 1, 1),) * 2,
    "changing": (0.0, 1.0),
    "a room that pans the other way": (ground(5)[0], ground(-9)[0]),
}


@pytest.mark.parametrize("before", [0.0, 1.0])
def test_colours_come_off_the_ground_as_they_were_put_on_it(before):
    picture = sticker(4, 0.3)
    back = off_ground(torch.cat((on_ground(picture, before), picture[3:])), before)
    assert (seen(back) - seen(picture)).abs().max() < 1e-5
    assert torch.equal(back[3], picture[3]) and back[:, 0, 0].abs().sum() == 0
    opaque = torch.cat((picture[:3], torch.ones(1, HEIGHT, WIDTH)))
    assert (off_ground(torch.cat((on_ground(opaque, before), opaque[3:])), before) - opaque).abs().max() < 1e-6


def test_the_ground_stands_out_against_what_is_seen():
    dark, light = sticker(0, 1.0), sticker(0, 0.0)
    dark[:3][dark[3].expand(3, -1, -1) > 0] = 0.1
    light[:3][light[3].expand(3, -1, -1) > 0] = 0.8
    assert ground_for(dark) == 1 and ground_for(light, light) == 0
    assert ground_for(torch.zeros(4, 8, 8)) in (0, 1)


class Recorder(CrossFade):
    """Notes what motion is estimated on, and cross-fades."""

    def fit_pairs(self, pairs, *args, **more):
        self.given = [image.clone() for pair in pairs for image in pair.with_planes]
        return super().fit_pairs(pairs, *args, **more)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_colours_have_no_influence_on_motion_and_frames_between(hidden):
    plan, found, given = Timeline.multiplied(4).plan(Source.constant(2, 24)), [], []
    for colours in ("black", hidden):
        frames, renderer = [sticker(14 * i, HIDDEN[colours][i]) for i in range(2)], Recorder()
        found.append(list(render(renderer, plan, frames)))
        given.append(renderer.given)
    assert all(map(torch.equal, *given)) and all(map(torch.equal, *(frames[1:4] for frames in found)))
    assert torch.equal(found[1][0], sticker(0, HIDDEN[hidden][0]))  # the clip's own frames are untouched
    halfway = torch.lerp(seen(sticker(0, 0.0)), seen(sticker(14, 0.0)), 0.5)
    assert (seen(found[1][2]) - halfway).abs().max() < 1e-4


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_cross_fade_shows_what_both_show(hidden):
    start, end = (sticker(14 * i, HIDDEN[hidden][i]) for i in range(2))
    faded = cross_fade(start, end, 0.25)
    for before in (0.0, 1.0):
        assert (seen(faded, before) - torch.lerp(seen(start, before), seen(end, before), 0.25)).abs().max() < 1e-4
    assert torch.equal(cross_fade(start[:3], end[:3], 0.25), torch.lerp(start[:3], end[:3], 0.25))


def test_a_cut_that_is_blended_does_not_uncover_them():
    frames = [sticker(0, 1.0), sticker(60, 1.0)]
    plan = Timeline.multiplied(2, at_cuts="blend").plan(Source.constant(2, 24, cuts=[0]))
    middle = list(render(CrossFade(), plan, frames))[1]
    assert torch.equal(middle, cross_fade(*frames, 0.5))
