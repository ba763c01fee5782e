"""Intervals of Student's t, and whether some numbers agree within their errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, stdtr, stdtrit

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Confidence of every interval."""


def interval(value: float, standard_error: float, degrees_of_freedom: float) -> tuple[float, float]:
    """Give the 95 % interval of Student's t; infinite degrees of freedom make it a normal one.

    Without a degree of freedom, or without an error, nothing is known: the interval is infinite.
    """
    half = half_width(standard_error, degrees_of_freedom)
    return value - half, value + half


def half_width(standard_error: float, degrees_of_freedom: float) -> float:
    """Give half the 95 % interval of Student's t; infinite where nothing is known of the error."""
    if not degrees_of_freedom > 0 or not np.isfinite(standard_error):
        return float("inf")
    return float(stdtrit(min(degrees_of_freedom, 1e9), 0.5 + LEVEL / 2)) * standard_error


def combined_degrees(squared_errors: Floats, degrees_of_freedom: Floats) -> float:
    """Degrees of freedom of a sum of squared errors, each estimated with its own.

    F. E. Satterthwaite, Biometrics Bulletin 2, 110 (1946); for two means this is Welch's test.

    Parameters
    ----------
    squared_errors
        Squared errors that are added, ``(n,)``.
    degrees_of_freedom
        Degrees of freedom of each, ``(n,)``.
    """
    total = float(np.sum(squared_errors))
    if not total > 0 or np.any(degrees_of_freedom <= 0):
        return float(np.sum(degrees_of_freedom))
    return total**2 / float(np.sum(squared_errors**2 / degrees_of_freedom))


def agreement(values: Sequence[float] | Floats, errors: Sequence[float] | Floats) -> float | None:
    """Test whether numbers scatter as their errors say.

    Returns
    -------
    The probability of at least as large a scatter around the weighted mean (chi-square): near 0 where they contradict
    each other, near 1 where they agree better than their errors allow; None for fewer than two or without errors.
    """
    numbers, sigmas = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if len(numbers) < 2 or not np.all(np.isfinite(sigmas) & (sigmas > 0)):
        return None
    weights = 1 / sigmas**2
    chi2 = float(np.sum(weights * (numbers - np.average(numbers, weights=weights)) ** 2))
    return upper_tail(chi2, len(numbers) - 1)


def upper_tail(chi2: float, degrees_of_freedom: int) -> float:
    """Probability of a larger chi-square."""
    return float(chdtrc(degrees_of_freedom, chi2))


def two_sided(deviation: float, degrees_of_freedom: float) -> float:
    """Probability of a larger absolute value of Student's t."""
    return float(2 * stdtr(min(degrees_of_freedom, 1e9), -abs(deviation)))
