from __future__ import annotations

import numpy as np
import pytest
from synthetic_series import ornstein_uhlenbeck

from neptuner.transport.hnemd import Rows, hnemd
from neptuner.transport.planning import POWERED, planned_time, predicted_error, time_to_resolve
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT, KAPPA_UNIT


def test_prediction_for_j14() -> None:
    """8000 atoms for 10 ns at 4e-4/angstrom: five runs of GPUMD have blocked errors of 0.066 to 0.091."""
    assert predicted_error(2.376, 42.73557981**3, 4e-4, 1e4) == pytest.approx(0.0725, abs=1e-4)


def test_planned_time_is_the_inverse() -> None:
    time = planned_time(2.0, 1e4, 2e-4, 0.1)
    assert predicted_error(2.0, 1e4, 2e-4, time) == pytest.approx(0.1)


def test_prediction_holds_for_a_current_of_known_conductivity() -> None:
    """A heat current whose autocorrelation integral is its conductivity, plus the response to a driving force."""
    rng, decay, dt_fs, volume, temperature, fe = np.random.default_rng(1), 0.8, 10.0, 2e4, 300.0, 3e-4
    integral = 0.5 * (1 + decay) / (1 - decay) * dt_fs / FEMTOSECONDS_PER_UNIT
    kappa = KAPPA_UNIT / (BOLTZMANN * temperature**2 * volume) * integral
    series = ornstein_uhlenbeck(rng, 300, 4000, decay)
    rows = kappa + KAPPA_UNIT * series.reshape(300, 200, 20).mean(axis=2) / (volume * temperature * fe)
    spread = rows.mean(axis=1).std(ddof=1)
    predicted = predicted_error(kappa, volume, fe, 40.0)
    assert spread == pytest.approx(predicted, rel=0.12)
    blocked = np.mean([hnemd([Rows(run, 0.2)]).blocked_error for run in rows])
    assert blocked == pytest.approx(predicted, rel=0.12)


def test_time_to_resolve_makes_the_difference_2_8_of_its_errors() -> None:
    first, second = (2.0, 1e4, 2e-4), (3.0, 1.1e4, 2e-4)
    time = time_to_resolve(first, second, 0.5)
    error = np.hypot(predicted_error(*first, time), predicted_error(*second, time))
    assert 0.5 / error == pytest.approx(POWERED)
    assert time_to_resolve(first, second, 0.0) == np.inf
