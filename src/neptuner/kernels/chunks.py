"""Neighbour lists of many atoms cut into chunks for threads, and the sweep over all of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.cell_list import Grid, find_neighbors, sort_into_boxes
from neptuner.kernels.compile import kernel
from neptuner.kernels.rows import LANES
from neptuner.kernels.site_sweep import FORCE_ONLY, PADDING, SCRATCH, WITH_VIRIAL, Chunk, Sites, site_sweep
from neptuner.kernels.site_weights import SiteWeights
from neptuner.kernels.threads import run_all

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

BLOCK = 32
"""Most atoms in a block: enough for the networks, few enough for the second-level cache."""

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
    cutoffs: Floats,
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
    cutoffs
        Radial and angular reach of species pairs in angstrom, ``(2, n_types, n_types)``.
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
        If an atom has more angular neighbours than there are lanes.
    """
    n = len(types)
    grid, order = sort_into_boxes(x, types[origin], float(cutoffs.max()))
    homes = np.empty(len(order), np.int32)
    homes[order] = np.arange(len(order), dtype=np.int32)
    atoms = np.lexsort((homes[:n], types)).astype(np.int32)
    pieces = _pieces(n)
    bounds = [n * k // pieces for k in range(pieces + 1)]
    chunks: dict[int, Chunk] = {}

    def fill(k: int) -> None:
        mine, old = atoms[bounds[k] : bounds[k + 1]], before[k] if len(before) == pieces else None
        chunks[k] = _chunk(grid, mine, homes[mine], types[mine], cutoffs, old)

    run_all([partial(fill, k) for k in range(pieces)], threads)
    return [chunks[k] for k in range(pieces)], order


def _pieces(n_atoms: int) -> int:
    """Choose the number of chunks, a power of two so that threads get equal shares."""
    wanted = min(MOST_CHUNKS, n_atoms // ATOMS_IN_CHUNK)
    return 1 << (wanted.bit_length() - 1) if wanted > 1 else 1


def _chunk(
    grid: Grid, atoms: Integers, homes: Integers, types: Integers, cutoffs: Floats, before: Chunk | None
) -> Chunk:
    room = (64 * len(atoms), 16 * len(atoms))
    if before is not None:
        room = (len(before.radial.neighbor), len(before.angular.neighbor))
    radial, angular = find_neighbors(grid, homes, cutoffs, room)
    blocks = _blocks(types, angular.start[:, -1] - angular.start[:, 0])
    return Chunk(atoms, homes, blocks, radial, angular)


def _blocks(types: Integers, neighbors: Longs) -> Longs:
    """Cut atoms sorted by species into blocks whose angular pairs fit the rows of scratch."""
    room = int(LANES) - PADDING
    padded = (neighbors + PADDING - 1) // PADDING * PADDING
    if padded.max(initial=0) > room:
        raise ValueError(f"an atom has {neighbors.max()} angular neighbours, expected at most {room}")
    rows, begin, used = [], 0, 0
    for k, (t, size) in enumerate(zip(types.tolist(), padded.tolist(), strict=True)):
        if k > begin and (t != types[begin] or k - begin == BLOCK or used + size > room):
            rows.append((begin, k, types[begin]))
            begin, used = k, 0
        used += size
    rows.append((begin, len(types), types[begin]))
    return np.array(rows, dtype=np.int64)


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
    width, dtype = WITH_VIRIAL if virials else FORCE_ONLY, weights.c_radial.dtype
    energies, totals = np.zeros(n_atoms), np.zeros((len(chunks), 9))
    sums = (memory or Buffer()).array((len(chunks), n_atoms, width), dtype)
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
    dtype = weights.c_radial.dtype
    scratch: NDArray[np.floating] | None = getattr(_scratch, dtype.char, None)
    if scratch is None:
        scratch = np.zeros(SCRATCH, dtype)
        setattr(_scratch, dtype.char, scratch)
    site_sweep(x, origin, chunk, weights, scratch, out)


_scratch = threading.local()
"""Rows for the sweeps of each thread, by precision."""


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
