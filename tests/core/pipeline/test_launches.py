"""Kernels that a GPU would start, waits, and that everything can be traced. The budgets may only fall."""

import warnings
from fractions import Fraction

import pytest
import torch
from command_line import fails
from random_anchors import random_anchors
from small_networks import CONFIGS, random_networks, textured

from rdvfi_core import Interpolator
from rdvfi_core.__main__ import main
from rdvfi_core.evaluation.launches import Launches
from rdvfi_core.motion.moments import flows_between
from rdvfi_core.motion.views import View
from rdvfi_core.retime import render
from rdvfi_core.timeline import Source, Timeline
from rdvfi_core.weights import files as weights

PER_NEW_FRAME_X2, PHASE1_X2, PHASE1_TRAJECTORY, PER_FURTHER_FRAME, CLIP_WAITS = 856, 540, 3950, 530, 0


@pytest.fixture(scope="module")
def interpolator() -> Interpolator:
    return Interpolator(random_networks(), device="cpu", dtype=torch.float32)


def counted(work) -> Launches:
    work()  # what is made once is not counted
    with torch.no_grad(), Launches() as found:
        work()
    return found


def test_kernels_of_a_clip_at_x2(interpolator):
    clip = [textured(64, 96, seed) for seed in range(17)]
    plan = Timeline.multiplied(2).plan(Source.constant(17, Fraction(24)))
    found = counted(lambda: [None for _ in render(interpolator, plan, clip)])
    assert found.kernels / 16 <= PER_NEW_FRAME_X2
    assert found.waits <= CLIP_WAITS * 16


def test_phase_1_never_waits(interpolator):
    first, second = (interpolator.look(textured(64, 96, seed)[None]) for seed in (0, 1))
    found = counted(lambda: interpolator.between(first, second, [0.5]))
    assert found.waits == 0 and found.kernels <= PHASE1_X2


def test_kernels_of_a_trajectory_and_of_each_further_frame(interpolator):
    first, second = textured(64, 96, 0), textured(64, 96, 1)
    trajectory = interpolator.fit(first, second)
    assert counted(lambda: interpolator.fit(first, second)).kernels <= PHASE1_TRAJECTORY
    one, many = (
        counted(lambda times=times: list(interpolator.stream(first, second, trajectory, times))).kernels
        for times in ([0.3], [0.3, 0.35, 0.36, 0.37])
    )
    assert (many - one) / 3 <= PER_FURTHER_FRAME


def test_views_are_no_kernels_and_reads_are_waits():
    x, chosen = torch.ones(4, 6), torch.tensor([True, False, True, True])
    with Launches() as found:
        x.view(2, 12).transpose(0, 1)[1:].add_(1)
        x.sum().item()
        x[chosen]
    assert found.waits == 2 and dict(found.by_name) == {"add": 1, "sum": 1, "index": 1, "_local_scalar_dense": 1}


def test_the_benchmark_beside_rife_counts_and_times_both(capsys, tmp_path):
    random_anchors(tmp_path / "anchors")
    networks = random_networks()
    extra = {"latent_space": "rdvfi", "licence": "Apache-2.0"}
    weights.save(tmp_path / "small.safetensors", networks, {name: CONFIGS[name] for name in networks}, extra)
    given = ["--weights", tmp_path / "small.safetensors", "--anchors", tmp_path / "anchors", "--device", "cpu"]
    how = ["--sizes", "96x64", "--factors", "2,3", "--repeats", "1"]
    assert main(["benchmark", "--against", "rife", *how, *map(str, given)]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[4:]]
    assert [row[:2] for row in rows] == [["| 96x64", "2"], ["| 96x64", "3"]]
    for _, _, ours, theirs, _, kernels, of_rife, *_ in rows:
        assert float(ours) > 0 and float(theirs) > 0 and int(kernels) > int(of_rife) > 100


def test_a_folder_without_rife_is_refused(capsys, tmp_path):
    assert "holds no RIFE 4.25" in fails(capsys, ["benchmark", "--against", "rife", "--anchors", str(tmp_path)])


class Whole(torch.nn.Module):
    """Both phases, at a fixed size."""

    def __init__(self, networks: dict[str, torch.nn.Module]):
        super().__init__()
        self.networks = torch.nn.ModuleDict(networks)

    def forward(self, small0, small1, image0, image1):
        latents = self.networks["autoencoder"].encode(torch.cat((small0, small1)))
        features = self.networks["motion"].encode(latents)
        views = [View.of(small, features[i : i + 1]) for i, small in enumerate((small0, small1))]
        (flows,) = flows_between(self.networks["between"], *views, [0.5])
        return self.networks["synthesis"](image0, image1, small0, small1, flows)


@pytest.mark.parametrize("how", ["export", "compile"])
def test_both_phases_trace_without_a_break(how):
    whole = Whole({name: network for name, network in random_networks().items() if name != "fusion"}).eval()
    given = [textured(*size, seed)[None] for size in ((64, 96), (128, 192)) for seed in (0, 1)]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # caches of constants are traced through
        expected = whole(*given)
        if how == "export":
            traced = torch.export.export(whole, tuple(given)).module()
        else:
            traced = torch.compile(whole, fullgraph=True, backend="eager")
        torch.testing.assert_close(traced(*given), expected)
