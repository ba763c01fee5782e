"""Neighbours of atoms by a cell list over explicit images, sorted by the species of the neighbour."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel
from neptuner.kernels.vectors import LANES

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]


class Grid(NamedTuple):
    """Images sorted into boxes."""

    low: Floats
    """Corner of the first box in angstrom, ``(3,)``."""
    per_angstrom: Floats
    """Boxes per angstrom, ``(3,)``."""
    shape: Longs
    """Number of boxes along each axis, ``(3,)``; the last axis varies fastest."""
    start: Longs
    """First image of each box in ``order`` and their number, ``(n_boxes + 1,)``."""
    x: Floats
    """Positions of the images, sorted by box, ``(3, n_images)`` in angstrom."""
    types: Integers
    """Their species."""


class NeighborList(NamedTuple):
    """Neighbours of some atoms; those of the k-th atom and of species t are contiguous."""

    start: Longs
    """``(n_atoms, n_types + 1)``: first neighbour of species t; the last column ends the atom."""
    neighbor: Integers
    """Images in the order of the grid, ``(>= n_pairs + LANES,)``; behind the pairs stand images for whole vectors."""


def sort_into_boxes(x: Floats, types: Integers, reach: float) -> tuple[Grid, Integers]:
    """Sort images into boxes of about half the reach, so that few atoms beyond it are looked at.

    Neighbours then lie together in memory, which matters more than the order of the atoms.

    Parameters
    ----------
    x
        Positions of all images, ``(n_images, 3)`` in angstrom.
    types
        Their species, ``(n_images,)``.
    reach
        Distance in angstrom within which neighbours are wanted.

    Returns
    -------
    The grid, and for each of its images the place in ``x``.
    """
    n = len(x)
    low, high = _bounds(x)
    low -= 1e-6
    extent = high - low + 1e-6
    # sparse systems (a molecule in vacuum) must not make more boxes than atoms are worth
    size = max(0.5 * reach, float((extent.prod() / (8.0 * n + 64.0)) ** (1.0 / 3.0)))
    shape = np.maximum(1, np.floor(extent / size)).astype(np.int64)
    per_angstrom = shape / extent
    start, order = np.zeros(int(shape.prod()) + 1, np.int64), np.empty(n, np.int32)
    _fill_boxes(x, low, per_angstrom, shape, start, order)
    return Grid(low, per_angstrom, shape, start, np.ascontiguousarray(x[order].T), types[order]), order


@kernel
def _bounds(x: Floats) -> tuple[Floats, Floats]:
    low, high = x[0].copy(), x[0].copy()
    for p in range(x.shape[0]):
        for axis in range(3):
            low[axis] = min(low[axis], x[p, axis])
            high[axis] = max(high[axis], x[p, axis])
    return low, high


@kernel
def _fill_boxes(x: Floats, low: Floats, per_angstrom: Floats, shape: Longs, start: Longs, order: Integers) -> None:
    box = np.empty(x.shape[0], np.int64)
    for p in range(x.shape[0]):
        place = 0
        for axis in range(3):
            along = int((x[p, axis] - low[axis]) * per_angstrom[axis])
            place = place * shape[axis] + min(along, shape[axis] - 1)
        box[p] = place
        start[place + 1] += 1
    for b in range(start.shape[0] - 1):
        start[b + 1] += start[b]
    fill = start[:-1].copy()
    for p in range(x.shape[0]):
        order[fill[box[p]]] = p
        fill[box[p]] += 1


def find_neighbors(
    grid: Grid, atoms: Integers, cutoffs: Floats, room: tuple[int, int]
) -> tuple[NeighborList, NeighborList]:
    """List the radial and angular neighbours of some atoms.

    Parameters
    ----------
    grid
        All images by box.
    atoms
        Images whose neighbours are wanted, in the order of the grid.
    cutoffs
        Radial and angular cutoffs of species pairs in angstrom, ``(2, n_types, n_types)``, angular ones not larger.
    room
        Guess of the numbers of pairs; the lists grow where it is low.
    """
    shape = (len(atoms), cutoffs.shape[1] + 1)
    starts = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    lists = _search(
        grid, atoms, cutoffs**2, starts[0], starts[1], np.empty(room[0], np.int32), np.empty(room[1], np.int32)
    )
    return NeighborList(starts[0], lists[0]), NeighborList(starts[1], lists[1])


@kernel
def _search(
    grid: Grid,
    atoms: Integers,
    cutoffs2: Floats,
    start_radial: Longs,
    start_angular: Longs,
    radial: Integers,
    angular: Integers,
) -> tuple[Integers, Integers]:
    """Fill both lists, grown where they had no room."""
    n_types = cutoffs2.shape[1]
    most = 256
    near, near_r2, near_type = np.empty(most, np.int32), np.empty(most), np.empty(most, np.int32)
    r2 = np.empty(_longest_run(grid) + 1)
    n_radial, n_angular = 0, 0
    for k in range(atoms.shape[0]):
        atom = atoms[k]
        x, y, z = grid.x[0, atom], grid.x[1, atom], grid.x[2, atom]
        limits = cutoffs2[0, grid.types[atom]]
        reach = np.sqrt(limits.max())
        found = 0
        bounds = _boxes_around(grid, x, y, z, reach)
        for bx in range(bounds[0], bounds[1]):
            for by in range(bounds[2], bounds[3]):
                row = (bx * grid.shape[1] + by) * grid.shape[2]
                first, last = grid.start[row + bounds[4]], grid.start[row + bounds[5]]
                _distances(grid.x, first, last, x, y, z, r2)
                if found + last - first > most:
                    most = 2 * (found + last - first)
                    near, near_r2, near_type = _grown(near, near_r2, near_type, most)
                for p in range(first, last):
                    t = grid.types[p]
                    if r2[p - first] < limits[t] and p != atom:
                        near[found] = p
                        near_r2[found] = r2[p - first]
                        near_type[found] = t
                        found += 1
        radial, angular = _with_room(radial, n_radial, found), _with_room(angular, n_angular, found)
        n_radial = _by_species(near, near_r2, near_type, found, limits, n_types, n_radial, start_radial[k], radial)
        limits = cutoffs2[1, grid.types[atom]]
        n_angular = _by_species(near, near_r2, near_type, found, limits, n_types, n_angular, start_angular[k], angular)
    radial, angular = _with_room(radial, n_radial, LANES), _with_room(angular, n_angular, LANES)
    radial[n_radial : n_radial + LANES] = 0
    angular[n_angular : n_angular + LANES] = 0
    return radial, angular


@kernel
def _with_room(pairs: Integers, used: int, more: int) -> Integers:
    if used + more <= pairs.shape[0]:
        return pairs
    grown = np.empty(2 * (used + more), np.int32)
    grown[:used] = pairs[:used]
    return grown


@kernel
def _longest_run(grid: Grid) -> int:
    most, rows = 0, grid.shape[0] * grid.shape[1]
    for row in range(rows):
        most = max(most, grid.start[(row + 1) * grid.shape[2]] - grid.start[row * grid.shape[2]])
    return most


@kernel
def _boxes_around(grid: Grid, x: float, y: float, z: float, reach: float) -> tuple[int, int, int, int, int, int]:
    return (
        max(0, int((x - reach - grid.low[0]) * grid.per_angstrom[0])),
        min(grid.shape[0], int((x + reach - grid.low[0]) * grid.per_angstrom[0]) + 1),
        max(0, int((y - reach - grid.low[1]) * grid.per_angstrom[1])),
        min(grid.shape[1], int((y + reach - grid.low[1]) * grid.per_angstrom[1]) + 1),
        max(0, int((z - reach - grid.low[2]) * grid.per_angstrom[2])),
        min(grid.shape[2], int((z + reach - grid.low[2]) * grid.per_angstrom[2]) + 1),
    )


@kernel
def _distances(x: Floats, first: int, last: int, x0: float, y0: float, z0: float, r2: Floats) -> None:
    a, b, c = x[0, first:last], x[1, first:last], x[2, first:last]
    for p in range(last - first):
        dx, dy, dz = a[p] - x0, b[p] - y0, c[p] - z0
        r2[p] = dx * dx + dy * dy + dz * dz


@kernel
def _grown(near: Integers, near_r2: Floats, near_type: Integers, most: int) -> tuple[Integers, Floats, Integers]:
    a, b, c = np.empty(most, np.int32), np.empty(most), np.empty(most, np.int32)
    n = near.shape[0]
    a[:n], b[:n], c[:n] = near, near_r2, near_type
    return a, b, c


@kernel
def _by_species(
    near: Integers,
    near_r2: Floats,
    near_type: Integers,
    found: int,
    limits: Floats,
    n_types: int,
    place: int,
    start: Longs,
    out: Integers,
) -> int:
    """Append the neighbours within their limits to ``out``, by species; return its new end."""
    start[:] = 0
    for q in range(found):
        if near_r2[q] < limits[near_type[q]]:
            start[near_type[q] + 1] += 1
    start[0] = place
    for t in range(n_types):
        start[t + 1] += start[t]
    end = start[n_types]
    # fill from the back, so that each start ends where its species begins
    for q in range(found - 1, -1, -1):
        t = near_type[q]
        if near_r2[q] < limits[t]:
            start[t + 1] -= 1
            out[start[t + 1]] = near[q]
    for t in range(n_types):
        start[t] = start[t + 1]
    start[n_types] = end
    return int(end)
