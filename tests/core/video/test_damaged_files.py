"""A few of the files of `fuzz_videos`: whole output or one sentence."""

import fuzz_videos


def test_damaged_files_give_whole_output_or_one_sentence(tmp_path):
    paths = list(fuzz_videos.files(15, tmp_path))
    assert fuzz_videos.failures(paths) == []


def test_the_fuzz_sees_what_is_wrong(tmp_path, monkeypatch):
    whole, out = tmp_path / "a.mp4", tmp_path / "a.mp4.mkv"
    whole.write_bytes(fuzz_videos.intact(tmp_path)["mp4"])
    assert "ends with 130" in fuzz_videos.outcome(whole, "ended 130")
    assert "without one sentence" in fuzz_videos.outcome(whole, "Oops\nended 2\n")
    out.write_bytes(whole.read_bytes()[:3000])
    assert "is written damaged" in fuzz_videos.outcome(whole, "ended 0\n")
    assert "leaves a.mp4.mkv" in fuzz_videos.outcome(whole, "error: a.mp4 is no video\nended 2\n")
    out.write_bytes(whole.read_bytes())
    assert fuzz_videos.outcome(whole, "ended 0\n") is None
