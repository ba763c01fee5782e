from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.study.judge import Spread, Tail, reduction, reduction_of_spread, reduction_of_tail, spread, tail, verdict

LOSSES = st.lists(st.floats(1e-4, 10), min_size=1, max_size=30)
TAILS = st.lists(st.builds(Tail, st.floats(1e-4, 10), st.floats(1e-4, 10), st.none()), min_size=1, max_size=5)


def test_tail_counts_the_last_rows_only() -> None:
    result = tail(np.array([9.0, 0.1, 4.0, 2.0, 3.0]), 3)
    assert (result.min, result.avg, result.sd) == (2.0, 3.0, 1.0)


def test_tail_of_a_short_curve_takes_all() -> None:
    assert tail(np.array([1.0, 3.0]), 10) == Tail(1.0, 2.0, math.sqrt(2))
    assert tail(np.array([1.0]), 10) == Tail(1.0, 1.0, None)


@given(LOSSES, st.integers(1, 40))
def test_minimum_is_never_above_the_mean(rows: list[float], last_rows: int) -> None:
    result = tail(np.array(rows), last_rows)
    assert result.min <= result.avg * (1 + 1e-12)
    assert result.min == min(rows[-last_rows:])


def test_spread_over_replicates() -> None:
    result = spread([Tail(1.0, 2.0, None), Tail(3.0, 6.0, 0.1)])
    assert result == Spread(2.0, 4.0, math.sqrt(2), math.sqrt(8))


def test_spread_of_one_and_of_none() -> None:
    assert spread([Tail(1.0, 2.0, 0.5)]) == Spread(1.0, 2.0, None, None)
    assert spread([]) is None and spread([None, None]) is None


def test_reduction_is_positive_when_better() -> None:
    assert reduction(0.2, 0.15) == pytest.approx(25)
    assert reduction(0.2, 0.25) == pytest.approx(-25)
    assert reduction(0.0, 0.1) is None


@given(TAILS)
def test_reduction_of_the_baseline_is_zero(tails: list[Tail]) -> None:
    base = spread(tails)
    assert base is not None
    result = reduction_of_spread(base, base)
    assert result is not None and (result.min, result.avg) == (0, 0)


@given(TAILS, TAILS)
def test_reduction_of_a_configuration_is_the_mean_over_its_runs(first: list[Tail], second: list[Tail]) -> None:
    base, value = spread(first), spread(second)
    result = reduction_of_spread(base, value)
    runs = [reduction_of_tail(base, run) for run in second]
    assert result is not None
    assert result.avg == pytest.approx(np.mean([run["avg"] for run in runs if run]), rel=1e-6, abs=1e-6)
    if len(second) > 1:
        spread_of_runs = np.std([run["min"] for run in runs if run], ddof=1)
        assert result.min_sd == pytest.approx(spread_of_runs, rel=1e-6, abs=1e-6)


def test_reduction_of_what_does_not_exist() -> None:
    known = Spread(1.0, 1.0, None, None)
    assert reduction_of_spread(None, known) is None and reduction_of_spread(known, None) is None
    assert reduction_of_spread(Spread(0.0, 0.0, None, None), known) is None
    assert reduction_of_tail(None, Tail(1, 1, None)) is None and reduction_of_tail(known, None) is None


def reductions(*pairs: tuple[float, float] | None) -> list[Spread | None]:
    return [None if pair is None else Spread(*pair, 0.5, 0.25) for pair in pairs]


def test_verdict_goes_by_the_strategy() -> None:
    tried = reductions((1.0, 9.0), None, (3.0, 2.0))
    by_mean, by_minimum = verdict(tried, "avg"), verdict(tried, "min")
    assert (by_mean.best, by_mean.gain, by_mean.gain_sd) == (0, 9.0, 0.25)
    assert (by_minimum.best, by_minimum.gain, by_minimum.gain_sd) == (2, 3.0, 0.5)
    assert by_mean.mean_improvement == 5.5 and by_minimum.mean_improvement == 2.0
    assert by_mean.chosen and by_minimum.chosen


def test_verdict_without_a_gain_chooses_nothing() -> None:
    worse = verdict(reductions((-2.0, -2.0), (-1.0, -1.0)), "avg")
    assert (worse.best, worse.gain, worse.chosen) == (1, -1.0, False)
    assert not verdict(reductions((0.0, 0.0)), "avg").chosen


@pytest.mark.parametrize("tried", [[], [None, None]])
def test_verdict_on_nothing(tried: list[None]) -> None:
    result = verdict(tried, "min")
    assert (result.best, result.gain, result.gain_sd, result.mean_improvement) == (None,) * 4
    assert not result.chosen


def test_first_of_equals_wins() -> None:
    assert verdict(reductions((2.0, 2.0), (2.0, 2.0)), "avg").best == 0
