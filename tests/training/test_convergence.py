"""Loss curves of known law: slope, limit and verdict are recovered."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptuner.training.convergence import Convergence, convergence

STEPS = 100.0 * np.arange(1, 121)


def noise(seed: int, spread: float, rho: float = 0.0, n: int = len(STEPS)) -> np.ndarray:
    """Draw normal numbers of a given spread, of which neighbours have a correlation of rho."""
    e = np.random.default_rng(seed).normal(size=n)
    for i in range(1, n):
        e[i] = rho * e[i - 1] + np.sqrt(1 - rho**2) * e[i]
    return spread * e


def judged(loss: np.ndarray, steps: np.ndarray = STEPS) -> Convergence:
    found = convergence(steps, loss)
    assert found is not None
    json.dumps(asdict(found), allow_nan=False)
    return found


@pytest.mark.parametrize(("spread", "rho"), [(0.01, 0.0), (0.01, 0.6), (0.04, 0.0)])
@pytest.mark.parametrize(("a", "b", "c"), [(0.1, 3.0, 0.5), (0.1, 20.0, 1.0), (0.02, 0.5, 0.3)])
def test_the_limit_of_a_power_law_is_found_within_its_error(a, b, c, spread, rho) -> None:
    """Two standard errors for 45 of 50 seeds; and the error is of use: under half the present value."""
    curve = a + b * STEPS**-c
    found = [judged(curve * np.exp(noise(seed, spread, rho))) for seed in range(50)]
    right = [abs(each.extrapolated - a) < 2 * each.extrapolated_error for each in found]
    assert np.mean(right) >= 0.9
    assert np.median([each.extrapolated_error for each in found]) < 0.5 * curve[-1]
    assert np.median([each.residual for each in found]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("rho", [0.0, 0.6])
@pytest.mark.parametrize("slope", [-3.0, 0.0, 2.0])
def test_slopes_are_found_within_their_errors(slope: float, rho: float) -> None:
    """Per cent per 1000 steps of an exponential curve; neighbours that are alike are no further evidence."""
    found = [judged(np.exp(1e-5 * slope * STEPS + noise(seed, 0.02, rho))) for seed in range(50)]
    assert np.mean([abs(each.slope - slope) < 2 * each.slope_error for each in found]) >= 0.88
    assert np.std([each.slope for each in found]) == pytest.approx(np.median([e.slope_error for e in found]), rel=0.4)


def test_a_power_law_without_noise_is_found_exactly() -> None:
    found = judged(0.1 + 3.0 * STEPS**-0.5)
    assert found.extrapolated == pytest.approx(0.1, rel=1e-3)
    assert found.exponent == pytest.approx(0.5, rel=1e-3)
    assert found.residual < 1e-6
    assert found.rows == 96
    assert found.verdict == "still falling"


def test_the_rows_may_have_any_unit() -> None:
    curve = (0.1 + 3.0 * STEPS**-0.5) * np.exp(noise(3, 0.01))
    one, other = judged(curve), judged(1e-9 * curve, STEPS)
    assert other.extrapolated == pytest.approx(1e-9 * one.extrapolated)
    assert other.extrapolated_error == pytest.approx(1e-9 * one.extrapolated_error)
    assert (other.slope, other.exponent, other.residual) == pytest.approx((one.slope, one.exponent, one.residual))
    later = judged(curve, 10 * STEPS)
    assert later.slope == pytest.approx(0.1 * one.slope)


@pytest.mark.parametrize("spread", [0.003, 0.03])
def test_flat_noise_has_converged_for_nearly_every_seed(spread: float) -> None:
    found = [judged(0.05 * np.exp(noise(seed, spread))) for seed in range(50)]
    assert np.mean([each.verdict == "converged" for each in found]) >= 0.94
    assert np.mean([abs(each.extrapolated - 0.05) < 2 * each.extrapolated_error for each in found]) >= 0.94
    assert np.median([each.extrapolated_error for each in found]) < 0.0005


def test_a_curve_that_has_reached_its_limit_has_converged() -> None:
    found = judged((0.1 + 2000 * STEPS**-2.0) * np.exp(noise(0, 0.003)))
    assert found.verdict == "converged"
    assert found.extrapolated == pytest.approx(0.1, rel=0.01)


def test_a_long_flat_tail_that_leads_far_down_has_not_converged() -> None:
    """Less than 0.5 % per 1000 steps, but there is no end to it."""
    found = judged((1000 * STEPS) ** -0.3, 1000 * STEPS)
    assert abs(found.slope) < 0.5
    assert found.verdict == "still falling"


def test_a_rising_tail_is_told() -> None:
    found = judged(0.1 + 0.5 / np.sqrt(STEPS) + 1e-5 * np.maximum(STEPS - 5000, 0.0))
    assert found.verdict == "rising"
    assert found.slope > 2 * found.slope_error


def test_a_constant_has_converged_to_itself() -> None:
    found = judged(np.full(len(STEPS), 0.25))
    assert found.verdict == "converged"
    assert found.present == found.extrapolated == pytest.approx(0.25)
    assert found.slope == pytest.approx(0.0, abs=1e-9)
    assert found.exponent is None


def test_nothing_is_said_of_few_rows() -> None:
    curve = 1.0 + 1.0 / STEPS
    assert convergence(STEPS[:9], curve[:9]) is None
    assert convergence([], []) is None
    assert judged(curve[:10], STEPS[:10]).rows == 8


def test_missing_errors_are_left_out() -> None:
    """GPUMD writes zeros for labels that are missing."""
    curve = (0.1 + 3.0 * STEPS**-0.5) * np.exp(noise(5, 0.01))
    gaps = curve.copy()
    gaps[3], gaps[50], gaps[117] = 0.0, np.nan, np.inf
    kept = np.delete(np.arange(len(STEPS)), [3, 50, 117])
    assert judged(gaps) == judged(curve[kept], STEPS[kept])
    assert convergence(STEPS, np.zeros(len(STEPS))) is None


@pytest.mark.parametrize("steps", [STEPS[:-1], STEPS[::-1], np.zeros(len(STEPS))])
def test_steps_that_do_not_fit_are_refused(steps: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected increasing steps"):
        convergence(steps, np.ones(len(STEPS)))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1e-12, 1e12), min_size=10, max_size=40), st.integers(0, 10**7))
def test_any_curve_gives_numbers(loss: list[float], begin: int) -> None:
    found = judged(np.array(loss), begin + np.arange(1, len(loss) + 1))
    assert found.slope_error >= 0
    assert 0 <= found.extrapolated <= 1.000001 * max(loss)
    assert found.extrapolated_error >= 0
