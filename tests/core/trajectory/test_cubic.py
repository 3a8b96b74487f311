import pytest

from rdvfi_core.trajectory.cubic import cubic_velocity_weights, cubic_weights, interval_of, linear_weights

UNIFORM = tuple(i / 8 for i in range(9))
UNEVEN = (0.0, 0.1, 0.15, 0.5, 0.7, 1.0)
TAUS = (0.0, 0.03, 0.1, 0.125, 0.31, 0.5, 0.77, 0.9, 1.0)


def read(weights, times, path):
    return sum(w * path(t) for w, t in zip(weights, times, strict=True))


def keys(x: float) -> float:
    """The cubic convolution kernel of Keys with a = -1/2."""
    x = abs(x)
    if x >= 2:
        return 0.0
    return 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2


def test_intervals_include_their_start_and_the_last_one_its_end():
    assert [interval_of((0, 0.25, 1), tau) for tau in (0, 0.2, 0.25, 0.9, 1)] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("times", [UNIFORM, UNEVEN, (0.0, 0.3, 1.0), (0.0, 1.0)])
@pytest.mark.parametrize("tau", TAUS)
def test_weights_sum_to_one_and_those_of_velocity_to_zero(times, tau):
    assert sum(cubic_weights(times, tau)) == pytest.approx(1)
    assert sum(linear_weights(times, tau)) == pytest.approx(1)
    assert sum(cubic_velocity_weights(times, tau)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("weights", [cubic_weights, linear_weights])
@pytest.mark.parametrize("times", [UNIFORM, UNEVEN, (0.0, 1.0)])
def test_knots_are_interpolated(weights, times):
    for k, time in enumerate(times):
        assert weights(times, time) == pytest.approx([float(j == k) for j in range(len(times))], abs=1e-12)


@pytest.mark.parametrize("times", [UNIFORM, UNEVEN, (0.0, 0.3, 1.0), (0.0, 1.0)])
@pytest.mark.parametrize("tau", TAUS)
def test_linear_motion_is_exact(times, tau):
    assert read(cubic_weights(times, tau), times, lambda t: 3 - 40 * t) == pytest.approx(3 - 40 * tau)
    assert read(linear_weights(times, tau), times, lambda t: 3 - 40 * t) == pytest.approx(3 - 40 * tau)
    assert read(cubic_velocity_weights(times, tau), times, lambda t: 3 - 40 * t) == pytest.approx(-40)


@pytest.mark.parametrize("times", [UNIFORM, UNEVEN, (0.0, 0.3, 1.0)])
@pytest.mark.parametrize("tau", TAUS)
def test_quadratic_motion_is_exact(times, tau):
    def path(t):
        return 3 - 40 * t + 90 * t * t

    assert read(cubic_weights(times, tau), times, path) == pytest.approx(path(tau))
    assert read(cubic_velocity_weights(times, tau), times, path) == pytest.approx(-40 + 180 * tau)


@pytest.mark.parametrize("tau", TAUS)
def test_uniform_times_give_the_keys_kernel_with_ghost_end_knots(tau):
    path = [5.0, -3.0, 8.0, 2.0, 2.0, -7.0, 0.5, 4.0, -1.0]
    ghosts = [3 * path[0] - 3 * path[1] + path[2], *path, 3 * path[-1] - 3 * path[-2] + path[-3]]
    expected = sum(keys(8 * tau - (k - 1)) * c for k, c in enumerate(ghosts))
    assert sum(w * c for w, c in zip(cubic_weights(UNIFORM, tau), path, strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize("times", [UNIFORM, UNEVEN])
def test_velocity_is_the_derivative_and_continuous_at_knots(times):
    step = 1e-6
    for tau in (0.04, 0.3, 0.6, 0.95):
        later, earlier = cubic_weights(times, tau + step), cubic_weights(times, tau - step)
        slope = [(a - b) / (2 * step) for a, b in zip(later, earlier, strict=True)]
        assert cubic_velocity_weights(times, tau) == pytest.approx(slope, abs=1e-6)
    for knot in times[1:-1]:
        before, after = cubic_velocity_weights(times, knot - 1e-9), cubic_velocity_weights(times, knot)
        assert before == pytest.approx(after, abs=1e-4)
