from pathlib import Path

import pytest
import torch
from command_line import files, pixels

from rdvfi_core.__main__ import main
from rdvfi_core.clips import list_clips
from rdvfi_core.evaluation.protocols import PROTOCOLS, windows
from rdvfi_core.scenes.hard_cases import FRAMES, HARD_CASES, write_hard_cases

SMALL = (64, 112)


def test_every_case_is_a_clip_that_moves(tmp_path):
    write_hard_cases(tmp_path, SMALL)
    clips = {clip.name: clip for clip in list_clips(tmp_path)}
    assert set(clips) == set(HARD_CASES)
    for clip in clips.values():
        assert windows(clip.count(), PROTOCOLS["gap7"]) == [0] and clip.count() == FRAMES
        first, middle = clip.read((0, FRAMES // 2))
        assert (first != middle).any()


def test_what_is_hidden_is_in_neither_image():
    scene = HARD_CASES["hidden"](SMALL)
    first, middle, last = (scene.render(t).image for t in (0.0, 0.5, 1.0))
    torch.testing.assert_close(first, last, atol=1e-5, rtol=0)
    assert (middle - first).abs().max() > 0.2


def test_a_throw_ends_at_the_height_where_it_began():
    scene = HARD_CASES["throw"](SMALL)
    heights = [scene.pose(t)[1][0, 1, 1].item() for t in (0.0, 0.5, 1.0)]
    assert heights[0] == heights[2] > heights[1] + 10


def test_clips_are_not_written_among_other_files(pair, capsys):
    assert main(["hard-cases", "."]) == 2
    assert capsys.readouterr().err == "error: . is there already and not an empty folder; give a new one.\n"
    assert files() == ["a.png", "b.png"]


@pytest.mark.parametrize("made", [False, True])
def test_the_command_writes_them_into_a_new_or_empty_folder(pair, capsys, made):
    if made:
        Path("cases").mkdir()
    assert main(["hard-cases", "cases"]) == 0
    assert capsys.readouterr().out.endswith("python -m rdvfi_core evaluate cases --protocol gap7\n")
    assert pixels("cases/turn/00008.png").std() > 10
