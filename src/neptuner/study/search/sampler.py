"""Which point a search tries next: Optuna's samplers, asked anew from everything that is known."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neptuner.errors import NeptunerError
from neptuner.study.search.space import Coordinates, Space, Values

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

TRIES = 12
"""Draws from the model before a point that was not tried yet is drawn at random."""
RANDOM_TRIES = 300
"""Random draws before a space counts as exhausted."""


@dataclass(frozen=True)
class Point:
    """One point of the space and what is known of it."""

    values: Values
    objectives: tuple[float, ...] | None
    """To be made small; None while it is being trained, or where nothing was measured."""
    violations: Mapping[str, float]
    """Name of each constraint to its value, above 0 where it is violated."""

    @property
    def feasible(self) -> bool:
        """Whether it violates no constraint."""
        return all(value <= 0 for value in self.violations.values())


def need_optuna() -> None:
    """Refuse to search without Optuna.

    Raises
    ------
    NeptunerError
        If it is not installed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise NeptunerError("the table [search] needs Optuna 5, which is not installed: pip install 'neptuner[search]'")


def key_of(values: Mapping[str, Sequence[Any]]) -> str:
    """Text that is the same for the same values."""
    return "; ".join(f"{keyword} {' '.join(str(word) for word in values[keyword])}" for keyword in sorted(values))


def propose(
    space: Space, kind: str, history: Sequence[Point], tried: AbstractSet[str], seed: int, number: int
) -> Values | None:
    """Draw a point that was not tried yet.

    Optuna is given the whole history each time: what is known of a point may change when others are trained longer.
    Random numbers depend on ``seed`` and ``number`` alone, so that a search that was killed goes on as it would have.

    Parameters
    ----------
    space
        What to draw from.
    kind
        ``tpe`` or ``random``.
    history
        All points so far, those that are being trained too.
    tried
        :func:`key_of` of the points not to draw again.
    seed, number
        Of the search, and of this draw in it.

    Returns
    -------
    Values of nep.in; None if no point is left.
    """
    if len(tried) >= space.size:
        return None
    for attempt in range(TRIES + RANDOM_TRIES):
        modelled = kind == "tpe" and attempt < TRIES
        values = _draw(space, history if modelled else (), modelled, _seed(seed, number, attempt))
        if key_of(values) not in tried:
            return values
    return None


def _seed(*numbers: int) -> int:
    """A seed that differs for each of these numbers."""
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:4], "big")


def _draw(space: Space, history: Sequence[Point], modelled: bool, seed: int) -> Values:
    study = make_study(space, history, seed, modelled=modelled)
    return space.values(study.ask(space.distributions()).params)


def make_study(space: Space, history: Sequence[Point], seed: int, *, modelled: bool) -> optuna.Study:
    """Optuna's study in memory with everything that is known."""
    import optuna
    from optuna.samplers import RandomSampler, TPESampler

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    count = next((len(p.objectives) for p in history if p.objectives is not None), 1)
    sampler = TPESampler(seed=seed) if modelled else RandomSampler(seed=seed)
    study = optuna.create_study(directions=["minimize"] * count, sampler=sampler)
    study.add_trials(_trials(space, history, count))
    return study


def _trials(space: Space, history: Sequence[Point], count: int) -> list[FrozenTrial]:
    worst, distributions = _worst(history, count), space.distributions()
    found = ((point, space.coordinates(point.values)) for point in history)
    return [_trial(p, coordinates, distributions, worst) for p, coordinates in found if coordinates is not None]


def _worst(history: Sequence[Point], count: int) -> list[float]:
    """Worst value of each objective, which stands for one that was not measured."""
    known = [point.objectives for point in history if point.objectives is not None]
    return [max((objectives[n] for objectives in known), default=0.0) for n in range(count)]


def _trial(
    point: Point, coordinates: Coordinates, distributions: dict[str, BaseDistribution], worst: list[float]
) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    about: dict[str, Any] = {"params": coordinates, "distributions": distributions}
    if point.objectives is None and point.feasible:
        return create_trial(state=TrialState.RUNNING, **about)
    values = worst if point.objectives is None else [_finite(value) for value in point.objectives]
    return create_trial(values=values, constraints=dict(point.violations) or None, **about)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.copysign(1e300, value)


def importances(
    space: Space, points: Sequence[Point], *, draws: int = 30, quantile: float = 0.25
) -> dict[str, tuple[float, float]] | None:
    """How much each keyword matters for the first objective, with its standard deviation over resampled points.

    Shares by PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023): how far the distribution of the best quarter of the
    points differs from that of all of them, of all arguments of a keyword together.

    Returns
    -------
    Mean and standard deviation over the draws of a bootstrap, by keyword; None for fewer than eight points.
    """
    import numpy as np

    known = [p for p in points if p.objectives is not None and p.feasible and space.coordinates(p.values) is not None]
    if len(known) < 8:
        return None
    trials = _trials(space, [Point(p.values, p.objectives[:1] if p.objectives else None, {}) for p in known], 1)
    generator = np.random.default_rng(0)
    picks = [generator.integers(0, len(known), len(known)) for _ in range(draws)]
    shares = np.array([_shares(space, [trials[i] for i in pick], quantile) for pick in picks])
    mean, sd = shares.mean(axis=0), shares.std(axis=0, ddof=1)
    names = [keyword for keyword, _ in space.dimensions]
    return {name: (float(m), float(s)) for name, m, s in zip(names, mean, sd, strict=True)}


def _shares(space: Space, trials: Sequence[FrozenTrial], quantile: float) -> list[float]:
    from optuna.importance import PedAnovaImportanceEvaluator

    study = make_study(space, (), 0, modelled=False)
    study.add_trials(trials)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a draw in which all losses are equal, which counts for every keyword alike
        found = PedAnovaImportanceEvaluator(target_quantile=quantile).evaluate(study)
    sums = [sum(v for name, v in found.items() if name.split(".")[0] == keyword) for keyword, _ in space.dimensions]
    total = sum(sums)
    return [value / total if total > 0 else 1 / len(sums) for value in sums]
