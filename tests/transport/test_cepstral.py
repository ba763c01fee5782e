from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from synthetic_series import (
    ornstein_uhlenbeck,
    ornstein_uhlenbeck_spectrum,
    oscillating,
    oscillating_spectrum,
)

from neptuner.errors import InputError
from neptuner.transport.cepstral import cepstral
from neptuner.transport.currents import Currents
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT, KAPPA_UNIT

Generator = Callable[[np.random.Generator], np.ndarray]
CASES: dict[str, tuple[Generator, float]] = {
    "decay": (lambda rng: ornstein_uhlenbeck(rng, 3, 4096, 0.9), ornstein_uhlenbeck_spectrum(0.9)),
    "slow decay": (lambda rng: ornstein_uhlenbeck(rng, 9, 4096, 0.97), ornstein_uhlenbeck_spectrum(0.97)),
    "one run, one direction": (lambda rng: ornstein_uhlenbeck(rng, 1, 8192, 0.9), ornstein_uhlenbeck_spectrum(0.9)),
    "oscillation": (lambda rng: oscillating(rng, 3, 4096, 0.95, 0.5), oscillating_spectrum(0.95, 0.5)),
    "white noise": (lambda rng: rng.normal(size=(3, 2048)), 1.0),
}


def currents(series: np.ndarray) -> Currents:
    return Currents(series, sample_ps=0.01, volume=2e4, temperature=300.0)


@pytest.mark.parametrize("case", CASES)
def test_intervals_cover_as_often_as_they_say(case: str) -> None:
    """One standard error 68 times in a hundred, two 95 times: the logarithm is what is normal."""
    generate, spectrum = CASES[case]
    rng, deviations = np.random.default_rng(1), []
    for _ in range(200):
        given = currents(generate(rng))
        found = cepstral(given)
        true = given.conductivity_per_integral * given.sample_ps * spectrum / 2
        deviations.append(np.log(found.kappa / true) / found.log_error)
    within = np.abs(deviations)
    assert 0.58 < np.mean(within < 1) < 0.78
    assert 0.90 < np.mean(within < 2) < 0.99
    assert abs(np.mean(deviations)) < 0.45


def test_the_conductivity_is_in_watt_per_metre_and_kelvin() -> None:
    """White noise of unit variance: the integral of its autocorrelation is half a sampling interval."""
    given = currents(np.random.default_rng(2).normal(size=(30, 8192)))
    integral = 0.5 * 10 / FEMTOSECONDS_PER_UNIT
    expected = KAPPA_UNIT / (BOLTZMANN * 300.0**2 * 2e4) * integral
    found = cepstral(given)
    assert found.kappa == pytest.approx(expected, rel=4 * found.log_error)
    assert found.log_error < 0.02


def test_a_strong_peak_above_does_not_matter() -> None:
    """An optical mode with 20 times the variance of the slow part."""
    rng, deviations = np.random.default_rng(3), []
    for _ in range(100):
        slow, fast = ornstein_uhlenbeck(rng, 3, 8192, 0.98), oscillating(rng, 3, 8192, 0.98, 0.8)
        scale = np.sqrt(20) / fast.std()
        given = currents(slow + scale * fast)
        spectrum = ornstein_uhlenbeck_spectrum(0.98) + scale**2 * oscillating_spectrum(0.98, 0.8)
        found = cepstral(given)
        true = given.conductivity_per_integral * given.sample_ps * spectrum / 2
        deviations.append(np.log(found.kappa / true) / found.log_error)
        assert found.max_frequency < 0.8 / (2 * np.pi * 0.01), "the part used ends below the peak"
    assert np.mean(np.abs(deviations) < 2) > 0.87


def test_error_falls_with_the_length_of_the_data() -> None:
    rng = np.random.default_rng(4)
    short, long = (
        np.mean([cepstral(currents(ornstein_uhlenbeck(rng, 3, n, 0.9))).log_error for _ in range(20)])
        for n in (2048, 32768)
    )
    assert short / long == pytest.approx(4, rel=0.3)


def test_the_end_of_the_spectrum_may_be_given() -> None:
    given = currents(ornstein_uhlenbeck(np.random.default_rng(5), 3, 8192, 0.9))
    assert cepstral(given, max_frequency=5.0).max_frequency == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize("series", [np.zeros((3, 1000)), np.ones((1, 100)), np.full((2, 1000), np.nan)])
def test_nothing_to_see(series: np.ndarray) -> None:
    with pytest.raises(InputError, match="heat current"):
        cepstral(currents(series))
