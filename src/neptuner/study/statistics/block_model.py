"""Randomised blocks: the logarithm of a loss is what its configuration adds, what its seed adds, and noise.

Seeds are the blocks: a seed draws the same split and the same first parameters for every configuration, so what it adds
cancels in differences. Logarithms make noise that is proportional to the loss equally wide for good and bad settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from neptuner.transport.intervals import combined_degrees, two_sided

Floats = NDArray[np.float64]

Losses = Mapping[str, Mapping[int, float]]
"""Loss of one quantity on one split by configuration and seed; not every configuration needs every seed."""

PRIOR_DEGREES = 2.0
"""Degrees of freedom with which the noise of all configurations together counts in the noise of each.

A setting may be noisier than the others, and two or three replicates cannot tell. The pooled noise alone leaves an
interval that covers three of four times where one setting is three times as noisy; the noise of each alone makes
intervals of two replicates four times as wide as needed. In between, G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 3, 3
(2004); his estimate of this number from the data is too uncertain for ten settings, so that it is fixed here. See
benchmarks/statistics_coverage.py.
"""


@dataclass(frozen=True)
class BlockModel:
    """A least-squares fit of configurations and seeds to the logarithms of losses."""

    names: tuple[str, ...]
    effects: Floats
    """Fitted mean logarithm of each configuration, ``(n_configurations,)``, but for one common constant."""
    residuals: Floats
    """``(n_configurations, n_seeds)``, zero where a seed is missing."""
    leverages: Floats
    """Share of each value that the fit follows, ``(n_configurations, n_seeds)``, one where a seed is missing."""
    present: Floats
    """One where a loss is known, else zero, ``(n_configurations, n_seeds)``."""
    inverse: Floats
    """Pseudo-inverse of the normal matrix of the seeds, ``(n_seeds, n_seeds)``."""
    degrees_of_freedom: int
    """Of all residuals together."""

    @cached_property
    def places(self) -> dict[str, int]:
        """Index of each configuration."""
        return {name: place for place, name in enumerate(self.names)}

    @property
    def residual_sd(self) -> float | None:
        """Standard deviation of the noise of a loss relative to the loss, all configurations alike; None if unknown."""
        if not self.degrees_of_freedom:
            return None
        return float(np.sqrt(np.sum(self.residuals**2) / self.degrees_of_freedom))

    @cached_property
    def own_degrees(self) -> Floats:
        """Degrees of freedom of the residuals of each configuration, ``(n_configurations,)``."""
        return np.asarray(np.sum(1 - self.leverages, axis=1), dtype=np.float64)

    @cached_property
    def variances(self) -> Floats:
        """Squared noise of each configuration, drawn towards that of all, ``(n_configurations,)``."""
        pooled = np.sum(self.residuals**2) / max(self.degrees_of_freedom, 1)
        own = np.sum(self.residuals**2, axis=1)
        return np.asarray((PRIOR_DEGREES * pooled + own) / (PRIOR_DEGREES + self.own_degrees), dtype=np.float64)


def fit_blocks(losses: Losses) -> BlockModel:
    """Fit the model; losses that are missing, not finite or not above zero are left out.

    The seeds' equations are solved after elimination of the configurations, which gives the same as least squares with
    a column for each configuration and each seed, for thousands of configurations as well.
    """
    names = tuple(name for name, values in losses.items() if usable(values))
    logs, present = _table([usable(losses[name]) for name in names])
    counts = present.sum(axis=1, keepdims=True)
    normal = np.diag(present.sum(axis=0)) - present.T @ (present / counts)
    inverse = np.linalg.pinv(normal, rcond=1e-9, hermitian=True)
    effects, residuals = solve(logs, present, inverse)
    mixed = present @ inverse / counts
    among = np.sum(mixed * present, axis=1, keepdims=True) / counts
    leverages = np.where(present > 0, 1 / counts + np.diag(inverse) - 2 * mixed + among, 1.0)
    freedom = round(float(np.sum(1 - leverages)))
    return BlockModel(names, effects, residuals, leverages, present, inverse, freedom)


def solve(logs: Floats, present: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    """Fit tables of logarithms that are zero where nothing is known.

    Parameters
    ----------
    logs
        ``(..., n_configurations, n_seeds)``
    present, inverse
        As in :class:`BlockModel`.

    Returns
    -------
    Effects of the configurations, ``(..., n_configurations)``, and residuals, of the shape of the logarithms.
    """
    counts = present.sum(axis=1)
    means = logs.sum(axis=-1) / counts
    seeds = np.sum((logs - means[..., None]) * present, axis=-2) @ inverse
    effects = means - seeds @ present.T / counts
    return effects, (logs - effects[..., None] - seeds[..., None, :]) * present


def usable(values: Mapping[int, float]) -> dict[int, float]:
    """Give the losses that have a logarithm."""
    return {seed: loss for seed, loss in values.items() if 0 < loss < np.inf}


def contrast_error(model: BlockModel, first: str, second: str, pairs: int) -> tuple[float, float]:
    """Standard error of the logarithm of the ratio of two configurations over common seeds.

    Returns
    -------
    The error and its degrees of freedom; with two configurations these are those of the paired t-test.
    """
    chosen = [model.places[first], model.places[second]]
    squares = model.variances[chosen] / pairs
    freedom = combined_degrees(squares, PRIOR_DEGREES + model.own_degrees[chosen])
    return float(np.sqrt(squares.sum())), min(freedom, float(model.degrees_of_freedom))


def student_p(effect: float, error: float, degrees_of_freedom: float) -> float:
    """Two-sided p of Student's t; an effect without any noise is certain."""
    if error > 0:
        return two_sided(effect / error, degrees_of_freedom)
    return 0.0 if effect else 1.0


def typical_degrees(configurations: int, pairs: int) -> float:
    """Degrees of freedom of a contrast where every configuration has as many seeds."""
    total = (configurations - 1) * (pairs - 1)
    return min(2 * (PRIOR_DEGREES + total / configurations), total)


def resolved(residual_sd: float, pairs: int, configurations: int, level: float = 0.05, power: float = 0.5) -> float:
    """Smallest logarithm of a ratio that so many pairs tell from zero.

    Parameters
    ----------
    residual_sd
        Noise of a loss relative to the loss.
    pairs
        Seeds, at least two.
    configurations
        How many configurations share in the estimate of the noise, the baseline included.
    level
        Two-sided probability of seeing what is not there.
    power
        Probability of seeing what is there; one half where the number is a limit for measured values.
    """
    freedom = typical_degrees(configurations, pairs)
    quantiles = stdtrit(freedom, 1 - level / 2) + stdtrit(freedom, power)
    return float(quantiles * np.sqrt(2 / pairs) * residual_sd)


def _table(rows: Sequence[Mapping[int, float]]) -> tuple[Floats, Floats]:
    """Logarithms and ones, zero where a seed is missing."""
    seeds = sorted(set().union(*rows))
    values = np.array([[row.get(seed, np.nan) for seed in seeds] for row in rows], dtype=np.float64)
    values = values.reshape(len(rows), len(seeds))
    present = np.isfinite(values).astype(np.float64)
    return np.log(np.where(present > 0, values, 1.0)), present
