"""Pairs of atoms for the tests of an audit: every periodic image within a cutoff, as in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import vesin
from numpy.typing import NDArray

from neptuner.files.frames import Frame

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PERIODIC = np.array([True, True, True])
ATOMS_AT_ONCE = 2000
"""Frames are taken together until they hold so many atoms."""


@dataclass(frozen=True)
class Pairs:
    """Ordered pairs, each in both directions, of some frames that follow one another."""

    first: int
    """Index of the first of these frames among all."""
    start: Integers
    """First atom of each frame, and the number of atoms, ``(n_frames + 1,)``."""
    types: Integers
    """Index of the element of each atom, ``(n_atoms,)``."""
    i: Integers
    """Atom in the centre, ``(n_pairs,)``, counted from the first atom of these frames."""
    j: Integers
    """Its neighbour."""
    vector: Floats
    """From i to j in angstrom, ``(n_pairs, 3)``."""
    distance: Floats
    """``(n_pairs,)``, in angstrom."""

    @property
    def n_frames(self) -> int:
        """Number of these frames."""
        return len(self.start) - 1

    @property
    def frame(self) -> Integers:
        """Frame of each atom, ``(n_atoms,)``, counted from the first of these."""
        return np.repeat(np.arange(self.n_frames), np.diff(self.start))


def find_pairs(frames: Sequence[Frame], elements: Sequence[str], cutoff: float) -> Iterator[Pairs]:
    """Find the pairs of all frames, some frames at a time.

    Parameters
    ----------
    frames
        Structures; they are periodic in all directions, as in training.
    elements
        Elements by their index; all that occur.
    cutoff
        Largest distance in angstrom.
    """
    search = vesin.NeighborList(cutoff=cutoff, full_list=True)
    index = {symbol: t for t, symbol in enumerate(elements)}
    for low, high in _portions(frames):
        some = frames[low:high]
        start = np.array([0, *accumulate(frame.n_atoms for frame in some)], np.int64)
        found = [search.compute(frame.positions, frame.cell, PERIODIC, quantities="ijDd") for frame in some]
        i, j = (
            np.concatenate([each[k].astype(np.int64) + first for each, first in zip(found, start, strict=False)])
            for k in (0, 1)
        )
        types = np.array([index[symbol] for frame in some for symbol in frame.species.tolist()], np.int64)
        vector, distance = (np.concatenate([each[k] for each in found]) for k in (2, 3))
        yield Pairs(low, start, types, i, j, vector, distance)


def _portions(frames: Sequence[Frame]) -> Iterator[tuple[int, int]]:
    low, atoms = 0, 0
    for k, frame in enumerate(frames):
        atoms += frame.n_atoms
        if atoms >= ATOMS_AT_ONCE or k + 1 == len(frames):
            yield low, k + 1
            low, atoms = k + 1, 0
