"""Rows of pairs: distances, cutoff function and Chebyshev polynomials, many pairs at a time.

Scratch is one flat array ``S`` cut into rows of ``LANES`` numbers that begin at constants (``DX``, ``FC``, ...): the
compiler then sees that rows do not overlap, keeps no checks, and vectorises every loop over pairs ("lanes").
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Number: TypeAlias = "np.floating[Any]"

U: Any = np.uintp
"""Type of every index into S: one that may be negative would be checked for it, and loops would not be vectorised."""

LANES = U(1040)
"""Length of a row. Not a power of two: lines of the cache would fall on each other."""


def rows_from(first: int, count: int) -> tuple[Any, ...]:
    """Begin of some rows in S."""
    return tuple(LANES * U(row) for row in range(first, first + count))


FIRST_FREE = 13
DX, DY, DZ, INVERSE_R, INVERSE_RC, TWO_X, FC, DFC, DX_DR = rows_from(0, 9)
VALUE, VALUE_BEFORE, SLOPE, SLOPE_BEFORE = rows_from(9, 4)
"""Rows that every kind of pair has: vector to the neighbour, 1/r, 1/rc, twice the Chebyshev argument x, cutoff function
and its derivative, dx/dr; and four rows for whatever is summed."""


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
    root = np.sqrt(np.maximum(t, 1e-18))
    return np.asarray(np.sin(0.5 * np.pi * root) / root)


COSINE, SINE = _series(_cosine, 8), _series(_sine, 8)
"""Eight terms are exact in double precision (7e-16)."""


@kernel
def measure(S: Array, lanes: int) -> None:
    """Fill the rows from INVERSE_R to DX_DR of lanes whose DX, DY, DZ and INVERSE_RC are set.

    With u = min(r / rc, 1): fc = cos(pi u / 2)^2, x = 2 (u - 1)^2 - 1 (GPUMD ``src/utilities/nep_utilities.cuh``). The
    cosine has its zero at u = 1 factored out, so that a pair at or beyond the cutoff gives exactly nothing.
    """
    real = S.dtype.type
    one, two, four, pi = real(1.0), real(2.0), real(4.0), real(np.pi)
    c0, c1, c2, c3 = real(COSINE[0]), real(COSINE[1]), real(COSINE[2]), real(COSINE[3])
    c4, c5, c6, c7 = real(COSINE[4]), real(COSINE[5]), real(COSINE[6]), real(COSINE[7])
    s0, s1, s2, s3 = real(SINE[0]), real(SINE[1]), real(SINE[2]), real(SINE[3])
    s4, s5, s6, s7 = real(SINE[4]), real(SINE[5]), real(SINE[6]), real(SINE[7])
    for p in range(U(lanes)):
        dx, dy, dz = S[DX + p], S[DY + p], S[DZ + p]
        inverse_rc = S[INVERSE_RC + p]
        r = np.sqrt(dx * dx + dy * dy + dz * dz)
        S[INVERSE_R + p] = one / r
        u = min(r * inverse_rc, one)
        t = u * u
        cosine = (one - t) * (((((((c7 * t + c6) * t + c5) * t + c4) * t + c3) * t + c2) * t + c1) * t + c0)
        sine = u * (((((((s7 * t + s6) * t + s5) * t + s4) * t + s3) * t + s2) * t + s1) * t + s0)
        S[TWO_X + p] = four * (u - one) * (u - one) - two
        S[FC + p] = cosine * cosine
        S[DFC + p] = -pi * inverse_rc * cosine * sine
        S[DX_DR + p] = four * (u - one) * inverse_rc


@kernel
def chebyshev_sums(S: Array, first: int, last: int, size: int, sums: Array, row: int, column: int) -> None:
    """Add to ``sums[row + k, column]`` the sum of fc T_k, k < size, over some lanes; VALUE and SLOPE are overwritten.

    Four k at a time, so that the recursion T_k+1 = 2 x T_k - T_k-1 stays in registers.
    """
    real = S.dtype.type
    half = real(0.5)
    a = b = c = d = real(0.0)
    for p in range(U(first), U(last)):
        fc = S[FC + p]
        x_fc = half * S[TWO_X + p] * fc
        S[VALUE + p] = fc
        S[SLOPE + p] = x_fc
        a += fc
        b += x_fc
    sums[row, column] += a
    if size > 1:
        sums[row + 1, column] += b
    for k in range(2, size, 4):
        a = b = c = d = real(0.0)
        for p in range(U(first), U(last)):
            two_x, s0, s1 = S[TWO_X + p], S[VALUE + p], S[SLOPE + p]
            s2 = two_x * s1 - s0
            s3 = two_x * s2 - s1
            s4 = two_x * s3 - s2
            s5 = two_x * s4 - s3
            S[VALUE + p] = s4
            S[SLOPE + p] = s5
            a += s2
            b += s3
            c += s4
            d += s5
        sums[row + k, column] += a
        if k + 1 < size:
            sums[row + k + 1, column] += b
        if k + 2 < size:
            sums[row + k + 2, column] += c
        if k + 3 < size:
            sums[row + k + 3, column] += d


@kernel
def derivative_series(c: Array, d: Array) -> None:
    """Set d so that ``sum_k d_k T_k`` is the derivative of ``sum_k c_k T_k``."""
    real, size = c.dtype.type, c.shape[0]
    d[size - 1] = real(0.0)
    if size > 1:
        d[size - 2] = real(2 * (size - 1)) * c[size - 1]
    for k in range(size - 3, -1, -1):
        d[k] = d[k + 2] + real(2 * (k + 1)) * c[k + 1]
    d[0] *= real(0.5)


@kernel
def chebyshev_values(S: Array, first: int, last: int, c: Array, d: Array) -> None:
    """Set row VALUE to ``sum_k c_k T_k(x)`` and row SLOPE to ``sum_k d_k T_k(x)`` by Clenshaw's recursion.

    Both series have 1 + 4 m numbers and are taken four at a time: b_k = c_k + 2 x b_k+1 - b_k+2 down to k = 1, and the
    result is c_0 + x b_1 - b_2. VALUE_BEFORE and SLOPE_BEFORE are overwritten.
    """
    half, zero, first, last = S.dtype.type(0.5), S.dtype.type(0.0), U(first), U(last)
    for p in range(first, last):
        S[VALUE + p] = zero
        S[VALUE_BEFORE + p] = zero
        S[SLOPE + p] = zero
        S[SLOPE_BEFORE + p] = zero
    for k in range(c.shape[0] - 1, 1, -4):
        c3, c2, c1, c0 = c[k], c[k - 1], c[k - 2], c[k - 3]
        d3, d2, d1, d0 = d[k], d[k - 1], d[k - 2], d[k - 3]
        for p in range(first, last):
            two_x, b1, b2 = S[TWO_X + p], S[VALUE + p], S[VALUE_BEFORE + p]
            b3 = c3 + two_x * b1 - b2
            b4 = c2 + two_x * b3 - b1
            b5 = c1 + two_x * b4 - b3
            S[VALUE_BEFORE + p] = b5
            S[VALUE + p] = c0 + two_x * b5 - b4
            b1, b2 = S[SLOPE + p], S[SLOPE_BEFORE + p]
            b3 = d3 + two_x * b1 - b2
            b4 = d2 + two_x * b3 - b1
            b5 = d1 + two_x * b4 - b3
            S[SLOPE_BEFORE + p] = b5
            S[SLOPE + p] = d0 + two_x * b5 - b4
    c0, d0 = c[0], d[0]
    for p in range(first, last):
        x = half * S[TWO_X + p]
        S[VALUE + p] = c0 + x * S[VALUE + p] - S[VALUE_BEFORE + p]
        S[SLOPE + p] = d0 + x * S[SLOPE + p] - S[SLOPE_BEFORE + p]
