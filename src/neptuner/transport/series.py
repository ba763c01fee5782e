"""Stationary means of correlated series: where a transient ends and how well the mean of the rest is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BATCH = 5
_BATCHED_FROM = 20 * _BATCH
_SIGNIFICANT = 3.0


@dataclass(frozen=True)
class Blocking:
    """Mean of a correlated series with its error by blocking."""

    mean: float
    standard_error: float
    """Nan for fewer than two values."""
    block_size: int
    """Values in a block."""
    blocks: int
    """Blocks that the error comes from; it has one degree of freedom less."""
    inefficiency: float
    """How many values in a row count as one independent value, at least 1."""
    plateau: bool
    """Whether blocks were found that are long enough to be independent, and enough of them."""
    n_values: int

    @property
    def independent(self) -> float:
        """Number of independent values that the series is worth."""
        return self.n_values / self.inefficiency


def batch_means(values: Floats, size: int) -> Floats:
    """Means of consecutive batches, ``(n_values // size,)``; what remains at the end is left out."""
    count = len(values) // size
    means: Floats = values[: count * size].reshape(count, size).mean(axis=1)
    return means


def blocking(values: Floats) -> Blocking:
    """Find the standard error of the mean by blocking.

    Blocks double in length (H. Flyvbjerg and H. G. Petersen, J. Chem. Phys. 91, 461 (1989)). The plateau is taken at
    the first length B with B^3 > 2 n g^2, where n is the number of values and g the factor by which blocks of B
    enlarge the squared error (R. M. Lee et al., Phys. Rev. E 83, 066706 (2011)): there the bias from correlation that
    is left and the scatter from having few blocks are of the same size. At least four blocks must be left.

    Parameters
    ----------
    values
        Series at equal intervals, ``(n_values,)``.
    """
    n = len(values)
    mean = float(np.mean(values)) if n else np.nan
    if n < 2:
        return Blocking(mean, np.nan, 1, n, 1.0, False, n)
    naive = float(np.var(values, ddof=1)) / n
    size, squared, plateau = 1, naive, False
    while n // size >= 4:
        blocks = batch_means(values, size)
        squared = float(np.var(blocks, ddof=1)) / len(blocks)
        growth = squared / naive if naive > 0 else 1.0
        if size**3 > 2 * n * growth**2:
            plateau = True
            break
        size *= 2
    size = size if plateau else max(1, size // 2)
    inefficiency = max(1.0, squared / naive) if naive > 0 else 1.0
    return Blocking(mean, float(np.sqrt(squared)), size, n // size, inefficiency, plateau, n)


def transient(runs: Sequence[Floats]) -> int:
    """Find how many values at the beginning of some runs belong to a transient.

    The marginal standard error rule (MSER; K. P. White, Simulation 69, 323 (1997)) cuts where the squared deviations
    from the mean of the rest, over the square of how many there are, are smallest; at most half of the longest run
    goes. It is applied to the mean over runs, since they share their way to the stationary state, in batches of five
    where there are at least a hundred values. The rule also fires on noise: a cut stands only where the values it
    takes differ from the rest by more than three standard errors.

    Parameters
    ----------
    runs
        Series of equal interval that begin in the same way, each ``(n_values,)``. Those shorter than half of the
        longest have no say.

    Returns
    -------
    Values to leave out at the beginning of each run.
    """
    longest = max((len(run) for run in runs), default=0)
    used = [run for run in runs if 2 * len(run) >= longest]
    length = min((len(run) for run in used), default=0)
    if length < 4:
        return 0
    mean = np.mean([run[:length] for run in used], axis=0)
    size = _BATCH if length >= _BATCHED_FROM else 1
    cut = size * _mser_cut(batch_means(mean, size))
    return cut if cut and _differs(mean[:cut], mean[cut:]) else 0


def running_mean(values: Floats) -> Floats:
    """Mean of all values up to each one, ``(n_values,)``."""
    means: Floats = np.cumsum(values) / np.arange(1, len(values) + 1)
    return means


def _mser_cut(batches: Floats) -> int:
    """Batches to cut: where the marginal standard error of what remains is smallest."""
    cuts = np.arange(len(batches) // 2 + 1)
    count = len(batches) - cuts
    centred = batches - batches.mean()
    rest = np.cumsum(centred[::-1])[::-1][cuts]
    squares = np.cumsum(centred[::-1] ** 2)[::-1][cuts]
    return int(np.argmin((squares - rest**2 / count) / count**2))


def _differs(first: Floats, rest: Floats) -> bool:
    known = blocking(rest)
    variance = known.inefficiency * float(np.var(rest, ddof=1))
    error = np.sqrt(variance / len(first) + known.standard_error**2)
    return bool(abs(first.mean() - known.mean) > _SIGNIFICANT * error)
