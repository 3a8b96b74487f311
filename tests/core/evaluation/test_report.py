"""What a report makes of scores, on scores that are given."""

import json

import pytest

from rdvfi_core.evaluation.metrics import ALWAYS, Metrics
from rdvfi_core.evaluation.protocols import PROTOCOLS
from rdvfi_core.evaluation.report import ClipResult, Report, WindowResult


def report_of(lpips: dict[str, list[float]]) -> Report:
    """One clip per value; method -> LPIPS of each clip."""
    report = Report("clips", PROTOCOLS["neighbours2"], list(lpips), Metrics({"lpips": lambda frame, truth: 0.0}))
    for index, values in enumerate(zip(*lpips.values(), strict=True)):
        scores = {
            method: dict.fromkeys(ALWAYS, [30.0]) | {"lpips": [value]}
            for method, value in zip(lpips, values, strict=True)
        }
        window = WindowResult(1, scores, dict.fromkeys(lpips, 1.0))
        report.clips.append(ClipResult(f"clip{index}", 5, 64, 96, [window]))
    return report


@pytest.mark.parametrize(
    ("first", "other", "clips", "ratio"),
    [
        ([0.1, 0.3, 0.2], [0.2, 0.3, 0.1], 2, (0.5 + 1 + 2) / 3),
        ([0.0, 0.0], [0.0, 0.0], 2, 1),
        ([0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.1, 0.2], 1, (4 + 3 + 2 + 0.5) / 4),
    ],
)
def test_lpips_of_the_first_method_is_held_against_every_other_one(first, other, clips, ratio):
    report = report_of({"own": first, "rife": other, "twin": first})
    found = report.against()
    assert found["rife"]["clips_at_or_below"] == clips and found["twin"]["clips_at_or_below"] == len(first)
    assert found["rife"]["mean_ratio"] == pytest.approx(ratio, rel=1e-3) and found["twin"]["mean_ratio"] == 1
    assert json.loads(report.to_json())["lpips_of_first_against"]["rife"]["clips_at_or_below"] == clips
    printed = report.to_markdown()
    assert f"| own / rife | {clips} of {len(first)} | {ratio:.3f} |" in printed
    assert f"| clip0 | 96x64 | {first[0]:.4f} | {other[0]:.4f} | {first[0]:.4f} |" in printed


def test_without_lpips_nothing_is_held_against_anything():
    report = report_of({"own": [0.1], "rife": [0.2]})
    report.metrics = Metrics()
    assert report.against() == {} and "at or below" not in report.to_markdown()
    assert "LPIPS of" not in report.to_markdown()
