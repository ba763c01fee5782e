"""How large a difference must be to mean something."""

from __future__ import annotations

import numpy as np

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


def advantage(results: Results, better: Configuration, base: Configuration, split: str) -> float | None:
    """Return by how many per cent the loss of one configuration lies below that of another."""
    values = [c.loss_of(results.metric, split).value(results.strategy) for c in (base, better)]
    if values[0] is None or values[1] is None or values[0] == 0:
        return None
    return 100 * (values[0] - values[1]) / values[0]
