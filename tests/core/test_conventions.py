import pytest

from rdvfi_core.conventions import MOTION_AREA, motion_size, spanning_times, uniform_times


@pytest.mark.parametrize(
    ("image", "motion"),
    [
        ((720, 1280), (256, 448)),
        ((1280, 720), (448, 256)),
        ((2160, 3840), (256, 448)),
        ((480, 854), (256, 448)),
        ((512, 512), (352, 352)),
        ((64, 64), (352, 352)),
    ],
)
def test_motion_size_of_common_images(image, motion):
    assert motion_size(*image) == motion


@pytest.mark.parametrize("image", [(64, 6400), (6400, 64), (333, 777), (101, 100), (1080, 2560)])
def test_motion_sides_are_multiples_of_32_from_64_up(image):
    for side in motion_size(*image):
        assert side % 32 == 0 and side >= 64


@pytest.mark.parametrize("image", [(333, 777), (101, 100), (1080, 2560)])
def test_motion_area_and_aspect_are_kept(image):
    height, width = motion_size(*image)
    assert height * width == pytest.approx(MOTION_AREA, rel=0.15)
    assert width / height == pytest.approx(image[1] / image[0], rel=0.15)


def test_uniform_times_lie_strictly_inside():
    assert uniform_times(3) == (0.25, 0.5, 0.75)
    assert len(uniform_times()) == 7 and uniform_times()[0] == 1 / 8


def test_spanning_times_include_both_ends():
    assert spanning_times(2) == (0.0, 1.0) and spanning_times(5) == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert spanning_times(8)[-1] == 1.0
