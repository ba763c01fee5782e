from __future__ import annotations

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.transport.driving_force import scan

FE = np.array([1e-4, 2e-4, 4e-4, 8e-4])


def test_an_exact_parabola_is_found() -> None:
    found = scan(FE, 2.0 + 1.5e6 * FE**2, [1e-3] * 4)
    assert found.k0 == pytest.approx(2.0)
    assert found.coefficient == pytest.approx(1.5e6)
    assert not found.linear
    assert found.fit_p_value == pytest.approx(1.0)


def test_coefficients_scatter_as_their_errors_say() -> None:
    rng, sigma = np.random.default_rng(1), 8e-6 / FE
    found = [scan(FE, 2.0 + 5e4 * FE**2 + sigma * rng.normal(size=4), sigma) for _ in range(500)]
    k0, a = np.array([(one.k0, one.coefficient) for one in found]).T
    assert k0.std() == pytest.approx(found[0].k0_error, rel=0.1)
    assert a.std() == pytest.approx(found[0].coefficient_error, rel=0.1)
    assert np.cov(k0, a)[0, 1] == pytest.approx(found[0].covariance, rel=0.2)
    assert k0.mean() == pytest.approx(2.0, abs=0.01)


def test_a_linear_response_is_called_linear_95_times_in_a_hundred() -> None:
    rng, sigma = np.random.default_rng(2), 8e-6 / FE
    found = [scan(FE, 2.0 + sigma * rng.normal(size=4), sigma) for _ in range(500)]
    assert 0.92 < np.mean([one.linear for one in found]) < 0.98


def test_few_runs_make_the_test_lenient() -> None:
    kappa = 2.0 + 1e5 * FE**2
    sure, unsure = scan(FE, kappa, [0.02] * 4), scan(FE, kappa, [0.02] * 4, degrees_of_freedom=2)
    assert sure.p_value < 0.05 < unsure.p_value
    assert "linear within errors up to Fe = 0.0008" in unsure.verdict


def test_the_recommended_force_has_a_small_bias() -> None:
    a, error = -1e6, 4e-5 / FE
    found = scan(FE, 3.0 + a * FE**2, error)
    fe = found.recommended_fe
    bound = (abs(found.coefficient) + found.coefficient_error) * fe**2
    assert bound == pytest.approx(max(0.5 * 4e-5 / fe, 0.02 * found.k0), rel=1e-6)
    assert FE[0] < fe < FE[-1]


def test_without_a_bias_the_largest_tested_is_recommended() -> None:
    assert scan(FE, [2.0] * 4, [1e-3] * 4).recommended_fe == FE[-1]


def test_verdicts() -> None:
    large = scan(FE, 2.0 + 3e6 * FE**2, [0.05] * 4)
    assert large.verdict.startswith("not linear beyond Fe = 0.0001")
    huge = scan(FE, 2.0 + 3e8 * FE**2, [0.05] * 4)
    assert huge.verdict.startswith("not linear at any force tested")
    assert "test a smaller force" in huge.verdict
    odd = scan(FE, [2.0, 4.0, 2.0, 4.0], [0.05] * 4)
    assert "do not lie on" in odd.verdict


def test_signs_and_order_do_not_matter() -> None:
    kappa = 2.0 + 5e4 * FE**2
    found = scan(-FE[::-1], kappa[::-1], [0.02] * 4)
    assert found.fe.tolist() == FE.tolist()
    assert found.k0 == pytest.approx(2.0)


def test_two_forces_have_no_test_of_the_fit() -> None:
    found = scan(FE[:2], [2.0, 2.1], [0.1, 0.05])
    assert found.fit_p_value is None
    assert found.linear


@pytest.mark.parametrize(("fe", "error"), [([1e-4, -1e-4], [0.1, 0.1]), ([1e-4, 2e-4], [0.1, np.nan])])
def test_what_is_no_scan(fe: list[float], error: list[float]) -> None:
    with pytest.raises(InputError, match="scan"):
        scan(fe, [2.0, 2.0], error)
