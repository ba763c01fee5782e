"""Where the angular pairs of a block of atoms lie: in slots for sums over neighbours, by species for radial functions.

A *slot* is a vector of pairs, one of each of eight atoms, so that sums over the neighbours of an atom add vectors and
never lanes of one vector. The slots of the first eight atoms of a block come first, an even number, then those of the
others; lanes without a pair hold a unit vector and radial functions of zero.

Radial functions depend on the species of the neighbour, so they are evaluated on the same pairs in another order,
*sorted* by species, each species padded to whole pairs of vectors by pairs beyond the cutoff.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import inner_kernel, kernel
from neptuner.kernels.geometry import PairList
from neptuner.kernels.vectors import BLOCK, LANES, get, put, splat, store
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]
Integers = NDArray[np.int64]

GROUPS = BLOCK // LANES
FAR_AWAY = 1e4
"""Length in angstrom of pairs that give nothing."""


class Rows(NamedTuple):
    """Which row of scratch holds what: numbers of rows over slots, then of rows over sorted pairs."""

    x: int
    """Unit vector to the neighbour, three rows."""
    inverse_r: int
    force: int
    """Partial force p_ij, or its tangent; three rows."""
    along: int
    cosine: int
    """Re (x + iy)^m, ``l_max + 1`` rows."""
    sine: int
    dcosine: int
    """Their tangents."""
    dsine: int
    legendre: int
    """Normalised d^m P_l / dz^m in row l (l + 1) / 2 + m."""
    zeros: int
    """The derivative for m = l + 1."""
    Y: int
    """Real harmonics in the order of ``potential.invariants.harmonic_index``, ``harmonics`` rows."""
    Y_tangent: int
    """Their tangents, or the derivative of the energy by g_n Y_lm summed over n with g_n."""
    g: int
    """Radial functions, ``functions`` rows."""
    dg: int
    """Their derivatives by r."""
    by_g: int
    """Derivatives of a loss by g_n."""
    by_dg: int
    """And by dg_n/dr."""
    slot_rows: int
    vector: int
    """Vector to the neighbour of sorted pairs; three rows."""
    two_x: int
    fc: int
    dfc: int
    fdx: int
    """fc dx/dr"""
    first: int
    """Two rows for what is moved between slots and sorted pairs."""
    T: int
    """Chebyshev polynomials from T_0 on, 1 + 8 m rows."""
    T_slope: int
    """Their derivatives by x."""
    sorted_rows: int
    harmonics: int
    """Number of harmonics rounded up to whole vectors; the last rows are zero."""
    functions: int
    basis: int
    l_max: int


def rows_of(settings: Settings) -> Rows:
    """Lay out scratch."""
    l_max, functions, basis = settings.l_three_body, settings.functions[1], settings.basis[1]
    harmonics = -(-settings.n_harmonics // LANES) * LANES
    polynomials = 1 + -(-(basis - 1) // LANES) * LANES
    triangle = (l_max + 1) * (l_max + 2) // 2
    over_slots = [3, 1, 3, 1, *[l_max + 1] * 4, triangle, 1, harmonics, harmonics, *[functions] * 4]
    over_sorted = [3, 1, 1, 1, 1, 2, polynomials, polynomials]
    begins = [*accumulate([0, *over_slots]), *accumulate([0, *over_sorted])]
    return Rows._make([*begins, harmonics, functions, basis, l_max])


class Slots(NamedTuple):
    """Scratch over the angular pairs of a block."""

    S: Array
    """Rows over slots, flat; a row begins every ``stride`` numbers and ends with ``LANES`` numbers for nobody."""
    stride: int
    Q: Array
    """Rows over sorted pairs, flat."""
    sorted_stride: int
    far: Integers
    """Output row of the neighbour of each lane; the row behind the last atom for lanes without a pair."""
    place: Integers
    """Lane of each sorted pair."""
    begin: Integers
    """First lane of each group of eight atoms, ``(GROUPS + 1,)``; the last one ends all."""
    bounds: Integers
    """First sorted pair of each species, ``(n_types + 1,)``."""
    part: Array
    """Four vectors in passing."""


@inner_kernel
def make_slots(start: Integers, blocks: Integers, atoms: Integers, rows: Rows, scratch: Array) -> Slots:
    """Cut scratch for the largest of some blocks; ``start`` is that of a list of pairs."""
    stride, sorted_stride = _room(start, blocks, atoms)
    n_types, split = start.shape[1] - 1, rows.slot_rows * stride
    w = Slots(
        scratch[:split],
        stride,
        scratch[split : split + rows.sorted_rows * sorted_stride],
        sorted_stride,
        np.empty(stride, np.int64),
        np.empty(sorted_stride, np.int64),
        np.empty(GROUPS + 1, np.int64),
        np.empty(n_types + 1, np.int64),
        np.empty(4 * LANES, scratch.dtype),
    )
    zero = scratch.dtype.type(0.0)
    for row in (rows.Y, rows.Y_tangent):
        for p in range((row + rows.l_max * (rows.l_max + 2)) * stride, (row + rows.harmonics) * stride):
            w.S[p] = zero
    for row in (rows.T, rows.T_slope):
        for p in range((row + rows.basis) * sorted_stride, (row + rows.T_slope - rows.T) * sorted_stride):
            w.Q[p] = zero
    return w


@kernel
def scratch_size(start: Integers, blocks: Integers, atoms: Integers, rows: Rows) -> int:
    """Count the numbers of scratch that some blocks need."""
    stride, sorted_stride = _room(start, blocks, atoms)
    return rows.slot_rows * stride + rows.sorted_rows * sorted_stride


@inner_kernel
def _room(start: Integers, blocks: Integers, atoms: Integers) -> tuple[int, int]:
    """Lengths of the rows: odd multiples of a line of the cache, so that rows do not fall on each other."""
    n_types, most, most_sorted = start.shape[1] - 1, 0, 0
    for b in range(blocks.shape[0]):
        lanes = count = 0
        for low in range(blocks[b, 0], blocks[b, 1], LANES):
            slots = 0
            for k in range(low, min(low + LANES, blocks[b, 1])):
                neighbors = start[atoms[k], n_types] - start[atoms[k], 0]
                slots, count = max(slots, neighbors), count + neighbors
            lanes += (slots + 1) // 2 * 2 * LANES
        most, most_sorted = max(most, lanes), max(most_sorted, count)
    most_sorted += n_types * 2 * LANES
    return (most + LANES) // 32 * 32 + 16 + 32, most_sorted // 32 * 32 + 16 + 32


@inner_kernel
def fill_slots(
    pairs: PairList, atoms: Integers, shifts: Integers, begin: int, m: int, nobody: int, rows: Rows, w: Slots
) -> None:
    """Put the pairs of ``m`` atoms of a block into slots and sort them; ``nobody`` is the row for lanes without one."""
    lane, n_types, zero = 0, pairs.start.shape[1] - 1, w.S.dtype.type(0.0)
    for group in range(GROUPS):
        w.begin[group] = lane
        slots = 0
        for i in range(group * LANES, min(m, (group + 1) * LANES)):
            slots = max(slots, pairs.start[atoms[begin + i], n_types] - pairs.start[atoms[begin + i], 0])
        lane += (slots + 1) // 2 * 2 * LANES
    w.begin[GROUPS] = lane
    _clear_slots(nobody, rows, w)
    S, Q, x, sorted_x = w.S, w.Q, rows.x * w.stride, rows.vector * w.sorted_stride
    y, z, sorted_y, sorted_z = (
        x + w.stride,
        x + 2 * w.stride,
        sorted_x + w.sorted_stride,
        sorted_x + 2 * w.sorted_stride,
    )
    q = 0
    for t in range(n_types):
        w.bounds[t] = q
        for i in range(m):
            atom, shift = atoms[begin + i], shifts[begin + i]
            first = pairs.start[atom, t]
            place = w.begin[i // LANES] + i % LANES + (first - pairs.start[atom, 0]) * LANES
            for p in range(first, pairs.start[atom, t + 1]):
                dx, dy, dz = get(pairs.x, p), get(pairs.y, p), get(pairs.z, p)
                put(S, x + place, dx)
                put(S, y + place, dy)
                put(S, z + place, dz)
                put(Q, sorted_x + q, dx)
                put(Q, sorted_y + q, dy)
                put(Q, sorted_z + q, dz)
                put(w.far, place, get(pairs.neighbor, p) + shift)
                put(w.place, q, place)
                place += LANES
                q += 1
        while q % (2 * LANES):
            Q[sorted_x + q], Q[sorted_y + q], Q[sorted_z + q] = S.dtype.type(FAR_AWAY), zero, zero
            w.place[q] = lane
            q += 1
    w.bounds[n_types] = q


@inner_kernel
def _clear_slots(nobody: int, rows: Rows, w: Slots) -> None:
    zero, lanes, stride = splat(w.S.dtype.type(0.0)), w.begin[GROUPS], w.stride
    for p in range(0, lanes, LANES):
        store(w.S, rows.x * stride + p, zero + 1.0)
        store(w.S, (rows.x + 1) * stride + p, zero)
        store(w.S, (rows.x + 2) * stride + p, zero)
    for p in range(lanes):
        w.far[p] = nobody
    for n in range(rows.functions):
        for p in range(0, lanes, LANES):
            store(w.S, (rows.g + n) * stride + p, zero)
            store(w.S, (rows.dg + n) * stride + p, zero)
        # pairs that only fill up a species point here
        store(w.S, (rows.by_g + n) * stride + lanes, zero)
        store(w.S, (rows.by_dg + n) * stride + lanes, zero)
