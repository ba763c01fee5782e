"""Short trainings in a joint search: which trials are trained longer, and how well they foretell those in full.

Trials go up by asynchronous successive halving (Li et al., MLSys 2020): whenever a place is free, the best trials of a
rung that have not gone on yet do so, one out of ``reduction`` of those that have finished there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neptuner.study.search.space import Values

SWEEPS = 200
"""Of the alternating fit of rungs and trials; it ends when nothing changes any more."""


@dataclass
class Trial:
    """One setting that a search tries."""

    number: int
    values: Values
    origin: str
    """``known`` (from an earlier phase, trained short to compare with), ``tpe`` or ``random``."""
    rungs: list[int] = field(default_factory=lambda: [0])
    """That it is or was trained on."""
    control: bool = False
    """Whether it was trained in full without being promoted."""

    @property
    def name(self) -> str:
        """As in ``results.json``; also the name of its training in full."""
        return f"search-{self.number:04d}"


@dataclass(frozen=True)
class Standing:
    """What is known of a trial now."""

    trial: Trial
    losses: Mapping[int, float]
    """Validation loss on each rung that it has finished."""
    open: bool
    """Whether anything of it is still to come."""
    error: str | None = None
    """Why it failed."""
    speed: float | None = None
    """In atom-steps per second."""
    memory: float | None = None
    """Of its training, in megabytes."""
    violations: Mapping[str, float] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether it did not fail and violates no constraint, as far as is known."""
        return self.error is None and all(value <= 0 for value in self.violations.values())


def rung_offsets(losses: Sequence[Mapping[int, float]], rungs: int) -> list[float]:
    """Logarithm of how much higher losses are on each rung than on the last, ``(rungs,)``.

    Least squares of ``log loss = trial + rung`` over the trials that were on two rungs or more; a rung that no such
    trial leads to from the last has 0.
    """
    table = np.full((len(losses), rungs), np.nan)
    for row, known in zip(table, losses, strict=True):
        row[list(known)] = np.log(list(known.values()))
    table = table[np.isfinite(table).sum(axis=1) > 1]
    if not len(table) or not np.isfinite(table[:, -1]).any():
        return [0.0] * rungs
    seen, offsets = np.isfinite(table), np.zeros(rungs)
    filled = np.where(seen, table, 0.0)
    per_rung, per_trial = np.maximum(seen.sum(axis=0), 1), seen.sum(axis=1)
    for _ in range(SWEEPS):
        trials = (filled - seen * offsets).sum(axis=1) / per_trial
        new = (filled - seen * trials[:, None]).sum(axis=0) / per_rung
        if np.abs(new - offsets).max() < 1e-12:
            break
        offsets = new
    known = seen.any(axis=0)
    return [float(offsets[r] - offsets[-1]) if known[r] else 0.0 for r in range(rungs)]


def in_full(losses: Mapping[int, float], offsets: Sequence[float]) -> float | None:
    """Loss of a training in full, estimated from the longest that there is; None without any."""
    if not losses:
        return None
    rung = max(losses)
    return losses[rung] * math.exp(-offsets[rung])


def front_numbers(objectives: Sequence[Sequence[float]]) -> list[int]:
    """Number of the Pareto front that each point is on when the fronts before are taken away, all to be made small."""
    points, numbers = np.array(objectives, dtype=float), np.full(len(objectives), -1)
    number = 0
    while (numbers < 0).any():
        left = np.flatnonzero(numbers < 0)
        rest = points[left]
        beaten = [bool(((rest <= p).all(axis=1) & (rest < p).any(axis=1)).any()) for p in rest]
        numbers[left[~np.array(beaten)]] = number
        number += 1
    return [int(n) for n in numbers]


def ranked(standings: Sequence[Standing], rung: int, *, speed_too: bool) -> list[Standing]:
    """Trials in the order in which they deserve more steps: by front where speed counts too, then by loss."""
    if not speed_too:
        return sorted(standings, key=lambda s: s.losses[rung])
    fronts = front_numbers([(s.losses[rung], -(s.speed or 0.0)) for s in standings])
    order = sorted(range(len(standings)), key=lambda n: (fronts[n], standings[n].losses[rung]))
    return [standings[n] for n in order]


def to_promote(
    standings: Sequence[Standing], rungs: int, reduction: int, *, speed_too: bool, closing: bool
) -> tuple[Trial, int] | None:
    """Choose a trial to train longer.

    Parameters
    ----------
    standings
        Of all trials.
    rungs, reduction
        Of the search.
    speed_too
        Whether the speed counts as well as the loss.
    closing
        Nothing else is to come, so that at least one trial of each rung goes on.

    Returns
    -------
    The trial and its next rung; None if none deserves it now.
    """
    for rung in reversed(range(rungs - 1)):
        here = [s for s in standings if rung in s.losses and s.feasible and _competes(s.trial) and not _waits(s, rung)]
        keep = max(len(here) // reduction, 1 if closing and here else 0)
        for standing in ranked(here, rung, speed_too=speed_too)[:keep]:
            if max(standing.trial.rungs) == rung:
                return standing.trial, rung + 1
    return None


def _competes(trial: Trial) -> bool:
    """Whether it may go on; of a known setting the training in full is there already."""
    return not trial.control and trial.origin != "known"


def _waits(standing: Standing, rung: int) -> bool:
    """Whether something of this rung, such as the speed, is still to come."""
    return standing.open and max(standing.trial.rungs) == rung


def report_pruning(standings: Sequence[Standing], rungs: int, reduction: int) -> dict[str, Any] | None:
    """Tell how well short trainings foretold those in full; None without short trainings.

    ``prediction_error_percent`` is the root of the mean square of the relative error of the loss in full as foretold
    from the first rung by the mean ratio, for all trials that were on both. Promoted trials were chosen for their low
    loss, so their rank correlation is lower than that of all trials would be; the control trials are free of that.
    """
    if rungs == 1:
        return None
    last = rungs - 1
    steps = [*((rung, rung + 1) for rung in range(last)), *([(0, last)] if last > 1 else [])]
    both = [s for s in standings if 0 in s.losses and last in s.losses]
    promoted, control = [s for s in both if not s.trial.control], [s for s in both if s.trial.control]
    return {
        "reduction": reduction,
        "promoted": [s.trial.name for s in promoted],
        "control": [s.trial.name for s in control],
        "rank_correlation": [_rank_correlation(standings, *pair) for pair in steps],
        "prediction_error_percent": _prediction_error(both, rungs),
        "control_kept": _kept(promoted, control, last),
        "control_best": _best(promoted, control, last),
    }


def _rank_correlation(standings: Sequence[Standing], low: int, high: int) -> dict[str, Any]:
    """Spearman's coefficient between the losses on two rungs, of the trials that were on both."""
    from scipy.stats import spearmanr

    pairs = [(s.losses[low], s.losses[high]) for s in standings if low in s.losses and high in s.losses]
    varied = len(pairs) > 2 and all(len(set(column)) > 1 for column in zip(*pairs, strict=True))
    coefficient = float(spearmanr(*zip(*pairs, strict=True)).statistic) if varied else None
    return {"from": low, "to": high, "trials": len(pairs), "coefficient": coefficient}


def _prediction_error(both: Sequence[Standing], rungs: int) -> float | None:
    if len(both) < 2:
        return None
    logs = np.array([math.log(s.losses[rungs - 1] / s.losses[0]) for s in both])
    return float(100 * logs.std(ddof=1))


def _kept(promoted: Sequence[Standing], control: Sequence[Standing], last: int) -> int:
    """How many control trials are among the best, if as many are taken as were promoted."""
    best = sorted([*promoted, *control], key=lambda s: s.losses[last])[: len(promoted)]
    return sum(s.trial.control for s in best)


def _best(promoted: Sequence[Standing], control: Sequence[Standing], last: int) -> bool:
    """Whether a control trial is better than all that were promoted."""
    lowest = min((s.losses[last] for s in promoted), default=math.inf)
    return any(s.losses[last] < lowest for s in control)
