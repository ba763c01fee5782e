"""A potential evaluated again and again on the same atoms, as molecular dynamics does: a neighbour list with a skin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.chunks import Buffer, SiteOutputs, make_chunks, sweep_chunks
from neptuner.kernels.images import Images, find_images, full_cell, largest_displacement, place_images, sorted_images
from neptuner.kernels.site_sweep import Chunk
from neptuner.kernels.site_weights import SiteWeights, reaches

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True)
class _Lists:
    """All that lasts until the atoms have moved by half the skin."""

    images: Images
    x: Floats
    """Positions of the images when the lists were made."""
    chunks: list[Chunk]
    positions: Floats
    """Of the atoms, then."""
    cell: Floats


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
        self._memory = Buffer()

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
        n = len(self.types)
        if n == 0:
            return SiteOutputs(np.zeros(0), np.zeros((0, 3)), np.zeros((3, 3)), np.zeros((0, 3, 3)))
        positions, cell = np.ascontiguousarray(positions, np.float64), full_cell(cell, self.pbc)
        lists, x = self._moved(positions, cell)
        return sweep_chunks(
            x,
            lists.images.origin,
            n,
            lists.chunks,
            self.weights,
            virials=self.virials,
            threads=self.threads,
            memory=self._memory,
        )

    @property
    def anchor(self) -> tuple[Floats, Floats] | None:
        """Positions and cell for which the lists were made; sums are in the order of the lists."""
        return None if self._lists is None else (self._lists.positions, self._lists.cell)

    def restore(self, anchor: tuple[Floats, Floats]) -> None:
        """Make the lists of an earlier evaluator again, so that results go on to the bit."""
        self._lists = self._rebuilt(*anchor)

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
        images = find_images(positions, cell, self.pbc, float(reaches(self.weights).max()) + self.skin)
        x = np.empty((len(images.origin), 3))
        place_images(positions, cell, images.origin, images.shift, x)
        before = self._lists.chunks if self._lists else ()
        chunks, order = make_chunks(
            x, images.origin, self.types, self.weights, self.skin, threads=self.threads, before=before
        )
        return _Lists(sorted_images(images, order), x[order], chunks, positions.copy(), cell.copy())
