"""Loss curves of known law: better and merely faster models are told apart."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptuner.study.statistics.faster import Comparison, Curve, compare_curves

STEPS = 100.0 * np.arange(1, 101)
SEEDS = (1, 2, 3)


def curves(a: float, b: float, c: float = 1.0, *, ms: float = 10.0, noise: float = 0.0, steps: np.ndarray = STEPS):
    """Replicates of a power law whose unit of steps is a thousand; their levels and rows scatter."""
    found = {}
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        level = 1 + noise * rng.normal()
        rows = 1 + 0.3 * noise * rng.normal(size=len(steps))
        found[seed] = Curve(steps, level * rows * (a + b * (steps / 1000) ** -c), ms)
    return found


def compared(base, other, **options) -> Comparison:
    found = compare_curves({"baseline": base, "other": other}, "baseline", **options)["other"]
    json.dumps(asdict(found), allow_nan=False)
    return found


@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_a_lower_limit_is_better(noise: float) -> None:
    found = compared(curves(0.1, 0.01, noise=noise), curves(0.08, 0.01, noise=noise))
    assert found.verdict == "better"
    assert found.at_equal_steps.gain == pytest.approx(100 * 0.02 / 0.101, rel=0.1)
    assert found.limit_gain == pytest.approx(20, abs=3)
    assert found.limit_low is not None and found.limit_low > 10
    assert (found.catch_up.how, found.catch_up.step) == ("never", None)
    assert found.sentence.startswith("Better, not merely faster: +19.")
    assert "never" in found.sentence


@pytest.mark.parametrize("noise", [0.0, 0.001])
def test_a_limit_that_is_the_same_is_reached_merely_faster(noise: float) -> None:
    """Ten times as fast, so the baseline is there after ten times as many steps, but for trailing means."""
    steps = 1000.0 * np.arange(1, 101)
    found = compared(
        curves(0.1, 0.5, noise=noise, steps=steps), curves(0.1, 0.05, noise=noise, steps=steps), last_rows=1
    )
    assert found.verdict == "merely faster"
    assert found.at_equal_steps.gain == pytest.approx(100 * 0.0045 / 0.105, rel=0.15)
    assert found.catch_up.how == "extrapolated"
    assert found.catch_up.low is not None and found.catch_up.step is not None
    if noise:
        assert found.catch_up.low <= 1_000_000 <= (found.catch_up.high or np.inf)
    else:
        assert found.catch_up.step == pytest.approx(1_000_000, rel=0.05)
        assert found.catch_up.seconds == pytest.approx(10_000, rel=0.05)
    assert found.limit_high is not None and found.limit_high < 0.5 * found.at_equal_steps.gain


def test_a_longer_training_shows_when_the_baseline_catches_up() -> None:
    longer = {"baseline": curves(0.1, 0.5, steps=100.0 * np.arange(1, 1001))}
    found = compared(curves(0.1, 0.5), curves(0.1, 0.2), last_rows=1, longer=longer)
    assert found.catch_up.how == "reached"
    assert found.catch_up.step == pytest.approx(25_000, abs=100)
    assert found.catch_up.seconds == pytest.approx(250, abs=1)
    assert "at step 25000 (250 s)" in found.sentence


def test_limits_come_from_longer_trainings_if_both_have_them() -> None:
    """A curve that has hardly begun says nothing of its limit."""
    long = 100.0 * np.arange(1, 3001)
    base, other = (curves(a, 2.0, 0.7, noise=0.03, steps=STEPS[:20]) for a in (0.1, 0.06))
    assert compared(base, other).verdict == "not converged: cannot be told"
    longer = {"baseline": curves(0.1, 2.0, 0.7, steps=long), "other": curves(0.06, 2.0, 0.7, steps=long)}
    assert compared(base, other, longer={"baseline": longer["baseline"]}).verdict == "not converged: cannot be told"
    assert compared(base, other, longer=longer).verdict == "better"


def test_equal_time_is_read_off_the_slower_models_curve() -> None:
    """The same curve by steps, at half the cost: the baseline stands at half its steps when the candidate ends."""
    found = compared(curves(0.1, 0.5, ms=20.0), curves(0.1, 0.5, ms=10.0), last_rows=1)
    assert found.at_equal_steps.gain == pytest.approx(0, abs=1e-9)
    assert found.seconds == pytest.approx(100)
    assert found.at_equal_time.gain == pytest.approx(100 * 0.05 / 0.2)
    assert found.verdict == "merely faster"
    assert found.catch_up.step == STEPS[-1]


def test_a_model_that_costs_more_may_lose_at_equal_time() -> None:
    found = compared(curves(0.1, 0.5, ms=5.0), curves(0.1, 0.4, ms=20.0), last_rows=1)
    assert found.at_equal_steps.gain == pytest.approx(100 * 0.01 / 0.15)
    assert found.seconds == pytest.approx(50)
    assert found.at_equal_time.gain == pytest.approx(100 * (0.15 - 0.26) / 0.15)


def test_a_worse_model_is_not_better() -> None:
    found = compared(curves(0.1, 0.5, noise=0.01), curves(0.12, 0.5, noise=0.01))
    assert found.verdict == "not better"
    assert found.catch_up.how == "reached"
    assert "never" not in found.sentence and found.sentence.startswith("Not better: -")


def test_equal_models_are_rarely_called_better() -> None:
    found = []
    for trial in range(40):
        rng = np.random.default_rng(trial)
        base, other = (
            {s: Curve(STEPS, (0.1 + 0.5 / STEPS) * (1 + 0.02 * rng.normal()), 1.0) for s in SEEDS} for _ in range(2)
        )
        found.append(compared(base, other).verdict)
    assert found.count("better") + found.count("merely faster") <= 4


def test_few_rows_cannot_tell() -> None:
    short = STEPS[:9]
    found = compared(curves(0.1, 0.1, steps=short), curves(0.05, 0.05, steps=short))
    assert (found.verdict, found.limit_gain, found.limit_low) == ("not converged: cannot be told", None, None)
    assert found.catch_up.how == "cannot be told"
    assert "cannot be told" in found.sentence


def test_noise_is_that_of_the_whole_study() -> None:
    """Two replicates of two settings that agree by chance do not make an interval of nothing."""
    base, other = curves(0.1, 0.1), curves(0.099, 0.1)
    noisy = curves(0.1, 0.1, noise=0.05)
    alone = compare_curves({"baseline": base, "other": other}, "baseline")["other"].at_equal_steps
    among = compare_curves({"baseline": base, "other": other, "noisy": noisy}, "baseline")["other"].at_equal_steps
    assert alone.low is not None and among.low is not None
    assert among.low < 0 < alone.low


def test_one_replicate_has_no_interval_and_counts_above_one_per_cent() -> None:
    base, other = {1: curves(0.1, 0.01)[1]}, {1: curves(0.0995, 0.01)[1]}
    found = compared(base, other)
    assert found.at_equal_steps.low is None
    assert found.verdict == "not better"
    assert compared(base, {1: curves(0.05, 0.01)[1]}).verdict == "better"


def test_missing_rows_are_left_out() -> None:
    whole, gaps = curves(0.1, 0.5), {}
    for seed, curve in whole.items():
        loss = np.array(curve.loss)
        loss[[3, 40]] = 0.0, np.nan
        gaps[seed] = Curve(STEPS, loss, curve.ms_per_step)
    assert compared(gaps, curves(0.08, 0.5)).at_equal_steps == compared(whole, curves(0.08, 0.5)).at_equal_steps


def test_nothing_is_said_without_a_common_seed() -> None:
    one = curves(0.1, 0.5)
    assert compare_curves({"baseline": {1: one[1]}, "other": {2: one[2]}}, "baseline") == {}
    assert compare_curves({"baseline": {}, "other": one}, "baseline") == {}
    empty = {1: Curve([], [], 1.0)}
    assert compare_curves({"baseline": one, "other": empty}, "baseline") == {}


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-6, 1e6), st.sampled_from([0.1, 1.0, 7.0]))
def test_units_do_not_matter(unit: float, pace: float) -> None:
    def scaled(of: dict[int, Curve]) -> dict[int, Curve]:
        return {s: Curve(c.steps, unit * np.asarray(c.loss), pace * c.ms_per_step) for s, c in of.items()}

    base, other = curves(0.1, 0.5, noise=0.01), curves(0.08, 0.3, noise=0.01)
    one, two = compared(base, other), compared(scaled(base), scaled(other))
    assert (one.verdict, one.catch_up.how) == (two.verdict, two.catch_up.how)
    assert two.at_equal_time.gain == pytest.approx(one.at_equal_time.gain, rel=1e-6)
    assert two.limit_gain == pytest.approx(one.limit_gain, rel=1e-6)
    assert two.seconds == pytest.approx(pace * one.seconds)
