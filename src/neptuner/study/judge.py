"""From loss curves to winners: tails of curves, statistics over replicates, reductions, verdicts.

Everything here is a pure function on numbers; None stands for a loss that does not exist.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

QUANTITIES = ("energy", "force", "virial")
SPLITS = ("train", "validation", "test")

Strategy = Literal["avg", "min"]


@dataclass(frozen=True, slots=True)
class Tail:
    """The last rows of one loss curve of one run."""

    min: float
    avg: float
    sd: float | None
    """Sample standard deviation over the rows; None for a single row."""


@dataclass(frozen=True)
class Spread:
    """MIN and AVG over the replicates of a configuration: mean and sample standard deviation."""

    min: float
    avg: float
    min_sd: float | None
    """None for a single replicate."""
    avg_sd: float | None


@dataclass(frozen=True)
class Verdict:
    """What came of the values that were tried for one parameter."""

    best: int | None
    """Index of the value with the lowest loss; None if none was measured."""
    gain: float | None
    """Its reduction in per cent."""
    gain_sd: float | None
    mean_improvement: float | None
    """Mean reduction in per cent over all values that were measured."""

    @property
    def chosen(self) -> bool:
        """Whether the best value beats the baseline."""
        return self.gain is not None and self.gain > 0


def tail(curve: NDArray[np.float64], last_rows: int) -> Tail:
    """Minimum, mean and standard deviation over the last rows of a curve, or all of a shorter one."""
    rows = curve[-last_rows:]
    return Tail(float(rows.min()), float(rows.mean()), _sd(rows))


def spread(tails: Sequence[Tail | None]) -> Spread | None:
    """Statistics over replicates; None if there is no replicate or the loss does not exist."""
    known = [t for t in tails if t is not None]
    if not known:
        return None
    low, mean = np.array([t.min for t in known]), np.array([t.avg for t in known])
    return Spread(float(low.mean()), float(mean.mean()), _sd(low), _sd(mean))


def reduction(baseline: float, value: float) -> float | None:
    """Per-cent decrease, ``100 (baseline - value) / baseline``; None for a baseline of zero."""
    return 100 * (baseline - value) / baseline if baseline else None


def reduction_of_tail(baseline: Spread | None, run: Tail | None) -> dict[str, float | None] | None:
    """Reductions of MIN and AVG of one run against the mean of the baseline's replicates."""
    if baseline is None or run is None:
        return None
    return {"min": reduction(baseline.min, run.min), "avg": reduction(baseline.avg, run.avg)}


def reduction_of_spread(baseline: Spread | None, value: Spread | None) -> Spread | None:
    """Reductions of MIN and AVG in per cent, and their standard deviations over the replicates."""
    if baseline is None or value is None:
        return None
    low, mean = reduction(baseline.min, value.min), reduction(baseline.avg, value.avg)
    if low is None or mean is None:
        return None
    return Spread(low, mean, _percent(value.min_sd, baseline.min), _percent(value.avg_sd, baseline.avg))


def verdict(reductions: Sequence[Spread | None], strategy: Strategy) -> Verdict:
    """Choose the value with the largest reduction; the first one among equals."""
    gains = [math.nan if r is None else _by(r, strategy) for r in reductions]
    if all(math.isnan(gain) for gain in gains):
        return Verdict(None, None, None, None)
    best = int(np.nanargmax(gains))
    winner = reductions[best]
    assert winner is not None
    gain_sd = winner.min_sd if strategy == "min" else winner.avg_sd
    return Verdict(best, gains[best], gain_sd, float(np.nanmean(gains)))


def _by(value: Spread, strategy: Strategy) -> float:
    return value.min if strategy == "min" else value.avg


def _sd(values: NDArray[np.float64]) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def _percent(value: float | None, baseline: float) -> float | None:
    return None if value is None else 100 * value / baseline
