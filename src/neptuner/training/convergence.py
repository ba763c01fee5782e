"""Whether a training had converged: the slope of a loss curve, and the limit of the power law that it follows.

Errors of the numbers take into account that neighbouring rows are alike: n rows whose residuals have the lag-1
autocorrelation rho count as n (1 - rho) / (1 + rho) (Santer et al., J. Geophys. Res. 105, 7337 (2000)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Verdict = Literal["converged", "still falling", "rising"]

FEWEST_ROWS = 10
"""With fewer rows nothing is said."""

FLAT = 0.5
"""Slope in per cent per 1000 steps below which a curve counts as flat."""

PER_CENT = 1e5
"""Relative change a step in per cent per 1000 steps."""

NEAR = 0.02
"""Part of the present value that a converged curve may still have to fall."""

EXPONENTS = (0.1, 3.0)
"""Range of the exponent of the power law."""

LOWEST = 1e-4
"""Part of the median row below which deviations are no longer relative, so that no single row outweighs all."""

GRID = 200
"""Exponents tried at a time."""


@dataclass(frozen=True)
class Convergence:
    """How far a training had got; plain numbers that go into JSON."""

    verdict: Verdict
    present: float
    """The curve at its end, smoothed, in its own unit like ``extrapolated``."""
    slope: float
    """Per cent of the present value per 1000 steps, over the last third of the rows; negative while it falls."""
    slope_error: float
    """Standard error."""
    extrapolated: float
    """The value after infinitely many steps like those after the first fifth of the rows."""
    extrapolated_error: float
    """Standard error, that of the exponent included."""
    exponent: float | None
    """The c of ``a + b step**-c``; None where a constant describes the rows as well."""
    residual: float
    """Root mean square of the relative deviation of the rows from that law."""
    rows: int
    """Number of rows the law was fitted to."""


@dataclass(frozen=True)
class _Line:
    slope: float
    error: float
    end: float
    """The line at the last step."""
    mean: float

    @property
    def is_certain(self) -> bool:
        """Whether the slope can be told from zero."""
        return abs(self.slope) > 2.0 * self.error


@dataclass(frozen=True)
class _Fits:
    """The best a and b of ``a + b x**-c`` for each of some exponents, ``(n_exponents,)``."""

    c: Floats
    a: Floats
    b: Floats
    variance: Floats
    """Of a, in units of the variance of the relative residuals."""
    squares: Floats
    """Sum of squared relative residuals."""

    def curve(self, index: int, x: Floats) -> Floats:
        """The law with one of the exponents, ``(n,)``."""
        found: Floats = np.maximum(self.a[index] + self.b[index] * x ** -self.c[index], LOWEST)
        return found


def convergence(steps: ArrayLike, loss: ArrayLike) -> Convergence | None:
    """Judge a curve of whole-set errors.

    A curve is "converged" if it is flat over its last third (its slope is below 0.5 % per 1000 steps, or cannot be
    told from zero at two standard errors) and the power law has no more than 2 % of the present value to fall.

    Parameters
    ----------
    steps
        Step of each row, increasing, ``(n,)``.
    loss
        Error of each row, ``(n,)``; rows that are not above zero or not numbers are missing and left out.

    Returns
    -------
    None if there are fewer than ten rows.

    Raises
    ------
    ValueError
        If the arrays do not match or the steps do not increase.
    """
    x, y = np.asarray(steps, dtype=float), np.asarray(loss, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or np.any(np.diff(x) <= 0):
        raise ValueError(f"expected increasing steps and as many losses, found shapes {x.shape} and {y.shape}")
    usable = np.isfinite(y) & (y > 0) & (x > 0)
    x, y = x[usable], y[usable]
    if len(x) < FEWEST_ROWS:
        return None
    line = _fit_tail(x, y)
    first = len(x) // 5
    limit, error, exponent, residual = _extrapolate(x[first:], y[first:])
    present = line.end if line.is_certain else line.mean
    verdict = _verdict(line, limit, present)
    return Convergence(verdict, present, line.slope, line.error, limit, error, exponent, residual, len(x) - first)


def _verdict(line: _Line, limit: float, present: float) -> Verdict:
    if abs(line.slope) < FLAT or not line.is_certain:
        return "converged" if present - limit <= NEAR * present else "still falling"
    return "rising" if line.slope > 0 else "still falling"


def _fit_tail(x: Floats, y: Floats) -> _Line:
    """Fit a straight line to the logarithm of the last third; five rows at least."""
    n = max(5, -(-len(x) // 3))
    x, logs = x[-n:], np.log(y[-n:])
    centred, mean = x - x.mean(), float(logs.mean())
    spread = float(centred @ centred)
    slope = float(centred @ (logs - mean)) / spread
    residuals = logs - mean - slope * centred
    variance = float(residuals @ residuals) / max(n / _inflation(residuals) - 2.0, 1.0)
    per_cent = 1e5  # of one step's change into that of 1000 steps in per cent
    end = mean + slope * float(centred[-1])
    return _Line(
        per_cent * slope, per_cent * float(np.sqrt(variance / spread)), float(np.exp(end)), float(np.exp(mean))
    )


def _inflation(residuals: Floats) -> float:
    """Rows for each independent one; at most as many as leave three."""
    n, total = len(residuals), float(residuals @ residuals)
    if total <= 0.0:
        return 1.0
    rho = float(residuals[1:] @ residuals[:-1]) / total
    rho = min(max(rho + (2.0 + 4.0 * rho) / n, 0.0), 0.99)  # a fit makes residuals look less alike than the noise is
    return min((1.0 + rho) / (1.0 - rho), n / 3.0)


def _extrapolate(x: Floats, y: Floats) -> tuple[float, float, float | None, float]:
    """Fit the power law: limit, its standard error, exponent, relative root-mean-square residual."""
    unit, n = float(np.median(y)), len(x)
    x, y = x / x[-1], y / unit
    fits = _fit_power_laws(x, y)
    best = int(np.argmin(fits.squares))
    rows = n / _inflation(y / fits.curve(best, x) - 1.0)
    scale = max(fits.squares[best] / max(rows - 3.0, 1.0), 1e-24)
    mean, flat_squares, flat_variance = _fit_constant(y)
    odds = _odds(fits.squares[best], flat_squares, rows)
    if odds > 1.0:
        error = np.sqrt(_mean_square(fits, best, scale, float(fits.a[best])))
        residual = np.sqrt(fits.squares[best] / n)
        return unit * float(fits.a[best]), unit * float(error), float(fits.c[best]), float(residual)
    error = np.sqrt((flat_variance + odds * _mean_square(fits, best, scale, mean)) / (1.0 + odds))
    return unit * mean, unit * float(error), None, float(np.sqrt(flat_squares / n))


def _fit_constant(y: Floats) -> tuple[float, float, float]:
    """Mean, the sum of squared deviations relative to it, and its variance."""
    mean, n = float(y.mean()), len(y)
    residuals = y / mean - 1.0
    squares = float(residuals @ residuals)
    return mean, squares, mean**2 * squares / (n * (n - 1)) * _inflation(residuals)


def _odds(squares: float, flat_squares: float, rows: float) -> float:
    """Odds of the power law, which has two more numbers, against a constant (Schwarz's criterion); at most e**100."""
    gain = rows * np.log(max(flat_squares, 1e-24) / max(squares, 1e-24)) - 2.0 * np.log(rows)
    return float(np.exp(min(0.5 * gain, 100.0)))


def _mean_square(fits: _Fits, best: int, scale: float, limit: float) -> float:
    """Mean square deviation of a from some limit over all exponents, each with its likelihood."""
    likelihood = np.exp(-0.5 * (fits.squares - fits.squares[best]) / scale)
    return float(np.average((fits.a - limit) ** 2 + scale * fits.variance, weights=likelihood))


def _fit_power_laws(x: Floats, y: Floats) -> _Fits:
    """Fit a and b at exponents that crowd where the fit is good; deviations relative to the fit before."""
    low, high = EXPONENTS
    weight = 1.0 / np.maximum(y, LOWEST)
    for _ in range(4):
        fits = _fit_at(np.geomspace(low, high, GRID), x, y, weight)
        best = int(np.argmin(fits.squares))
        weight = 1.0 / fits.curve(best, x)
        noise = fits.squares[best] / max(len(x) / _inflation(weight * y - 1.0) - 3.0, 1.0)
        good = np.flatnonzero(fits.squares <= fits.squares[best] + 30.0 * noise)
        low, high = float(fits.c[max(good[0] - 1, 0)]), float(fits.c[min(good[-1] + 1, GRID - 1)])
    return fits


def _fit_at(c: Floats, x: Floats, y: Floats, weight: Floats) -> _Fits:
    """Weighted least squares for a and b, neither below zero, at given exponents."""
    u, t = weight, weight * y
    v = u * x ** -c[:, None]
    uu, uv, vv = float(u @ u), v @ u, np.einsum("cn,cn->c", v, v)
    ut, vt = float(u @ t), v @ t
    determinant = np.maximum(uu * vv - uv**2, 1e-14 * uu * vv)
    a, b = (vv * ut - uv * vt) / determinant, (uu * vt - uv * ut) / determinant
    a, b = np.where(b < 0.0, ut / uu, a), np.where(a < 0.0, vt / vv, b)
    a, b = np.maximum(a, 0.0), np.maximum(b, 0.0)
    residuals = t - a[:, None] * u - b[:, None] * v
    return _Fits(c, a, b, vv / determinant, np.einsum("cn,cn->c", residuals, residuals))
