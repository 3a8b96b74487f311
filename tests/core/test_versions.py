"""The lowest versions are written down in three places."""

import re
import sys
from pathlib import Path

import av
import pytest

from rdvfi_core import video

ROOT = Path(__file__).parents[2]


def bounds(text: str) -> dict[str, str]:
    return dict(re.findall(r'^\s*"?([A-Za-z]+)>=([0-9.]+)"?,?$', text, re.MULTILINE))


def test_all_places_name_the_same_bounds():
    project = (ROOT / "pyproject.toml").read_text()
    wanted = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)[1]
    assert len(bounds(wanted)) == len(re.findall(r'"[^"]+"', wanted)) == 8  # each has one
    assert bounds((ROOT / "requirements.txt").read_text()) == bounds(wanted)
    assert bounds(wanted)["av"] == video.OLDEST_PYAV


@pytest.mark.parametrize("version", ["16.0.0", "16.1.0", "9.2.0", "15.1.0rc1"])
def test_an_older_pyav_is_told_when_videos_are_asked_for(monkeypatch, version):
    monkeypatch.setattr(av, "__version__", version)
    monkeypatch.delitem(sys.modules, "rdvfi_core.video")
    with pytest.raises(ImportError, match=f"needs PyAV {video.OLDEST_PYAV} or newer, and here is {version}; run: pip"):
        __import__("rdvfi_core.video")
