"""The measurement of cuts: clips with nothing in common must score full marks, and a blind search none."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from clip_files import texture, write_video

from rdvfi_core.__main__ import main
from rdvfi_core.evaluation import cuts
from rdvfi_core.evaluation.cuts import TREATMENTS, CutScores, Shot, cut_scores, score
from rdvfi_core.scan import Scan

HEIGHT, WIDTH, FRAMES = 96, 160, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("clips")
    for seed in range(4):
        wall = (texture(seed, HEIGHT, WIDTH + 2 * FRAMES) * 255).byte().permute(1, 2, 0).numpy()
        write_video(made / f"{seed}.mp4", np.stack([wall[:, 2 * i : 2 * i + WIDTH] for i in range(FRAMES)]))
    return made


def shots(*treatments: str) -> list[Shot]:
    return [Shot(treatment, [torch.zeros(3, 64, 64)] * 10) for treatment in treatments]


def test_a_cut_counts_only_at_its_very_frame():
    scores = CutScores()
    score(shots("plain", "pan", "fade"), (9, 18), scores)
    assert (scores.found, scores.invented, scores.missed) == (1, {"pan": 1}, {"fade": 1})
    assert scores.precision == scores.recall == 0.5


def test_clips_with_nothing_in_common_score_full_marks(folder):
    scores = cut_scores(folder, seed=1, joins=12)
    assert scores.found == 12 and scores.precision == scores.recall == 1
    assert scores.shots.total() > 12 and set(scores.shots) <= set(TREATMENTS)


def test_a_blind_search_scores_nothing_and_the_seed_decides_what_is_joined(folder, monkeypatch):
    seen = []

    def blind(frames, ticks):
        seen.append([frame.mean().item() for frame in frames])
        return Scan()

    monkeypatch.setattr(cuts, "scan", blind)
    first = cut_scores(folder, seed=3, joins=5)
    assert first.recall == 0 and first.missed.total() == 5
    cut_scores(folder, seed=3, joins=5)
    cut_scores(folder, seed=4, joins=5)
    assert seen[0] == seen[1] != seen[2]


def test_the_command_prints_and_writes_the_scores(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cuts, "JOINS", 5)
    report = tmp_path / "cuts.json"
    assert main(["evaluate", str(folder), "--protocol", "cuts", "--seed", "2", "-o", str(report)]) == 0
    assert capsys.readouterr().out.startswith("5 cuts in ")
    assert json.loads(report.read_text())["recall"] == 1
    assert main(["evaluate", str(tmp_path), "--protocol", "cuts"]) == 2
    assert "holds no clips" in capsys.readouterr().err
