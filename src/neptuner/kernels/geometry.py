"""Pairs of atoms of many frames, in the order the kernels read them: by centre, then by species of the neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import vesin
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.kernels.compile import kernel
from neptuner.kernels.threads import run_all
from neptuner.kernels.vectors import LANES
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FRAMES_AT_ONCE = 64
"""Frames whose pairs one thread looks for at a time."""


class PairList(NamedTuple):
    """Pairs within one cutoff; the pairs of atom i with neighbours of species t are contiguous.

    Of a pair nothing is kept but its vector: distances, cutoff functions and harmonics cost less to compute than to
    read from memory. Behind the last pair there is room for a whole vector of numbers.
    """

    start: Integers
    """``(n_atoms, n_types + 1)``: first pair of (i, t); the last column ends atom i."""
    neighbor: NDArray[np.int32]
    """Index of the neighbour among all atoms, ``(n_pairs + LANES,)``."""
    x: Array
    """Components of the vector to the neighbour in angstrom, ``(n_pairs + LANES,)``."""
    y: Array
    z: Array
    most_neighbors: int
    """Most neighbours of one atom."""


class Geometry(NamedTuple):
    """Everything about positions that a NEP of given cutoffs needs."""

    frame_start: Integers
    """First atom of each frame and the number of atoms, ``(n_frames + 1,)``."""
    types: NDArray[np.int32]
    """Species of each atom, ``(n_atoms,)``."""
    radial: PairList
    angular: PairList

    @property
    def n_atoms(self) -> int:
        """Number of atoms of all frames."""
        return len(self.types)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.frame_start) - 1

    def atoms_of(self, frames: Integers) -> tuple[Integers, Integers]:
        """Put the atoms of some frames one after the other.

        Returns
        -------
        First row of each frame and the number of rows, ``(n_frames + 1,)``, and the atom in each row, ``(n_rows,)``.
        """
        counts = np.diff(self.frame_start)[frames]
        start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return start, np.arange(start[-1]) + np.repeat(self.frame_start[frames] - start[:-1], counts)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        pairs = [array for part in (self.radial, self.angular) for array in part[:-1]]
        return sum(array.nbytes for array in (self.frame_start, self.types, *pairs))


def build_geometry(
    frames: Sequence[Frame], settings: Settings, dtype: type[np.floating] = np.float32, threads: int = 1
) -> Geometry:
    """Find the neighbours of every atom.

    Pairs are found frame by frame and brought into their final form at once, so that no more than the pairs of a few
    frames are ever held in another.

    Parameters
    ----------
    frames
        Structures whose species all stand in ``settings.elements``.
    settings
        Cutoffs and species.
    dtype
        Precision of the arrays the kernels read; pairs are found in double precision.
    threads
        Number of threads.
    """
    index = {symbol: t for t, symbol in enumerate(settings.elements)}
    types = np.array([index[symbol] for frame in frames for symbol in frame.species.tolist()], dtype=np.int32)
    frame_start = np.concatenate([[0], np.cumsum([frame.n_atoms for frame in frames])]).astype(np.int64)
    found: list[_Pairs | None] = [None] * len(frames)
    tasks = [
        partial(_find_pairs, frames, range(low, min(low + FRAMES_AT_ONCE, len(frames))), frame_start, types, settings)
        for low in range(0, len(frames), FRAMES_AT_ONCE)
    ]
    run_all([partial(task, np.dtype(dtype), found) for task in tasks], threads)
    radial, angular = (_joined(found, part, settings.n_types, dtype) for part in (0, 1))
    return Geometry(frame_start, types, radial, angular)


class _Pairs(NamedTuple):
    """Pairs of one frame: for either cutoff pairs before each (atom, species), neighbours, and components."""

    start: tuple[Integers, Integers]
    neighbor: tuple[NDArray[np.int32], NDArray[np.int32]]
    vector: tuple[Array, Array]


def _find_pairs(
    frames: Sequence[Frame],
    chosen: range,
    frame_start: Integers,
    types: NDArray[np.int32],
    settings: Settings,
    dtype: np.dtype[np.floating],
    found: list[_Pairs | None],
) -> None:
    cutoffs = settings.pair_cutoffs
    search = vesin.NeighborList(cutoff=float(cutoffs.max()), full_list=True)
    for number in chosen:
        frame, first = frames[number], int(frame_start[number])
        mine = types[first : frame_start[number + 1]]
        i, j, vector = search.compute(frame.positions, frame.cell, np.array(frame.pbc), quantities="ijD")
        i, j = i.astype(np.int32), j.astype(np.int32)
        starts, neighbors, vectors = [], [], []
        for cutoff in cutoffs:
            start = np.zeros(len(mine) * len(cutoff) + 1, np.int64)
            _count_pairs(i, j, vector, mine, cutoff, start)
            neighbor, short = np.empty(start[-1], np.int32), np.empty((3, start[-1]), dtype)
            _sort_pairs(i, j, vector, mine, cutoff, first, start.copy(), neighbor, short)
            starts.append(start)
            neighbors.append(neighbor)
            vectors.append(short)
        found[number] = _Pairs((starts[0], starts[1]), (neighbors[0], neighbors[1]), (vectors[0], vectors[1]))


@kernel
def _is_near(vector: Floats, p: int, cutoff: float) -> bool:
    x, y, z = vector[p, 0], vector[p, 1], vector[p, 2]
    return bool(x * x + y * y + z * z < cutoff * cutoff)


@kernel
def _count_pairs(
    i: NDArray[np.int32],
    j: NDArray[np.int32],
    vector: Floats,
    types: NDArray[np.int32],
    cutoffs: Floats,
    start: Integers,
) -> None:
    """Set ``start[i * n_types + t]`` to the number of pairs before those of atom i with species t."""
    n_types = cutoffs.shape[0]
    for p in range(i.shape[0]):
        t = types[j[p]]
        if _is_near(vector, p, cutoffs[types[i[p]], t]):
            start[i[p] * n_types + t + 1] += 1
    for k in range(start.shape[0] - 1):
        start[k + 1] += start[k]


@kernel
def _sort_pairs(
    i: NDArray[np.int32],
    j: NDArray[np.int32],
    vector: Floats,
    types: NDArray[np.int32],
    cutoffs: Floats,
    first: int,
    place: Integers,
    neighbor: NDArray[np.int32],
    short: Array,
) -> None:
    """Put near pairs into their places; ``place`` is overwritten."""
    n_types = cutoffs.shape[0]
    for p in range(i.shape[0]):
        t = types[j[p]]
        if _is_near(vector, p, cutoffs[types[i[p]], t]):
            q = place[i[p] * n_types + t]
            place[i[p] * n_types + t] = q + 1
            neighbor[q] = first + j[p]
            for axis in range(3):
                short[axis, q] = vector[p, axis]


def _joined(found: Sequence[_Pairs | None], part: int, n_types: int, dtype: type[np.floating]) -> PairList:
    """Join the pairs of all frames; the last numbers are room for a vector that begins at the last pair."""
    pairs = [each for each in found if each is not None]
    ends = np.cumsum([0, *(len(each.neighbor[part]) for each in pairs)])
    neighbor = np.zeros(ends[-1] + LANES, np.int32)
    x, y, z = (np.ones(ends[-1] + LANES, dtype) for _ in range(3))
    for each, (low, high) in zip(pairs, pairwise(ends), strict=True):
        neighbor[low:high] = each.neighbor[part]
        x[low:high], y[low:high], z[low:high] = each.vector[part]
    before = np.concatenate([*(each.start[part][:-1] + low for each, low in zip(pairs, ends, strict=False)), ends[-1:]])
    start = np.empty(((len(before) - 1) // n_types, n_types + 1), np.int64)
    start[:, :-1] = before[:-1].reshape(-1, n_types)
    start[:, -1] = before[n_types::n_types]
    most = int((start[:, -1] - start[:, 0]).max(initial=0))
    return PairList(start, neighbor, x, y, z, most)
