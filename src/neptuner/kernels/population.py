"""Energies, virials and force losses of many potentials of one shape at once: what a generation of SNES asks for.

A batch is cut into groups of whole frames. Only for one group at a time are there forces of every individual, so that
memory does not grow with the data set times the population (``kernels.population_sweep`` has the compiled part).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.engine import Prepared
from neptuner.kernels.pair_functions import harmonic_norms
from neptuner.kernels.population_block import Group, Shape
from neptuner.kernels.population_sweep import Individuals, Sums, Targets, population_sweep
from neptuner.kernels.threads import run_all
from neptuner.potential.parameters import by_centre, unpack
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

GROUP = 512
"""Most atoms of a group, unless one frame has more: their forces for 50 individuals stay near the processor."""

WIDTH = 64
"""Most atoms of a block: long enough for vectors, short enough for its densities to stay in that cache."""


@dataclass(frozen=True)
class PopulationBatch:
    """Some frames of a prepared set, cut into groups."""

    frames: Integers
    start: Integers
    """First row of each frame in the targets, and their number: ``(n_frames + 1,)``."""
    groups: tuple[Group, ...]
    shape: Shape

    @property
    def atoms_per_frame(self) -> Integers:
        """Number of atoms of each frame."""
        return np.diff(self.start)


@dataclass(frozen=True)
class PopulationOutputs:
    """What every individual says about the frames of a batch."""

    energy: Floats
    """Total energies, ``(n_frames, population)`` in eV."""
    virial: Floats
    """Total virials, ``(n_frames, 6, population)`` in eV: xx yy zz xy yz zx."""
    force_square: Floats
    """Weighted squared force errors summed over the atoms of a frame, ``(n_frames, population)`` in (eV/angstrom)^2."""


def make_population_batch(prepared: Prepared, frames: Sequence[int] | Integers | None = None) -> PopulationBatch:
    """Cut some frames (all of them by default) into groups."""
    geometry = prepared.geometry
    chosen = np.arange(geometry.n_frames) if frames is None else np.asarray(frames, dtype=np.int64)
    start, _ = geometry.atoms_of(chosen)
    bounds = _group_bounds(start)
    groups = tuple(_group(prepared, chosen[low:high], low, int(start[low])) for low, high in pairwise(bounds))
    return PopulationBatch(chosen, start, groups, _shape(prepared))


def _shape(prepared: Prepared) -> Shape:
    terms = prepared.terms
    invariants = terms.l_max, terms.monomials, terms.factors, terms.five_body
    return Shape(prepared.settings.basis, terms.inverse_cutoff, harmonic_norms(terms.l_max), *invariants)


def _group_bounds(start: Integers) -> list[int]:
    """Close a group before the frame that would make it too large."""
    bounds = [0]
    for frame in range(1, len(start) - 1):
        if start[frame + 1] - start[bounds[-1]] > GROUP:
            bounds.append(frame)
    return [*bounds, len(start) - 1]


def _group(prepared: Prepared, frames: Integers, first_frame: int, first_row: int) -> Group:
    geometry = prepared.geometry
    start, atoms = geometry.atoms_of(frames)
    frame = np.repeat(np.arange(len(frames)), np.diff(start))
    order = np.argsort(geometry.types[atoms], kind="stable")
    blocks = _blocks(geometry.types[atoms[order]], prepared.settings.n_types)
    return Group(first_frame, first_row, start, blocks, atoms[order], order, frame[order])


def _blocks(sorted_types: NDArray[np.int32], n_types: int) -> Integers:
    """Rows ``(begin, end, species)`` of at most ``WIDTH`` atoms."""
    ends = np.searchsorted(sorted_types, np.arange(n_types + 1))
    rows = [
        (begin, min(begin + WIDTH, high), t)
        for t, (low, high) in enumerate(pairwise(ends))
        for begin in range(low, high, WIDTH)
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def individuals(settings: Settings, values: Array, q_scaler: Floats, dtype: type[np.floating]) -> Individuals:
    """Lay out parameter vectors ``(population, parameter_count)`` for the sweep; ``q_scaler`` is common to all."""
    place = unpack(settings, np.arange(values.shape[1], dtype=np.float64))

    def taken(index: Array) -> Array:
        return np.ascontiguousarray(values[:, index.astype(np.int64)], dtype)

    first, networks = place.hidden[0], settings.n_networks
    second = place.hidden[1] if len(place.hidden) == 2 else None
    W1 = np.empty((networks, 0, first.bias.shape[1])) if second is None else second.weight
    bias = np.repeat(values[:, place.bias.astype(np.int64)], settings.n_types, axis=1).astype(np.float64)
    if place.type_bias is not None:
        bias += values[:, place.type_bias.astype(np.int64)]
    return Individuals(
        taken(by_centre(place.c_radial)),
        taken(by_centre(place.c_angular)),
        np.ascontiguousarray(values[:, first.weight.astype(np.int64)] * q_scaler, dtype),
        taken(first.bias),
        taken(W1),
        taken(np.empty((networks, 0)) if second is None else second.bias),
        taken(place.output),
        bias,
    )


def evaluate_population(
    prepared: Prepared,
    population: Individuals,
    batch: PopulationBatch,
    forces: Array,
    force_weight: Array,
    threads: int = 1,
) -> PopulationOutputs:
    """Evaluate every individual on a batch.

    Parameters
    ----------
    prepared, population, batch
        The data, and what ``individuals`` and ``make_population_batch`` gave.
    forces, force_weight
        Reference forces ``(n_atoms, 3)`` in eV/angstrom and the weight of each atom's squared error ``(n_atoms,)``, in
        the order of the batch.
    threads
        Number of threads; the results do not depend on it.
    """
    dtype = prepared.dtype
    targets = Targets(np.ascontiguousarray(forces, dtype), np.ascontiguousarray(force_weight, dtype))
    shape = (len(batch.frames), population.bias.shape[0])
    sums = Sums(np.zeros(shape), np.zeros((shape[0], 6, shape[1])), np.zeros(shape))
    data = prepared.geometry, batch.shape, population
    run_all([partial(population_sweep, *data, group, targets, sums) for group in batch.groups], threads)
    return PopulationOutputs(sums.energy, sums.virial, sums.force_square)
