"""The angular part over rows of pairs: radial functions, spherical harmonics, expansion coefficients, gradients.

Rows are those of ``kernels.rows``; here come the rows behind those. The lanes of one atom are contiguous and
padded to a multiple of sixteen with pairs at the cutoff, which give nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel
from neptuner.kernels.pair_functions import harmonic_norms
from neptuner.kernels.rows import (
    DFC,
    DX,
    DX_DR,
    DY,
    DZ,
    FC,
    FIRST_FREE,
    INVERSE_R,
    LANES,
    SLOPE,
    TWO_X,
    VALUE,
    U,
    rows_from,
)

Array = NDArray[np.floating]
Integers = NDArray[np.int32]

L_MOST = 8
MOST_BASIS = 20
MOST_FUNCTIONS = 24

UX, UY, UZ, GX, GY, GZ, ALONG, INWARD = rows_from(FIRST_FREE, 8)
"""Unit vector, gradient by the unit vector and then the partial force p_ij, radial slope, scratch."""
T = INWARD + LANES
"""Chebyshev polynomials T_k, ``MOST_BASIS`` rows."""
GATHERED = T + U(MOST_BASIS) * LANES
"""The same with the lanes sorted by species."""
G = GATHERED + U(MOST_BASIS) * LANES
"""Radial functions, ``MOST_FUNCTIONS`` rows: g_n, or f_k on the density route."""
DG = G + U(MOST_FUNCTIONS) * LANES
"""Their derivatives by r."""
COSINE = DG + U(MOST_FUNCTIONS) * LANES
"""Re (x + iy)^m."""
SINE = COSINE + U(L_MOST + 1) * LANES
"""Im (x + iy)^m."""
LEGENDRE = SINE + U(L_MOST + 1) * LANES
"""Normalised d^m P_l / dz^m in row l (l + 1) / 2 + m."""
ZEROS = LEGENDRE + U((L_MOST + 1) * (L_MOST + 2) // 2) * LANES
"""The derivative for m = l + 1."""
Y = ZEROS + LANES
"""Real harmonics, in the order of ``potential.invariants.harmonic_index``."""
V = Y + U(L_MOST * (L_MOST + 2)) * LANES
"""Derivative of the energy by g_n Y_lm, summed over n with g_n: one row a harmonic."""
SIZE = int(V) + L_MOST * (L_MOST + 2) * int(LANES)
"""Numbers in S."""


class Harmonics(NamedTuple):
    """Numbers of the recursion of normalised Legendre derivatives, each ``(l_max + 1, l_max + 1)``, index l, m.

    ``Q[l, m] = up[l, m] z Q[l-1, m] - down[l, m] Q[l-2, m]``, ``Q[m, m] = diagonal[m, m]`` and
    ``dQ[l, m]/dz = slope[l, m] Q[l, m+1]``.
    """

    diagonal: Array
    up: Array
    down: Array
    slope: Array


def harmonics_of(l_max: int, dtype: type[np.floating]) -> Harmonics:
    """Tabulate the recursion of orthonormal real harmonics up to ``l_max``."""
    size = l_max + 1
    norm = np.pad(harmonic_norms(l_max), (0, 1))
    tables = [np.zeros((size, size)) for _ in range(4)]
    diagonal, up, down, slope = tables
    for degree in range(size):
        diagonal[degree, degree] = norm[degree, degree] * float(np.prod(np.arange(1, 2 * degree, 2)))
        for m in range(degree):
            before = norm[degree, m] / (degree - m)
            up[degree, m] = (2 * degree - 1) * before / norm[degree - 1, m]
            down[degree, m] = (degree + m - 1) * before / norm[degree - 2, m] if degree - 2 >= m else 0.0
            slope[degree, m] = norm[degree, m] / norm[degree, m + 1]
    return Harmonics(*(table.astype(dtype) for table in tables))


@kernel
def unit_vectors(S: Array, lanes: int) -> None:
    """Fill UX, UY, UZ."""
    for p in range(U(lanes)):
        inverse_r = S[INVERSE_R + p]
        S[UX + p] = S[DX + p] * inverse_r
        S[UY + p] = S[DY + p] * inverse_r
        S[UZ + p] = S[DZ + p] * inverse_r


@kernel
def chebyshev_rows(S: Array, lanes: int, size: int) -> None:
    """Fill rows T with T_0 .. T_(size - 1)."""
    one, half = S.dtype.type(1.0), S.dtype.type(0.5)
    for p in range(U(lanes)):
        S[T + p] = one
        S[T + LANES + p] = half * S[TWO_X + p]
    for k in range(2, size):
        base = T + U(k) * LANES
        for p in range(U(lanes)):
            S[base + p] = S[TWO_X + p] * S[base - LANES + p] - S[base - LANES - LANES + p]


@kernel
def sort_lanes(lane_type: Integers, lanes: int, order: Integers, bounds: NDArray[np.int64]) -> None:
    """Sort lanes by species: those of species t are ``order[bounds[t]:bounds[t + 1]]``; padding has the last type."""
    bounds[:] = 0
    for p in range(U(lanes)):
        bounds[lane_type[p] + 1] += 1
    for t in range(bounds.shape[0] - 1):
        bounds[t + 1] += bounds[t]
    for p in range(U(lanes)):
        t = lane_type[p]
        order[bounds[t]] = p
        bounds[t] += 1
    for t in range(bounds.shape[0] - 1, 0, -1):
        bounds[t] = bounds[t - 1]
    bounds[0] = 0


@kernel
def gather_chebyshev(S: Array, lanes: int, size: int, order: Integers) -> None:
    """Fill rows GATHERED from T_1 on with the lanes in the given order."""
    for k in range(1, size):
        row, base = GATHERED + U(k) * LANES, T + U(k) * LANES
        for q in range(U(lanes)):
            S[row + q] = S[base + U(order[q])]


@kernel
def radial_functions(S: Array, lanes: int, order: Integers, bounds: NDArray[np.int64], c: Array, slope: Array) -> None:
    """Fill rows G and DG with g_n and its derivative by r from the Chebyshev series of each neighbour's species.

    Parameters
    ----------
    S, lanes
        Rows, T among them.
    order, bounds
        Lanes by species, of ``sort_lanes``.
    c, slope
        Series of g_n / fc and of its derivative by x, ``(n_types, functions, basis)``.
    """
    real, functions, size = S.dtype.type, c.shape[1], c.shape[2]
    gather_chebyshev(S, lanes, size, order)
    n_types = c.shape[0]
    for n in range(functions):
        g, dg = G + U(n) * LANES, DG + U(n) * LANES
        for t in range(n_types):
            _series_rows(S, bounds[t], bounds[t + 1], c[t, n], slope[t, n])
        for q in range(U(bounds[n_types]), U(lanes)):
            S[VALUE + q] = real(0.0)
            S[SLOPE + q] = real(0.0)
        for q in range(U(lanes)):
            S[g + U(order[q])] = S[VALUE + q]
            S[dg + U(order[q])] = S[SLOPE + q]
        for p in range(U(lanes)):
            h, dh, fc = S[g + p], S[dg + p], S[FC + p]
            S[g + p] = fc * h
            S[dg + p] = S[DFC + p] * h + fc * S[DX_DR + p] * dh


@kernel
def _series_rows(S: Array, first: int, last: int, c: Array, slope: Array) -> None:
    """Set VALUE and SLOPE of sorted lanes to the sums of two Chebyshev series."""
    size = c.shape[0]
    whole = 1 + (size - 1) // 4 * 4
    c0, d0 = c[0], slope[0]
    for q in range(U(first), U(last)):
        S[VALUE + q] = c0
        S[SLOPE + q] = d0
    for k in range(1, whole, 4):
        c0, c1, c2, c3 = c[k], c[k + 1], c[k + 2], c[k + 3]
        d0, d1, d2, d3 = slope[k], slope[k + 1], slope[k + 2], slope[k + 3]
        base = GATHERED + U(k) * LANES
        for q in range(U(first), U(last)):
            t0, t1 = S[base + q], S[base + LANES + q]
            t2, t3 = S[base + U(2) * LANES + q], S[base + U(3) * LANES + q]
            S[VALUE + q] += c0 * t0 + c1 * t1 + c2 * t2 + c3 * t3
            S[SLOPE + q] += d0 * t0 + d1 * t1 + d2 * t2 + d3 * t3
    for k in range(whole, size):
        c0, d0, base = c[k], slope[k], GATHERED + U(k) * LANES
        for q in range(U(first), U(last)):
            S[VALUE + q] += c0 * S[base + q]
            S[SLOPE + q] += d0 * S[base + q]


@kernel
def basis_functions(S: Array, lanes: int, size: int) -> None:
    """Fill rows G and DG with the basis functions fc T_k and their derivatives by r: the density route."""
    one, two = S.dtype.type(1.0), S.dtype.type(2.0)
    for k in range(size):
        g, dg, t = G + U(k) * LANES, DG + U(k) * LANES, T + U(k) * LANES
        if k == 0:
            for p in range(U(lanes)):
                S[INWARD + p] = S.dtype.type(0.0)
        elif k == 1:
            for p in range(U(lanes)):
                S[INWARD + p] = one
                S[VALUE + p] = S.dtype.type(0.0)
        else:
            for p in range(U(lanes)):
                before = S[INWARD + p]
                slope = two * S[t - LANES + p] + S[TWO_X + p] * before - S[VALUE + p]
                S[VALUE + p] = before
                S[INWARD + p] = slope
        for p in range(U(lanes)):
            h, fc = S[t + p], S[FC + p]
            S[g + p] = fc * h
            S[dg + p] = S[DFC + p] * h + fc * S[DX_DR + p] * S[INWARD + p]


@kernel
def harmonic_rows(S: Array, lanes: int, table: Harmonics) -> None:
    """Fill rows COSINE, SINE, LEGENDRE and Y."""
    real, size = S.dtype.type, table.up.shape[0]
    for p in range(U(lanes)):
        S[COSINE + p] = real(1.0)
        S[SINE + p] = real(0.0)
    for m in range(1, size):
        c, s = COSINE + U(m) * LANES, SINE + U(m) * LANES
        for p in range(U(lanes)):
            x, y = S[UX + p], S[UY + p]
            c0, s0 = S[c - LANES + p], S[s - LANES + p]
            S[c + p] = c0 * x - s0 * y
            S[s + p] = s0 * x + c0 * y
    for m in range(size):
        for degree in range(m, size):
            q = LEGENDRE + U(degree * (degree + 1) // 2 + m) * LANES
            _legendre_row(S, lanes, q, degree, m, table)
            if degree == 0:
                continue
            if m == 0:
                y0 = Y + U(degree * degree - 1) * LANES
                for p in range(U(lanes)):
                    S[y0 + p] = S[q + p]
            else:
                y0, c, s = Y + U(degree * degree + 2 * m - 2) * LANES, COSINE + U(m) * LANES, SINE + U(m) * LANES
                for p in range(U(lanes)):
                    value = S[q + p]
                    S[y0 + p] = value * S[c + p]
                    S[y0 + LANES + p] = value * S[s + p]


@kernel
def _legendre_row(S: Array, lanes: int, q: int, degree: int, m: int, table: Harmonics) -> None:
    up, down = table.up[degree, m], table.down[degree, m]
    # the rows of l - 1 and l - 2 lie l and 2 l - 1 rows before
    one, two = q - U(degree) * LANES, q - U(max(2 * degree - 1, 0)) * LANES
    if degree == m:
        value = table.diagonal[m, m]
        for p in range(U(lanes)):
            S[q + p] = value
    elif degree == m + 1:
        for p in range(U(lanes)):
            S[q + p] = up * S[UZ + p] * S[one + p]
    else:
        for p in range(U(lanes)):
            S[q + p] = up * S[UZ + p] * S[one + p] - down * S[two + p]


@kernel
def expansion(
    S: Array, first: int, last: int, functions: int, n_lm: int, a: Array, column: int, stride: int, stride_lm: int
) -> None:
    """Set ``a[column + n * stride + lm * stride_lm]`` to the sum of g_n Y_lm over some lanes.

    Always four functions at a time: a row behind the last one costs less than one more loop.
    """
    first, last, step = U(first), U(last), U(stride)
    for m in range(n_lm):
        y = Y + U(m) * LANES
        for n in range(0, functions, 4):
            g, place = G + U(n) * LANES, U(column + n * stride + m * stride_lm)
            a0 = a1 = a2 = a3 = S.dtype.type(0.0)
            for p in range(first, last):
                value = S[y + p]
                a0 += value * S[g + p]
                a1 += value * S[g + LANES + p]
                a2 += value * S[g + U(2) * LANES + p]
                a3 += value * S[g + U(3) * LANES + p]
            a[place] = a0
            if n + 1 < functions:
                a[place + step] = a1
            if n + 2 < functions:
                a[place + U(2) * step] = a2
            if n + 3 < functions:
                a[place + U(3) * step] = a3


@kernel
def slopes(
    S: Array, first: int, last: int, functions: int, n_lm: int, ga: Array, column: int, stride: int, stride_lm: int
) -> None:
    """Fill rows V with ``sum_n ga_n,lm g_n`` and ALONG with ``sum_n,lm ga_n,lm g_n' Y_lm``; ``ga`` as in expansion."""
    zero, first, last, step = S.dtype.type(0.0), U(first), U(last), U(stride)
    for p in range(first, last):
        S[ALONG + p] = zero
    for m in range(n_lm):
        v, y = V + U(m) * LANES, Y + U(m) * LANES
        for n in range(0, functions, 4):
            g, place = G + U(n) * LANES, U(column + n * stride + m * stride_lm)
            d = g + (DG - G)
            a0 = ga[place]
            a1 = ga[place + step] if n + 1 < functions else zero
            a2 = ga[place + U(2) * step] if n + 2 < functions else zero
            a3 = ga[place + U(3) * step] if n + 3 < functions else zero
            if n == 0:
                for p in range(first, last):
                    value = a0 * S[g + p] + a1 * S[g + LANES + p]
                    S[v + p] = value + a2 * S[g + U(2) * LANES + p] + a3 * S[g + U(3) * LANES + p]
            else:
                for p in range(first, last):
                    value = a0 * S[g + p] + a1 * S[g + LANES + p]
                    S[v + p] += value + a2 * S[g + U(2) * LANES + p] + a3 * S[g + U(3) * LANES + p]
            for p in range(first, last):
                slope = a0 * S[d + p] + a1 * S[d + LANES + p]
                slope += a2 * S[d + U(2) * LANES + p] + a3 * S[d + U(3) * LANES + p]
                S[ALONG + p] += slope * S[y + p]


@kernel
def partial_forces(S: Array, lanes: int, table: Harmonics) -> None:
    """Fill GX, GY, GZ with p_ij from rows V and ALONG."""
    real, size = S.dtype.type, table.up.shape[0]
    for p in range(U(lanes)):
        S[GX + p] = real(0.0)
        S[GY + p] = real(0.0)
        S[GZ + p] = real(0.0)
        S[ZEROS + p] = real(0.0)
    for degree in range(1, size):
        for m in range(degree + 1):
            q = LEGENDRE + U(degree * (degree + 1) // 2 + m) * LANES
            slope, up = table.slope[degree, m], q + LANES if m < degree else ZEROS
            if m == 0:
                v = V + U(degree * degree - 1) * LANES
                for p in range(U(lanes)):
                    S[GZ + p] += slope * S[up + p] * S[v + p]
                continue
            v, times = V + U(degree * degree + 2 * m - 2) * LANES, real(m)
            c, s = COSINE + U(m) * LANES, SINE + U(m) * LANES
            for p in range(U(lanes)):
                v_cos, v_sin = S[v + p], S[v + LANES + p]
                c0, s0, value = S[c - LANES + p], S[s - LANES + p], times * S[q + p]
                S[GX + p] += value * (v_cos * c0 + v_sin * s0)
                S[GY + p] += value * (v_sin * c0 - v_cos * s0)
                S[GZ + p] += slope * S[up + p] * (v_cos * S[c + p] + v_sin * S[s + p])
    for p in range(U(lanes)):
        x, y, z = S[UX + p], S[UY + p], S[UZ + p]
        gx, gy, gz = S[GX + p], S[GY + p], S[GZ + p]
        inverse_r = S[INVERSE_R + p]
        radial = S[ALONG + p] - inverse_r * (gx * x + gy * y + gz * z)
        S[GX + p] = inverse_r * gx + radial * x
        S[GY + p] = inverse_r * gy + radial * y
        S[GZ + p] = inverse_r * gz + radial * z
