"""Radial functions and harmonics of the angular pairs of a block, and their tangents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_slots import GROUPS, Rows, Slots
from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.legendre import Harmonics
from neptuner.kernels.pair_vectors import measure
from neptuner.kernels.vectors import LANES, fma, get, load, put, root, splat, store

Array = NDArray[np.floating]
Integers = NDArray[np.int64]


@inner_kernel
def radial_functions(inverse_cutoff: Array, series: Array, slopes: Array, rows: Rows, w: Slots) -> None:
    """Fill rows g and dg over slots, and those over sorted pairs up to T.

    Parameters
    ----------
    inverse_cutoff
        By species of the neighbour, in 1/angstrom.
    series, slopes
        Chebyshev series of g_n / fc and of its derivative by x, ``(n_types, functions, basis)``.
    rows, w
        Scratch; vectors to neighbours are set.
    """
    Q, S, stride = w.Q, w.S, w.sorted_stride
    T, fc_row, dfc_row, fdx_row = rows.T * stride, rows.fc * stride, rows.dfc * stride, rows.fdx * stride
    for t in range(inverse_cutoff.shape[0]):
        inverse_rc, low, high = splat(inverse_cutoff[t]), w.bounds[t], w.bounds[t + 1]
        for q in range(low, high, LANES):
            place = rows.vector * stride + q
            x, y, z = load(Q, place), load(Q, place + stride), load(Q, place + 2 * stride)
            _, two_x, fc, dfc, fdx = measure(x, y, z, inverse_rc)
            store(Q, rows.two_x * stride + q, two_x)
            store(Q, fc_row + q, fc)
            store(Q, dfc_row + q, dfc)
            store(Q, fdx_row + q, fdx)
            before, value = splat(S.dtype.type(1.0)), 0.5 * two_x
            store(Q, T + q, before)
            for k in range(1, rows.basis):
                store(Q, T + k * stride + q, value)
                before, value = value, two_x * value - before
        for n in range(rows.functions):
            g, dg, at = (rows.g + n) * w.stride, (rows.dg + n) * w.stride, (t * rows.functions + n) * rows.basis
            for q in range(low, high, 2 * LANES):
                a0 = a1 = splat(series[t, n, 0])
                b0 = b1 = splat(slopes[t, n, 0])
                for k in range(1, rows.basis):
                    t0, t1 = load(Q, T + k * stride + q), load(Q, T + k * stride + q + LANES)
                    c, d = splat(get(series, at + k)), splat(get(slopes, at + k))
                    a0, a1, b0, b1 = fma(c, t0, a0), fma(c, t1, a1), fma(d, t0, b0), fma(d, t1, b1)
                fc, dfc, fdx = load(Q, fc_row + q), load(Q, dfc_row + q), load(Q, fdx_row + q)
                store(w.part, 0, fc * a0)
                store(w.part, 2 * LANES, fma(dfc, a0, fdx * b0))
                p = q + LANES
                fc, dfc, fdx = load(Q, fc_row + p), load(Q, dfc_row + p), load(Q, fdx_row + p)
                store(w.part, LANES, fc * a1)
                store(w.part, 3 * LANES, fma(dfc, a1, fdx * b1))
                for k in range(2 * LANES):
                    lane = get(w.place, q + k)
                    put(S, g + lane, get(w.part, k))
                    put(S, dg + lane, get(w.part, 2 * LANES + k))


@inner_kernel
def unit_vectors(rows: Rows, w: Slots) -> None:
    """Turn vectors to neighbours in slots into unit vectors and 1/r."""
    S, stride = w.S, w.stride
    for p in range(rows.x * stride, rows.x * stride + w.begin[GROUPS], LANES):
        x, y, z = load(S, p), load(S, p + stride), load(S, p + 2 * stride)
        inverse_r = 1.0 / root(fma(x, x, fma(y, y, z * z)))
        store(S, p, x * inverse_r)
        store(S, p + stride, y * inverse_r)
        store(S, p + 2 * stride, z * inverse_r)
        store(S, p + (rows.inverse_r - rows.x) * stride, inverse_r)


@inner_kernel
def harmonics(table: Harmonics, rows: Rows, w: Slots) -> None:
    """Fill rows cosine, sine, legendre and Y."""
    S, stride, lanes = w.S, w.stride, w.begin[GROUPS]
    _azimuths(rows, w)
    for m in range(rows.l_max + 1):
        c, s = (rows.cosine + m) * stride, (rows.sine + m) * stride
        for degree in range(m, rows.l_max + 1):
            q = (rows.legendre + degree * (degree + 1) // 2 + m) * stride
            _legendre_row(S, stride, lanes, (rows.x + 2) * stride, q, degree, m, table)
            if m == 0 and degree > 0:
                y = (rows.Y + degree * degree - 1) * stride
                for p in range(0, lanes, LANES):
                    store(S, y + p, load(S, q + p))
            elif degree > 0:
                y = (rows.Y + degree * degree + 2 * m - 2) * stride
                for p in range(0, lanes, LANES):
                    value = load(S, q + p)
                    store(S, y + p, value * load(S, c + p))
                    store(S, y + stride + p, value * load(S, s + p))


@inner_kernel
def _azimuths(rows: Rows, w: Slots) -> None:
    S, stride = w.S, w.stride
    for p in range(0, w.begin[GROUPS], LANES):
        x, y = load(S, rows.x * stride + p), load(S, (rows.x + 1) * stride + p)
        c, s = x * 0.0 + 1.0, x * 0.0
        for m in range(rows.l_max + 1):
            store(S, (rows.cosine + m) * stride + p, c)
            store(S, (rows.sine + m) * stride + p, s)
            c, s = c * x - s * y, s * x + c * y


@inner_kernel
def _legendre_row(S: Array, stride: int, lanes: int, z: int, q: int, degree: int, m: int, table: Harmonics) -> None:
    """Fill one row of the recursion that ``Harmonics`` says; the rows of l - 1 and l - 2 lie l and 2 l - 1 before."""
    one, two = q - degree * stride, q - (2 * degree - 1) * stride
    up, down = splat(table.up[degree, m]), splat(table.down[degree, m])
    if degree == m:
        value = splat(table.diagonal[m, m])
        for p in range(0, lanes, LANES):
            store(S, q + p, value)
    elif degree == m + 1:
        for p in range(0, lanes, LANES):
            store(S, q + p, up * load(S, z + p) * load(S, one + p))
    else:
        for p in range(0, lanes, LANES):
            store(S, q + p, up * load(S, z + p) * load(S, one + p) - down * load(S, two + p))


@inner_kernel
def harmonic_tangents(table: Harmonics, rows: Rows, w: Slots) -> None:
    """Fill rows Y_tangent with the change of Y along the tangents of unit vectors in rows ``force``."""
    S, stride, lanes = w.S, w.stride, w.begin[GROUPS]
    _azimuth_tangents(rows, w)
    zeros, dz = rows.zeros * stride, (rows.force + 2) * stride
    for p in range(0, lanes, LANES):
        store(S, zeros + p, splat(S.dtype.type(0.0)))
    for degree in range(1, rows.l_max + 1):
        for m in range(degree + 1):
            q = (rows.legendre + degree * (degree + 1) // 2 + m) * stride
            slope, up = splat(table.slope[degree, m]), q + stride if m < degree else zeros
            if m == 0:
                y = (rows.Y_tangent + degree * degree - 1) * stride
                for p in range(0, lanes, LANES):
                    store(S, y + p, slope * load(S, up + p) * load(S, dz + p))
                continue
            y = (rows.Y_tangent + degree * degree + 2 * m - 2) * stride
            c, s = (rows.cosine + m) * stride, (rows.sine + m) * stride
            dc, ds = (rows.dcosine + m) * stride, (rows.dsine + m) * stride
            for p in range(0, lanes, LANES):
                value, change = load(S, q + p), slope * load(S, up + p) * load(S, dz + p)
                store(S, y + p, fma(change, load(S, c + p), value * load(S, dc + p)))
                store(S, y + stride + p, fma(change, load(S, s + p), value * load(S, ds + p)))


@inner_kernel
def _azimuth_tangents(rows: Rows, w: Slots) -> None:
    """d(x + iy)^m = m (x + iy)^(m - 1) (dx + i dy)."""
    S, stride = w.S, w.stride
    for m in range(1, rows.l_max + 1):
        times = splat(S.dtype.type(m))
        c, s = (rows.cosine + m - 1) * stride, (rows.sine + m - 1) * stride
        dc, ds = (rows.dcosine + m) * stride, (rows.dsine + m) * stride
        for p in range(0, w.begin[GROUPS], LANES):
            dx, dy = times * load(S, rows.force * stride + p), times * load(S, (rows.force + 1) * stride + p)
            cosine, sine = load(S, c + p), load(S, s + p)
            store(S, dc + p, cosine * dx - sine * dy)
            store(S, ds + p, sine * dx + cosine * dy)
