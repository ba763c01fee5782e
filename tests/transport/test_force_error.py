from __future__ import annotations

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.transport.force_error import extrapolate, langevin_force_error, total_force_error

SIGMA = np.array([0.02, 0.04, 0.06, 0.1])


def test_langevin_force_error_makes_the_temperature() -> None:
    """In natural units a kick of variance sigma^2 dt^2 / m each step balances the friction 1 / tau."""
    mass, temperature, tau, dt = 28.085, 300.0, 5000.0, 1.0
    sigma = langevin_force_error(mass, temperature, tau, dt)
    step = dt / 10.18051
    gained = (sigma * step / mass) ** 2 / step
    lost = 2 / (tau / 10.18051) * 8.617343e-5 * temperature / mass
    assert gained == pytest.approx(lost)
    assert sigma == pytest.approx(0.1735, abs=5e-5)


def test_force_errors_add_in_squares() -> None:
    assert total_force_error(0.03, 0.04) == pytest.approx(0.05)


@pytest.mark.parametrize("order", [1, 2])
def test_an_exact_polynomial_is_found(order: int) -> None:
    coefficients = np.array([100.0, -400.0, 900.0])[: order + 1]
    found = extrapolate(SIGMA, np.polynomial.polynomial.polyval(SIGMA, coefficients), [0.5] * 4, order)
    assert found.coefficients == pytest.approx(coefficients)
    assert found.kappa_zero == pytest.approx(100.0)
    assert found.warnings == ()


@pytest.mark.parametrize("order", [1, 2])
def test_the_value_at_zero_scatters_as_its_error_says(order: int) -> None:
    rng, error = np.random.default_rng(1), np.array([3.0, 2.0, 1.0, 1.0])
    found = [extrapolate(SIGMA, 100 - 300 * SIGMA + error * rng.normal(size=4), error, order) for _ in range(600)]
    good = [one for one in found if one.p_value is not None and one.p_value >= 0.05]
    assert np.std([one.kappa_zero for one in found]) == pytest.approx(good[0].standard_error, rel=0.1)
    inside = [one.interval[0] < 100 < one.interval[1] for one in found]
    assert 0.92 < np.mean(inside) < 0.99


def test_the_curve_has_the_error_of_the_fit() -> None:
    found = extrapolate(SIGMA, 100 - 300 * SIGMA, [1.0] * 4)
    value, error = found.curve(np.array([0.0, 0.05]))
    assert value == pytest.approx([100.0, 85.0])
    assert error[0] == pytest.approx(found.standard_error)
    assert error[1] < error[0]


def test_a_poor_fit_is_named_and_its_error_enlarged() -> None:
    kappa = [100.0, 80.0, 95.0, 60.0]
    poor, fine = extrapolate(SIGMA, kappa, [1.0] * 4), extrapolate(SIGMA, kappa, [15.0] * 4)
    assert any("do not lie on the fit" in warning for warning in poor.warnings)
    assert poor.standard_error > 5 * fine.standard_error / 15
    assert not any("do not lie" in warning for warning in fine.warnings)


def test_far_extrapolations_rising_lines_and_exact_fits_are_named() -> None:
    found = extrapolate([0.1, 0.12], [5.0, 6.0], [0.5, 0.5])
    text = " ".join(found.warnings)
    assert "goes further" in text
    assert "rises with the force error" in text
    assert "as many points as coefficients" in text
    assert found.p_value is None


@pytest.mark.parametrize(
    ("sigma", "error", "order", "said"),
    [
        ([0.1, 0.1], [1.0, 1.0], 1, "found 1 different force errors, expected 2"),
        ([0.1, 0.2], [1.0, 1.0], 2, "found 2 different force errors, expected 3"),
        ([0.1, 0.2], [1.0, 0.0], 1, "above zero"),
        ([0.1, 0.2], [1.0, 1.0], 3, "expected 1 or 2"),
    ],
)
def test_what_cannot_be_extrapolated(sigma: list[float], error: list[float], order: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        extrapolate(sigma, [1.0, 2.0], error, order)
