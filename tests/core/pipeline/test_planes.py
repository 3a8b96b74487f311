"""Planes beside the colours, such as alpha."""

import torch
from small_networks import CONFIGS, textured

from rdvfi_core.rendering import synthesis
from rdvfi_core.rendering.synthesis import Synthesis


def test_planes_follow_and_their_ends_come_back_bit_for_bit(interpolator, pair, fitted):
    alpha = tuple(textured(65, 97, seed)[None, :1] for seed in (7, 8))
    frames = list(interpolator.stream(*pair, fitted, [0, 0.4, 1], planes=alpha))
    assert [frame.shape for frame in frames] == [(4, 65, 97)] * 3
    for frame, image, plane in zip(frames[::2], pair, alpha, strict=True):
        assert torch.equal(frame, torch.cat((image, plane[0])))
    assert torch.equal(frames[1][:3], interpolator.render(*pair, fitted, [0.4])[0])
    (fused,) = interpolator.fuse(*pair, [fitted.sample(0.4)], planes=alpha)
    assert torch.equal(fused, frames[1])


def test_planes_move_as_the_colours_do_and_constant_ones_stay(interpolator, pair, fitted, monkeypatch):
    untrained = Synthesis(**CONFIGS["synthesis"]).eval()  # paints nothing
    monkeypatch.setitem(interpolator.networks, "synthesis", untrained)
    # Colours alone follow the light and are made crisp.
    monkeypatch.setattr(synthesis, "follow_time", lambda *_: None)
    monkeypatch.setattr(synthesis, "lost", lambda image, flow: torch.zeros_like(flow[:, :1]))
    planes = tuple(torch.cat((image[:1], torch.full_like(image[:1], 0.3)))[None] for image in pair)
    for frame in interpolator.stream(*pair, fitted, [0.25, 0.8], planes=planes):
        torch.testing.assert_close(frame[3], frame[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(frame[4], torch.full_like(frame[4], 0.3), atol=1e-6, rtol=0)
