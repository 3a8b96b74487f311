from mmap import mmap

import pytest
import torch

from rdvfi_core.memory import MIB
from rdvfi_core.video import heap


@pytest.mark.parametrize("side", [512, 1024])
def test_parts_of_large_frames_are_kept_to_what_the_first_one_held(monkeypatch, side):
    """Beyond the first part: memory is given back while a part settles, and later where it holds more."""
    frame, kept, checked, returned = torch.empty(3, side, side), heap.EvenParts(), [], []  # 3 and 12 MiB
    held = {(0, 10): 600, (1, 60): 600, (1, 63): 700, (1, 64): 601, (1, 239): 601, (2, 120): 900}
    monkeypatch.setattr(heap, "resident", lambda: held.get(checked[-1], 500))
    monkeypatch.setattr(heap, "give_back", lambda: returned.append(checked[-1]))
    for part in range(3):
        kept.begin()
        for number in range(1, 241):
            checked.append((part, number))
            kept.check(frame)
    settling = {part: [(part, number) for number in range(2, 33, 2)] for part in (1, 2)}
    assert returned == ([*settling[1], (1, 64), *settling[2], (2, 120)] if side == 1024 else [])


def test_what_the_process_holds_is_known():
    before = heap.resident()
    if not before:
        pytest.skip("this system does not tell")
    with mmap(-1, 64 * MIB) as block:  # not from what the allocator has left over
        block.write(bytes(64 * MIB))
        assert heap.resident() - before > 48 * MIB
