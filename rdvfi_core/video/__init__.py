"""Video files in and out, frame by frame: memory does not grow with their length.

formats, hdr, colour     codecs, containers and pixels
reader, decoding, clip   a file, read; survey: what that has shown; missing: whether it is whole
writer                   a file, written
tracks, sound_formats    what goes along with the pictures, and what sound a file can hold
samples, audio, timemap  the source's sound, and the sound of the output's times
convert, parts, join     the whole job, in parts that are rendered one by one and joined without loss
batch, pools             many of them, over devices and machines
threads, heap            work on either side of it; memory that stays even
"""

import av

OLDEST_PYAV = "17.0.0"  # as in pyproject.toml and requirements.txt; the first whose frames know their colours


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


if _number(av.__version__) < _number(OLDEST_PYAV):
    raise ImportError(
        f"RDVFI needs PyAV {OLDEST_PYAV} or newer, and here is {av.__version__}; run: pip install --upgrade av"
    )
