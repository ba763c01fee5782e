"""Partial forces of pairs added to the forces and virials of atoms, as gpumd books them.

F_i += p_ij, F_j -= p_ij, W_j -= r_ij (x) p_ij (GPUMD ``src/force/nep.cu``). Vectors over pairs are first turned into
rows, one for each pair, so that what a neighbour is given is one or two vectors to be added to its row of sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_slots import GROUPS, Rows, Slots
from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.lane_moves import store_quads, store_rows, take_products, take_quad
from neptuner.kernels.site_pairs import RadialPairs
from neptuner.kernels.vectors import BLOCK, LANES, first_lanes, fma, get, load, splat, store, total, totals

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

FORCE_ONLY, WITH_VIRIAL = 4, 16
"""Width of the rows that forces are summed in: fx fy fz 0, then W_xx W_xy W_xz 0, W_yx .., W_zx .."""


@inner_kernel
def _slopes(near: RadialPairs, p: int, series: Array, slopes: Array, q: int, size: int) -> Any:
    """Sums of the series from ``q`` on and of their derivatives times what is kept, for two vectors of pairs."""
    two0, two1 = load(near.two_x, p), load(near.two_x, p + LANES)
    T0, T1, before0, before1 = 0.5 * two0, 0.5 * two1, two0 * 0.0 + 1.0, two1 * 0.0 + 1.0
    value0 = value1 = splat(get(series, q))
    slope0 = slope1 = splat(get(slopes, q))
    for at in range(q + BLOCK, q + size * BLOCK, BLOCK):
        c, d = splat(get(series, at)), splat(get(slopes, at))
        value0, value1 = fma(T0, c, value0), fma(T1, c, value1)
        slope0, slope1 = fma(T0, d, slope0), fma(T1, d, slope1)
        before0, T0 = T0, two0 * T0 - before0
        before1, T1 = T1, two1 * T1 - before1
    a0, a1, b0 = load(near.by_value, p), load(near.by_value, p + LANES), load(near.by_slope, p)
    return fma(a0, value0, b0 * slope0), fma(a1, value1, load(near.by_slope, p + LANES) * slope1)


@inner_kernel
def radial_forces(
    near: RadialPairs,
    atoms: Integers,
    begin: int,
    m: int,
    series: Array,
    slopes: Array,
    rows: Array,
    sums: Array,
    virial: Floats,
) -> None:
    """Add the radial part of P: p_ij to both atoms of every pair, and the virial to the neighbour.

    Parameters
    ----------
    near
        Pairs.
    atoms, begin, m
        The m atoms of a block from ``begin`` on.
    series, slopes
        D as coefficients of fc T_k, and the series of its derivative by x: ``(n_types * basis, BLOCK)``.
    rows
        Scratch, eight numbers for each pair of an atom and for two vectors of pairs more.
    sums
        Forces and virials, ``(n_atoms + 1, 4 or 16)``.
    virial
        Total virial, ``(9,)``.
    """
    pairs, n_types, part = near.pairs, near.pairs.start.shape[1] - 1, np.empty(LANES, series.dtype)
    for i in range(m):
        zx = _radial_rows(near, i, series, slopes, rows, sums.shape[1], part)
        take_rows(pairs.neighbor, pairs.start[i, 0], pairs.start[i, n_types], rows, sums)
        for axis in range(3):
            sums[atoms[begin + i], axis] += part[axis]
        if sums.shape[1] == FORCE_ONLY:
            xy, yz = part[6], part[7]
            for axis in range(3):
                virial[4 * axis] -= part[3 + axis]
            for k, value in ((1, xy), (2, zx), (3, xy), (5, yz), (6, zx), (7, yz)):
                virial[k] -= value


@inner_kernel
def _radial_rows(near: RadialPairs, i: int, series: Array, slopes: Array, rows: Array, width: int, part: Array) -> Any:
    """Write the rows of an atom's pairs, and the sums of forces and of xx yy zz xy yz to ``part``; return that of zx.

    Virials are summed only where rows have none.
    """
    pairs, zero, one = near.pairs, splat(series.dtype.type(0.0)), splat(series.dtype.type(1.0))
    n_types = pairs.start.shape[1] - 1
    first, size = pairs.start[i, 0], series.shape[0] // n_types
    fx = fy = fz = xx = yy = zz = xy = yz = zx = zero
    for t in range(n_types):
        end = pairs.start[i, t + 1]
        for p in range(pairs.start[i, t], end, 2 * LANES):
            along0, along1 = _slopes(near, p, series, slopes, t * size * BLOCK + i, size)
            for q in range(p, p + 2 * LANES, LANES):
                along = first_lanes(along0 if q == p else along1, end - q)
                x, y, z = load(pairs.x, q), load(pairs.y, q), load(pairs.z, q)
                px, py, pz = along * x, along * y, along * z
                fx, fy, fz = fx + px, fy + py, fz + pz
                # rows behind the end of a species are written over by the next one
                if width == WITH_VIRIAL:
                    store_rows(rows, 2 * FORCE_ONLY * (q - first), px, py, pz, zero, one, x, y, z)
                else:
                    store_quads(rows, FORCE_ONLY * (q - first), px, py, pz, zero)
                    xx, yy, zz = fma(x, px, xx), fma(y, py, yy), fma(z, pz, zz)
                    xy, yz, zx = fma(x, py, xy), fma(y, pz, yz), fma(z, px, zx)
    store(part, 0, totals(fx, fy, fz, xx, yy, zz, xy, yz))
    return total(zx)


@inner_kernel
def take_rows(neighbor: Any, first: int, last: int, rows: Array, sums: Array) -> None:
    """Subtract rows of pairs first <= p < last from the sums of their neighbours: p_ij, or p_ij and r_ij (x) p_ij."""
    if sums.shape[1] == WITH_VIRIAL:
        for q in range(last - first):
            j = get(neighbor, first + q)
            take_products(sums, WITH_VIRIAL * j, rows, 2 * FORCE_ONLY * q)
        return
    for q in range(last - first):
        take_quad(sums, FORCE_ONLY * get(neighbor, first + q), rows, FORCE_ONLY * q)


@inner_kernel
def angular_forces(
    rows: Rows, w: Slots, atoms: Integers, begin: int, m: int, buffer: Array, sums: Array, virial: Floats
) -> None:
    """Add p_ij of slots to both atoms of every pair, and the virial to the neighbour; arguments as in the radial part.

    Unit vectors are lost.
    """
    part = np.empty((3, LANES), sums.dtype)
    for group in range(GROUPS):
        _slot_rows(rows, w, group, buffer, sums.shape[1], part)
        take_rows(w.far, w.begin[group], w.begin[group + 1], buffer, sums)
        for i in range(min(m - group * LANES, LANES)):
            for axis in range(3):
                sums[atoms[begin + group * LANES + i], axis] += part[axis, i]
    if sums.shape[1] == FORCE_ONLY:
        _total_virial(rows, w, virial)


@inner_kernel
def _slot_rows(rows: Rows, w: Slots, group: int, buffer: Array, width: int, part: Array) -> None:
    """Write the rows of the pairs of eight atoms, and the sums of their forces to ``part``."""
    S, stride, low, zero = w.S, w.stride, w.begin[group], splat(w.S.dtype.type(0.0))
    fx = fy = fz = zero
    for p in range(low, w.begin[group + 1], LANES):
        u, f = rows.x * stride + p, rows.force * stride + p
        px, py, pz = load(S, f), load(S, f + stride), load(S, f + 2 * stride)
        fx, fy, fz = fx + px, fy + py, fz + pz
        r = 1.0 / load(S, rows.inverse_r * stride + p)
        x, y, z = load(S, u) * r, load(S, u + stride) * r, load(S, u + 2 * stride) * r
        if width == WITH_VIRIAL:
            store_rows(buffer, 2 * FORCE_ONLY * (p - low), px, py, pz, zero, zero + 1.0, x, y, z)
        else:
            store_quads(buffer, FORCE_ONLY * (p - low), px, py, pz, zero)
            store(S, u, x)
            store(S, u + stride, y)
            store(S, u + 2 * stride, z)
    store(part, 0, fx)
    store(part, LANES, fy)
    store(part, 2 * LANES, fz)


@inner_kernel
def _total_virial(rows: Rows, w: Slots, virial: Floats) -> None:
    """Add the virial of all slots, whose unit vectors have become vectors to neighbours."""
    S, stride = w.S, w.stride
    for axis in range(3):
        x = y = z = splat(S.dtype.type(0.0))
        for p in range(0, w.begin[GROUPS], LANES):
            d, f = load(S, (rows.x + axis) * stride + p), rows.force * stride + p
            x, y, z = fma(d, load(S, f), x), fma(d, load(S, f + stride), y), fma(d, load(S, f + 2 * stride), z)
        virial[3 * axis] -= total(x)
        virial[3 * axis + 1] -= total(y)
        virial[3 * axis + 2] -= total(z)
