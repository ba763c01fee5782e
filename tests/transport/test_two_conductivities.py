from __future__ import annotations

import numpy as np
import pytest
from synthetic_series import white

from neptuner.transport.comparison import Conditions, compare, duration, methods_agree
from neptuner.transport.hnemd import Hnemd, Rows, hnemd
from neptuner.transport.planning import time_to_resolve

CONDITIONS = (Conditions(2e4, 2e-4), Conditions(2.1e4, 2e-4))


def made(rng: np.random.Generator, n_runs: int, mean: float, shared: np.ndarray | None = None) -> Hnemd:
    """Runs of 200 rows of unit noise, whose means may share a part."""
    series = white(rng, n_runs, 200, mean)
    if shared is not None:
        series += shared[:, None]
    return hnemd([Rows(values, 1.0) for values in series])


def test_pairs_take_out_what_they_share() -> None:
    rng = np.random.default_rng(1)
    shared = 0.3 * rng.normal(size=5)
    first, second = made(rng, 5, 2.0, shared), made(rng, 5, 2.5, shared)
    paired, apart = compare(first, second, paired=True), compare(first, second)
    assert (paired.method, apart.method) == ("paired", "welch")
    assert paired.difference == pytest.approx(apart.difference)
    assert paired.standard_error < 0.6 * apart.standard_error
    assert paired.correlation is not None and paired.correlation > 0.7
    assert apart.correlation is None
    assert paired.degrees_of_freedom == 4
    assert paired.resolved
    assert "larger, at 95 % confidence" in paired.sentence


@pytest.mark.parametrize(("n_runs", "paired"), [(4, True), (4, False), (2, True), (1, False)])
def test_equal_conductivities_are_told_apart_one_time_in_twenty(n_runs: int, paired: bool) -> None:
    rng = np.random.default_rng(2)
    found = [compare(made(rng, n_runs, 2.0), made(rng, n_runs, 2.0), paired=paired) for _ in range(200)]
    assert np.mean([one.resolved for one in found]) < 0.105
    assert all(one.method == "blocking" for one in found) == (n_runs < 3)


def test_resolved_means_that_the_interval_leaves_out_zero() -> None:
    rng = np.random.default_rng(3)
    for difference in (0.0, 0.1, 1.0):
        found = compare(made(rng, 3, 2.0), made(rng, 3, 2.0 + difference))
        assert found.resolved == (found.interval[0] > 0 or found.interval[1] < 0)
        assert found.p_value is not None
        assert found.resolved == (found.p_value < 0.05)


def test_a_smaller_one_is_called_smaller() -> None:
    rng = np.random.default_rng(4)
    found = compare(made(rng, 3, 3.0), made(rng, 3, 2.0), names=("baseline", "final"))
    assert found.sentence.startswith("κ(final) \u2212 κ(baseline) = \u22121")
    assert "smaller" in found.sentence


def test_an_unresolved_difference_says_how_long_would_do() -> None:
    rng = np.random.default_rng(5)
    first, second = made(rng, 2, 2.0), made(rng, 2, 2.01)
    found = compare(first, second, conditions=CONDITIONS)
    assert not found.resolved
    expected = time_to_resolve((first.kappa, 2e4, 2e-4), (second.kappa, 2.1e4, 2e-4), found.difference)
    assert found.time_for_difference_ps == pytest.approx(expected)
    assert duration(found.time_for_difference_ps) in found.sentence
    assert duration(found.time_for_tenth_ps) in found.sentence


def test_the_planned_time_resolves_four_times_in_five() -> None:
    """Unit noise in rows of 1 ps: 200 ps with an error of 0.1 for the difference."""
    rng = np.random.default_rng(6)
    found = compare(made(rng, 1, 2.0), made(rng, 1, 2.2))
    needed = 200 * (2.8 * 0.1 / 0.2) ** 2
    assert found.time_for_tenth_ps * (0.1 * (found.first + found.second) / 2 / 0.2) ** 2 == pytest.approx(
        needed, rel=0.5
    )
    length, hits = round(needed), 0
    for _ in range(200):
        pair = [hnemd([Rows(white(rng, 1, length, mean)[0], 1.0)]) for mean in (2.0, 2.2)]
        hits += compare(pair[0], pair[1]).resolved
    assert 0.7 < hits / 200 < 0.9


def test_without_any_error() -> None:
    alone = hnemd([Rows(np.array([2.0]), 1.0)])
    found = compare(alone, hnemd([Rows(np.array([2.5]), 1.0)]))
    assert not found.resolved
    assert found.interval == (-np.inf, np.inf)
    assert found.p_value is None
    assert "unknown error" in found.sentence


def test_equal_values_need_ever_longer_runs() -> None:
    one = made(np.random.default_rng(7), 3, 2.0)
    found = compare(one, one, paired=True)
    assert not found.resolved
    assert "ever longer runs" in found.sentence


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ((2.1, 0.1), "they agree"),
        ((2.5, 1.0), "too large to say"),
        ((2.25, 0.0), "barely compatible"),
        ((3.0, 0.1), "contradict"),
        ((3.0, np.nan), "cannot"),
    ],
)
def test_two_methods(other: tuple[float, float], said: str) -> None:
    found = methods_agree((2.0, 0.1), other)
    assert said in found.sentence
    assert found.difference == pytest.approx(2.0 - other[0])


def test_two_methods_name_the_correlation_time() -> None:
    assert "Green-Kubo up to 5.5 ps differ" in methods_agree((2.0, 0.1), (2.1, 0.1), 5.5).sentence


@pytest.mark.parametrize(("time", "said"), [(12.3, "12.3 ps"), (4567.0, "4.57 ns"), (2e6, "2 µs")])
def test_durations(time: float, said: str) -> None:
    assert duration(time) == said
