from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from synthetic_series import (
    ornstein_uhlenbeck,
    ornstein_uhlenbeck_spectrum,
    oscillating,
    oscillating_spectrum,
    running_integrals,
)

from neptuner.errors import InputError
from neptuner.transport.green_kubo import Correlations, GreenKubo, green_kubo

DT = 0.01
Generator = Callable[[np.random.Generator], np.ndarray]
CASES: dict[str, tuple[Generator, float]] = {
    "decay": (lambda rng: ornstein_uhlenbeck(rng, 9, 4096, 0.9), ornstein_uhlenbeck_spectrum(0.9)),
    "one run, one direction": (lambda rng: ornstein_uhlenbeck(rng, 1, 16384, 0.9), ornstein_uhlenbeck_spectrum(0.9)),
    "oscillation": (lambda rng: oscillating(rng, 9, 4096, 0.95, 0.5), oscillating_spectrum(0.95, 0.5)),
    "nothing but noise": (lambda rng: rng.normal(size=(6, 4096)), 1.0),
}


def found_in(series: np.ndarray, lags: int = 512) -> GreenKubo:
    time, integral = running_integrals(series, lags, DT)
    return green_kubo(Correlations(time, integral, series.shape[1] * DT))


@pytest.mark.parametrize("case", CASES)
def test_intervals_cover_nearly_as_often_as_they_say(case: str) -> None:
    generate, spectrum = CASES[case]
    rng, true = np.random.default_rng(1), DT * spectrum / 2
    found = [found_in(generate(rng)) for _ in range(150)]
    assert np.mean([one.interval[0] < true < one.interval[1] for one in found]) > 0.88
    assert 0.58 < np.mean([abs(one.kappa - true) < one.standard_error for one in found]) < 0.82
    assert np.mean([one.kappa for one in found]) == pytest.approx(true, rel=0.04)


def test_the_cutoff_follows_the_correlation_time() -> None:
    rng = np.random.default_rng(2)
    fast, slow = (
        np.median([found_in(ornstein_uhlenbeck(rng, 6, 8192, decay), 1024).cutoff_ps for _ in range(20)])
        for decay in (0.8, 0.95)
    )
    assert 3 * 0.045 < fast < 10 * 0.045
    assert 2.5 < slow / fast < 7


def test_a_slow_tail_below_an_oscillation_is_integrated() -> None:
    """The oscillation has 20 times the variance, the tail nearly all of the integral."""
    rng, ratios = np.random.default_rng(3), []
    for _ in range(40):
        slow, fast = ornstein_uhlenbeck(rng, 9, 8192, 0.97), oscillating(rng, 9, 8192, 0.97, 0.8)
        scale = np.sqrt(20) / fast.std()
        true = DT / 2 * (ornstein_uhlenbeck_spectrum(0.97) + scale**2 * oscillating_spectrum(0.97, 0.8))
        ratios.append(found_in(slow + scale * fast, 1024).kappa / true)
    assert np.mean(ratios) == pytest.approx(1, abs=0.04)


def test_a_tail_too_weak_to_be_seen_is_in_the_later_value() -> None:
    """A sixth of the integral decays seven times as slowly; the noise hides it at the cut-off."""
    rng, found = np.random.default_rng(8), []
    share = np.sqrt(0.2 * ornstein_uhlenbeck_spectrum(0.9) / ornstein_uhlenbeck_spectrum(0.985))
    for _ in range(100):
        fast, slow = ornstein_uhlenbeck(rng, 9, 4096, 0.9), ornstein_uhlenbeck(rng, 9, 4096, 0.985)
        found.append(found_in(fast + share * slow, 1024))
    true = 1.2 * DT / 2 * ornstein_uhlenbeck_spectrum(0.9)
    first = np.array([[one.kappa, one.standard_error] for one in found]) / true
    later = np.array([[one.later_kappa, one.later_error] for one in found]) / true
    assert first[:, 0].mean() < 0.97
    assert later[:, 0].mean() == pytest.approx(1, abs=0.04)
    seen, covered = (np.mean(np.abs(each[:, 0] - 1) < 2 * each[:, 1]) for each in (first, later))
    assert covered > max(0.85, seen + 0.08)
    assert all(one.cutoff_ps < one.later_cutoff_ps <= 4.001 * one.cutoff_ps for one in found)


def test_where_correlations_end_nothing_is_later() -> None:
    found = found_in(ornstein_uhlenbeck(np.random.default_rng(5), 9, 8192, 0.99), lags=60)
    assert found.later_cutoff_ps == found.cutoff_ps
    assert (found.later_kappa, found.later_error) == (found.kappa, found.standard_error)


def test_the_error_comes_from_the_spread_of_series() -> None:
    series = ornstein_uhlenbeck(np.random.default_rng(4), 6, 8192, 0.9)
    found = found_in(series)
    time, integral = running_integrals(series, 512, DT)
    part = (time >= found.plateau_ps[0]) & (time <= found.plateau_ps[1])
    values = integral[:, part].mean(axis=1)
    assert found.kappa == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(6))
    assert (found.error_from, found.degrees_of_freedom) == ("series", 5)
    assert found.plateau_ps[0] >= found.cutoff_ps - DT
    assert np.interp(found.cutoff_ps, found.time, found.running) == pytest.approx(found.kappa, rel=0.2)


def test_too_few_correlation_steps_are_named() -> None:
    found = found_in(ornstein_uhlenbeck(np.random.default_rng(5), 9, 8192, 0.99), lags=60)
    assert any("more correlation steps" in warning for warning in found.warnings)


def test_a_run_as_short_as_its_correlations_is_named() -> None:
    found = found_in(ornstein_uhlenbeck(np.random.default_rng(6), 20, 300, 0.95), lags=280)
    assert any("run longer" in warning for warning in found.warnings)


def test_rows_that_are_means_over_lags_make_no_difference() -> None:
    series = ornstein_uhlenbeck(np.random.default_rng(7), 9, 8192, 0.95)
    time, integral = running_integrals(series, 1000, DT)
    thin = Correlations(time.reshape(-1, 5).mean(axis=1), integral.reshape(9, -1, 5).mean(axis=2), 8192 * DT)
    fine = green_kubo(Correlations(time, integral, 8192 * DT))
    assert green_kubo(thin).kappa == pytest.approx(fine.kappa, abs=fine.standard_error)


def test_too_few_rows() -> None:
    with pytest.raises(InputError, match="has 10 times, expected 20"):
        green_kubo(Correlations(np.arange(10.0), np.ones((1, 10)), 100.0))
