"""The radial part over the pairs of each atom: densities, forces P(D) and the transpose (design notes, section 1).

Basis functions are fc T_k. The neighbours of one species are a *run* of pairs, taken eight at a time from the arrays of
the data set; lanes behind the end of a run are set to zero. Scratch is a flat array ``S`` of rows that begin every
``stride`` numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.geometry import PairList
from neptuner.kernels.pair_vectors import measure
from neptuner.kernels.vectors import BLOCK, LANES, first_lanes, fma, get, load, put, splat, store, total, totals

Array = NDArray[np.floating]
Integers = NDArray[np.int64]

A, B, C, TWO_X, VALUE, VALUE_BEFORE, CHANGE, CHANGE_BEFORE = range(8)
"""Rows of scratch: three for forces or tangents of pairs, of which A and B then hold what T_k and dT_k/dx are
multiplied with; 2 x; and the numbers of the recursions between two groups of k."""


@inner_kernel
def radial_scratch(pairs: PairList, like: Array) -> Array:
    """Make the rows, with room for every run of the atom with most neighbours beginning at a multiple of eight."""
    n_types = pairs.start.shape[1] - 1
    stride = (pairs.most_neighbors // LANES + n_types + 1) * LANES
    return np.empty(8 * stride, like.dtype)


@inner_kernel
def radial_density(pairs: PairList, first: int, last: int, types: Any, cutoffs: Array, S: Array, out: Array) -> None:
    """Sum fc T_k over the neighbours of each species of atoms first <= i < last: ``out[i, t * size + k]``."""
    n_types, stride = cutoffs.shape[0], S.shape[0] // 8
    size, flat = out.shape[1] // n_types, out.ravel()
    for atom in range(first, last):
        for t in range(n_types):
            low, high = pairs.start[atom, t], pairs.start[atom, t + 1]
            inverse_rc, place = splat(cutoffs[types[atom], t]), 0
            for p in range(low, high, LANES):
                _, two_x, fc, _, _ = measure(load(pairs.x, p), load(pairs.y, p), load(pairs.z, p), inverse_rc)
                store(S, TWO_X * stride + place, two_x)
                store(S, A * stride + place, first_lanes(fc, high - p))
                store(S, B * stride + place, fc * 0.0)
                place += LANES
            _series_sums(S, 0, place, size, flat, atom * out.shape[1] + t * size, 1)


@inner_kernel
def radial_forces(
    pairs: PairList,
    atoms: Integers,
    shifts: Integers,
    begin: int,
    m: int,
    inverse_cutoff: Array,
    series: Array,
    slopes: Array,
    S: Array,
    forces: Array,
    virial: Array,
) -> None:
    """Add the radial part of P: forces on atoms and neighbours, virial (xx yy zz xy yz zx) on atoms.

    Parameters
    ----------
    pairs
        All pairs.
    atoms, shifts, begin, m
        The m atoms of a block from ``begin`` on, and what to add to an atom to reach its row of the outputs.
    inverse_cutoff
        By species of the neighbour, in 1/angstrom.
    series, slopes
        D as coefficients of fc T_k, and the series of its derivative by x: ``(n_types * basis, BLOCK)``.
    S
        Scratch.
    forces, virial
        Outputs, ``(n, 3)`` and ``(n, 6)``.
    """
    n_types, stride = inverse_cutoff.shape[0], S.shape[0] // 8
    size = series.shape[0] // n_types
    for i in range(m):
        atom, shift = atoms[begin + i], shifts[begin + i]
        first, last = pairs.start[atom, 0], pairs.start[atom, n_types]
        fx = fy = fz = xx = yy = zz = xy = yz = zx = splat(series.dtype.type(0.0))
        for t in range(n_types):
            inverse_rc, end = splat(inverse_cutoff[t]), pairs.start[atom, t + 1]
            for p in range(pairs.start[atom, t], end, LANES):
                x, y, z = load(pairs.x, p), load(pairs.y, p), load(pairs.z, p)
                inverse_r, two_x, _, dfc, fdx = measure(x, y, z, inverse_rc)
                before, T = splat(series.dtype.type(1.0)), 0.5 * two_x
                q = t * size * BLOCK + i
                value, slope = splat(get(series, q)), splat(get(slopes, q))
                for _ in range(1, size):
                    q += BLOCK
                    value, slope = fma(T, get(series, q), value), fma(T, get(slopes, q), slope)
                    before, T = T, two_x * T - before
                along = first_lanes((dfc * value + fdx * slope) * inverse_r, end - p)
                px, py, pz = along * x, along * y, along * z
                fx, fy, fz = fx + px, fy + py, fz + pz
                xx, yy, zz = fma(x, px, xx), fma(y, py, yy), fma(z, pz, zz)
                xy, yz, zx = fma(x, py, xy), fma(y, pz, yz), fma(z, px, zx)
                store(S, A * stride + p - first, px)
                store(S, B * stride + p - first, py)
                store(S, C * stride + p - first, pz)
        # lanes behind the end of a run were written over by the next run
        for q in range(last - first):
            j = 3 * (get(pairs.neighbor, first + q) + shift)
            put(forces, j, get(forces, j) - get(S, A * stride + q))
            put(forces, j + 1, get(forces, j + 1) - get(S, B * stride + q))
            put(forces, j + 2, get(forces, j + 2) - get(S, C * stride + q))
        store(S, 0, totals(fx, fy, fz, xx, yy, zz, xy, yz))
        for axis in range(3):
            forces[atom + shift, axis] += S[axis]
        for axis in range(5):
            virial[atom + shift, axis] -= S[3 + axis]
        virial[atom + shift, 5] -= total(zx)


@inner_kernel
def radial_transpose(
    pairs: PairList,
    atoms: Integers,
    shifts: Integers,
    begin: int,
    m: int,
    inverse_cutoff: Array,
    force_tangent: Array,
    virial_tangent: Array,
    S: Array,
    out: Array,
) -> None:
    """Set ``out[t * size + k, :m]``, the radial part of the transpose of P.

    ``force_tangent`` and ``virial_tangent`` are loss derivatives by forces ``(n, 3)`` and by the virial of each atom's
    frame ``(n, 6)``; the rest is as in ``radial_forces``.
    """
    n_types, stride = inverse_cutoff.shape[0], S.shape[0] // 8
    size, flat = out.shape[0] // n_types, out.ravel()
    for i in range(m):
        atom, shift = atoms[begin + i], shifts[begin + i]
        site, place = atom + shift, 0
        for t in range(n_types):
            for p in range(pairs.start[atom, t], pairs.start[atom, t + 1]):
                j = 3 * (get(pairs.neighbor, p) + shift)
                put(S, A * stride + place, get(force_tangent, j))
                put(S, B * stride + place, get(force_tangent, j + 1))
                put(S, C * stride + place, get(force_tangent, j + 2))
                place += 1
            while place % LANES:
                S[A * stride + place] = S[B * stride + place] = S[C * stride + place] = S.dtype.type(0.0)
                place += 1
        gx, gy, gz = force_tangent[site, 0], force_tangent[site, 1], force_tangent[site, 2]
        wxx, wyy, wzz = virial_tangent[site, 0], virial_tangent[site, 1], virial_tangent[site, 2]
        wxy, wyz, wzx = virial_tangent[site, 3], virial_tangent[site, 4], virial_tangent[site, 5]
        place = 0
        for t in range(n_types):
            inverse_rc, end, run = splat(inverse_cutoff[t]), pairs.start[atom, t + 1], place
            for p in range(pairs.start[atom, t], end, LANES):
                x, y, z = load(pairs.x, p), load(pairs.y, p), load(pairs.z, p)
                inverse_r, two_x, _, dfc, fdx = measure(x, y, z, inverse_rc)
                # the tangent of p_ij: gF_i - gF_j - (gW r), along the unit vector
                tx = gx - load(S, A * stride + place) - (wxx * x + wzx * z)
                ty = gy - load(S, B * stride + place) - (wyy * y + wxy * x)
                tz = gz - load(S, C * stride + place) - (wzz * z + wyz * y)
                along = first_lanes((tx * x + ty * y + tz * z) * inverse_r, end - p)
                store(S, TWO_X * stride + place, two_x)
                store(S, A * stride + place, along * dfc)
                store(S, B * stride + place, along * fdx)
                place += LANES
            _series_sums(S, run, place, size, flat, t * size * BLOCK + i, BLOCK)


@inner_kernel
def _series_sums(S: Array, first: int, last: int, size: int, out: Array, place: int, step: int) -> None:
    """Set numbers of a flat array, ``step`` apart, to the sums of S_k = A T_k + B dT_k/dx over some lanes."""
    stride = S.shape[0] // 8
    if first == last:
        for k in range(place, place + size * step, step):
            out[k] = out.dtype.type(0.0)
        return
    s0 = s1 = splat(out.dtype.type(0.0))
    for p in range(first, last, LANES):
        s, t = load(S, A * stride + p), load(S, B * stride + p)
        x = 0.5 * load(S, TWO_X * stride + p)
        s_next = fma(x, s, t)
        s0, s1 = s0 + s, s1 + s_next
        store(S, VALUE_BEFORE * stride + p, s)
        store(S, VALUE * stride + p, s_next)
        store(S, CHANGE_BEFORE * stride + p, t)
        store(S, CHANGE * stride + p, x * t)
    out[place] = total(s0)
    if size > 1:
        out[place + step] = total(s1)
    for k in range(2, size, LANES):
        _eight_sums(S, first, last)
        for each in range(min(size - k, LANES)):
            out[place + (k + each) * step] = S[C * stride + first + each]


@inner_kernel
def _step(two_x: Any, s: Any, s_before: Any, t: Any, t_before: Any) -> Any:
    """S_k+1 = 2 x S_k - S_k-1 + 2 b T_k and b T_k+1 = 2 x b T_k - b T_k-1, with the numbers before."""
    return fma(two_x, s, 2.0 * t - s_before), s, two_x * t - t_before, t


@inner_kernel
def _eight_sums(S: Array, first: int, last: int) -> None:
    """Set row C from ``first`` on to the sums of the next eight S_k; the recursion stays in registers."""
    stride = S.shape[0] // 8
    s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = splat(S.dtype.type(0.0))
    for p in range(first, last, LANES):
        two_x, s, o = load(S, TWO_X * stride + p), load(S, VALUE * stride + p), load(S, VALUE_BEFORE * stride + p)
        t, u = load(S, CHANGE * stride + p), load(S, CHANGE_BEFORE * stride + p)
        s, o, t, u = _step(two_x, s, o, t, u)
        s2 = s2 + s
        s, o, t, u = _step(two_x, s, o, t, u)
        s3 = s3 + s
        s, o, t, u = _step(two_x, s, o, t, u)
        s4 = s4 + s
        s, o, t, u = _step(two_x, s, o, t, u)
        s5 = s5 + s
        s, o, t, u = _step(two_x, s, o, t, u)
        s6 = s6 + s
        s, o, t, u = _step(two_x, s, o, t, u)
        s7 = s7 + s
        s, o, t, u = _step(two_x, s, o, t, u)
        s8 = s8 + s
        s, o, t, u = _step(two_x, s, o, t, u)
        s9 = s9 + s
        store(S, VALUE * stride + p, s)
        store(S, VALUE_BEFORE * stride + p, o)
        store(S, CHANGE * stride + p, t)
        store(S, CHANGE_BEFORE * stride + p, u)
    store(S, C * stride + first, totals(s2, s3, s4, s5, s6, s7, s8, s9))
