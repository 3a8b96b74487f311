import json
import struct

import numpy as np
import pytest
import torch
from straight import straight

from rdvfi_core.trajectory.path_samples import LARGEST, MAGIC, sample_paths


def shifted(height=64, width=96, by=(12.0, -3.0)):
    """The trajectory of a picture that moves as a whole."""
    flow = torch.tensor(by).view(1, 2, 1, 1).expand(1, 2, height, width).contiguous()
    seen, grey = torch.ones(1, 1, height, width), torch.full((1, 3, height, width), 0.5)
    return straight(flow, -flow, seen, seen, grey, grey)


def read(content: bytes) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
    """As a page does."""
    assert content[:4] == MAGIC
    (length,) = struct.unpack("<I", content[4:8])
    header = json.loads(content[8 : 8 + length])
    knots, paths, start = len(header["times"]), header["columns"] * header["rows"], 8 + length
    places = np.frombuffer(content, "<u2", knots * paths * 2, start).reshape(knots, paths, 2) / 65535 * 3 - 1
    start += 4 * knots * paths
    error = np.frombuffer(content, np.uint8, paths, start) / 8
    bits = np.frombuffer(content, np.uint8, offset=start + paths).reshape(knots, -1)
    return header, places, error, np.unpackbits(bits, axis=1, count=paths, bitorder="little").astype(bool)


def test_a_file_holds_the_trajectorys_own_paths():
    trajectory = shifted()
    header, places, error, seen = read(sample_paths(trajectory).to_bytes())
    assert header["grid"] == [96, 64] and header["columns"] * header["rows"] == 96 * 64
    pixels = places * header["grid"] - 0.5
    points = torch.from_numpy(pixels[0]).round().float()[None]
    paths, visible = trajectory.tracks(points, header["times"])
    assert np.abs(pixels - paths[0].numpy()).max() < 0.01
    assert (seen == visible[0].numpy()).all()
    assert error.max() == 0


def test_paths_begin_at_pixels():
    samples = sample_paths(shifted(), largest=4000)
    begin = samples.places[0] * torch.tensor(samples.grid) - 0.5
    assert samples.columns < 96 and (begin - begin.round()).abs().max() < 1e-4


@pytest.mark.parametrize("largest", [3000, 20_000, LARGEST])
def test_a_file_is_no_larger_than_asked_for_and_not_much_smaller_than_it_could_be(largest):
    size = len(sample_paths(shifted(256, 448), largest).to_bytes())
    assert largest / 5 < size <= largest


def test_a_way_back_that_leads_elsewhere_shows():
    trajectory = shifted()
    trajectory.to0[:, -1, 0] += 2.0
    samples = sample_paths(trajectory)
    assert torch.allclose(samples.round_trip, torch.tensor(2.0), atol=1e-4)


def test_what_leaves_the_picture_is_not_seen_there():
    samples = sample_paths(shifted(by=(40.0, 0.0)))
    last = samples.places[-1, :, 0]
    assert (~samples.seen[-1][last > 1]).all() and samples.seen[-1][last < 0.9].all()


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(ValueError, match="do not fit into 100 bytes"):
        sample_paths(shifted(), largest=100)
