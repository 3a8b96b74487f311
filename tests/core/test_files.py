import pytest

from rdvfi_core.files import whole_file


def test_a_name_stands_for_something_whole(tmp_path):
    path = tmp_path / "report.json"
    with whole_file(path) as unfinished:
        unfinished.write_text("old")
        assert not path.exists()
    with pytest.raises(KeyError), whole_file(path) as unfinished:
        unfinished.write_text("half")
        raise KeyError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
