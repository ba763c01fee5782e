"""Whether the gains of single changes add up in the combined model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neptuner.study.statistics.block_model import PRIOR_DEGREES, BlockModel, Losses, fit_blocks, usable
from neptuner.study.statistics.gains import Gain, compare
from neptuner.transport.intervals import combined_degrees, interval


@dataclass(frozen=True)
class Interaction:
    """The combined model against what its changes bring one at a time; all in per cent."""

    singles: Mapping[str, float]
    """Gain of each change alone over the baseline, by keyword."""
    sum_of_singles: float
    independent: float
    """Gain if every change took its share off the loss whatever the others do."""
    combined: float
    """Gain of all changes together."""
    excess: float
    """Loss of the combined model below that of independent changes, in per cent of the latter; negative above it."""
    low: float | None
    """Ends of the 95 % interval of the excess; None where the noise is not known."""
    high: float | None
    sentence: str


def interaction(losses: Losses, baseline: str, combined: str, singles: Mapping[str, str]) -> Interaction | None:
    """Compare the combined model with the product of its changes, over the seeds that all have.

    Parameters
    ----------
    losses
        Of one quantity on one split, by configuration and seed.
    baseline, combined
        Names of configurations.
    singles
        Name of the configuration of each change alone, by keyword.

    Returns
    -------
    None with fewer than two changes, or without a seed that all have.
    """
    names = [combined, baseline, *singles.values()]
    if len(singles) < 2 or any(name not in losses for name in names):
        return None
    seeds = sorted(set.intersection(*(set(usable(losses[name])) for name in names)))
    if not seeds:
        return None
    means = {name: float(np.mean([np.log(losses[name][seed]) for seed in seeds])) for name in names}
    gains = {keyword: means[name] - means[baseline] for keyword, name in singles.items()}
    together, apart = means[combined] - means[baseline], sum(gains.values())
    low, high = _interval(fit_blocks(losses), names, len(seeds), together - apart)
    percent = {keyword: _percent(value) for keyword, value in gains.items()}
    excess = _percent(together - apart)
    return Interaction(
        percent, sum(percent.values()), _percent(apart), _percent(together), excess, low, high,
        _sentence(sum(percent.values()), _percent(together), low, high),
    )  # fmt: skip


def _interval(model: BlockModel, names: Sequence[str], seeds: int, value: float) -> tuple[float | None, float | None]:
    """95 % interval of the excess, in per cent, from the noise of each configuration and its weight."""
    if seeds < 2 or not model.degrees_of_freedom:
        return None, None
    weights = np.array([1.0, float(len(names) - 3), *[-1.0] * (len(names) - 2)])
    chosen = [model.places[name] for name in names]
    squares = weights**2 * model.variances[chosen] / seeds
    freedom = min(combined_degrees(squares, PRIOR_DEGREES + model.own_degrees[chosen]), float(model.degrees_of_freedom))
    low, high = interval(value, math.sqrt(float(squares.sum())), freedom)
    return _percent(min(high, 100.0)), _percent(max(low, -100.0))


def _percent(logarithm: float) -> float:
    return float(-100 * np.expm1(logarithm))


def _sentence(total: float, combined: float, low: float | None, high: float | None) -> str:
    head = f"one at a time the changes gain {total:.1f} % in sum, together {combined:.1f} %"
    if low is None or high is None:
        return f"{head}; whether they help or hinder each other cannot be told from one replicate"
    if low > 0:
        return f"{head}: they help each other"
    if high < 0:
        return f"{head}: they partly do the same"
    return f"{head}: no interaction beyond the noise"


def removals(losses: Losses, combined: str, without: Mapping[str, str]) -> dict[str, Gain]:
    """What the combined model loses without each of its changes: gains of the combined model over the reduced one.

    Parameters
    ----------
    losses, combined
        As for :func:`interaction`.
    without
        Name of the configuration without a change, by keyword.
    """
    model = fit_blocks(losses)
    known = {
        k: name for k, name in without.items() if usable(losses.get(name, {})) and usable(losses.get(combined, {}))
    }
    found = {keyword: compare(model, losses, combined, name) for keyword, name in known.items()}
    return {keyword: gain for keyword, gain in found.items() if gain is not None}
