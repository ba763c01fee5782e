"""What all individuals of a population share of a block of atoms: the only place that reads pairs.

A group is some whole frames, a block some atoms of one species in it. The atoms of a block lie along the last axis of
every array, which is filled up to a multiple of ``LANES`` with atoms that are nothing but zeros. Angular pairs stand in
slots: slot s of an atom holds its s-th neighbour.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel
from neptuner.kernels.geometry import Geometry, PairList
from neptuner.kernels.pair_functions import measure, radial_basis, real_harmonics

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LANES = 32
"""Blocks and populations are filled up to a multiple of it: four vectors of a loop that is unrolled four times."""


class Shape(NamedTuple):
    """What the settings say of basis functions and invariants."""

    basis: tuple[int, int]
    """Number of radial and angular basis functions."""
    inverse_cutoff: Array
    """Radial and angular, ``(2, n_types, n_types)`` in 1/angstrom."""
    norms: Floats
    """Of the harmonics: see ``pair_functions.harmonic_norms``."""
    l_max: int
    """See ``kernels.invariants`` for this and what follows."""
    monomials: Integers
    factors: Array
    five_body: int


class Group(NamedTuple):
    """Whole frames that are evaluated together; their atoms are sorted by species."""

    first_frame: int
    """Place of its first frame in the batch."""
    first_row: int
    """Place of its first atom in the batch."""
    start: Integers
    """First row of each frame within the group, and their number: ``(n_frames + 1,)``."""
    blocks: Integers
    """``(begin, end, species)`` of positions in ``atoms``."""
    atoms: Integers
    """Index into the geometry, ``(n_atoms,)``."""
    rows: Integers
    """Row within the group, where atoms are in the order of their frames, ``(n_atoms,)``."""
    frame: Integers
    """Frame within the group, ``(n_atoms,)``."""


class RadialPairs(NamedTuple):
    """Radial pairs of a block, atom by atom and sorted by species of the neighbour."""

    start: Integers
    """``(n_atoms, n_types + 1)``: first pair of (i, t); the last column ends atom i."""
    row: Integers
    """Row of the neighbour within the group, ``(n_pairs,)``."""
    unit: Array
    """Unit vector to the neighbour, ``(3, n_pairs)``."""
    df: Array
    """Derivatives of the basis functions, ``(basis, n_pairs)``."""
    own: Array
    """What D is summed with to give an atom's own force and virial, ``(9, n_types * basis, width)``."""


class AngularPairs(NamedTuple):
    """Angular pairs of a block: basis functions sorted by species of the neighbour, the rest in slots."""

    bounds: Integers
    """First pair of each neighbour species, ``(n_types + 1,)``."""
    place: Integers
    """``slot * width + atom`` of each pair, ``(n_pairs,)``."""
    row: Integers
    """Row of the neighbour within the group, ``(n_pairs,)``."""
    f: Array
    """``(basis, n_pairs)``"""
    df: Array
    harmonics: Array
    """Values and derivatives by x, y and z, ``(n_slots, 4, n_harmonics, width)``."""
    vector: Array
    """Unit vector to the neighbour and distance in angstrom, ``(n_slots, 4, width)``."""


class Block(NamedTuple):
    """Everything about a block that does not depend on parameters."""

    species: int
    rows: Integers
    """Row of each atom within the group, ``(n_atoms,)``."""
    frame: Integers
    """Frame of each atom within the group, ``(n_atoms,)``."""
    R: Array
    """Radial densities, ``(n_types * basis, width)``."""
    B: Array
    """Angular densities, ``(n_types * basis, width * n_harmonics)``."""
    radial: RadialPairs
    angular: AngularPairs


class _PairScratch(NamedTuple):
    """Distances, cutoff functions and basis functions of the pairs of one atom."""

    r: Array
    cutoff: Array
    f: Array
    df: Array


@kernel
def gather(geometry: Geometry, shape: Shape, group: Group, number: int) -> Block:
    """Make one of the group's blocks."""
    begin, end, species = group.blocks[number, 0], group.blocks[number, 1], group.blocks[number, 2]
    atoms, rows, frame = group.atoms[begin:end], group.rows[begin:end], group.frame[begin:end]
    width = -(-len(atoms) // LANES) * LANES
    R, radial = _radial_pairs(geometry, shape, atoms, rows, species, width)
    B, angular = _angular_pairs(geometry, shape, atoms, rows, species, width)
    return Block(species, rows, frame, R, B, radial, angular)


@kernel
def _pair_scratch(pairs: PairList, basis: int) -> _PairScratch:
    most, dtype = pairs.most_neighbors, pairs.x.dtype
    return _PairScratch(
        np.empty(most, dtype),
        np.empty((4, most), dtype),
        np.empty((basis, most), dtype),
        np.empty((basis, most), dtype),
    )


@kernel
def _basis_of_atom(pairs: PairList, atom: int, inverse_cutoff: Array, work: _PairScratch) -> None:
    """Fill the scratch for one atom; ``inverse_cutoff`` is by species of the neighbour."""
    start = pairs.start[atom]
    for t in range(len(inverse_cutoff)):
        low, high, first = start[t], start[t + 1], start[0]
        x, y, z = pairs.x[low:high], pairs.y[low:high], pairs.z[low:high]
        measure(
            x, y, z, inverse_cutoff[t], work.r[low - first : high - first], work.cutoff[:, low - first : high - first]
        )
    radial_basis(work.cutoff, start[-1] - start[0], work.f, work.df)


@kernel
def _pair_bounds(start: Integers, atoms: Integers) -> Integers:
    """Bounds of the pairs of some atoms where these follow each other without gaps."""
    n_types = start.shape[1] - 1
    bounds, pair = np.empty((len(atoms), n_types + 1), np.int64), 0
    for i in range(len(atoms)):
        for t in range(n_types + 1):
            bounds[i, t] = pair + start[atoms[i], t] - start[atoms[i], 0]
        pair = bounds[i, n_types]
    return bounds


@kernel
def _radial_pairs(
    geometry: Geometry, shape: Shape, atoms: Integers, rows: Integers, species: int, width: int
) -> tuple[Array, RadialPairs]:
    pairs, basis, n_types = geometry.radial, shape.basis[0], geometry.radial.start.shape[1] - 1
    bounds, dtype, work = _pair_bounds(pairs.start, atoms), pairs.x.dtype, _pair_scratch(geometry.radial, basis)
    n_pairs = bounds[len(atoms) - 1, n_types]
    row, unit, slopes = np.empty(n_pairs, np.int64), np.empty((3, n_pairs), dtype), np.empty((basis, n_pairs), dtype)
    R, own = np.zeros((n_types * basis, width), dtype), np.zeros((9, n_types * basis, width), dtype)
    factor = np.empty((9, pairs.most_neighbors), dtype)
    for i in range(len(atoms)):
        _basis_of_atom(pairs, atoms[i], shape.inverse_cutoff[0, species], work)
        first, shift = pairs.start[atoms[i], 0], rows[i] - atoms[i]
        for q in range(bounds[i, n_types] - bounds[i, 0]):
            r, place = work.r[q], bounds[i, 0] + q
            x, y, z = pairs.x[first + q] / r, pairs.y[first + q] / r, pairs.z[first + q] / r
            unit[0, place], unit[1, place], unit[2, place] = x, y, z
            row[place] = pairs.neighbor[first + q] + shift
            for k in range(basis):
                slopes[k, place] = work.df[k, q]
            _own_factors(x, y, z, r, factor, q)
        for t in range(n_types):
            low, high = bounds[i, t] - bounds[i, 0], bounds[i, t + 1] - bounds[i, 0]
            for k in range(basis):
                R[t * basis + k, i] = work.f[k, low:high].sum()
                slope = work.df[k, low:high]
                for c in range(9):
                    part, total = factor[c, low:high], dtype.type(0.0)
                    for q in range(high - low):
                        total += slope[q] * part[q]
                    own[c, t * basis + k, i] = total
    return R, RadialPairs(bounds, row, unit, slopes, own)


@kernel
def _own_factors(x: float, y: float, z: float, r: float, factor: Array, q: int) -> None:
    """Force and virial (xx yy zz xy yz zx) of a pair's centre for a slope of one."""
    factor[0, q], factor[1, q], factor[2, q] = x, y, z
    factor[3, q], factor[4, q], factor[5, q] = -r * x * x, -r * y * y, -r * z * z
    factor[6, q], factor[7, q], factor[8, q] = -r * x * y, -r * y * z, -r * z * x


@kernel
def _angular_pairs(
    geometry: Geometry, shape: Shape, atoms: Integers, rows: Integers, species: int, width: int
) -> tuple[Array, AngularPairs]:
    pairs, basis, n_types = geometry.angular, shape.basis[1], geometry.angular.start.shape[1] - 1
    places, bounds, slots = _places_by_species(pairs.start, atoms)
    dtype, work, l_max = pairs.x.dtype, _pair_scratch(geometry.angular, basis), shape.l_max
    n_pairs, n_lm = bounds[n_types], l_max * (l_max + 2)
    place, row = np.empty(n_pairs, np.int64), np.empty(n_pairs, np.int64)
    f, df = np.empty((basis, n_pairs), dtype), np.empty((basis, n_pairs), dtype)
    harmonics, vector = np.zeros((slots, 4, n_lm, width), dtype), np.zeros((slots, 4, width), dtype)
    B, density = np.zeros((n_types * basis, n_lm * width), dtype), np.empty((n_types * basis, n_lm), dtype)
    legendre, Y = np.empty((l_max + 2, l_max + 2)), np.empty((4, n_lm))
    for i in range(len(atoms)):
        start, shift = pairs.start[atoms[i]], rows[i] - atoms[i]
        _basis_of_atom(pairs, atoms[i], shape.inverse_cutoff[1, species], work)
        density[:] = dtype.type(0.0)
        for t in range(n_types):
            for p in range(start[t], start[t + 1]):
                q, s = places[i, t] + p - start[t], p - start[0]
                place[q], row[q] = s * width + i, pairs.neighbor[p] + shift
                r = work.r[s]
                x, y, z = pairs.x[p] / r, pairs.y[p] / r, pairs.z[p] / r
                vector[s, 0, i], vector[s, 1, i], vector[s, 2, i], vector[s, 3, i] = x, y, z, r
                real_harmonics(x, y, z, r, shape.norms, legendre, Y)
                for c in range(4):
                    for lm in range(n_lm):
                        harmonics[s, c, lm, i] = Y[c, lm]
                for k in range(basis):
                    f[k, q], df[k, q] = work.f[k, s], work.df[k, s]
                    sums, value = density[t * basis + k], work.f[k, s]
                    for lm in range(n_lm):
                        sums[lm] += dtype.type(value * Y[0, lm])
        for tk in range(n_types * basis):
            for lm in range(n_lm):
                B[tk, lm * width + i] = density[tk, lm]
    return B, AngularPairs(bounds, place, row, f, df, harmonics, vector)


@kernel
def _places_by_species(start: Integers, atoms: Integers) -> tuple[Integers, Integers, int]:
    """First place of each (i, t) where pairs are sorted by t first, bounds of each t, and most pairs of one atom."""
    n_types = start.shape[1] - 1
    places, bounds, pair, slots = np.empty((len(atoms), n_types), np.int64), np.zeros(n_types + 1, np.int64), 0, 0
    for t in range(n_types):
        for i in range(len(atoms)):
            places[i, t] = pair
            pair += start[atoms[i], t + 1] - start[atoms[i], t]
        bounds[t + 1] = pair
    for i in range(len(atoms)):
        slots = max(slots, start[atoms[i], n_types] - start[atoms[i], 0])
    return places, bounds, slots
