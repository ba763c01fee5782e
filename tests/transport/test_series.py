from __future__ import annotations

import numpy as np
import pytest
from synthetic_series import ornstein_uhlenbeck, white

from neptuner.transport.series import batch_means, blocking, running_mean, transient


def variance_of_mean(n: int, decay: float) -> float:
    lags = np.arange(1, n)
    return (1 + 2 * np.sum((1 - lags / n) * decay**lags)) / n


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_blocked_error_is_that_of_the_mean(decay: float) -> None:
    found = [blocking(series) for series in ornstein_uhlenbeck(np.random.default_rng(3), 300, 2000, decay)]
    squared = np.mean([one.standard_error**2 for one in found])
    assert squared == pytest.approx(variance_of_mean(2000, decay), rel=0.12)
    assert np.mean([one.plateau for one in found]) > 0.9
    inside = [abs(one.mean) < 2 * one.standard_error for one in found]
    assert 0.89 < np.mean(inside) < 0.98


def test_inefficiency_is_that_of_an_exponential_correlation() -> None:
    found = [blocking(series) for series in ornstein_uhlenbeck(np.random.default_rng(4), 50, 20000, 0.9)]
    assert np.mean([one.inefficiency for one in found]) == pytest.approx(19, rel=0.1)
    assert np.mean([one.independent for one in found]) == pytest.approx(20000 / 19, rel=0.15)


def test_white_noise_is_as_many_independent_values() -> None:
    found = [blocking(series) for series in white(np.random.default_rng(5), 200, 1000)]
    assert np.mean([one.inefficiency for one in found]) == pytest.approx(1, abs=0.15)
    assert all(one.inefficiency >= 1 for one in found)


def test_a_short_correlated_series_has_no_plateau() -> None:
    found = [blocking(series) for series in ornstein_uhlenbeck(np.random.default_rng(6), 100, 100, 0.98)]
    assert np.mean([one.plateau for one in found]) < 0.1


def test_blocking_of_nearly_nothing() -> None:
    assert np.isnan(blocking(np.array([1.0])).standard_error)
    pair = blocking(np.array([1.0, 3.0]))
    assert (pair.mean, pair.standard_error, pair.plateau) == (2.0, 1.0, False)
    assert blocking(np.ones(100)).standard_error == 0.0


def test_batches_leave_out_the_rest() -> None:
    assert batch_means(np.arange(7.0), 3).tolist() == [1.0, 4.0]


def test_running_mean() -> None:
    assert running_mean(np.array([1.0, 3.0, 5.0])).tolist() == [1.0, 2.0, 3.0]


def test_a_transient_is_found_and_what_remains_has_no_bias() -> None:
    rng = np.random.default_rng(7)
    decay = 8 * np.exp(-np.arange(1000) / 40)
    runs = list(white(rng, 5, 1000, mean=2.0) + decay)
    cut = transient(runs)
    assert 60 < cut < 300
    assert np.mean([run[cut:].mean() for run in runs]) == pytest.approx(2.0, abs=0.06)


def test_a_transient_of_few_rows_is_found_in_one_run() -> None:
    run = white(np.random.default_rng(8), 1, 60, mean=2.0)[0]
    run[:4] -= 12
    assert transient([run]) in (4, 5, 6)


def test_stationary_series_are_left_whole() -> None:
    rng = np.random.default_rng(9)
    cuts = [transient(list(white(rng, 4, 400))) for _ in range(200)]
    assert np.mean(np.array(cuts) > 0) < 0.03


def test_never_more_than_half_of_the_longest_run_goes() -> None:
    drifting = np.linspace(0.0, 1.0, 500) + 1e-3 * np.random.default_rng(10).normal(size=500)
    assert transient([drifting]) == 250
    assert transient([drifting, drifting[:100]]) == 250, "short runs have no say"


def test_too_short_to_have_a_transient() -> None:
    assert transient([]) == 0
    assert transient([np.array([9.0, 1.0, 1.0])]) == 0
