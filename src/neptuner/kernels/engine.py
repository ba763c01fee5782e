"""Energy, forces, virial and loss gradient of many frames at once: the kernels behind plain functions."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.kernels.angular_slots import scratch_size
from neptuner.kernels.block_energy import Terms, dense_size, terms_of
from neptuner.kernels.blocks import species_blocks
from neptuner.kernels.geometry import Geometry, build_geometry
from neptuner.kernels.memory import array, scratch
from neptuner.kernels.sweeps import (
    Part,
    density_sweep,
    descriptor_sweep,
    energy_sweep,
    gradient_sweep,
)
from neptuner.kernels.threads import run_all
from neptuner.kernels.training_weights import TrainingWeights, from_chebyshev, training_weights
from neptuner.kernels.weights import Weights, flatten_gradient, part_of, total_gradient, weights_of, zero_gradients
from neptuner.potential.model import Model
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CHUNKS = 8
"""Pieces a batch is cut into, whatever the number of threads, so that sums do not depend on it."""

MOST_KEPT = 64 * 2**20
"""Bytes of values of a batch that are kept from ``evaluate`` to ``gradient``; those of more are computed again."""


@dataclass(frozen=True)
class Prepared:
    """Frames as the kernels want them: all that does not depend on a trainable number."""

    settings: Settings
    geometry: Geometry
    radial: Array
    """Sums of fc T_k over the radial neighbours of each species, ``(n_atoms, n_types * basis)``."""
    terms: Terms

    @property
    def dtype(self) -> type[np.floating]:
        """Precision of the kernels."""
        return self.radial.dtype.type

    @property
    def stored(self) -> str:
        """What is stored, everything else being computed from it in every step."""
        return "vectors of pairs, radial densities"

    @property
    def nbytes(self) -> int:
        """Bytes of all that is stored."""
        return self.geometry.nbytes + self.radial.nbytes


@dataclass(frozen=True)
class Batch:
    """Some frames of a prepared set, their atoms sorted by species and cut into blocks."""

    frames: Integers
    start: Integers
    """First row of each frame in the outputs, and their number: ``(n_frames + 1,)``."""
    atoms: Integers
    shifts: Integers
    chunks: tuple[Integers, ...]
    """Blocks ``(begin, end, species)`` of each chunk."""
    scratch: int
    """Numbers of scratch that the largest block needs."""

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.atoms)

    @property
    def atoms_per_frame(self) -> Integers:
        """Number of atoms of each frame."""
        return np.diff(self.start)


@dataclass(frozen=True)
class Outputs:
    """What a potential says about the frames of a batch."""

    energy: Floats
    """Total energies, ``(n_frames,)`` in eV."""
    forces: Array
    """``(n_atoms, 3)`` in eV/angstrom, in the order of the frames."""
    virial: Floats
    """Total virials, ``(n_frames, 6)`` in eV: xx yy zz xy yz zx."""


def prepare(
    frames: Sequence[Frame], settings: Settings, *, dtype: type[np.floating] = np.float32, threads: int = 1
) -> Prepared:
    """Find neighbours and radial densities of frames, once for a data set or a step."""
    geometry = build_geometry(frames, settings, dtype, threads)
    terms = terms_of(settings, dtype)
    radial = np.empty((geometry.n_atoms, settings.n_types * settings.basis[0]), dtype)
    bounds = np.linspace(0, geometry.n_atoms, CHUNKS + 1).astype(int)
    run_all(
        [partial(density_sweep, geometry, terms, low, high, radial) for low, high in pairwise(bounds) if high > low],
        threads,
    )
    return Prepared(settings, geometry, radial, terms)


def make_batch(prepared: Prepared, frames: Sequence[int] | Integers | None = None) -> Batch:
    """Lay out some frames (all of them by default) for the sweeps."""
    geometry = prepared.geometry
    chosen = np.arange(geometry.n_frames) if frames is None else np.asarray(frames, dtype=np.int64)
    start, atoms = geometry.atoms_of(chosen)
    neighbors = geometry.angular.start[atoms, -1] - geometry.angular.start[atoms, 0]
    # eight atoms with as many neighbours need fewest slots
    order = np.lexsort((neighbors, geometry.types[atoms]))
    blocks = species_blocks(geometry.types[atoms[order]], prepared.settings.n_types)
    bounds = np.linspace(0, len(blocks), min(CHUNKS, len(blocks)) + 1).astype(int)
    chunks = tuple(blocks[low:high] for low, high in pairwise(bounds))
    scratch_needed = scratch_size(geometry.angular.start, blocks, atoms[order], prepared.terms.rows)
    return Batch(chosen, start, atoms[order], order - atoms[order], chunks, scratch_needed)


def evaluate(prepared: Prepared, weights: Weights, batch: Batch, threads: int = 1) -> Outputs:
    """Evaluate energies, forces and virials of a batch."""
    n, dtype = batch.n_atoms, np.dtype(prepared.dtype)
    series, kept = _kept(prepared, weights, batch)
    energies, virials = np.zeros(n), np.zeros((n, 6), dtype)
    forces = array("forces", (len(batch.chunks), n + 1, 3), dtype)

    def sweep(number: int) -> None:
        part = Part(batch.chunks[number], batch.atoms, batch.shifts)
        energy_sweep(
            prepared.geometry,
            prepared.radial,
            series,
            prepared.terms,
            part,
            scratch(batch.scratch, np.dtype(prepared.dtype)),
            kept[number],
            energies,
            forces[number],
            virials,
        )

    run_all([partial(sweep, number) for number in range(len(batch.chunks))], threads)
    _last.step = (prepared, weights, batch, series, kept)
    return Outputs(
        np.add.reduceat(energies, batch.start[:-1]),
        forces[:, :n].sum(axis=0),
        np.add.reduceat(virials.astype(np.float64), batch.start[:-1], axis=0),
    )


_last = threading.local()
"""What ``evaluate`` of this thread has kept: everything it depends on, parameters rewritten, and values of blocks."""


def _kept(prepared: Prepared, weights: Weights, batch: Batch) -> tuple[TrainingWeights, list[Array]]:
    """Rewrite parameters and find room for the values of blocks: for one block a chunk, if those of all are too many.

    Memory of the step before is used again.
    """
    _last.step = None
    series = training_weights(weights)
    size = dense_size(series, prepared.terms.rows)
    counts = [len(blocks) for blocks in batch.chunks]
    if sum(counts) * size * np.dtype(prepared.dtype).itemsize > MOST_KEPT:
        counts = [1] * len(counts)
    ends = np.cumsum([0, *counts])
    room = array("kept", (int(ends[-1]), size), np.dtype(prepared.dtype))
    return series, [room[low:high] for low, high in pairwise(ends)]


def _known(prepared: Prepared, weights: Weights, batch: Batch) -> tuple[TrainingWeights, list[Array]]:
    """Give what ``evaluate`` has kept if it was called last with the same arguments; else no values."""
    step = getattr(_last, "step", None)
    if step is not None and step[0] is prepared and step[1] is weights and step[2] is batch:
        return step[3], step[4]
    return training_weights(weights), [np.empty((0, 1), prepared.dtype) for _ in batch.chunks]


def gradient(
    prepared: Prepared,
    weights: Weights,
    batch: Batch,
    by_energy: Floats,
    by_forces: Array,
    by_virial: Floats,
    threads: int = 1,
) -> Floats:
    """Derivative of a loss by every parameter, from its derivatives by the outputs.

    Right after ``evaluate`` with the same objects it goes on from what that has computed; the numbers in them must not
    have been changed in between.

    Parameters
    ----------
    prepared, weights, batch
        As for ``evaluate``.
    by_energy, by_forces, by_virial
        Derivatives by total energies ``(n_frames,)``, forces ``(n_atoms, 3)`` and total virials ``(n_frames, 6)``.

    Returns
    -------
    ``(parameter_count,)`` in the order of ``nep.txt``.
    """
    counts, dtype = batch.atoms_per_frame, prepared.dtype
    energy_tangent = np.repeat(by_energy, counts).astype(dtype)
    virial_tangent = np.repeat(by_virial.astype(dtype), counts, axis=0)
    force_tangent = np.zeros((batch.n_atoms + 1, 3), dtype)
    force_tangent[:-1] = by_forces
    gradients = zero_gradients(weights, len(batch.chunks))
    series, kept = _known(prepared, weights, batch)

    def sweep(number: int) -> None:
        part = Part(batch.chunks[number], batch.atoms, batch.shifts)
        gradient_sweep(
            prepared.geometry,
            prepared.radial,
            series,
            prepared.terms,
            part,
            scratch(batch.scratch, np.dtype(prepared.dtype)),
            kept[number],
            energy_tangent,
            force_tangent,
            virial_tangent,
            part_of(gradients, number),
        )

    run_all([partial(sweep, number) for number in range(len(batch.chunks))], threads)
    total, n_types = total_gradient(gradients), prepared.settings.n_types
    by_radial, by_angular = (from_chebyshev(c, n_types) for c in (total.c_radial, total.c_angular))
    return flatten_gradient(prepared.settings, total._replace(c_radial=by_radial, c_angular=by_angular))


def descriptors(prepared: Prepared, nep: Model) -> Array:
    """Unscaled descriptors of every atom, ``(n_atoms, dim)``."""
    series, batch = training_weights(weights_of(nep, prepared.dtype)), make_batch(prepared)
    q = np.empty((batch.n_atoms, nep.settings.dim), prepared.dtype)
    for blocks in batch.chunks:
        part = Part(blocks, batch.atoms, batch.shifts)
        room = scratch(batch.scratch, np.dtype(prepared.dtype))
        descriptor_sweep(prepared.geometry, prepared.radial, series, prepared.terms, part, room, q)
    return q
