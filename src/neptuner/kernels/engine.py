"""Energy, forces, virial and loss gradient of many frames at once: the kernels behind plain functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.kernels.geometry import Geometry, build_geometry
from neptuner.kernels.invariants import invariant_terms, invariants
from neptuner.kernels.sweeps import Densities, Terms, density_sweep, energy_sweep, gradient_sweep
from neptuner.kernels.threads import run_all
from neptuner.kernels.weights import Weights, flatten_gradient, weights_of, zero_gradient
from neptuner.potential.model import Model
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BLOCK = 16
"""Atoms of one species in a block: its densities and their tangents stay in a 512 kB cache."""

CHUNKS = 8
"""Pieces a batch is cut into, whatever the number of threads, so that sums do not depend on it."""


@dataclass(frozen=True)
class Prepared:
    """Frames as the kernels want them: all that does not depend on a trainable number."""

    settings: Settings
    geometry: Geometry
    densities: Densities
    terms: Terms

    @property
    def dtype(self) -> type[np.floating]:
        """Precision of the kernels."""
        return self.geometry.harmonics.dtype.type


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
    """Find neighbours and densities of frames, once for a data set or a step."""
    geometry = build_geometry(frames, settings, dtype)
    rows = [settings.n_types * size for size in settings.basis]
    densities = Densities(
        np.empty((geometry.n_atoms, rows[0]), dtype),
        np.empty((geometry.n_atoms, rows[1], settings.n_harmonics), dtype),
    )
    bounds = np.linspace(0, geometry.n_atoms, CHUNKS + 1).astype(int)
    run_all(
        [partial(density_sweep, geometry, low, high, densities) for low, high in pairwise(bounds) if high > low],
        threads,
    )
    monomials, factors, five_body = invariant_terms(settings, dtype)
    return Prepared(settings, geometry, densities, Terms(settings.l_three_body, monomials, factors, five_body))


def make_batch(prepared: Prepared, frames: Sequence[int] | Integers | None = None) -> Batch:
    """Lay out some frames (all of them by default) for the sweeps."""
    geometry = prepared.geometry
    chosen = np.arange(geometry.n_frames) if frames is None else np.asarray(frames, dtype=np.int64)
    counts = np.diff(geometry.frame_start)[chosen]
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    offsets = np.repeat(geometry.frame_start[chosen] - start[:-1], counts)
    atoms = np.arange(start[-1]) + offsets
    order = np.argsort(geometry.types[atoms], kind="stable")
    blocks = _blocks(geometry.types[atoms[order]], prepared.settings.n_types)
    bounds = np.linspace(0, len(blocks), min(CHUNKS, len(blocks)) + 1).astype(int)
    chunks = tuple(blocks[low:high] for low, high in pairwise(bounds))
    return Batch(chosen, start, atoms[order], -offsets[order], chunks)


def _blocks(sorted_types: NDArray[np.int32], n_types: int) -> Integers:
    ends = np.searchsorted(sorted_types, np.arange(n_types + 1))
    rows = []
    for t, (low, high) in enumerate(pairwise(ends)):
        pieces = -(-(high - low) // BLOCK)
        cuts = np.linspace(low, high, pieces + 1).astype(np.int64) if pieces else np.array([low])
        rows += [(begin, end, t) for begin, end in pairwise(cuts)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def evaluate(prepared: Prepared, weights: Weights, batch: Batch, threads: int = 1) -> Outputs:
    """Evaluate energies, forces and virials of a batch."""
    n, chunks = batch.n_atoms, len(batch.chunks)
    energies = np.zeros(n)
    forces = np.zeros((chunks, n, 3), prepared.dtype)
    virials = np.zeros((n, 6), prepared.dtype)
    run_all(
        [
            partial(
                energy_sweep,
                prepared.geometry,
                prepared.densities,
                weights,
                prepared.terms,
                blocks,
                batch.atoms,
                batch.shifts,
                energies,
                forces[k],
                virials,
            )
            for k, blocks in enumerate(batch.chunks)
        ],
        threads,
    )
    return Outputs(
        np.add.reduceat(energies, batch.start[:-1]),
        forces.sum(axis=0),
        np.add.reduceat(virials.astype(np.float64), batch.start[:-1], axis=0),
    )


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
    virial_tangent = np.repeat(by_virial, counts, axis=0).astype(dtype)
    force_tangent = np.ascontiguousarray(by_forces, dtype)
    parts = [zero_gradient(weights) for _ in batch.chunks]
    run_all(
        [
            partial(
                gradient_sweep,
                prepared.geometry,
                prepared.densities,
                weights,
                prepared.terms,
                blocks,
                batch.atoms,
                batch.shifts,
                energy_tangent,
                force_tangent,
                virial_tangent,
                part,
            )
            for blocks, part in zip(batch.chunks, parts, strict=True)
        ],
        threads,
    )
    return flatten_gradient(prepared.settings, parts)


def descriptors(prepared: Prepared, nep: Model) -> Array:
    """Unscaled descriptors of every atom, ``(n_atoms, dim)``."""
    weights, terms = weights_of(nep, prepared.dtype), prepared.terms
    q = np.empty((nep.settings.dim, prepared.geometry.n_atoms), prepared.dtype)
    functions = nep.settings.functions
    for a in range(nep.settings.n_types):
        mine = np.flatnonzero(prepared.geometry.types == a)
        part = np.empty((nep.settings.dim, len(mine)), prepared.dtype)
        part[: functions[0]] = weights.c_radial[a] @ prepared.densities.radial[mine].T
        A = np.einsum("nr,irm->nim", weights.c_angular[a], prepared.densities.angular[mine], optimize=True)
        lanes = np.ascontiguousarray(A.transpose(2, 0, 1)).reshape(A.shape[2], -1)
        angular = part[functions[0] :].reshape(nep.settings.n_invariants, -1)
        invariants(lanes, terms.l_max, terms.monomials, terms.factors, terms.five_body, angular)
        q[:, mine] = part
    return q.T
