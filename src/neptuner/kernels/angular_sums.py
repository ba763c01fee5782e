"""Sums over the angular neighbours of a block: expansion coefficients, forces, tangents, and what c is changed by.

Expansion coefficients of a block are ``a[lm, n * BLOCK + i]``, as ``kernels.invariants`` wants them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_slots import GROUPS, Rows, Slots
from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.legendre import Harmonics
from neptuner.kernels.vectors import BLOCK, LANES, fma, get, load, put, splat, store, total, totals

Array = NDArray[np.floating]
Integers = NDArray[np.int64]


@inner_kernel
def expansion(rows: Rows, w: Slots, a: Array) -> None:
    """Set a to the sums of g_n Y_lm; eight harmonics at a time."""
    S, stride, width = w.S, w.stride, rows.functions * BLOCK
    for group in range(GROUPS):
        for m in range(0, rows.harmonics, LANES):
            y = (rows.Y + m) * stride
            for n in range(rows.functions):
                g, place = (rows.g + n) * stride, m * width + n * BLOCK + group * LANES
                a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = splat(S.dtype.type(0.0))
                for p in range(w.begin[group], w.begin[group + 1], LANES):
                    value, q = load(S, g + p), y + p
                    a0, a1 = fma(value, load(S, q), a0), fma(value, load(S, q + stride), a1)
                    a2, a3 = fma(value, load(S, q + 2 * stride), a2), fma(value, load(S, q + 3 * stride), a3)
                    a4, a5 = fma(value, load(S, q + 4 * stride), a4), fma(value, load(S, q + 5 * stride), a5)
                    a6, a7 = fma(value, load(S, q + 6 * stride), a6), fma(value, load(S, q + 7 * stride), a7)
                store(a, place, a0)
                store(a, place + width, a1)
                store(a, place + 2 * width, a2)
                store(a, place + 3 * width, a3)
                store(a, place + 4 * width, a4)
                store(a, place + 5 * width, a5)
                store(a, place + 6 * width, a6)
                store(a, place + 7 * width, a7)


@inner_kernel
def expansion_tangent(rows: Rows, w: Slots, da: Array) -> None:
    """Set da to the sums of g_n dY_lm + dg_n Y_lm, dg_n being changes of g_n."""
    S, stride, width = w.S, w.stride, rows.functions * BLOCK
    for group in range(GROUPS):
        for m in range(0, rows.harmonics, 4):
            y, dy = (rows.Y + m) * stride, (rows.Y_tangent + m) * stride
            for n in range(rows.functions):
                g, dg, place = (rows.g + n) * stride, (rows.dg + n) * stride, m * width + n * BLOCK + group * LANES
                a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = splat(S.dtype.type(0.0))
                for p in range(w.begin[group], w.begin[group + 1], LANES):
                    value, change, q, dq = load(S, g + p), load(S, dg + p), y + p, dy + p
                    a0, a1 = fma(value, load(S, dq), a0), fma(value, load(S, dq + stride), a1)
                    a2, a3 = fma(value, load(S, dq + 2 * stride), a2), fma(value, load(S, dq + 3 * stride), a3)
                    b0, b1 = fma(change, load(S, q), b0), fma(change, load(S, q + stride), b1)
                    b2, b3 = fma(change, load(S, q + 2 * stride), b2), fma(change, load(S, q + 3 * stride), b3)
                store(da, place, a0 + b0)
                store(da, place + width, a1 + b1)
                store(da, place + 2 * width, a2 + b2)
                store(da, place + 3 * width, a3 + b3)


@inner_kernel
def energy_slopes(rows: Rows, w: Slots, ga: Array) -> None:
    """Fill rows Y_tangent with ``sum_n ga_n,lm g_n`` and row along with ``sum_n,lm ga_n,lm dg_n/dr Y_lm``."""
    S, stride, width, harmonics = w.S, w.stride, rows.functions * BLOCK, rows.l_max * (rows.l_max + 2)
    for group in range(GROUPS):
        for p in range(w.begin[group], w.begin[group + 1], 2 * LANES):
            along0 = along1 = splat(S.dtype.type(0.0))
            for m in range(harmonics):
                v0 = v1 = s0 = s1 = splat(S.dtype.type(0.0))
                place, g = m * width + group * LANES, rows.g * stride + p
                dg = g + (rows.dg - rows.g) * stride
                for _ in range(rows.functions):
                    by_a = load(ga, place)
                    v0, v1 = fma(by_a, load(S, g), v0), fma(by_a, load(S, g + LANES), v1)
                    s0, s1 = fma(by_a, load(S, dg), s0), fma(by_a, load(S, dg + LANES), s1)
                    place, g, dg = place + BLOCK, g + stride, dg + stride
                y, v = (rows.Y + m) * stride + p, (rows.Y_tangent + m) * stride + p
                along0, along1 = fma(s0, load(S, y), along0), fma(s1, load(S, y + LANES), along1)
                store(S, v, v0)
                store(S, v + LANES, v1)
            store(S, rows.along * stride + p, along0)
            store(S, rows.along * stride + p + LANES, along1)


@inner_kernel
def partial_forces(table: Harmonics, rows: Rows, w: Slots) -> None:
    """Fill rows ``force`` with p_ij from the rows of ``energy_slopes``; radial functions of empty lanes are zero."""
    S, stride, lanes = w.S, w.stride, w.begin[GROUPS]
    fx, fy, fz, zeros = rows.force * stride, (rows.force + 1) * stride, (rows.force + 2) * stride, rows.zeros * stride
    zero = splat(S.dtype.type(0.0))
    for p in range(0, lanes, LANES):
        store(S, zeros + p, zero)
        store(S, fx + p, zero)
        store(S, fy + p, zero)
        store(S, fz + p, zero)
    for degree in range(1, rows.l_max + 1):
        for m in range(degree + 1):
            q = (rows.legendre + degree * (degree + 1) // 2 + m) * stride
            slope, up = splat(table.slope[degree, m]), q + stride if m < degree else zeros
            if m == 0:
                v = (rows.Y_tangent + degree * degree - 1) * stride
                for p in range(0, lanes, LANES):
                    store(S, fz + p, fma(slope * load(S, up + p), load(S, v + p), load(S, fz + p)))
                continue
            v, times = (rows.Y_tangent + degree * degree + 2 * m - 2) * stride, splat(S.dtype.type(m))
            c, s = (rows.cosine + m) * stride, (rows.sine + m) * stride
            for p in range(0, lanes, LANES):
                v_cos, v_sin, value = load(S, v + p), load(S, v + stride + p), times * load(S, q + p)
                c0, s0 = load(S, c - stride + p), load(S, s - stride + p)
                store(S, fx + p, fma(value, v_cos * c0 + v_sin * s0, load(S, fx + p)))
                store(S, fy + p, fma(value, v_sin * c0 - v_cos * s0, load(S, fy + p)))
                both = v_cos * load(S, c + p) + v_sin * load(S, s + p)
                store(S, fz + p, fma(slope * load(S, up + p), both, load(S, fz + p)))
    ux, uy, uz = rows.x * stride, (rows.x + 1) * stride, (rows.x + 2) * stride
    for p in range(0, lanes, LANES):
        x, y, z = load(S, ux + p), load(S, uy + p), load(S, uz + p)
        gx, gy, gz = load(S, fx + p), load(S, fy + p), load(S, fz + p)
        inverse_r = load(S, rows.inverse_r * stride + p)
        radial = load(S, rows.along * stride + p) - inverse_r * (gx * x + gy * y + gz * z)
        store(S, fx + p, fma(inverse_r, gx, radial * x))
        store(S, fy + p, fma(inverse_r, gy, radial * y))
        store(S, fz + p, fma(inverse_r, gz, radial * z))


@inner_kernel
def scatter_forces(
    atoms: Integers, shifts: Integers, begin: int, m: int, rows: Rows, w: Slots, forces: Array, virial: Array
) -> None:
    """Add p_ij to both atoms of every pair, and the virial (xx yy zz xy yz zx) to the centre."""
    S, stride = w.S, w.stride
    sums = np.empty((9, LANES), S.dtype)
    fx, fy, fz = rows.force * stride, (rows.force + 1) * stride, (rows.force + 2) * stride
    for lane in range(w.begin[GROUPS]):
        j = 3 * get(w.far, lane)
        put(forces, j, get(forces, j) - get(S, fx + lane))
        put(forces, j + 1, get(forces, j + 1) - get(S, fy + lane))
        put(forces, j + 2, get(forces, j + 2) - get(S, fz + lane))
    for group in range(GROUPS):
        if group * LANES < m:
            _sum_slots(group, rows, w, sums)
        for i in range(min(m - group * LANES, LANES)):
            k = begin + group * LANES + i
            site = atoms[k] + shifts[k]
            for axis in range(3):
                forces[site, axis] += sums[axis, i]
            for axis in range(6):
                virial[site, axis] -= sums[3 + axis, i]


@inner_kernel
def _sum_slots(group: int, rows: Rows, w: Slots, sums: Array) -> None:
    """Sum forces and r (x) p of eight atoms; the length of r is 1 / ``inverse_r``."""
    S, stride = w.S, w.stride
    fx = fy = fz = xx = yy = zz = xy = yz = zx = splat(S.dtype.type(0.0))
    for p in range(w.begin[group], w.begin[group + 1], LANES):
        u, f, inverse_r = rows.x * stride + p, rows.force * stride + p, load(S, rows.inverse_r * stride + p)
        px, py, pz = load(S, f), load(S, f + stride), load(S, f + 2 * stride)
        r = 1.0 / inverse_r
        x, y, z = load(S, u) * r, load(S, u + stride) * r, load(S, u + 2 * stride) * r
        fx, fy, fz = fx + px, fy + py, fz + pz
        xx, yy, zz = fma(x, px, xx), fma(y, py, yy), fma(z, pz, zz)
        xy, yz, zx = fma(x, py, xy), fma(y, pz, yz), fma(z, px, zx)
    store(sums, 0, fx)
    store(sums, LANES, fy)
    store(sums, 2 * LANES, fz)
    store(sums, 3 * LANES, xx)
    store(sums, 4 * LANES, yy)
    store(sums, 5 * LANES, zz)
    store(sums, 6 * LANES, xy)
    store(sums, 7 * LANES, yz)
    store(sums, 8 * LANES, zx)


@inner_kernel
def pair_tangents(
    atoms: Integers,
    shifts: Integers,
    begin: int,
    m: int,
    force_tangent: Array,
    virial_tangent: Array,
    rows: Rows,
    w: Slots,
) -> None:
    """Pull loss derivatives by forces and virial back to p_ij.

    Fills row along with their part along the unit vector and rows ``force`` with the change of the unit vector;
    ``force_tangent`` has a row of zeros behind the last atom.
    """
    S, stride = w.S, w.stride
    fx, fy, fz = rows.force * stride, (rows.force + 1) * stride, (rows.force + 2) * stride
    for lane in range(w.begin[GROUPS]):
        j = 3 * get(w.far, lane)
        put(S, fx + lane, get(force_tangent, j))
        put(S, fy + lane, get(force_tangent, j + 1))
        put(S, fz + lane, get(force_tangent, j + 2))
    centre = np.zeros((9, LANES), S.dtype)
    for group in range(GROUPS):
        for i in range(min(m - group * LANES, LANES)):
            k = begin + group * LANES + i
            for axis in range(3):
                centre[axis, i] = force_tangent[atoms[k] + shifts[k], axis]
            for axis in range(6):
                centre[3 + axis, i] = virial_tangent[atoms[k] + shifts[k], axis]
        gx, gy, gz = load(centre, 0), load(centre, LANES), load(centre, 2 * LANES)
        wxx, wyy, wzz = load(centre, 3 * LANES), load(centre, 4 * LANES), load(centre, 5 * LANES)
        wxy, wyz, wzx = load(centre, 6 * LANES), load(centre, 7 * LANES), load(centre, 8 * LANES)
        for p in range(w.begin[group], w.begin[group + 1], LANES):
            u, inverse_r = rows.x * stride + p, load(S, rows.inverse_r * stride + p)
            x, y, z = load(S, u), load(S, u + stride), load(S, u + 2 * stride)
            r = 1.0 / inverse_r
            tx = gx - load(S, fx + p) - (wxx * x + wzx * z) * r
            ty = gy - load(S, fy + p) - (wyy * y + wxy * x) * r
            tz = gz - load(S, fz + p) - (wzz * z + wyz * y) * r
            along = tx * x + ty * y + tz * z
            store(S, rows.along * stride + p, along)
            store(S, fx + p, (tx - along * x) * inverse_r)
            store(S, fy + p, (ty - along * y) * inverse_r)
            store(S, fz + p, (tz - along * z) * inverse_r)


@inner_kernel
def function_tangents(rows: Rows, w: Slots) -> None:
    """Turn rows dg from derivatives of g_n by r into changes of g_n."""
    S, stride = w.S, w.stride
    for p in range(0, w.begin[GROUPS], LANES):
        along = load(S, rows.along * stride + p)
        for n in range(rows.functions):
            place = (rows.dg + n) * stride + p
            store(S, place, load(S, place) * along)


@inner_kernel
def function_gradients(rows: Rows, w: Slots, a_bar: Array, da_bar: Array) -> None:
    """Fill rows by_g and by_dg with derivatives of a loss by g_n and dg_n/dr from those by a and da."""
    S, stride, width, harmonics = w.S, w.stride, rows.functions * BLOCK, rows.l_max * (rows.l_max + 2)
    for group in range(GROUPS):
        for p in range(w.begin[group], w.begin[group + 1], 2 * LANES):
            along = rows.along * stride + p
            along0, along1 = load(S, along), load(S, along + LANES)
            for n in range(rows.functions):
                v0 = v1 = u0 = u1 = s0 = s1 = splat(S.dtype.type(0.0))
                place, y, dy = n * BLOCK + group * LANES, rows.Y * stride + p, rows.Y_tangent * stride + p
                for _ in range(harmonics):
                    by_a, by_da, y0, y1 = load(a_bar, place), load(da_bar, place), load(S, y), load(S, y + LANES)
                    v0, v1 = fma(by_a, y0, v0), fma(by_a, y1, v1)
                    s0, s1 = fma(by_da, y0, s0), fma(by_da, y1, s1)
                    u0, u1 = fma(by_da, load(S, dy), u0), fma(by_da, load(S, dy + LANES), u1)
                    place, y, dy = place + width, y + stride, dy + stride
                by_g, by_dg = (rows.by_g + n) * stride + p, (rows.by_dg + n) * stride + p
                store(S, by_g, v0 + u0)
                store(S, by_g + LANES, v1 + u1)
                store(S, by_dg, s0 * along0)
                store(S, by_dg + LANES, s1 * along1)


@inner_kernel
def coefficient_gradient(rows: Rows, w: Slots, c_bar: Array) -> None:
    """Add to ``c_bar[n, t * basis + k]`` the derivative by coefficients of fc T_k, from rows by_g and by_dg."""
    _chebyshev_slopes(rows, w)
    Q, S, stride = w.Q, w.S, w.sorted_stride
    first, second, T, dT = rows.first * stride, (rows.first + 1) * stride, rows.T * stride, rows.T_slope * stride
    for t in range(w.bounds.shape[0] - 1):
        low, high = w.bounds[t], w.bounds[t + 1]
        if low == high:
            continue
        for n in range(rows.functions):
            by_g, by_dg = (rows.by_g + n) * w.stride, (rows.by_dg + n) * w.stride
            for q in range(low, high):
                lane = get(w.place, q)
                put(Q, first + q, get(S, by_g + lane))
                put(Q, second + q, get(S, by_dg + lane))
            constant = splat(Q.dtype.type(0.0))
            for q in range(low, high, LANES):
                by_value, by_slope = load(Q, first + q), load(Q, second + q)
                fc, dfc, fdx = rows.fc * stride + q, rows.dfc * stride + q, rows.fdx * stride + q
                by_value = fma(by_value, load(Q, fc), by_slope * load(Q, dfc))
                constant = constant + by_value
                store(Q, first + q, by_value)
                store(Q, second + q, by_slope * load(Q, fdx))
            c_bar[n, t * rows.basis] += total(constant)
            for k in range(1, rows.basis, LANES):
                _eight_coefficients(Q, stride, first, T + k * stride, dT + k * stride, low, high, w.part)
                for each in range(min(rows.basis - k, LANES)):
                    c_bar[n, t * rows.basis + k + each] += w.part[each]


@inner_kernel
def _eight_coefficients(Q: Array, stride: int, first: int, T: int, dT: int, low: int, high: int, part: Array) -> None:
    """Set ``part`` to the sums over some sorted pairs of row first T_k + the next row dT_k/dx, for eight k."""
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = splat(Q.dtype.type(0.0))
    for q in range(low, high, LANES):
        v, s = load(Q, first + q), load(Q, first + stride + q)
        t, d = T + q, dT + q
        a0 = fma(v, load(Q, t), fma(s, load(Q, d), a0))
        a1 = fma(v, load(Q, t + stride), fma(s, load(Q, d + stride), a1))
        a2 = fma(v, load(Q, t + 2 * stride), fma(s, load(Q, d + 2 * stride), a2))
        a3 = fma(v, load(Q, t + 3 * stride), fma(s, load(Q, d + 3 * stride), a3))
        a4 = fma(v, load(Q, t + 4 * stride), fma(s, load(Q, d + 4 * stride), a4))
        a5 = fma(v, load(Q, t + 5 * stride), fma(s, load(Q, d + 5 * stride), a5))
        a6 = fma(v, load(Q, t + 6 * stride), fma(s, load(Q, d + 6 * stride), a6))
        a7 = fma(v, load(Q, t + 7 * stride), fma(s, load(Q, d + 7 * stride), a7))
    store(part, 0, totals(a0, a1, a2, a3, a4, a5, a6, a7))


@inner_kernel
def _chebyshev_slopes(rows: Rows, w: Slots) -> None:
    """Fill rows T_slope: T_k+1' = 2 T_k + 2 x T_k' - T_k-1'."""
    Q, stride = w.Q, w.sorted_stride
    for q in range(0, w.bounds[w.bounds.shape[0] - 1], LANES):
        two_x = load(Q, rows.two_x * stride + q)
        before, slope = two_x * 0.0, two_x * 0.0 + 1.0
        for k in range(1, rows.basis):
            store(Q, (rows.T_slope + k) * stride + q, slope)
            before, slope = slope, fma(two_x, slope, 2.0 * load(Q, (rows.T + k) * stride + q) - before)
