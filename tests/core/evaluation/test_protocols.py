"""Which frames a protocol takes."""

from fractions import Fraction

import pytest

from rdvfi_core.evaluation.protocols import PROTOCOLS, windows

GAP7, GAP24 = PROTOCOLS["gap7"], PROTOCOLS["gap24"]


def test_protocols_ask_for_the_documented_frames():
    assert (GAP7.gap, GAP7.offsets, GAP7.windows_at_most) == (8, tuple(range(1, 8)), 3)
    assert (GAP24.gap, GAP24.offsets, GAP24.windows_at_most) == (24, (4, 8, 12, 16, 20), 2)
    assert GAP24.times == (Fraction(1, 6), Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), Fraction(5, 6))
    assert GAP7.offsets[GAP7.middle] == 4 and GAP24.offsets[GAP24.middle] == 12


def test_windows_by_hand():
    assert windows(8, GAP7) == []
    assert windows(9, GAP7) == [0]
    assert windows(17, GAP7) == [4]  # one short of two windows: a single centred one
    assert windows(18, GAP7) == [0, 9]
    assert windows(60, GAP7) == [0, 25, 51]
    assert windows(24, GAP24) == []
    assert windows(49, GAP24) == [12]
    assert windows(60, GAP24) == [0, 35]


def test_whole_clips_are_cut_into_windows_from_the_first_frame_on():
    davis7, fcvg = PROTOCOLS["davis7"], PROTOCOLS["fcvg"]
    assert windows(8, davis7) == [] and windows(9, davis7) == [0]
    assert windows(50, davis7) == [
        0,
        8,
        16,
        24,
        32,
        40,
    ]  # every 8th frame is given, to one window's end and the next's start
    assert windows(24, fcvg) == [] and windows(74, fcvg) == [0, 25] and windows(75, fcvg) == [0, 25, 50]
    for protocol in (davis7, fcvg):
        asked = [start + offset for start in windows(100, protocol) for offset in protocol.offsets]
        assert len(asked) == len(set(asked)) and len(protocol.offsets) == protocol.gap - 1


@pytest.mark.parametrize(("name", "every"), [("keyframes8", 2), ("keyframes24", 4)])
def test_frames_asked_for_lie_halfway_between_keyframes(name, every):
    protocol = PROTOCOLS[name]
    assert protocol.keyframes == tuple(range(every, protocol.gap, every))
    assert protocol.offsets == tuple(range(every // 2, protocol.gap, every))
    assert protocol.shown_times == tuple(Fraction(offset, protocol.gap) for offset in protocol.keyframes)


@pytest.mark.parametrize("gap", [2, 4, 8])
def test_neighbours_lie_as_far_beyond_the_ends_as_these_lie_apart(gap):
    protocol = PROTOCOLS[f"neighbours{gap}"]
    assert protocol.shown == (-gap, 2 * gap) and protocol.shown_times == (-1, 2)
    assert protocol.offsets == tuple(range(1, gap))
    assert windows(3 * gap, protocol) == [] and windows(3 * gap + 1, protocol) == [gap]
    for frames in range(3 * gap + 1, 100):
        starts = windows(frames, protocol)
        assert starts[0] >= gap and starts[-1] + 2 * gap < frames
        assert all(b - a > 3 * gap for a, b in zip(starts, starts[1:], strict=False))


@pytest.mark.parametrize("protocol", (GAP7, GAP24), ids=("gap7", "gap24"))
def test_windows_are_disjoint_and_reach_both_ends(protocol):
    for frames in range(protocol.size, 120):
        starts = windows(frames, protocol)
        assert len(starts) == min(protocol.windows_at_most, frames // protocol.size)
        assert all(b - a >= protocol.size for a, b in zip(starts, starts[1:], strict=False))
        before, after = starts[0], frames - (starts[-1] + protocol.size)
        assert (before, after) == (0, 0) if len(starts) > 1 else 0 <= after - before <= 1
