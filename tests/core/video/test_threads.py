"""Threads beside the work, which only a machine with a GPU has: here one is made believe."""

from __future__ import annotations

import threading

import pytest
import torch
from video_files import LOSSLESS, CrossFade, clip_of, packets, pattern, write

from rdvfi_core.timeline import Timeline
from rdvfi_core.video import threads
from rdvfi_core.video.convert import Choices, convert, make_job
from rdvfi_core.video.threads import Behind, ahead, waiting


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(threads, "default_device", lambda: torch.device("cuda"))


def test_frames_wait_beside_a_gpu_only(monkeypatch):
    for kind, count in (("cpu", 0), ("cuda", 2), ("mps", 2)):
        monkeypatch.setattr(threads, "default_device", lambda kind=kind: torch.device(kind))
        assert waiting() == count


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_items_come_in_order_and_so_does_an_error(depth):
    def items():
        yield from range(5)
        raise OSError("gone")

    found = []
    with pytest.raises(OSError, match="gone"):
        for item in ahead(items(), depth):
            found.append(item)
    assert found == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("depth", [0, 2])
def test_who_closes_it_ends_the_thread_and_closes_the_source(depth):
    closed = []

    def items():
        try:
            yield from iter(int, 1)  # for ever
        finally:
            closed.append(threading.current_thread().name)

    before = threading.active_count()
    stream = ahead(items(), depth)
    assert next(stream) == 0
    assert threading.active_count() == before + bool(depth)
    stream.close()
    assert closed == ["decode" if depth else threading.current_thread().name]
    assert threading.active_count() == before


@pytest.mark.parametrize("depth", [0, 2])
def test_work_behind_is_done_in_order_and_its_error_is_raised(depth):
    done = []

    def work(item: int) -> None:
        if item == 7:
            raise OSError("full")
        done.append(item)

    behind = Behind(work, depth)
    for item in range(5):
        behind.put(item)
    behind.finish()
    behind.close()
    assert done == [0, 1, 2, 3, 4]
    for items in ((7,), (7, 8, 9, 10, 11)):
        behind = Behind(work, depth)
        with pytest.raises(OSError, match="full"):
            for item in items:
                behind.put(item)
            behind.finish()
        behind.close()
    assert done == [0, 1, 2, 3, 4]  # nothing after what went wrong


def test_files_are_the_same_with_threads_and_without(tmp_path, gpu, monkeypatch):
    source = write(tmp_path / "in.mkv", [pattern(i) for i in range(12)], **LOSSLESS)

    def made(name: str) -> list[tuple]:
        job = make_job(*clip_of(source), Timeline.multiplied(2), tmp_path / name, Choices(codec="ffv1"))
        convert(CrossFade(), job)
        return packets(tmp_path / name)

    beside_a_gpu = made("a.mkv")
    monkeypatch.undo()
    assert made("b.mkv") == beside_a_gpu
