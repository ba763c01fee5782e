from __future__ import annotations

import numpy as np
import pytest

from neptuner.transport.spectral import spectral, spectral_conductivity
from neptuner.units import FEMTOSECONDS_PER_UNIT, KAPPA_UNIT

OMEGA = np.arange(1, 2001) * 0.1


def test_the_integral_is_the_conductivity_of_the_current_itself() -> None:
    """J(omega) is twice the transform of K(t), so that from 0 on it integrates to K(0), the mean heat current."""
    k0, width, volume, temperature, fe = 3.0, 0.05, 2e4, 300.0, 1e-4
    current = 2 * k0 * np.sqrt(2 * np.pi) * width * np.exp(-((width * OMEGA) ** 2) / 2)
    found = spectral(OMEGA, [spectral_conductivity(current, volume, temperature, fe)])
    in_natural_units = k0 * FEMTOSECONDS_PER_UNIT / 1000
    assert found.integral == pytest.approx(KAPPA_UNIT * in_natural_units / (volume * temperature * fe), rel=1e-4)


def test_mean_and_error_over_runs() -> None:
    runs = [np.full(2000, value) for value in (1.0, 2.0, 4.0)]
    found = spectral(OMEGA, runs)
    assert found.error is not None
    assert found.mean[5] == pytest.approx(7 / 3)
    assert found.error[5] == pytest.approx(np.std([1, 2, 4], ddof=1) / np.sqrt(3))
    assert found.run_integrals == pytest.approx([200 / (2 * np.pi) * value for value in (1, 2, 4)])
    assert found.integral_error == pytest.approx(200 / (2 * np.pi) * found.error[5])
    assert found.cumulative[-1] == pytest.approx(found.integral)
    assert np.all(np.diff(found.cumulative) > 0)


def test_one_run_has_no_error() -> None:
    found = spectral(OMEGA, [np.ones(2000)])
    assert found.error is None
    assert found.integral_error is None


def test_a_force_backwards_gives_the_same_conductivity() -> None:
    forwards = spectral_conductivity(np.array([2.0]), 1e4, 300.0, 1e-4)
    assert spectral_conductivity(np.array([-2.0]), 1e4, 300.0, -1e-4) == pytest.approx(forwards)
