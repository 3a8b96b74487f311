"""The benchmark of backbones, scaled down on the CPU."""

from rdvfi_core.__main__ import main
from rdvfi_core.commands.benchmark_backbone import times_to_markdown

STAGES = ("VAE encode", "denoise", "bridge: VAE decode", "bridge: encode", "fit", "phase 2")


def test_a_backbone_is_counted_in_full_and_measured_small(comfyui, capsys):
    command = ["benchmark", "--backbone", "svd", "--comfyui", str(comfyui), "--sizes", "128x96", "--frames", "1"]
    assert main([*command, "--device", "cpu"]) == 0
    found = capsys.readouterr().out
    assert "model 1525 M" in found and "svd, tiny, CPU, x1" in found
    assert all(f"{stage}, ms" in found for stage in STAGES)


def test_a_folder_that_is_no_comfyui_is_refused(capsys, tmp_path):
    assert main(["benchmark", "--backbone", "svd"]) == 2
    assert main(["benchmark", "--backbone", "svd", "--comfyui", str(tmp_path)]) == 2
    assert "give its folder" in (errors := capsys.readouterr().err) and "is no ComfyUI" in errors


def test_times_show_shares_and_the_ratio_of_widths():
    seconds = dict.fromkeys(STAGES, 0.1)
    rows = [
        {"width": 576, "height": 320, "frames": 24, "seconds": seconds, "peak": 2**30},
        {"width": 1280, "height": 720, "frames": 24, "seconds": seconds | {"phase 2": 0.25}, "peak": None},
    ]
    table = times_to_markdown("svd", "full", "GPU", rows)
    assert "| 576x320 | 25.0 | 100 (17%)" in table and "| 1.00 |" in table and "unknown" in table
    assert "1280 wide over 576 wide: 1.25" in table
