"""Distances, cutoff function and Chebyshev argument of eight pairs at a time."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.vectors import fma, root, smaller

Floats = NDArray[np.float64]


def _series(function: Any, terms: int) -> tuple[float, ...]:
    """Fit a function of t on [0, 1] by a polynomial, lowest power first."""
    fit = Chebyshev.interpolate(function, terms - 1, domain=[0.0, 1.0])
    return tuple(float(c) for c in fit.convert(kind=Polynomial, domain=[-1, 1], window=[-1, 1]).coef)


def _cosine(t: Floats) -> Floats:
    """``cos(pi sqrt(t) / 2) / (1 - t)``: the cosine without its zero at t = 1."""
    t = np.where(abs(t - 1.0) < 1e-9, 1.0 - 1e-9, t)
    return np.asarray(np.cos(0.5 * np.pi * np.sqrt(t)) / (1.0 - t))


def _sine(t: Floats) -> Floats:
    """``sin(pi sqrt(t) / 2) / sqrt(t)``."""
    u = np.sqrt(np.maximum(t, 1e-18))
    return np.asarray(np.sin(0.5 * np.pi * u) / u)


COSINE, SINE = _series(_cosine, 8), _series(_sine, 8)
"""Eight terms are exact in double precision (7e-16)."""

C0, C1, C2, C3, C4, C5, C6, C7 = COSINE
S0, S1, S2, S3, S4, S5, S6, S7 = SINE


@inner_kernel
def measure(x: Any, y: Any, z: Any, inverse_rc: Any) -> Any:
    """Return 1/r, 2 x, fc, dfc/dr and fc dx/dr of vectors to neighbours.

    With u = min(r / rc, 1): fc = cos(pi u / 2)^2, x = 2 (u - 1)^2 - 1 (GPUMD ``src/utilities/nep_utilities.cuh``). The
    cosine has its zero at u = 1 factored out, so that a pair at or beyond the cutoff gives exactly nothing.
    """
    r2 = fma(x, x, fma(y, y, z * z))
    r = root(r2)
    u = smaller(r * inverse_rc, 1.0)
    t = u * u
    cosine = fma(fma(fma(fma(fma(fma(fma(t, C7, C6), t, C5), t, C4), t, C3), t, C2), t, C1), t, C0) * (1.0 - t)
    sine = fma(fma(fma(fma(fma(fma(fma(t, S7, S6), t, S5), t, S4), t, S3), t, S2), t, S1), t, S0) * u
    fc = cosine * cosine
    v = u - 1.0
    return 1.0 / r, 4.0 * v * v - 2.0, fc, -pi * cosine * sine * inverse_rc, 4.0 * fc * v * inverse_rc
