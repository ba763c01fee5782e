from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student
from synthetic_series import ornstein_uhlenbeck, white

from neptuner.transport.hnemd import Rows, hnemd, running
from neptuner.transport.series import blocking


def rows(series: np.ndarray, row_ps: float = 2.0) -> list[Rows]:
    return [Rows(values, row_ps) for values in series]


def test_mean_and_both_errors() -> None:
    series = white(np.random.default_rng(1), 4, 500, mean=3.0)
    found = hnemd(rows(series))
    means = series.mean(axis=1)
    assert found.kappa == pytest.approx(means.mean())
    assert found.spread_error == pytest.approx(means.std(ddof=1) / 2)
    blocked = [blocking(values).standard_error for values in series]
    assert found.blocked_error == pytest.approx(np.sqrt(np.sum(np.square(blocked))) / 4)
    assert (found.standard_error, found.error_from) == (found.spread_error, "runs")
    half = student.ppf(0.975, 3) * found.standard_error
    assert found.interval == pytest.approx((found.kappa - half, found.kappa + half))
    assert found.time_ps == 4 * 500 * 2.0
    assert found.warnings == ()


def test_two_runs_have_the_error_of_blocking() -> None:
    found = hnemd(rows(white(np.random.default_rng(2), 2, 500)))
    assert found.error_from == "blocking"
    assert found.standard_error == found.blocked_error
    assert found.spread_error is not None


def test_one_run_and_one_row() -> None:
    one = hnemd(rows(white(np.random.default_rng(3), 1, 500)))
    assert one.spread_error is None
    assert one.agreement is None
    nothing = hnemd([Rows(np.array([2.0]), 1.0)])
    assert nothing.kappa == 2.0
    assert np.isnan(nothing.standard_error)
    assert nothing.interval == (-np.inf, np.inf)
    assert any("too short" in warning for warning in nothing.warnings)


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    inside = {"runs": 0, "blocking": 0}
    for _ in range(200):
        found = hnemd(rows(ornstein_uhlenbeck(rng, 4, 400, 0.6)))
        for name, bounds in (("runs", found.spread_interval), ("blocking", found.blocked_interval)):
            assert bounds is not None
            inside[name] += bounds[0] < 0 < bounds[1]
    assert 0.91 < inside["runs"] / 200 < 0.99
    assert 0.89 < inside["blocking"] / 200 < 0.99


def test_runs_are_weighted_by_their_length() -> None:
    rng = np.random.default_rng(5)
    long, short = white(rng, 1, 900)[0] + 5, white(rng, 1, 300)[0]
    found = hnemd([Rows(long, 1.0), Rows(short, 1.0)])
    assert found.kappa == pytest.approx((3 * long.mean() + short.mean()) / 4)


def test_the_error_of_weighted_runs_is_right() -> None:
    rng = np.random.default_rng(6)
    found = [hnemd([Rows(rng.normal(size=n), 1.0) for n in (400, 200, 100)]) for _ in range(400)]
    assert np.mean([one.standard_error**2 for one in found]) == pytest.approx(1 / 700, rel=0.2)


def test_a_common_transient_is_cut() -> None:
    series = white(np.random.default_rng(7), 5, 400, mean=2.0)
    series[:, :20] += 6
    found = hnemd(rows(series))
    (cut,) = {run.cut_ps for run in found.runs}
    assert 40 <= cut <= 60
    assert found.kappa == pytest.approx(series[:, round(cut / 2) :].mean())


def test_contradicting_runs_are_named() -> None:
    series = white(np.random.default_rng(8), 5, 400) + np.arange(5.0)[:, None]
    assert any("differ more" in warning for warning in hnemd(rows(series)).warnings)


def test_runs_that_are_copies_are_named() -> None:
    series = np.repeat(white(np.random.default_rng(9), 1, 400), 5, axis=0) + 1e-4 * np.arange(5.0)[:, None]
    found = hnemd(rows(series))
    assert found.agreement == pytest.approx(1.0)
    assert any("agree better" in warning for warning in found.warnings)


def test_a_drifting_run_is_named() -> None:
    series = np.linspace(0, 10, 300) + white(np.random.default_rng(10), 3, 300)
    assert any("drifts" in warning for warning in hnemd(rows(series)).warnings)


def test_running_averages_end_at_the_result() -> None:
    series = white(np.random.default_rng(11), 4, 400, mean=2.0)
    series[:, :20] += 6
    found = hnemd(rows(series))
    average = running(rows(series), found)
    assert average.time_ps[0] == 42.0
    assert average.time_ps[-1] == 800.0
    assert average.mean[-1] == pytest.approx(found.kappa)
    assert average.error[-1] == pytest.approx(found.standard_error)
    assert average.runs.shape == (4, 380)


def test_running_averages_leave_out_a_run_that_was_killed_early() -> None:
    series = white(np.random.default_rng(12), 3, 400)
    runs = [*rows(series[:2]), Rows(series[2, :50], 2.0)]
    average = running(runs, hnemd(runs))
    assert average.runs.shape == (2, 400)
    assert average.error[0] == pytest.approx(20 * average.error[-1])
