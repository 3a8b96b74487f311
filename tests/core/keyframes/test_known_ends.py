import torch

from rdvfi_core.keyframes.known_ends import svd_rows, wan_clip, wan_mask


def test_wan_sees_the_ends_and_grey_between():
    start, end = torch.zeros(3, 4, 6), torch.ones(3, 4, 6)
    clip = wan_clip(start, end, 5)
    assert clip.shape == (5, 3, 4, 6)
    assert torch.equal(clip[0], start) and torch.equal(clip[-1], end) and (clip[1:-1] == 0.5).all()


def test_the_mask_marks_what_is_to_be_made_frame_by_frame():
    mask = wan_mask(7, 2, 3)
    assert mask.shape == (1, 4, 7, 2, 3)
    assert mask[0, :, :, 0, 0].T.tolist() == [[0.0] * 4, *[[1.0] * 4] * 5, [1.0, 1.0, 1.0, 0.0]]


def test_svd_sees_a_row_for_every_frame():
    first, last = torch.full((1, 4, 2, 2), 2.0), torch.full((1, 4, 2, 2), 3.0)
    assert svd_rows(first, last, 5)[:, 0, 0, 0].tolist() == [2.0, 0.0, 0.0, 0.0, 3.0]
