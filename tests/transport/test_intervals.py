from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from neptuner.transport.intervals import agreement, combined_degrees, half_width, interval, two_sided, upper_tail


def test_student_and_normal_intervals() -> None:
    assert half_width(0.5, 4) == pytest.approx(0.5 * stats.t.ppf(0.975, 4))
    assert half_width(0.5, np.inf) == pytest.approx(0.5 * stats.norm.ppf(0.975), rel=1e-6)
    assert interval(2.0, 0.5, 4) == pytest.approx((2 - half_width(0.5, 4), 2 + half_width(0.5, 4)))


@pytest.mark.parametrize(("error", "degrees"), [(np.nan, 4), (0.5, 0), (0.5, np.nan)])
def test_nothing_known_is_an_infinite_interval(error: float, degrees: float) -> None:
    assert interval(2.0, error, degrees) == (-np.inf, np.inf)


def test_welch() -> None:
    a, b = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 5.0, 9.0])
    squared = np.array([a.var(ddof=1) / 3, b.var(ddof=1) / 4])
    degrees = combined_degrees(squared, np.array([2.0, 3.0]))
    expected = stats.ttest_ind(a, b, equal_var=False)
    assert degrees == pytest.approx(expected.df)
    assert two_sided((a.mean() - b.mean()) / np.sqrt(squared.sum()), degrees) == pytest.approx(expected.pvalue)
    assert combined_degrees(np.array([0.1, 0.1]), np.array([5.0, 5.0])) == pytest.approx(10)
    assert combined_degrees(np.zeros(2), np.array([5.0, 5.0])) == 10


def test_agreement_is_uniform_where_the_errors_are_right() -> None:
    rng, errors = np.random.default_rng(1), np.array([0.5, 1.0, 2.0, 1.0])
    found = [agreement(errors * rng.normal(size=4), errors) for _ in range(1000)]
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_agreement_needs_two_values_with_errors() -> None:
    assert agreement([1.0], [0.1]) is None
    assert agreement([1.0, 2.0], [0.1, np.nan]) is None
    assert agreement([1.0, 2.0], [0.0, 0.1]) is None


def test_upper_tail() -> None:
    assert upper_tail(5.0, 3) == pytest.approx(stats.chi2.sf(5.0, 3))
