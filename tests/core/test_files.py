import os

import pytest

from rdvfi_core.files import beside, check_name, check_sources, whole_file


def test_a_name_stands_for_something_whole(tmp_path):
    path = tmp_path / "report.json"
    with whole_file(path) as unfinished:
        unfinished.write_text("old")
        assert not path.exists()
    with pytest.raises(KeyError), whole_file(path) as unfinished:
        unfinished.write_text("half")
        raise KeyError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


LONG = ["x" * 251 + ".mp4", "続" * 83 + ".mp4", "🎬" * 62 + "é.mp4"]
KINDS = ["plain", "Chinese", "pictures"]


@pytest.mark.parametrize("name", LONG, ids=KINDS)
def test_names_that_fit_have_temporary_names_that_fit(tmp_path, name):
    path = tmp_path / name
    check_name(path)
    assert beside(path, ".parts") != beside(tmp_path / f"{name[:-5]}y.mp4", ".parts")  # no other file's
    for hidden in (True, False):
        assert len(os.fsencode(beside(path, f".{2**22}.partial", hidden).name)) < 140
    with whole_file(path) as unfinished:
        unfinished.write_text("")
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [name.replace(".", "xxx.") for name in LONG], ids=KINDS)
def test_names_that_do_not_fit_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="255 fit into this folder: shorten it"):
        check_name(tmp_path / name)


def test_a_source_is_not_replaced_under_any_of_its_names(tmp_path):
    source, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    source.write_text("")
    (tmp_path / "link.mp4").symlink_to(source)
    os.link(source, tmp_path / "hard.mp4")
    for name in ("a.mp4", "link.mp4", "hard.mp4", "../" + tmp_path.name + "/a.mp4"):
        with pytest.raises(ValueError, match="replace its own source"):
            check_sources(tmp_path / name, other, source)
    check_sources(other, source)
