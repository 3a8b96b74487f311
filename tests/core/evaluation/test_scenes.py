"""Rendered scenes with paths of known kind: their geometry, the scores of methods that know the answer, ablations."""

import json
import math
from dataclasses import replace

import pytest
import torch

from rdvfi_core.conventions import motion_size
from rdvfi_core.evaluation.ablation import ABLATIONS, FULL, Variant, scene_method
from rdvfi_core.evaluation.baselines import blend
from rdvfi_core.evaluation.scene_report import Made, on_ends, score_scenes
from rdvfi_core.evaluation.scenes import ARC_RADIUS, PATHS, scene_cases
from rdvfi_core.pipeline import Interpolator
from rdvfi_core.weights.networks import NETWORKS

SIZE = {"height": 128, "width": 224}  # a quarter of the area of 448x256: lengths are halved


@pytest.fixture(scope="module")
def cases():
    return list(scene_cases(None, 8, **SIZE, magnitudes=(20, 60), times=(0.25, 0.5)))


def test_cells_differ_by_their_motion_alone(cases):
    assert [(case.magnitude, case.path) for case in cases] == [(m, path) for m in (20, 60) for path in PATHS]
    assert all(torch.equal(case.scene.texture, cases[0].scene.texture) for case in cases)


def test_sprites_move_by_the_magnitude_and_bend_as_their_path_says(cases):
    for case in cases:
        start, middle, end = (case.scene.pose(t)[1][0, 1:] for t in (0.0, 0.5, 1.0))
        length = case.magnitude / 2
        assert torch.allclose((end - start).norm(dim=-1), torch.full((len(start),), length), rtol=1e-4)
        bend = (middle - (start + end) / 2).norm(dim=-1)
        radius = ARC_RADIUS / 2
        sagitta = radius - math.sqrt(radius**2 - (length / 2) ** 2)
        expected = {"straight": 0.0, "eased": 0.2 * length, "arc": sagitta, "thrown": 0.3 * length}[case.path]
        assert torch.allclose(bend, torch.full_like(bend, expected), atol=1e-3 * length)


def test_flows_and_truth_agree(cases):
    from rdvfi_core.pixels.warp import backward_warp

    case = cases[2]
    warped = backward_warp(case.image0.expand(2, -1, -1, -1), case.to0)
    error = ((warped - case.truth).abs().mean(1, keepdim=True) * case.seen0).sum() / case.seen0.sum()
    still = ((case.image0 - case.truth).abs().mean(1, keepdim=True) * case.seen0).sum() / case.seen0.sum()
    assert error < 0.4 * still
    assert torch.equal(case.frames((0.25,))[0], case.truth[0])
    assert 0.8 < case.shown.mean() <= 1 and (case.shown >= case.seen1).all()


def test_the_truth_scores_best_and_its_motion_has_no_error(cases):
    methods = {
        "truth": lambda case: Made(case.truth, case.to0, case.to1),
        "half as long": lambda case: Made(case.truth, case.to0 * 0.5, case.to1 * 0.5),
        "blend": on_ends(blend),
    }
    report = score_scenes(iter(cases), methods)
    assert report.scenes == 8
    assert report.mean("truth") == pytest.approx(80, abs=0.01) and report.mean("truth", "endpoint") == 0
    assert report.mean("blend", magnitude=20) > report.mean("blend", magnitude=60)
    assert report.mean("blend", "endpoint") is None
    lengths = [
        case.to0.square().sum(1).sqrt()[case.seen0[:, 0] > 0].mean().item() for case in cases if case.magnitude == 60
    ]
    assert 0.2 < report.mean("half as long", "endpoint", magnitude=60) / (sum(lengths) / 4) < 2
    table = report.to_markdown().splitlines()
    assert table[0] == "8 rendered scenes, tau 0.25, 0.5"
    assert "20 px | 60 px | straight | eased | arc | thrown | all | all, tau 1/2" in table[2]
    assert json.loads(report.to_json())["scores"][0]["path"] == "straight"


def test_a_failing_scene_is_left_out_and_ctrl_c_keeps_the_others(cases):
    def fails_on_arcs(case):
        if case.path == "arc":
            raise RuntimeError("no")
        return Made(case.truth)

    report = score_scenes(iter(cases[:4]), {"m": fails_on_arcs, "blend": on_ends(blend)})
    assert report.scenes == 3 and report.skipped == {"3: arc, 20 px": "no"}
    assert len(report.scores) == 6  # neither method is scored on a scene that one of them fails on

    def interrupted():
        yield from cases[:2]
        raise KeyboardInterrupt

    report = score_scenes(interrupted(), {"blend": on_ends(blend)})
    assert report.interrupted and report.scenes == 2 and "stopped before the end" in report.to_markdown()
    with pytest.raises(ValueError, match="No scene could be scored, the first because: no"):
        score_scenes(iter(cases[2:3]), {"m": fails_on_arcs})


def test_a_magnitude_that_no_arc_has_is_refused():
    with pytest.raises(ValueError, match="at most 100 px"):
        next(scene_cases(None, magnitudes=(120,)))


@pytest.fixture(scope="module")
def interpolator():
    torch.manual_seed(0)
    networks = {name: make().eval() for name, make in NETWORKS.items() if name != "generator"}
    for network in networks.values():  # heads that start at zero would make variants equal
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    return Interpolator({name: network.requires_grad_(False) for name, network in networks.items()}, "cpu")


def test_the_whole_method_is_the_pipelines_own_and_every_variant_differs(interpolator):
    (case,) = scene_cases(None, 1, 64, 64, times=(0.3,))
    assert motion_size(64, 64) != (64, 64)  # flows come on their own grid
    trajectory = interpolator.fit_frames(case.image0, case.image1, case.frames((0.5,)), (0.5,))
    own = interpolator.render(case.image0, case.image1, trajectory, case.times)
    whole = scene_method(interpolator, replace(FULL, keyframes=1), "truth")(case)
    assert torch.equal(whole.frames, own)
    variants = {
        name: replace(variant, keyframes=1)
        for variants in ABLATIONS.values()
        for name, variant in variants.items()
        if variant.keyframes == FULL.keyframes
    }
    assert set(variants) >= {"direct", "linear paths", "composition alone", "bilinear upsampling"}
    for name, variant in variants.items():
        found = scene_method(interpolator, variant, "truth")(case)
        assert found.frames.shape == own.shape and not torch.equal(found.to0, whole.to0), name


def test_generated_keyframes_need_a_generator(interpolator):
    with pytest.raises(ValueError, match="hold no keyframe generator"):
        scene_method(interpolator, Variant(), "generated")
