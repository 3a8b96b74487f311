"""Many videos over pools of workers, with a renderer that cross-fades."""

from __future__ import annotations

import os
from concurrent.futures import Future
from pathlib import Path

import pytest
from video_files import LOSSLESS, CrossFade, clip_of, fade_or_die, fade_to_bytes, marks, packets, pattern, write

from rdvfi_core.errors import Interrupted
from rdvfi_core.timeline import Timeline
from rdvfi_core.video import parts, pools
from rdvfi_core.video.batch import ATTEMPTS, output_names, run_batch
from rdvfi_core.video.convert import Choices, convert, make_job


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    monkeypatch.setattr(parts.split, "__defaults__", (10, 4))


@pytest.fixture
def videos(tmp_path) -> list:
    """Three videos, the second of which is none."""
    for name, shift in (("a", 1), ("c", -1)):
        write(tmp_path / f"{name}.mkv", [pattern(i * shift) for i in range(16)], **LOSSLESS)
    (tmp_path / "b.mkv").write_text("no video")

    def maker(name: str):
        def make():
            return make_job(*clip_of(tmp_path / f"{name}.mkv"), Timeline.multiplied(2), out(tmp_path, name), FFV1)

        return make

    return [(name, maker(name)) for name in "abc"]


FFV1 = Choices(codec="ffv1")


def out(folder: Path, name: str) -> Path:
    return folder / f"{name}_out.mkv"


def whole(folder: Path, name: str) -> Path:
    """The same, in this process and at once."""
    job = make_job(*clip_of(folder / f"{name}.mkv"), Timeline.multiplied(2), folder / f"{name}_whole.mkv", FFV1)
    convert(CrossFade(), job)
    return folder / f"{name}_whole.mkv"


class Unreliable(pools.Here):
    """Notes what it renders. failures: how often a part of that number fails before it does not."""

    slots = 2

    def __init__(self, failures: dict[str, int] | None = None):
        super().__init__(CrossFade())
        self.rendered, self.failures = [], dict(failures or {})

    def submit(self, part, path):
        if self.failures.get(path.stem, 0):
            self.failures[path.stem] -= 1
            future: Future = Future()
            future.set_exception(RuntimeError("a worker died"))
            return future
        self.rendered.append(path)
        return super().submit(part, path)


def test_failed_parts_are_tried_again_and_a_bad_video_holds_up_no_other(videos, tmp_path):
    pool, seen = Unreliable({"00001": 1, "00002": 1}), []
    outcomes = run_batch(videos, pool, lambda *state: seen.append(state))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert "b.mkv cannot be read as a video" in outcomes[1].error
    assert len(pool.rendered) == len(set(pool.rendered)) == 8  # four parts each, none of them twice
    assert seen[-1][1:] == (31, 31)
    for name in "ac":
        assert packets(out(tmp_path, name)) == packets(whole(tmp_path, name))


def test_a_part_that_fails_every_time_is_given_up_and_found_again(videos, tmp_path):
    pool = Unreliable({"00001": ATTEMPTS})
    outcomes = run_batch(videos[:1], pool)
    assert "failed 3 times (a worker died)" in outcomes[0].error and not out(tmp_path, "a").exists()
    again = Unreliable()
    assert run_batch(videos[:1], again)[0].error is None
    assert len(pool.rendered) + len(again.rendered) == 4


def test_a_stopped_batch_ends_its_pool(videos, tmp_path):
    pool = Unreliable()
    closed = []
    pool.close = lambda: closed.append(True)
    with pytest.raises(Interrupted):
        run_batch(videos, pool, should_stop=lambda: len(pool.rendered) >= 2)
    assert closed and not out(tmp_path, "a").exists()


def test_processes_that_die_are_replaced(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(pools, "_render", fade_or_die)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (*Path(__file__).parents[:3], Path.cwd()))))
    outcomes = run_batch(videos[:1], pools.Processes(["cpu", "cpu"]))
    assert outcomes[0].error is None and (tmp_path / "died").exists()
    assert packets(out(tmp_path, "a")) == packets(whole(tmp_path, "a"))


@pytest.fixture
def on_ray(monkeypatch):
    """Its workers, other processes, cross-fade too."""
    ray = pytest.importorskip("ray", reason="Ray is an optional extra: pip install 'comfyui-rdvfi[cluster]'")
    monkeypatch.setattr(pools, "_render_to_bytes", fade_to_bytes)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (*Path(__file__).parents[:3], Path.cwd()))))
    return ray


def test_ray_on_this_machine_renders_parts_and_joins_them(videos, tmp_path, on_ray):
    outcomes = run_batch(videos[:2], pools.Cluster(slots=1))
    assert [outcome.error is None for outcome in outcomes] == [True, False]
    assert packets(out(tmp_path, "a")) == packets(whole(tmp_path, "a"))


def test_a_ray_node_that_dies_leaves_its_part_to_the_others(videos, tmp_path, on_ray):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes = [cluster.head_node, cluster.add_node(num_cpus=1)]
        staying, leaving = (node.node_id for node in nodes)
        for node in (staying, leaving):
            (tmp_path / f"hold {node}").touch()
        killed = []

        def kill_half_way() -> bool:
            """Once each node has done a part and is in its next one."""
            begun = [node for node, _ in marks(tmp_path, "begun")]
            if not killed and min(begun.count(staying), begun.count(leaving)) == 2:
                killed.extend(part for node, part in marks(tmp_path, "begun") if node == leaving)
                cluster.remove_node(nodes[1], allow_graceful=False)
                (tmp_path / f"hold {staying}").unlink()
            return False

        outcomes = run_batch(videos, pools.Cluster(cluster.address), should_stop=kill_half_way)
    finally:
        cluster.shutdown()
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    done, begun = marks(tmp_path, "done"), marks(tmp_path, "begun")
    assert len(done) == 8 and len(begun) == 9  # four parts of each video, and one of them begun twice
    assert done.count((leaving, killed[0])) == 1 and done.count((staying, killed[1])) == 1
    for name in "ac":
        assert packets(out(tmp_path, name)) == packets(whole(tmp_path, name))


def test_outputs_that_would_meet_are_refused(tmp_path):
    with pytest.raises(ValueError, match="would both become"):
        output_names([Path("x/a.mp4"), Path("y/a.mov")], tmp_path, ".mp4")
    with pytest.raises(ValueError, match="replace its own source"):
        output_names([tmp_path / "a.mp4"], tmp_path, ".mp4")
    assert output_names([Path("x/a.mov")], tmp_path, ".mp4") == [tmp_path / "a.mp4"]
