"""Weighted least squares with a few powers of one variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.transport.intervals import upper_tail

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Coefficients of powers of a variable."""

    coefficients: Floats
    """``(n_powers,)``"""
    covariance: Floats
    """As the errors of the points say, ``(n_powers, n_powers)``."""
    chi2: float
    degrees_of_freedom: int
    p_value: float | None
    """Probability of at least as bad a fit; None where there are as many points as powers."""


def fit_powers(variable: Floats, values: Floats, errors: Floats, powers: Sequence[int]) -> Fit:
    """Fit a sum of powers of a variable to values with errors.

    Parameters
    ----------
    variable, values, errors
        Points, ``(n,)``; the variable is not zero everywhere.
    powers
        Exponents.
    """
    exponents = np.asarray(powers)
    unit = np.abs(variable).max()  # of order one, so that the normal equations are well conditioned
    design = (variable[:, None] / unit) ** exponents / errors[:, None]
    covariance = np.asarray(np.linalg.inv(design.T @ design), dtype=np.float64)
    solution = covariance @ design.T @ (values / errors)
    chi2 = float(np.sum((values / errors - design @ solution) ** 2))
    scale = unit ** -exponents.astype(np.float64)
    freedom = len(variable) - len(exponents)
    p_value = upper_tail(chi2, freedom) if freedom else None
    return Fit(solution * scale, covariance * np.outer(scale, scale), chi2, freedom, p_value)
