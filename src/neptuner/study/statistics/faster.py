"""Is a model better, or does it merely learn faster? Loss curves compared at equal steps, at equal time, in the limit.

Learning rates fall to zero at the end of a training, and most of the loss is lost there. In the middle of a curve a
model therefore looks worse than one whose training was planned to end at that point: what is read off the middle of a
slower model's curve, or of a longer training, is a pessimistic value for it, and a step at which it catches up is a
late one. Limits are those of a power law fitted to such curves (:mod:`neptuner.training.convergence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neptuner.study.statistics.block_model import BlockModel, fit_blocks
from neptuner.study.statistics.gains import Gain, compare
from neptuner.training.convergence import Convergence, convergence

Floats = NDArray[np.float64]

Verdict = Literal["better", "merely faster", "not better", "not converged: cannot be told"]
How = Literal["reached", "extrapolated", "never", "cannot be told"]

NEGLIGIBLE = 1.0
"""Gain in per cent that counts without an interval, where there is but one replicate."""
REMAINS = 0.5
"""Part of the gain; a model whose gain in the limit is surely below it is merely faster."""
ERRORS = 2.0
"""Standard errors to either side of a limit."""
FLATTENED = 1.0
"""Part by which the fall that is still predicted may be too small, as the falling learning rate flattens the end of a
curve; the same for all curves of a study."""
FARTHEST = 1000.0
"""Times as many steps as the curve has; what needs more counts as never."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Loss curve of one training; rows that are not above zero or not numbers are missing."""

    steps: ArrayLike
    """Increasing, ``(n_rows,)``."""
    loss: ArrayLike
    """``(n_rows,)``; on validation frames, or there is nothing to be learnt from it."""
    ms_per_step: float
    """Milliseconds."""


Curves = Mapping[int, Curve]
"""Replicates by seed."""


@dataclass(frozen=True)
class CatchUp:
    """When the baseline has the loss at which the candidate ended; None: not known or not bounded."""

    how: How
    """Reached by a curve there is, extrapolated, never (or after a thousand times as many steps), or not known."""
    step: int | None
    low: int | None
    """Ends of the interval of an extrapolated step, at two standard errors of the limit."""
    high: int | None
    seconds: float | None
    """Training time until that step."""


@dataclass(frozen=True)
class Comparison:
    """A candidate against the baseline; plain numbers that go into JSON."""

    verdict: Verdict
    steps: int
    """Up to which both were trained."""
    at_equal_steps: Gain
    seconds: float
    """Time in which the faster one was trained."""
    at_equal_time: Gain
    limit_gain: float | None
    """Per cent of the baseline's present loss by which the candidate's limit is below the baseline's; None: too few
    rows to tell."""
    limit_low: float | None
    """Ends of the interval, at two standard errors."""
    limit_high: float | None
    catch_up: CatchUp
    sentence: str


@dataclass(frozen=True)
class _Training:
    """Replicates of one configuration, ready to be read at any step."""

    curves: dict[int, tuple[Floats, Floats]]
    """Steps and trailing mean of the loss."""
    mean: tuple[Floats, Floats]
    """Steps that all replicates have, and the mean loss."""
    ms_per_step: float
    spread: float
    """Standard error of the mean of the replicates at their end; 0 for a single one."""

    @property
    def last(self) -> float:
        """Last step that all replicates have."""
        return min(float(steps[-1]) for steps, _ in self.curves.values())

    def at(self, step: float) -> dict[int, float]:
        """Give the trailing mean of each replicate at a step."""
        return {seed: float(np.interp(step, steps, loss)) for seed, (steps, loss) in self.curves.items()}


@dataclass(frozen=True)
class _Limit:
    """Where a curve leads."""

    found: Convergence
    error: float
    """Standard error of the limit, but for the learning rate."""
    lower: float
    """By how much it may be lower for the falling learning rate."""

    @property
    def converged(self) -> bool:
        """Whether it is there."""
        return self.found.verdict == "converged"


def compare_curves(
    curves: Mapping[str, Curves],
    baseline: str,
    last_rows: int = 10,
    longer: Mapping[str, Curves] | None = None,
) -> dict[str, Comparison]:
    """Tell better models from those that merely learn faster.

    Losses are means over the last rows up to a step; intervals of gains take their noise from all configurations
    together (:func:`neptuner.study.statistics.gains.paired_gains`). A candidate is "better" if the limit of its curve
    is below that of the baseline's, or if both have converged with the gain they have; "merely faster" if less than
    half the gain can remain in the limit; "not better" if it has no gain at equal steps nor at equal time.

    Parameters
    ----------
    curves
        Replicates of every configuration, trained for as many steps.
    baseline
        The configuration that the others are compared with.
    last_rows
        Rows whose mean counts.
    longer
        Longer trainings of some of the configurations. The baseline's tells when it catches up; limits are taken from
        longer trainings where baseline and candidate both have them.

    Returns
    -------
    Comparisons by configuration: neither the baseline nor what shares no seed with it.
    """
    trainings = {name: found for name, each in curves.items() if (found := _training(each, last_rows)) is not None}
    extended = {name: found for name, each in (longer or {}).items() if (found := _training(each, last_rows))}
    if baseline not in trainings:
        return {}
    model = fit_blocks({name: each.at(each.last) for name, each in trainings.items()})
    comparisons = {name: _compare(model, name, baseline, trainings, extended) for name in trainings if name != baseline}
    return {name: one for name, one in comparisons.items() if one is not None}


def _compare(
    model: BlockModel,
    name: str,
    baseline: str,
    trainings: Mapping[str, _Training],
    extended: Mapping[str, _Training],
) -> Comparison | None:
    base, other = trainings[baseline], trainings[name]
    steps = min(base.last, other.last)
    seconds = 1e-3 * min(each.last * each.ms_per_step for each in (base, other))
    by_steps = compare(model, {baseline: base.at(steps), name: other.at(steps)}, name, baseline)
    at_time = {each: trainings[each].at(1e3 * seconds / trainings[each].ms_per_step) for each in (baseline, name)}
    by_time = compare(model, at_time, name, baseline)
    if by_steps is None or by_time is None:
        return None
    source = extended if {baseline, name} <= extended.keys() else trainings
    limits = _limit(source[baseline]), _limit(source[name])
    limit = _limit_gain(limits[0], limits[1], float(np.mean(list(base.at(steps).values()))))
    target = float(np.mean(list(other.at(other.last).values())))
    longest = extended.get(baseline, base)
    catch_up = _catch_up(longest, _limit(longest), target)
    verdict = _verdict(by_steps, by_time, limit, all(each is not None and each.converged for each in limits))
    sentence = _sentence(verdict, int(steps), by_steps, seconds, by_time, catch_up)
    return Comparison(verdict, int(steps), by_steps, seconds, by_time, *limit, catch_up, sentence)


def _training(curves: Curves, last_rows: int) -> _Training | None:
    """Smooth replicates by trailing means; None if none has a row."""
    rows = {seed: _usable(curve) for seed, curve in curves.items()}
    rows = {seed: found for seed, found in rows.items() if len(found[0])}
    if not rows:
        return None
    smooth = {seed: (steps, _trailing_mean(loss, last_rows)) for seed, (steps, loss) in rows.items()}
    common = reduce(np.intersect1d, [steps for steps, _ in rows.values()])
    mean = np.mean([loss[np.isin(steps, common)] for steps, loss in rows.values()], axis=0)
    ends = np.array([loss[-1] for _, loss in smooth.values()])
    spread = float(ends.std(ddof=1) / np.sqrt(len(ends))) if len(ends) > 1 else 0.0
    pace = float(np.mean([curves[seed].ms_per_step for seed in rows]))
    return _Training(smooth, (common, mean), pace, spread)


def _usable(curve: Curve) -> tuple[Floats, Floats]:
    steps, loss = np.asarray(curve.steps, dtype=np.float64), np.asarray(curve.loss, dtype=np.float64)
    known = np.isfinite(loss) & (loss > 0)
    return steps[known], loss[known]


def _trailing_mean(loss: Floats, rows: int) -> Floats:
    """Mean over the last rows up to each one; over all of fewer."""
    sums = np.concatenate([[0.0], np.cumsum(loss)])
    end = np.arange(1, len(loss) + 1)
    begin = np.maximum(end - rows, 0)
    mean: Floats = (sums[end] - sums[begin]) / (end - begin)
    return mean


def _limit(training: _Training) -> _Limit | None:
    """Extrapolate the mean curve; None for too few rows."""
    found = convergence(*training.mean)
    if found is None:
        return None
    lower = FLATTENED * max(found.present - found.extrapolated, 0.0)
    return _Limit(found, float(np.hypot(found.extrapolated_error, training.spread)), lower)


def _limit_gain(
    base: _Limit | None, other: _Limit | None, present: float
) -> tuple[float | None, float | None, float | None]:
    if base is None or other is None:
        return None, None, None
    gain = base.found.extrapolated - other.found.extrapolated
    half, shift = ERRORS * float(np.hypot(base.error, other.error)), other.lower - base.lower
    low, high = gain - half + min(shift, 0.0), gain + half + max(shift, 0.0)
    return 100.0 * gain / present, 100.0 * low / present, 100.0 * high / present


def _catch_up(base: _Training, limit: _Limit | None, target: float) -> CatchUp:
    """Find the step at which the baseline has a loss."""
    steps = base.mean[0]
    loss = np.mean([np.interp(steps, *curve) for curve in base.curves.values()], axis=0)
    below = np.flatnonzero(loss <= target)
    if len(below):
        step = _crossing(steps, loss, int(below[0]), target)
        return _caught("reached", base, step, step, step)
    if limit is None:
        return CatchUp("cannot be told", None, None, None, None)
    found, error = limit.found, ERRORS * limit.error
    if found.extrapolated - error - limit.lower > target:
        return CatchUp("never", None, None, None, None)
    if found.exponent is None:
        return CatchUp("cannot be told", None, None, None, None)
    low, middle, high = (
        _extrapolated_step(found, float(steps[-1]), found.extrapolated + shift, target)
        for shift in (-error - limit.lower, 0.0, error)
    )
    if low is None:
        return CatchUp("never", None, None, None, None)
    if middle is None:
        return CatchUp("cannot be told", None, round(low), None, None)
    return _caught("extrapolated", base, middle, low, high)


def _caught(how: How, base: _Training, step: float, low: float, high: float | None) -> CatchUp:
    return CatchUp(how, round(step), round(low), None if high is None else round(high), 1e-3 * step * base.ms_per_step)


def _crossing(steps: Floats, loss: Floats, first: int, target: float) -> float:
    if first == 0:
        return float(steps[0])
    part = (loss[first - 1] - target) / (loss[first - 1] - loss[first])
    return float(steps[first - 1] + part * (steps[first] - steps[first - 1]))


def _extrapolated_step(found: Convergence, last: float, limit: float, target: float) -> float | None:
    """Solve ``limit + b step**-c = target`` with the value and the slope that the fit has at its end; None: never."""
    limit = max(limit, 0.0)
    if limit >= target:
        return None
    if found.present <= target:  # smoothed another way it is there already
        return last
    if found.present - found.extrapolated <= 0 or found.exponent is None:
        return None
    exponent = found.exponent * (found.present - found.extrapolated) / (found.present - limit)
    logarithm = np.log((found.present - limit) / (target - limit)) / exponent
    return last * float(np.exp(logarithm)) if logarithm < np.log(FARTHEST) else None


def _verdict(
    by_steps: Gain, by_time: Gain, limit: tuple[float | None, float | None, float | None], converged: bool
) -> Verdict:
    gains = [each.gain for each in (by_steps, by_time) if _is_clear(each)]
    if not gains:
        return "not better"
    _, low, high = limit
    if low is not None and low > 0:
        return "better"
    if high is not None and high < REMAINS * max(gains):
        return "merely faster"
    return "better" if converged and _is_clear(by_steps) else "not converged: cannot be told"


def _is_clear(gain: Gain) -> bool:
    return gain.gain > NEGLIGIBLE if gain.low is None else gain.low > 0


def _sentence(verdict: Verdict, steps: int, by_steps: Gain, seconds: float, by_time: Gain, catch_up: CatchUp) -> str:
    head = {
        "better": "Better, not merely faster",
        "merely faster": "Merely faster",
        "not better": "Not better",
        "not converged: cannot be told": "Not converged: better or merely faster cannot be told",
    }[verdict]
    numbers = f"{_percent(by_steps)} at equal steps ({steps}), {_percent(by_time)} at equal time ({seconds:.3g} s)"
    tail = "" if verdict == "not better" else f"; {_when(catch_up)}"
    return f"{head}: {numbers}{tail}."


def _percent(gain: Gain) -> str:
    if gain.low is None or gain.high is None:
        return f"{gain.gain:+.1f} %"
    return f"{gain.gain:+.1f} % ({gain.low:+.1f} to {gain.high:+.1f} %)"


def _when(catch_up: CatchUp) -> str:
    if catch_up.how == "never":
        return "the baseline would never have the loss at which this one ended"
    if catch_up.step is None or catch_up.seconds is None:
        return "whether the baseline would ever have the loss at which this one ended cannot be told"
    if catch_up.how == "reached":
        return f"the baseline has the loss at which this one ended at step {catch_up.step} ({catch_up.seconds:.3g} s)"
    high = "without upper bound" if catch_up.high is None else f"to {catch_up.high}"
    return (
        f"the baseline would have the loss at which this one ended at about step {catch_up.step} "
        f"({catch_up.low} {high}; {catch_up.seconds:.3g} s)"
    )
