"""Site energies, forces and virials of blocks of atoms from positions, in one pass over memory.

The sweep of molecular dynamics: nothing is kept of a pair but its place in a neighbour list. Blocks are rows
``(begin, end, species)`` of positions in ``Chunk.atoms``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_functions import harmonics, radial_functions, unit_vectors
from neptuner.kernels.angular_slots import Slots, fill_slots, make_slots, scratch_size
from neptuner.kernels.angular_sums import energy_slopes, partial_forces
from neptuner.kernels.block_energy import Dense, cut_dense, dense_size, energy_gradient, forward
from neptuner.kernels.block_network import output_sum
from neptuner.kernels.cell_list import NeighborList
from neptuner.kernels.compile import inner_kernel, kernel
from neptuner.kernels.geometry import PairList
from neptuner.kernels.site_forces import angular_forces, radial_forces
from neptuner.kernels.site_pairs import (
    RadialPairs,
    close_pairs,
    cut_pairs,
    cut_radial_pairs,
    radial_densities,
    room_for,
)
from neptuner.kernels.site_weights import SiteWeights
from neptuner.kernels.vectors import BLOCK, LANES
from neptuner.kernels.zbl import add_zbl

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]


class Chunk(NamedTuple):
    """Atoms that one thread takes at a time."""

    atoms: Integers
    """Atoms by species, ``(n,)``."""
    homes: Integers
    """Where among the images each atom itself stands, ``(n,)``."""
    blocks: Longs
    """``(n_blocks, 3)``: begin, end, species."""
    radial: NeighborList
    angular: NeighborList
    scratch: int
    """Numbers of scratch that ``site_sweep`` needs."""


class Sites(NamedTuple):
    """Outputs of a chunk."""

    energies: Floats
    """Site energies, ``(n_atoms,)`` in eV; only those of the chunk's atoms are set."""
    sums: Array
    """Forces and virials to be added up over chunks, ``(n_atoms + 1, 4 or 16)``; the last row is for no atom."""
    virial: Floats
    """Total virial of the chunk, ``(9,)``; only where ``sums`` has no virials."""


class Work(NamedTuple):
    """Scratch of a block."""

    radial: RadialPairs
    angular: PairList
    rows: Array
    """Partial forces and vectors of some pairs, pair by pair."""
    values: Dense
    slopes: Dense
    """Derivatives of the energy by ``values``."""
    D_slopes: Array
    """Series of the derivative of each series of dU/dR, ``(n_types * basis, BLOCK)``."""
    U: Array
    slots: Slots
    order: Longs
    """0, 1, 2 ..."""
    shifts: Longs
    """Nothing but zeros, ``(BLOCK,)``."""


@kernel
def site_scratch(chunk: Chunk, weights: SiteWeights) -> int:
    """Count the numbers of scratch that ``site_sweep`` needs."""
    radial, angular, rows, dense = _sizes(chunk, weights)
    order = np.arange(chunk.atoms.shape[0])
    slots = scratch_size(chunk.angular.start, chunk.blocks, order, weights.terms.rows)
    return radial + angular + rows + 2 * dense + slots


@inner_kernel
def _sizes(chunk: Chunk, weights: SiteWeights) -> tuple[int, int, int, int]:
    """Numbers for radial and angular pairs, for rows of pairs, and for values of a block."""
    radial, most = room_for(chunk.radial.start, chunk.blocks)
    angular, most_angular = room_for(chunk.angular.start, chunk.blocks)
    rows = 8 * max(most + 2 * LANES, (most_angular + 1) * LANES)
    return 6 * radial + 2 * most, 3 * angular, rows, dense_size(weights.series, weights.terms.rows)


@kernel
def site_sweep(x: Floats, origin: Integers, chunk: Chunk, weights: SiteWeights, scratch: Array, out: Sites) -> None:
    """Set site energies of a chunk's atoms, and forces and virials that they give to all atoms.

    Parameters
    ----------
    x
        Positions of atoms and images, ``(n_images, 3)`` in angstrom.
    origin
        Atom of each image.
    chunk
        Atoms and their neighbours.
    weights
        The potential.
    scratch
        Of the precision of the weights, for nobody else meanwhile. It is handed in because new pages of memory cost
        more than a small system.
    out
        Outputs.
    """
    out.sums[:] = out.sums.dtype.type(0.0)
    out.virial[:] = 0.0
    series, terms, networks = weights.series, weights.terms, weights.series.networks
    w = _work(weights, chunk, scratch)
    D, R, slots = w.slopes.R[: w.D_slopes.shape[0]], w.values.R[: w.D_slopes.shape[0]], w.slots
    for b in range(chunk.blocks.shape[0]):
        begin, a = chunk.blocks[b, 0], chunk.blocks[b, 2]
        m, net = chunk.blocks[b, 1] - begin, a if networks.W0.shape[0] > 1 else 0
        radial, angular = terms.inverse_cutoff[0, a], terms.inverse_cutoff[1, a]
        close_pairs(x, origin, chunk.homes, chunk.angular, begin, m, angular, w.angular)
        close_pairs(x, origin, chunk.homes, chunk.radial, begin, m, radial, w.radial.pairs)
        radial_densities(w.radial, m, radial, R)
        fill_slots(w.angular, w.order, w.shifts, 0, m, out.sums.shape[0] - 1, terms.rows, slots)
        radial_functions(angular, series.series[a], series.slopes[a], terms.rows, slots)
        unit_vectors(terms.rows, slots)
        harmonics(terms.harmonics, terms.rows, slots)
        forward(series, terms, a, slots, w.values)
        output_sum(networks.w[net], w.values.h1 if networks.W1.shape[1] == 0 else w.values.h2, w.U)
        energy_gradient(series, terms, a, w.values, w.slopes, D, w.D_slopes)
        energy_slopes(terms.rows, slots, w.slopes.a)
        partial_forces(terms.harmonics, terms.rows, slots)
        for i in range(m):
            energy = w.U[i] - networks.bias[a]
            if weights.zbl.shape[0] > 0:
                energy += add_zbl(w.angular, i, weights.zbl[a], terms.rows, slots)
            out.energies[chunk.atoms[begin + i]] = energy
        angular_forces(terms.rows, slots, chunk.atoms, begin, m, w.rows, out.sums, out.virial)
        radial_forces(w.radial, chunk.atoms, begin, m, D, w.D_slopes, w.rows, out.sums, out.virial)


@inner_kernel
def _work(weights: SiteWeights, chunk: Chunk, scratch: Array) -> Work:
    n_types, rows, order = weights.series.c_radial.shape[0], weights.terms.rows, np.arange(chunk.atoms.shape[0])
    radial, angular, n_rows, dense = _sizes(chunk, weights)
    first, second = radial + angular, radial + angular + n_rows
    last = second + 2 * dense
    scratch[second:last] = scratch.dtype.type(0.0)
    return Work(
        cut_radial_pairs(scratch[:radial], chunk.radial.start, chunk.blocks),
        cut_pairs(scratch[radial:first], angular // 3, n_types),
        scratch[first:second],
        cut_dense(weights.series, rows, scratch[second : second + dense]),
        cut_dense(weights.series, rows, scratch[second + dense : last]),
        np.empty((weights.series.c_radial.shape[2], BLOCK), scratch.dtype),
        np.empty(BLOCK, scratch.dtype),
        make_slots(chunk.angular.start, chunk.blocks, order, rows, scratch[last:]),
        order,
        np.zeros(BLOCK, np.int64),
    )
