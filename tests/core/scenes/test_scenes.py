"""Rendered scenes: what they show must agree with the flow they state."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from rdvfi_core.pixels.warp import backward_warp, compose
from rdvfi_core.scenes.scenes import Scenes, draw_scenes, visible
from rdvfi_core.scenes.textures import Textures, shapes

HEIGHT, WIDTH = 96, 128


def drawn(seed: int, batch: int = 1, largest: float = 90.0) -> Scenes:
    return draw_scenes(Textures(), batch, HEIGHT, WIDTH, torch.Generator().manual_seed(seed), largest)


def softly(scenes: Scenes) -> Scenes:
    """The same scenes with smooth colours, so that bilinear sampling is not what limits the agreement."""
    batch, layers, _, size, _ = scenes.texture.shape
    coarse = torch.rand(batch * layers, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    colours = F.interpolate(coarse, (size, size), mode="bicubic", align_corners=True).clamp(0, 1)
    return replace(scenes, texture=torch.cat((colours.unflatten(0, (batch, layers)), scenes.texture[:, :, 3:]), 2))


def by_hand(**changes) -> Scenes:
    """An opaque square of 20 px over a background that stands still; the square's centre starts at (30, 40)."""
    still = dict(
        start=torch.tensor([[[64.0, 48.0], [30.0, 40.0]]]), shift=torch.zeros(1, 2, 2), pivot=torch.zeros(1, 2, 2),
        turn=torch.zeros(1, 2), grow=torch.zeros(1, 2), radius=torch.tensor([[100.0, 10.0]]), ease=torch.zeros(1, 2),
        throw=torch.zeros(1, 2), depth=torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]]), wave=torch.ones(1, 2, 3, 2),
        phase=torch.zeros(1, 2, 3, 2), swing=torch.zeros(1, 2, 3, 2, 2), camera=torch.zeros(1, 4),
        parallax=torch.ones(1, 2),
    )  # fmt: skip
    return Scenes(HEIGHT, WIDTH, torch.ones(1, 2, 4, 16, 16), **still | changes)


def of_square(x: float, y: float) -> torch.Tensor:  # (1, 2, 2): background, square
    return torch.tensor([[[0.0, 0.0], [x, y]]])


def inner(seen: torch.Tensor) -> torch.Tensor:
    """Without the pixels beside an edge, where two layers mix."""
    return -F.max_pool2d(-seen, 5, 1, 2)


def psnr(a: torch.Tensor, b: torch.Tensor, where: torch.Tensor) -> float:
    error = ((a - b).square().mean(1, keepdim=True) * where).sum() / where.sum()
    return -10 * error.log10().item()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (0.4, 0.55), (1.0, 0.3)])
def test_the_end_warped_back_shows_the_start(seed, a, b):
    scenes = softly(drawn(seed, batch=2, largest=40.0))
    start, end = scenes.render(a), scenes.render(b)
    flow = scenes.flow(start, b)
    seen = inner(visible(start, end, flow))
    assert seen.mean() > 0.15
    found = psnr(backward_warp(end.image, flow), start.image, seen)
    assert found > 33
    assert found > psnr(end.image, start.image, seen) + 5


@pytest.mark.parametrize("seed", range(4))
def test_there_and_back_is_no_motion_on_visible_pixels(seed):
    scenes = drawn(seed, batch=2)
    start, end = scenes.render(0.2), scenes.render(0.7)
    there, back = scenes.flow(start, 0.7), scenes.flow(end, 0.2)
    missed = compose(there, back).norm(dim=1, keepdim=True)[inner(visible(start, end, there)) > 0]
    assert missed.median() < 0.02 and missed.quantile(0.95) < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_nothing_moves_in_no_time(seed):
    scenes = drawn(seed, batch=2)
    frame = scenes.render(0.3)
    flow = scenes.flow(frame, 0.3)
    assert flow.abs().max() < 0.05
    everything = visible(frame, frame, torch.zeros_like(flow))
    assert (everything == 1).all()


def test_same_seed_same_scene():
    once, again, other = drawn(3), drawn(3), drawn(4)
    assert all(torch.equal(a, b) for a, b in zip(tensors(once), tensors(again), strict=True))
    assert torch.equal(once.render(0.3).image, again.render(0.3).image)
    assert not torch.equal(once.render(0.3).image, other.render(0.3).image)


def tensors(scenes: Scenes) -> list[torch.Tensor]:
    return [getattr(scenes, f.name) for f in fields(scenes) if isinstance(getattr(scenes, f.name), torch.Tensor)]


def test_the_device_may_be_named_or_given():
    generator = torch.Generator().manual_seed(3)
    given = draw_scenes(Textures(device=torch.device("cpu")), 1, HEIGHT, WIDTH, generator)
    assert all(torch.equal(a, b) for a, b in zip(tensors(given), tensors(drawn(3)), strict=True))


def test_scenes_of_a_batch_do_not_touch_each_other():
    scenes = drawn(5, batch=2)
    alone = replace(scenes, **{f.name: getattr(scenes, f.name)[1:] for f in fields(scenes)[2:]})
    both, one = scenes.render(0.4), alone.render(0.4)
    torch.testing.assert_close(both.image[1:], one.image, atol=1e-5, rtol=0)
    torch.testing.assert_close(scenes.flow(both, 0.9)[1:], alone.flow(one, 0.9), atol=1e-3, rtol=0)


def test_frames_are_pictures():
    frame = drawn(6, batch=2).render(0.5)
    assert frame.image.shape == (2, 3, HEIGHT, WIDTH)
    assert 0 <= frame.image.min() and frame.image.max() <= 1 and frame.image.std() > 0.05
    assert frame.layer.unique().numel() > 1  # a sprite is to be seen


def test_straight_paths_are_bounded_and_scale_with_the_window():
    for seed in range(8):
        scenes = drawn(seed, largest=90.0)
        longest = 90 * (HEIGHT * WIDTH / (448 * 256)) ** 0.5
        assert scenes.shift.norm(dim=-1).max() <= longest
        assert (scenes.shift[:, 0].norm(dim=-1) <= 0.3 * longest).all()  # the background is calmer
    flow = scenes.flow(scenes.render(0.0), 1.0)
    assert flow.isfinite().all() and flow.abs().max() < 4 * WIDTH


def test_what_is_covered_or_leaves_the_frame_is_not_visible():
    scenes = by_hand(shift=of_square(40, 0))
    start, end = scenes.render(0.0), scenes.render(1.0)
    flow = scenes.flow(start, 1.0)
    assert flow[0, :, 40, 30].tolist() == pytest.approx([40, 0], abs=1e-3)  # the square
    assert flow[0, :, 10, 30].tolist() == pytest.approx([0, 0], abs=1e-3)  # the background
    seen = visible(start, end, flow)[0, 0]
    assert seen[40, 30] == 1  # the square stays on top
    assert seen[40, 70] == 0 and seen[40, 90] == 1  # it comes to lie here, and not there
    gone = by_hand(shift=of_square(-60, 0))
    start, end = gone.render(0.0), gone.render(1.0)
    assert visible(start, end, gone.flow(start, 1.0))[0, 0, 40, 30] == 0


def test_depth_decides_who_is_on_top_and_may_change():
    scenes = by_hand(depth=torch.tensor([[[-1.0, -1.0], [1.0, -3.0]]]))
    layers = [scenes.render(t).layer[0, 40, 30].item() for t in (0.0, 1.0)]
    assert layers == [1, 0]


def position(scenes: Scenes, t: float) -> list[float]:
    """Of the pixel that shows the square's centre at t = 0."""
    return (scenes.flow(scenes.render(0.0), t)[0, :, 40, 30] + torch.tensor((30.0, 40.0))).tolist()


def test_paths():
    straight = by_hand(shift=of_square(40, 20))
    assert position(straight, 0.25) == pytest.approx([40, 45], abs=1e-3)
    eased = by_hand(shift=of_square(40, 20), ease=torch.tensor([[0.0, 0.8]]))  # t + 0.8 (t^2 - t) of the way
    assert position(eased, 0.5) == pytest.approx([30 + 0.3 * 40, 40 + 0.3 * 20], abs=1e-3)
    assert position(eased, 1.0) == pytest.approx([70, 60], abs=1e-3)
    thrown = by_hand(shift=of_square(40, 0), throw=torch.tensor([[0.0, 12.0]]))  # upward is towards smaller y
    assert position(thrown, 0.5) == pytest.approx([50, 28], abs=1e-3)
    assert position(thrown, 1.0) == pytest.approx([70, 40], abs=1e-3)
    turned = by_hand(pivot=of_square(20, 0), turn=torch.tensor([[0.0, torch.pi / 2]]))  # about (50, 40)
    assert position(turned, 1.0) == pytest.approx([50, 20], abs=1e-3)
    panned = by_hand(camera=torch.tensor([[8.0, -4.0, 0.0, 0.0]]), parallax=torch.tensor([[0.3, 1.0]]))
    assert position(panned, 0.5) == pytest.approx([34, 38], abs=1e-3)


def test_an_exposure_is_the_mean_of_its_moments():
    scenes = softly(by_hand(shift=of_square(40, 0)))
    sharp, blurred = scenes.render(0.5).image, scenes.blurred(0.5, 0.2, samples=2)
    moments = (scenes.render(0.45).image + scenes.render(0.55).image) / 2
    torch.testing.assert_close(blurred, moments)
    assert not torch.equal(sharp, blurred)


# Textures


@pytest.fixture
def photographs(tmp_path):
    for i in range(6):
        Image.fromarray(np.full((40, 60, 3), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
    return tmp_path


def test_every_fifth_photograph_is_kept_for_testing(photographs):
    training, testing = Textures(photographs), Textures(photographs, held_out=True)
    shades = [[int(p.float().mean()) for p in bank.photographs] for bank in (training, testing)]
    assert shades == [[0, 40, 80, 120, 200], [160]]


def test_textures_are_pictures_from_every_source(photographs):
    generator = torch.Generator().manual_seed(0)
    for bank in (Textures(), Textures(photographs)):
        found = bank.draw(12, 32, generator)
        assert found.shape == (12, 3, 32, 32) and found.isfinite().all()
        assert 0 <= found.min() and found.max() <= 1
        assert len({t.mean().item() for t in found}) == 12


def test_crops_are_at_the_photographs_own_size_and_small_ones_are_enlarged(photographs):
    generator = torch.Generator().manual_seed(0)
    assert Textures(photographs).crop(40, generator).shape == (3, 40, 40)
    enlarged = Textures(photographs).crop(64, generator)
    assert enlarged.shape == (3, 64, 64) and enlarged.unique().numel() == 1


def test_folders_without_enough_pictures_are_refused(tmp_path, photographs):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="holds no jpg, png or webp pictures"):
        Textures(empty)
    for i in range(2, 6):
        (photographs / f"{i}.png").unlink()
    with pytest.raises(ValueError, match="holds 2 pictures; testing needs at least 5"):
        Textures(photographs, held_out=True)


def test_shapes_are_positive_inside_and_never_touch_the_rim():
    found = shapes(24, 48, torch.Generator().manual_seed(0))
    assert found.shape == (24, 1, 48, 48)
    assert (found.amax((1, 2, 3)) > 0).all()
    rim = torch.ones(48, 48, dtype=torch.bool)
    rim[1:-1, 1:-1] = False
    assert (found[..., rim] < 0).all()
