"""The pairs of a block of atoms in molecular dynamics: found among the neighbour lists, and their radial part.

All lies in scratch that stays in the second-level cache. Of a radial pair two numbers, with which the sums of its
Chebyshev series are multiplied for its partial force, are kept from densities to forces.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.cell_list import NeighborList
from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.geometry import PairList
from neptuner.kernels.lane_moves import closer, offsets, ones, put_chosen
from neptuner.kernels.pair_vectors import measure
from neptuner.kernels.vectors import BLOCK, LANES, first_lanes, fma, get, load, put, splat, store, total, totals

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]


class RadialPairs(NamedTuple):
    """Radial pairs of a block and what is kept of them."""

    pairs: PairList
    two_x: Array
    """Twice the Chebyshev argument."""
    by_value: Array
    """dfc/dr / r"""
    by_slope: Array
    """fc dx/dr / r"""
    state: Array
    """Two rows for the recursion over the neighbours of one species."""


@inner_kernel
def room_for(start: Longs, blocks: Longs) -> tuple[int, int]:
    """Count the listed pairs of the largest block, and of the atom with most if species begin at whole vectors.

    Both with room for two more vectors."""
    most, most_atom, n_types = 0, 0, start.shape[1] - 1
    for b in range(blocks.shape[0]):
        most = max(most, start[blocks[b, 1] - 1, n_types] - start[blocks[b, 0], 0])
    for k in range(start.shape[0]):
        most_atom = max(most_atom, start[k, n_types] - start[k, 0])
    return (most // 32 + 1) * 32 + 16, ((most_atom + n_types * LANES) // 32 + 1) * 32 + 16


@inner_kernel
def cut_pairs(scratch: Array, room: int, n_types: int) -> PairList:
    """Cut three rows of scratch for vectors to neighbours."""
    start, neighbor = np.zeros((BLOCK, n_types + 1), np.int64), np.empty(room, np.int32)
    return PairList(start, neighbor, scratch[:room], scratch[room : 2 * room], scratch[2 * room : 3 * room], 0)


@inner_kernel
def cut_radial_pairs(scratch: Array, start: Longs, blocks: Longs) -> RadialPairs:
    """Cut all rows for radial pairs."""
    room, most = room_for(start, blocks)
    return RadialPairs(
        cut_pairs(scratch, room, start.shape[1] - 1),
        scratch[3 * room : 4 * room],
        scratch[4 * room : 5 * room],
        scratch[5 * room : 6 * room],
        scratch[6 * room : 6 * room + 2 * most],
    )


@inner_kernel
def close_pairs(
    x: Floats,
    origin: Integers,
    homes: Integers,
    listed: NeighborList,
    begin: int,
    m: int,
    inverse_cutoff: Array,
    near: PairList,
) -> None:
    """Copy the pairs within the cutoffs of ``m`` atoms from ``begin`` on; neighbours become atoms of their images."""
    lane, one = 0, inverse_cutoff.dtype.type(1.0)
    for i in range(m):
        near.start[i, 0] = lane
        home = homes[begin + i]
        for t in range(inverse_cutoff.shape[0]):
            rc2, last = one / (inverse_cutoff[t] * inverse_cutoff[t]), listed.start[begin + i, t + 1]
            for p in range(listed.start[begin + i, t], last, LANES):
                dx, dy, dz = offsets(x, home, listed.neighbor, p, near.x)
                chosen = closer(fma(dx, dx, fma(dy, dy, dz * dz)), rc2, last - p)
                put_chosen(near.x, lane, dx, chosen)
                put_chosen(near.y, lane, dy, chosen)
                put_chosen(near.z, lane, dz, chosen)
                put_chosen(near.neighbor, lane, load(listed.neighbor, p), chosen)
                lane += ones(chosen)
            near.start[i, t + 1] = lane
    for p in range(lane, lane + 2 * LANES, LANES):
        store(near.x, p, splat(one))
        store(near.y, p, splat(one))
        store(near.z, p, splat(one))
    for p in range(lane):
        put(near.neighbor, p, get(origin, get(near.neighbor, p)))


@inner_kernel
def radial_densities(near: RadialPairs, m: int, inverse_cutoff: Array, R: Array) -> None:
    """Set ``R[t * size + k, :]``: sums of fc T_k over the neighbours of each species, zeros where there is no atom."""
    start, n_types, flat = near.pairs.start, inverse_cutoff.shape[0], R.ravel()
    size = R.shape[0] // n_types
    for i in range(m):
        _begin_sums(near, i, inverse_cutoff, flat, size)
        for k in range(1, size, LANES):
            place = 0
            for t in range(n_types):
                q, count = (t * size + k) * BLOCK + i, min(size - k, LANES)
                place = _eight_sums(near, start[i, t], start[i, t + 1], place, count, flat, q)
    for i in range(m, BLOCK):
        for q in range(i, R.shape[0] * BLOCK, BLOCK):
            put(flat, q, flat.dtype.type(0.0))


@inner_kernel
def _begin_sums(near: RadialPairs, i: int, inverse_cutoff: Array, out: Array, size: int) -> None:
    """Set sums of fc over the neighbours of an atom and begin the recursion with fc T_0 = fc and fc T_-1 = x fc."""
    pairs, room, place = near.pairs, near.state.shape[0] // 2, 0
    for t in range(inverse_cutoff.shape[0]):
        low, high = pairs.start[i, t], pairs.start[i, t + 1]
        inverse_rc, constant = splat(inverse_cutoff[t]), splat(out.dtype.type(0.0))
        for p in range(low, high, LANES):
            inverse_r, two_x, fc, dfc, fdx = measure(load(pairs.x, p), load(pairs.y, p), load(pairs.z, p), inverse_rc)
            fc = first_lanes(fc, high - p)
            constant = constant + fc
            store(near.two_x, p, two_x)
            store(near.by_value, p, dfc * inverse_r)
            store(near.by_slope, p, fdx * inverse_r)
            store(near.state, place, fc)
            store(near.state, room + place, 0.5 * two_x * fc)
            place += LANES
        put(out, t * size * BLOCK + i, total(constant))


@inner_kernel
def _step(two_x: Any, s: Any, before: Any, sums: Any) -> Any:
    after = fma(two_x, s, -1.0 * before)
    return after, s, sums + after


@inner_kernel
def _eight_sums(near: RadialPairs, low: int, high: int, place: int, count: int, out: Array, q: int) -> int:
    """Set ``count`` numbers, ``BLOCK`` apart, to the sums of the next fc T_k; the recursion stays in registers.

    The state of the recursion lies from ``place`` on; returns its end.
    """
    state, room = near.state, near.state.shape[0] // 2
    a = b = c = d = e = f = g = h = splat(out.dtype.type(0.0))
    for p in range(low, high, LANES):
        two_x, s, before = load(near.two_x, p), load(state, place), load(state, room + place)
        s, before, a = _step(two_x, s, before, a)
        s, before, b = _step(two_x, s, before, b)
        s, before, c = _step(two_x, s, before, c)
        s, before, d = _step(two_x, s, before, d)
        s, before, e = _step(two_x, s, before, e)
        s, before, f = _step(two_x, s, before, f)
        s, before, g = _step(two_x, s, before, g)
        s, before, h = _step(two_x, s, before, h)
        store(state, place, s)
        store(state, room + place, before)
        place += LANES
    # rows of the recursion end with a vector for the sums
    store(state, room - LANES, totals(a, b, c, d, e, f, g, h))
    for k in range(count):
        put(out, q + k * BLOCK, get(state, room - LANES + k))
    return place
