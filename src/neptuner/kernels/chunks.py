"""Neighbour lists of many atoms cut into chunks for threads, and the sweep over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.blocks import species_blocks
from neptuner.kernels.cell_list import Grid, find_neighbors, sort_into_boxes
from neptuner.kernels.compile import kernel
from neptuner.kernels.memory import scratch
from neptuner.kernels.site_forces import FORCE_ONLY, WITH_VIRIAL
from neptuner.kernels.site_sweep import Chunk, Sites, site_scratch, site_sweep
from neptuner.kernels.site_weights import SiteWeights, reaches
from neptuner.kernels.threads import run_all

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

MOST_ANGULAR = 1024
"""Angular neighbours of an atom beyond which a structure is not sensible."""

ATOMS_IN_CHUNK, MOST_CHUNKS = 100, 16
"""Chunks depend on the number of atoms only, so that results do not depend on the number of threads."""

FEW_ATOMS = 2000
"""Below it sums are added up by one thread: waking another takes longer."""


@dataclass(frozen=True)
class SiteOutputs:
    """What a potential says about one structure."""

    energies: Floats
    """Site energies, ``(n_atoms,)`` in eV."""
    forces: Floats
    """``(n_atoms, 3)`` in eV/angstrom."""
    virial: Floats
    """Total virial, ``(3, 3)`` in eV, positive when compressed."""
    virials: Floats | None
    """Per-atom virials in gpumd's bookkeeping, ``(n_atoms, 3, 3)`` in eV, if they were asked for."""

    @property
    def energy(self) -> float:
        """Total energy in eV."""
        return float(self.energies.sum())


class Buffer:
    """Memory used again and again: fresh pages cost more than adding up what is written to them."""

    def __init__(self) -> None:
        self._array: NDArray[np.floating] = np.empty(0)

    def array(self, shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> NDArray[np.floating]:
        """Give an array of a shape and type, holding anything."""
        if self._array.shape != shape or self._array.dtype != dtype:
            self._array = np.empty(shape, dtype)
        return self._array


def make_chunks(
    x: Floats,
    origin: Integers,
    types: Integers,
    weights: SiteWeights,
    skin: float = 0.0,
    *,
    threads: int = 1,
    before: Sequence[Chunk] = (),
) -> tuple[list[Chunk], Integers]:
    """Find the neighbours of all atoms.

    Parameters
    ----------
    x
        Positions of the atoms, which come first, and of their images, ``(n_images, 3)`` in angstrom.
    origin
        Atom of each image, ``(n_images,)``.
    types
        Species of each atom, ``(n_atoms,)``.
    weights
        The potential.
    skin
        Extra reach in angstrom.
    threads
        Number of threads.
    before
        Chunks of the same atoms at an earlier time, for the size of their lists.

    Returns
    -------
    The chunks, and the order into which images must be put for them.

    Raises
    ------
    ValueError
        If an atom has over a thousand angular neighbours.
    """
    n, cutoffs = len(types), reaches(weights) + skin
    grid, order = sort_into_boxes(x, types[origin], float(cutoffs.max()))
    homes = np.empty(len(order), np.int32)
    homes[order] = np.arange(len(order), dtype=np.int32)
    atoms = np.lexsort((homes[:n], types)).astype(np.int32)
    blocks = species_blocks(types[atoms], cutoffs.shape[1])
    pieces = _pieces(n)
    bounds = [len(blocks) * k // pieces for k in range(pieces + 1)]
    chunks: dict[int, Chunk] = {}

    def fill(k: int) -> None:
        mine, old = blocks[bounds[k] : bounds[k + 1]], before[k] if len(before) == pieces else None
        chunk = _chunk(grid, atoms, homes, mine, cutoffs, old)
        chunks[k] = chunk._replace(scratch=site_scratch(chunk, weights))

    run_all([partial(fill, k) for k in range(pieces)], threads)
    return [chunks[k] for k in range(pieces)], order


def _pieces(n_atoms: int) -> int:
    """Choose the number of chunks, a power of two so that threads get equal shares."""
    wanted = min(MOST_CHUNKS, n_atoms // ATOMS_IN_CHUNK)
    return 1 << (wanted.bit_length() - 1) if wanted > 1 else 1


def _chunk(grid: Grid, atoms: Integers, homes: Integers, blocks: Longs, cutoffs: Floats, before: Chunk | None) -> Chunk:
    first, last = blocks[0, 0], blocks[-1, 1]
    mine = atoms[first:last]
    room = (64 * len(mine), 16 * len(mine))
    if before is not None:
        room = (len(before.radial.neighbor), len(before.angular.neighbor))
    radial, angular = find_neighbors(grid, homes[mine], cutoffs, room)
    most = (angular.start[:, -1] - angular.start[:, 0]).max()
    if most > MOST_ANGULAR:
        raise ValueError(f"an atom has {most} angular neighbours, expected at most {MOST_ANGULAR}")
    return Chunk(mine, homes[mine], blocks - np.array([first, first, 0]), radial, angular, 0)


def sweep_chunks(
    x: Floats,
    origin: Integers,
    n_atoms: int,
    chunks: Sequence[Chunk],
    weights: SiteWeights,
    *,
    virials: bool = True,
    threads: int = 1,
    memory: Buffer | None = None,
) -> SiteOutputs:
    """Evaluate a potential on atoms whose neighbours are known.

    Parameters
    ----------
    x, origin
        Positions and atoms of images in the order that ``make_chunks`` says.
    n_atoms
        Number of atoms.
    chunks
        Of ``make_chunks``; the atoms may have moved since.
    weights
        The potential.
    virials
        Whether per-atom virials are wanted, not only their sum.
    threads
        Number of threads; results do not depend on it.
    memory
        Where sums were kept in the last call, to be used again.
    """
    width, dtype = WITH_VIRIAL if virials else FORCE_ONLY, weights.dtype
    energies, totals = np.zeros(n_atoms), np.zeros((len(chunks), 9))
    sums = (memory or Buffer()).array((len(chunks), n_atoms + 1, width), dtype)
    tasks = [
        partial(_sweep, x, origin, chunk, weights, Sites(energies, part, total))
        for chunk, part, total in zip(chunks, sums, totals, strict=True)
    ]
    run_all(tasks, threads)
    forces, each = np.empty((n_atoms, 3)), np.empty((n_atoms if virials else 0, 3, 3))
    parts = len(chunks) if n_atoms > FEW_ATOMS else 1
    bounds = [n_atoms * k // parts for k in range(parts + 1)]
    run_all([partial(_add_up, sums, low, high, forces, each) for low, high in pairwise(bounds)], threads)
    total = each.sum(axis=0) if virials else totals.sum(axis=0).reshape(3, 3)
    return SiteOutputs(energies, forces, total, each if virials else None)


def _sweep(x: Floats, origin: Integers, chunk: Chunk, weights: SiteWeights, out: Sites) -> None:
    site_sweep(x, origin, chunk, weights, scratch(chunk.scratch, weights.dtype), out)


@kernel
def _add_up(sums: NDArray[np.floating], low: int, high: int, forces: Floats, virials: Floats) -> None:
    """Add up the sums of all chunks, in their order and in double precision, for atoms low <= i < high."""
    for i in range(low, high):
        for axis in range(3):
            total = 0.0
            for part in range(sums.shape[0]):
                total += sums[part, i, axis]
            forces[i, axis] = total
    if virials.shape[0] == 0:
        return
    for i in range(low, high):
        for axis in range(3):
            for other in range(3):
                total = 0.0
                for part in range(sums.shape[0]):
                    total += sums[part, i, 4 + 4 * axis + other]
                virials[i, axis, other] = total
