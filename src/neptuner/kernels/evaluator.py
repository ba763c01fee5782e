"""A potential evaluated again and again on the same atoms, as molecular dynamics does: a neighbour list with a skin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.cell_list import Grid, find_neighbors, sort_into_boxes
from neptuner.kernels.compile import kernel
from neptuner.kernels.images import Images, find_images, full_cell, largest_displacement, place_images
from neptuner.kernels.rows import LANES
from neptuner.kernels.site_sweep import FORCE_ONLY, WITH_VIRIAL, Chunk, Sites, site_sweep
from neptuner.kernels.site_weights import SiteWeights
from neptuner.kernels.threads import run_all

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

BLOCK = 16
"""Most atoms in a block: enough for the networks, few enough for the second-level cache."""

ATOMS_IN_CHUNK, MOST_CHUNKS = 64, 16
"""Chunks depend on the number of atoms only, so that results do not depend on the number of threads."""


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


@dataclass(frozen=True)
class _Lists:
    """All that lasts until the atoms have moved by half the skin."""

    images: Images
    x: Floats
    """Positions of the images when the lists were made."""
    chunks: tuple[Chunk, ...]


class Evaluator:
    """Energy, forces and virials of one structure while its atoms and cell move."""

    def __init__(
        self,
        weights: SiteWeights,
        types: Integers,
        pbc: Sequence[bool] = (True, True, True),
        *,
        skin: float = 1.0,
        threads: int = 1,
        virials: bool = True,
    ) -> None:
        """Prepare for a structure.

        Parameters
        ----------
        weights
            The potential; its precision is that of all work on pairs.
        types
            Species of each atom, ``(n_atoms,)``.
        pbc
            Periodic directions.
        skin
            Extra reach of neighbour lists in angstrom; 0 makes new lists for every call.
        threads
            Number of threads.
        virials
            Whether per-atom virials are wanted, not only their sum.
        """
        self.weights, self.types, self.pbc = weights, np.ascontiguousarray(types, np.int32), tuple(pbc)
        self.skin, self.threads, self.virials = skin, threads, virials
        self.rebuilds = 0
        self._lists: _Lists | None = None

    def evaluate(self, positions: Floats, cell: Floats) -> SiteOutputs:
        """Evaluate the potential.

        Parameters
        ----------
        positions
            ``(n_atoms, 3)`` in angstrom, anywhere.
        cell
            Lattice vectors in angstrom, one a row.

        Raises
        ------
        ValueError
            If periodic lattice vectors are linearly dependent, or an atom has over a thousand angular neighbours.
        """
        positions, cell = np.ascontiguousarray(positions, np.float64), full_cell(cell, self.pbc)
        lists, x = self._moved(positions, cell)
        n, width = len(self.types), WITH_VIRIAL if self.virials else FORCE_ONLY
        dtype = self.weights.c_radial.dtype
        energies = np.zeros(n)
        sums = np.zeros((len(lists.chunks), n, width), dtype)
        outs = [Sites(energies, part, np.zeros(9)) for part in sums]
        run_all(
            [
                partial(site_sweep, x, lists.images.origin, chunk, self.weights, out)
                for chunk, out in zip(lists.chunks, outs, strict=True)
            ],
            self.threads,
        )
        return self._added_up(energies, sums, outs)

    def neighbor_counts(self) -> tuple[Longs, Longs]:
        """Listed radial and angular neighbours of each atom, those in the skin included."""
        counts = np.zeros((2, len(self.types)), np.int64)
        for chunk in self._lists.chunks if self._lists else ():
            for row, neighbors in enumerate((chunk.radial, chunk.angular)):
                counts[row, chunk.atoms] = neighbors.start[:, -1] - neighbors.start[:, 0]
        return counts[0], counts[1]

    def _moved(self, positions: Floats, cell: Floats) -> tuple[_Lists, Floats]:
        """Give the lists for these positions, and the positions of all images."""
        if self._lists is not None and self.skin > 0.0:
            images = self._lists.images
            x = np.empty_like(self._lists.x)
            place_images(positions, cell, images.origin, images.shift, x)
            if largest_displacement(x, self._lists.x) < 0.5 * self.skin:
                return self._lists, x
        self._lists = self._rebuilt(positions, cell)
        return self._lists, self._lists.x

    def _rebuilt(self, positions: Floats, cell: Floats) -> _Lists:
        self.rebuilds += 1
        cutoffs = 1.0 / self.weights.inverse_cutoff.astype(np.float64) * (1.0 + 1e-6) + self.skin
        reach = float(cutoffs.max())
        images = find_images(positions, cell, self.pbc, reach)
        x = np.empty((len(images.origin), 3))
        place_images(positions, cell, images.origin, images.shift, x)
        types = self.types[images.origin]
        grid = sort_into_boxes(x, types, reach)
        atoms = np.lexsort((grid.box[: len(self.types)], self.types)).astype(np.int32)
        pieces = max(1, min(MOST_CHUNKS, len(atoms) // ATOMS_IN_CHUNK))
        bounds = np.linspace(0, len(atoms), pieces + 1).astype(int)
        chunks: list[Chunk | None] = [None] * pieces

        def fill(k: int) -> None:
            before = self._lists.chunks[k] if self._lists and len(self._lists.chunks) == pieces else None
            chunks[k] = _chunk(grid, x, types, atoms[bounds[k] : bounds[k + 1]], cutoffs, before)

        run_all([partial(fill, k) for k in range(pieces)], self.threads)
        return _Lists(images, x, tuple(chunk for chunk in chunks if chunk is not None))

    def _added_up(self, energies: Floats, sums: Floats, outs: list[Sites]) -> SiteOutputs:
        n = len(energies)
        forces, virials = np.empty((n, 3)), np.empty((n if self.virials else 0, 3, 3))
        bounds = np.linspace(0, n, len(outs) + 1).astype(int)
        run_all(
            [partial(_add_up, sums, low, high, forces, virials) for low, high in pairwise(bounds)],
            self.threads,
        )
        if self.virials:
            return SiteOutputs(energies, forces, virials.sum(axis=0), virials)
        virial = np.sum([out.virial for out in outs], axis=0).reshape(3, 3)
        return SiteOutputs(energies, forces, virial, None)


def _chunk(grid: Grid, x: Floats, types: Integers, atoms: Integers, cutoffs: Floats, before: Chunk | None) -> Chunk:
    room = (0, 0) if before is None else (len(before.radial.neighbor), len(before.angular.neighbor))
    radial, angular = find_neighbors(grid, x, types, atoms, cutoffs, room)
    return Chunk(atoms, _blocks(types[atoms], angular.start[:, -1] - angular.start[:, 0]), radial, angular)


def _blocks(types: Integers, neighbors: Longs) -> Longs:
    """Cut atoms sorted by species into blocks whose angular pairs fit the rows of scratch."""
    room = int(LANES) - 16
    padded = (neighbors + 7) // 8 * 8
    if padded.max(initial=0) > room:
        raise ValueError(f"an atom has {neighbors.max()} angular neighbours, expected at most {room}")
    rows, begin, used = [], 0, 0
    for k in range(len(types)):
        if k > begin and (types[k] != types[begin] or k - begin == BLOCK or used + padded[k] > room):
            rows.append((begin, k, types[begin]))
            begin, used = k, 0
        used += padded[k]
    rows.append((begin, len(types), types[begin]))
    return np.array(rows, dtype=np.int64)


@kernel
def _add_up(sums: Floats, low: int, high: int, forces: Floats, virials: Floats) -> None:
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
