"""More replicates where a decision is open, and only there.

A study begins with a few replicates of everything, looks at the gains, trains more seeds of the configurations on which
a decision still depends, and looks again. Each look is another chance to be misled, so p is adjusted for their number,
which has to be fixed before the first one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.special import ndtr

from neptuner.study.statistics.block_model import BlockModel, Losses, fit_blocks, resolved, usable
from neptuner.study.statistics.gains import LEVEL, NEGLIGIBLE, Gain, compare, holm, paired_gains

POCOCK = (1.960, 2.178, 2.289, 2.361, 2.413, 2.453, 2.485, 2.512, 2.535, 2.555, 2.572, 2.588)
"""Standard normal deviation that one of n looks at growing data exceeds with a probability of 0.05, n = 1 to 12.

S. J. Pocock, Biometrika 64, 191 (1977), for looks at equal distances.
"""


def level_of_a_look(looks: int) -> float:
    """Level of each of so many looks that makes 0.05 of all together."""
    return float(2 * ndtr(-POCOCK[looks - 1])) if looks <= len(POCOCK) else LEVEL / looks


def adjusted(gains: Mapping[str, Gain], looks: int = 1) -> dict[str, float]:
    """Adjust the p of all gains for the number of comparisons (Holm) and of looks; without those of one pair."""
    factor = LEVEL / level_of_a_look(looks)
    return holm({name: min(1.0, factor * gain.p) for name, gain in gains.items() if gain.p is not None})


def pairs_needed(
    gain: float,
    residual_sd: float,
    *,
    configurations: int = 2,
    level: float = LEVEL,
    power: float = 0.5,
    most: int = 1000,
) -> int | None:
    """Count the pairs that tell a gain from zero.

    Parameters
    ----------
    gain
        Per cent, below 100.
    residual_sd
        Noise of a loss relative to the loss, as :class:`neptuner.study.statistics.block_model.BlockModel` finds it.
    configurations, level, power
        As for :func:`neptuner.study.statistics.block_model.resolved`.
    most
        None is returned if it takes more than so many.
    """
    effect = abs(np.log1p(-gain / 100))
    counts = range(2, most + 1)
    return next((n for n in counts if resolved(residual_sd, n, configurations, level, power) <= effect), None)


def open_decisions(
    losses: Losses, baseline: str, groups: Mapping[str, Sequence[str]], *, looks: int, most: int
) -> list[str]:
    """Name the configurations that deserve another seed.

    In every group these are the best one, if it looks better than the baseline and this is not settled; and the best
    one with its runner-up, if both look better than the baseline and their order is not settled. Left out is what could
    not be settled with the most seeds allowed if things are as they look, one standard error in favour of going on;
    then a further seed changes nothing, and the two are as good as equal.

    Parameters
    ----------
    losses, baseline
        As in :mod:`neptuner.study.statistics.gains`.
    groups
        Configurations among which one is chosen, such as the values of one parameter.
    looks
        How often this is asked at most, the last time included, when everything has been trained.
    most
        Largest number of seeds of a configuration.

    Returns
    -------
    Names, those first that look most different from the baseline; before them the baseline if it lacks seeds for them.
    Empty when every decision is made or not worth more trainings.
    """
    gains, model = paired_gains(losses, baseline), fit_blocks(losses)
    p_values = adjusted(gains, looks)
    wanted: dict[str, float] = {}
    for members in groups.values():
        ranked = sorted((name for name in members if name in gains), key=lambda name: -gains[name].gain)
        if ranked and gains[ranked[0]].gain > 0:
            for name in _open_in_group(ranked, gains, p_values, (model, losses, looks, most)):
                wanted[name] = gains[name].gain
    names = sorted((name for name in wanted if len(usable(losses[name])) < most), key=lambda name: -abs(wanted[name]))
    lacking = any(usable(losses[baseline]).keys() <= usable(losses[name]).keys() for name in names)
    return [baseline, *names] if lacking else names


def _open_in_group(
    ranked: Sequence[str],
    gains: Mapping[str, Gain],
    p_values: Mapping[str, float],
    study: tuple[BlockModel, Losses, int, int],
) -> Iterator[str]:
    model, losses, looks, most = study
    best, level = ranked[0], level_of_a_look(looks)
    if p_values.get(best, 1.0) >= LEVEL and _reachable(gains[best], model, level / max(len(gains), 1), most):
        yield best
    if len(ranked) > 1 and gains[ranked[1]].gain > 0:
        order = compare(model, losses, best, ranked[1])
        unsettled = order is not None and (order.p is None or order.p >= level) and order.gain > NEGLIGIBLE
        if order is not None and unsettled and _reachable(order, model, level, most):
            yield from ranked[:2]


def _reachable(gain: Gain, model: BlockModel, level: float, most: int) -> bool:
    """Whether a gain could be told from zero with the most seeds, were it one standard error larger than it looks."""
    if model.residual_sd is None:
        return True
    error = model.residual_sd * np.sqrt(2 / gain.pairs)
    limit = resolved(model.residual_sd, most, len(model.names), level)
    return bool(abs(np.log1p(-gain.gain / 100)) + error >= limit)
