"""Several frames at once, as many as fit, and flows that were sampled before."""

import pytest
import torch
from small_networks import random_networks, textured

from rdvfi_core import Interpolator, Interrupted
from rdvfi_core.memory import Memory
from rdvfi_core.rendering import frames as rendering
from rdvfi_core.rendering.synthesis import Synthesis
from rdvfi_core.trajectory.flow_pair import FlowPair


class Full(Exception):
    """What the fake memory raises."""


class Crowded(torch.nn.Module):
    """Synthesis that has room for `room` frames at once and notes how many it was given."""

    def __init__(self, synthesis: Synthesis, room: int):
        super().__init__()
        self.synthesis, self.room, self.sizes = synthesis, room, []

    def forward(self, image0, image1, small0, small1, flows: FlowPair) -> torch.Tensor:
        self.sizes.append(len(image0))
        if len(image0) > self.room:
            raise Full("no room")
        return self.synthesis(image0, image1, small0, small1, flows)


def crowded(monkeypatch, room: int, at_once: int) -> tuple[Interpolator, list[int], list[int]]:
    """An interpolator that tries `at_once` frames, the sizes of its batches, and of those the ones before a release."""
    monkeypatch.setattr(rendering, "frames_at_once", lambda *_: at_once)
    networks = random_networks()
    networks["synthesis"] = Crowded(networks["synthesis"], room)
    sizes, released = networks["synthesis"].sizes, []
    memory = Memory(lambda device: None, lambda: released.append(sizes[-1]), (Full,))
    return Interpolator(networks, device="cpu", memory=memory), sizes, released


ORDER = [0.75, 0.1, 0, 0.5, 0.3, 0.1, 1, 1]


def test_several_frames_at_once_equal_one_by_one(interpolator, pair, fitted, monkeypatch):
    one_by_one = interpolator.render(*pair, fitted, ORDER)
    several, sizes, released = crowded(monkeypatch, room=3, at_once=3)
    told = []
    together = several.render(*pair, fitted, ORDER, progress=lambda *done: told.append(done))
    assert sizes == [2, 3] and released == []  # the ends need no synthesis, nor does a batch of ends alone
    assert told == [(i + 1, len(ORDER)) for i in range(len(ORDER))]
    torch.testing.assert_close(together, one_by_one, atol=1e-5, rtol=0)
    assert torch.equal(together[2], pair[0]) and torch.equal(together[6], pair[1])


def test_when_memory_runs_out_fewer_frames_at_once_give_the_same(pair, fitted, monkeypatch):
    """Bit for bit with the very same weights in memory: a second copy lies elsewhere, and some CPUs' kernels round by
    where things lie."""
    times = [0.75, 0.1, 0.5, 0, 0.3, 0.2]
    small, sizes, released = crowded(monkeypatch, room=1, at_once=4)
    found = small.render(*pair, fitted, times)
    assert sizes == [3, 2, 1, 1, 1, 1, 1] and released == [3, 2]
    monkeypatch.setattr(rendering, "frames_at_once", lambda *_: 1)
    assert torch.equal(found, small.render(*pair, fitted, times))
    assert sizes[7:] == [1] * 5 and released == [3, 2]


def test_a_frame_that_does_not_fit_alone_says_so(pair, fitted, monkeypatch):
    none, sizes, released = crowded(monkeypatch, room=0, at_once=2)
    with pytest.raises(Full, match="no room"):
        none.render(*pair, fitted, [0.2, 0.4])
    assert sizes == [2, 1] and released == [2]


def test_the_device_its_memory_and_the_images_decide_how_many(pair, fitted, monkeypatch):
    asked = []
    interpolator, sizes, _ = crowded(monkeypatch, room=9, at_once=2)
    monkeypatch.setattr(rendering, "frames_at_once", lambda *given: asked.append(given) or 2)
    interpolator.render(*pair, fitted, [0.2, 0.4])
    assert asked == [(torch.device("cpu"), 65, 97, interpolator.memory)] and sizes == [2]


def test_flows_that_were_sampled_before_give_the_same_frames(interpolator, pair, fitted):
    told = []
    fused = list(interpolator.fuse(*pair, [fitted.sample(tau) for tau in ORDER], lambda *done: told.append(done)))
    for frame, other in zip(fused, interpolator.stream(*pair, fitted, ORDER), strict=True):
        assert torch.equal(frame, other)
    assert told[-1] == (len(ORDER), len(ORDER))
    with pytest.raises(Interrupted):
        next(interpolator.fuse(*pair, [fitted.sample(0.5)], should_stop=lambda: True))


def test_flows_that_do_not_fit_are_refused_before_any_frame(interpolator, pair, fitted):
    flow, tall = fitted.sample(0.5), textured(97, 65)
    with pytest.raises(ValueError, match="The flow was fitted on a 416x288 grid, but images of this size need 288x416"):
        interpolator.fuse(tall, tall, [flow])
    with pytest.raises(ValueError, match="A flow holds 2 times; hand over flows of one time each"):
        interpolator.fuse(*pair, [flow, FlowPair.batch([flow, flow])])
    with pytest.raises(ValueError, match="times is empty"):
        interpolator.fuse(*pair, [])
