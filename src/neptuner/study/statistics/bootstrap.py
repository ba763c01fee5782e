"""Bootstrap interval of the ratio of two paired means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

Floats = NDArray[np.float64]

DRAWS = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class RatioInterval:
    """95 % interval of a ratio."""

    low: float
    high: float
    p: float
    """Two-sided p of a ratio of one; zero where no resample reaches it, so that p is too small for their number."""


def bca_of_ratio(values: Floats, references: Floats, *, seed: int = 0, draws: int = DRAWS) -> RatioInterval:
    """Resample pairs: bias-corrected and accelerated interval of ``mean(values) / mean(references)``.

    B. Efron, J. Am. Stat. Assoc. 82, 171 (1987). Percentiles of resampled means are too narrow for few pairs: the
    variance of a sample lacks ``n / (n - 1)`` and its tails are a normal's. Both are mended by quantiles of Student's t
    in place of normal ones (T. C. Hesterberg, Am. Stat. 69, 371 (2015), section 4.1), which with 20 pairs of normal
    noise turns a coverage of 92.5 % into one of 94.5 %.

    Parameters
    ----------
    values, references
        Positive numbers, ``(n,)`` each, that belong together one by one; not all of one ratio.
    seed, draws
        Of the resampling.
    """
    resamples = _weights(len(values), seed, draws)
    ratios = np.sort(np.log((resamples @ values) / (resamples @ references)))
    centre = float(np.log(values.mean() / references.mean()))
    bias, acceleration = _quantile(ratios, centre), _acceleration(values, references)
    widening = np.sqrt(len(values) / (len(values) - 1))
    half = widening * stdtrit(len(values) - 1, 0.5 + LEVEL / 2)
    shifted = bias + half * np.array([-1.0, 1.0])
    low, high = np.exp(np.quantile(ratios, ndtr(bias + shifted / (1 - acceleration * shifted))))
    if not ratios[0] <= 0 <= ratios[-1]:
        return RatioInterval(float(low), float(high), 0.0)
    at_zero = _quantile(ratios, 0.0) - bias
    deviation = at_zero / (1 + acceleration * at_zero) - bias
    return RatioInterval(float(low), float(high), float(2 * stdtr(len(values) - 1, -abs(deviation) / widening)))


def _acceleration(values: Floats, references: Floats) -> float:
    """How the error changes with the ratio, from the ratios without each of the pairs."""
    without = np.log((values.sum() - values) / (references.sum() - references))
    deviations = without.mean() - without
    spread = float(np.sum(deviations**2) ** 1.5)
    return float(np.sum(deviations**3)) / (6 * spread) if spread > 0 else 0.0


def _quantile(ordered: Floats, value: float) -> float:
    """Normal quantile of the share of numbers below a value, finite also where it is below or above all."""
    below = (np.searchsorted(ordered, value, "left") + np.searchsorted(ordered, value, "right")) / 2
    return float(ndtri(np.clip(below / len(ordered), 0.5 / len(ordered), 1 - 0.5 / len(ordered))))


@lru_cache(maxsize=8)
def _weights(n: int, seed: int, draws: int) -> Floats:
    """How often each of n pairs is drawn, divided by n, ``(draws, n)``."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    return np.asarray(counts / n, dtype=np.float64)
