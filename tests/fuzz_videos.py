"""Damaged video files, and what the command `video` makes of them: an output that is whole or one sentence, never a
traceback, a standstill or half a file. A cross-fade stands in for the method.

    python tests/fuzz_videos.py 500        # files; from the project's root, one after the other
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

PATIENCE = 30  # seconds a file
KINDS = {  # container: (codec of the pictures, pixel format, codec of the sound)
    "mp4": ("libx264", "yuv420p", "aac"),
    "mkv": ("libx264", "yuv420p", "ac3"),
    "ts": ("mpeg2video", "yuv420p", "mp2"),
    "webm": ("libvpx-vp9", "yuv420p", "libopus"),
    "avi": ("mjpeg", "yuvj420p", "pcm_s16le"),
    "mov": ("prores_ks", "yuv422p10le", "pcm_s24le"),
}


def intact(folder: Path) -> dict[str, bytes]:
    from sound_files import write_tones

    return {
        name: write_tones(folder / f"intact.{name}", ["stereo"], codec=sound, video=(picture, pixels)).read_bytes()
        for name, (picture, pixels, sound) in KINDS.items()
    }


def damaged(data: bytes, seed: int) -> bytes:
    """Cut off, flipped bits, a hole, something twice, two pieces in each other's place, or several of them."""
    random = np.random.default_rng(seed)
    file, kinds = bytearray(data), random.permutation(5)[: random.choice([1, 1, 1, 2])]
    for kind in kinds:
        size = len(file)
        start, end = sorted(int(place) for place in random.integers(0, size, 2))
        length = min(int(2 ** random.uniform(2, 12)), size // 4)
        if kind == 0:
            del file[max(16, end) :]
        elif kind == 1:
            for place in random.integers(0, size, int(2 ** random.uniform(0, 8))):
                file[place] ^= 1 << int(random.integers(8))
        elif kind == 2:
            file[start : start + length] = bytes(len(file[start : start + length]))
        elif kind == 3:
            file[start:start] = file[start : start + length]
        elif start + length <= end and end + length <= size:
            file[start : start + length], file[end : end + length] = (
                file[end : end + length],
                file[start : start + length],
            )
    return bytes(file)


def files(count: int, folder: Path, first: int = 0) -> Iterator[Path]:
    whole = intact(folder)
    for number in range(first, first + count):
        name = list(KINDS)[number % len(KINDS)]
        path = folder / f"{number:04d}.{name}"
        path.write_bytes(damaged(whole[name], number))
        yield path


def convert_all(paths: list[str]) -> None:
    """In a process of its own. Says for each file that it is begun, and with which status it ended."""
    from video_files import CrossFade

    from rdvfi_core.__main__ import main
    from rdvfi_core.commands import video

    video.load_interpolator = lambda args: CrossFade()
    for number, path in enumerate(paths):
        options = [["--slow", "2"], [], ["--fps", "30"]][number % 3]
        suffix = (".mp4", ".mkv", ".webm")[number // 2 % 3]
        print("begun", path, flush=True)
        status = main(["video", path, "-o", path + suffix, "--quality", "draft", *options])
        print("ended", status, flush=True)


def outcome(path: Path, said: str) -> str | None:
    """What is wrong with what was made of a file; None if nothing is."""
    made = [other for other in path.parent.iterdir() if other.name != path.name and path.name in other.name]
    status = said.rsplit("ended ", 1)[-1].strip()
    if "Traceback" in said or status not in ("0", "2"):
        return f"ends with {status}"
    if status == "2":
        lines = [line for line in said.splitlines() if line.startswith("error: ")]
        return f"leaves {made[0].name}" if made else None if len(lines) == 1 else "is refused without one sentence"
    return unsound(made[0]) if len(made) == 1 else f"leaves {[other.name for other in made]}"


def unsound(path: Path) -> str | None:
    """Pictures have to be decoded; sound that was copied may be as damaged as in its source."""
    import av

    try:
        with av.open(str(path)) as container:
            ends = {}
            for packet in container.demux():
                if packet.pts is not None:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    ends[packet.stream.type] = max(end, ends.get(packet.stream.type, 0))
        with av.open(str(path)) as container:
            frames = sum(1 for _ in container.decode(video=0))
    except av.FFmpegError as error:
        return f"is written damaged ({error})"
    if ends.get("audio", 0) > ends.get("video", 0) + 0.5:
        return f"has sound up to {float(ends['audio']):.2f} s and pictures up to {float(ends['video']):.2f} s"
    return None if frames else "is written without a frame"


def failures(paths: list[Path]) -> list[str]:
    """Of `convert_all` in a process that is started anew where it stood still or died."""
    found, left = [], list(paths)
    while left:
        command = [sys.executable, __file__, "--convert", *map(str, left[:25])]
        batch, left = left[:25], left[25:]
        with tempfile.TemporaryFile() as said:
            try:
                done = subprocess.run(command, stdout=said, stderr=subprocess.STDOUT, timeout=PATIENCE * len(batch))
                ending = None if done.returncode == 0 else f"ends the process with {done.returncode}"
            except subprocess.TimeoutExpired:
                ending = f"takes more than {PATIENCE} s"
            said.seek(0)
            parts = said.read().decode(errors="replace").split("begun ")[1:]
        for path, part in zip(batch, parts, strict=False):
            is_last = ending is not None and path is batch[len(parts) - 1]
            wrong = ending if is_last else outcome(path, part)
            if wrong:
                found.append(f"{path.name} {wrong}: {part[-2000:]}")
        left = batch[len(parts) :] + left
    return found


if __name__ == "__main__":
    if sys.argv[1] == "--convert":
        convert_all(sys.argv[2:])
    else:
        with tempfile.TemporaryDirectory() as folder:
            wrong = failures(list(files(int(sys.argv[1]), Path(folder), *map(int, sys.argv[2:3]))))
        print(*wrong, f"{len(wrong)} of {sys.argv[1]} files are wrong", sep="\n")
        sys.exit(bool(wrong))
