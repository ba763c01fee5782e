"""How large a difference must be to mean something."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from neptuner.report.data import Configuration, Results


def noise_floor(results: Results, configuration: Configuration | None, split: str) -> float | None:
    """Return the standard deviation over the replicates of a configuration in per cent of its loss.

    The loss is the one winners are chosen by; None where there are no two replicates.
    """
    if configuration is None:
        return None
    loss = configuration.loss_of(results.metric, split)
    value, sd = loss.value(results.strategy), loss.sd(results.strategy)
    return 100 * sd / value if value and sd is not None else None


def row_scatter(results: Results, configuration: Configuration | None, split: str) -> float | None:
    """Return the standard deviation of the last rows of a run in per cent, averaged over replicates."""
    if configuration is None:
        return None
    runs = (results.run(identifier) for identifier in configuration.runs)
    pairs = [r.scatter[results.metric, split] for r in runs if r and (results.metric, split) in r.scatter]
    ratios = [100 * sd / avg for avg, sd in pairs if avg]
    return float(np.mean(ratios)) if ratios else None


def half_interval(sds: tuple[float | None, float | None], counts: tuple[int, int]) -> float | None:
    """Return half the 95 % interval of the difference of two means, by Student's t.

    Parameters
    ----------
    sds
        Standard deviation over the replicates of each configuration, in any one unit.
    counts
        Replicates of each; None is returned unless both have two.
    """
    first, second = sds
    if first is None or second is None or min(counts) < 2:
        return None
    quantile = float(stdtrit(sum(counts) - 2, 0.975))
    return quantile * float(np.sqrt(first**2 / counts[0] + second**2 / counts[1]))


def gain_interval(
    results: Results, base: Configuration | None, sd: float | None, count: int, split: str
) -> float | None:
    """Return half the 95 % interval of a gain in per cent, whose `sd` over `count` runs is known."""
    if base is None:
        return None
    return half_interval((noise_floor(results, base, split), sd), (len(base.runs), count))
