"""Pairs of atoms of many frames, in the order the kernels read them: by centre, then by species of the neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import vesin
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.kernels.basis import harmonic_norms, real_harmonics
from neptuner.kernels.compile import kernel
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]
Integers = NDArray[np.int64]


class PairList(NamedTuple):
    """Pairs within one cutoff; the pairs of atom i with neighbours of species t are contiguous."""

    start: Integers
    """``(n_atoms, n_types + 1)``: first pair of (i, t); the last column ends atom i."""
    neighbor: NDArray[np.int32]
    """Index of the neighbour among all atoms, ``(n_pairs,)``."""
    vector: Array
    """Unit vector from the atom to its neighbour and the distance in angstrom, ``(4, n_pairs)``."""
    radial: Array
    """x, dx/dr, fc, dfc/dr, ``(4, n_pairs)``: see ``basis.radial_basis``."""
    most_neighbors: int
    """Most neighbours of one atom."""


class Geometry(NamedTuple):
    """Everything about positions that a NEP of given cutoffs and ``l_max`` needs."""

    frame_start: Integers
    """First atom of each frame and the number of atoms, ``(n_frames + 1,)``."""
    types: NDArray[np.int32]
    """Species of each atom, ``(n_atoms,)``."""
    radial: PairList
    angular: PairList
    harmonics: Array
    """Real harmonics of the angular pairs and their gradients by r, ``(n_pairs, 4, n_harmonics)``."""

    @property
    def n_atoms(self) -> int:
        """Number of atoms of all frames."""
        return len(self.types)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.frame_start) - 1


def build_geometry(frames: Sequence[Frame], settings: Settings, dtype: type[np.floating] = np.float32) -> Geometry:
    """Find the neighbours of every atom and what the kernels need of each pair.

    Parameters
    ----------
    frames
        Structures whose species all stand in ``settings.elements``.
    settings
        Cutoffs, species and ``l_max``.
    dtype
        Precision of the arrays the kernels read; pairs are found in double precision.
    """
    index = {symbol: t for t, symbol in enumerate(settings.elements)}
    types = np.array([index[symbol] for frame in frames for symbol in frame.species], dtype=np.int32)
    frame_start = np.concatenate([[0], np.cumsum([frame.n_atoms for frame in frames])]).astype(np.int64)
    i, j, vectors = _all_pairs(frames, frame_start, float(settings.pair_cutoffs.max()))
    radial = _pair_list(i, j, vectors, types, settings.pair_cutoffs[0], dtype)
    angular = _pair_list(i, j, vectors, types, settings.pair_cutoffs[1], dtype)
    harmonics = np.empty((len(angular.neighbor), 4, settings.n_harmonics), dtype)
    _fill_harmonics(angular.vector.astype(np.float64), harmonic_norms(settings.l_three_body), harmonics)
    return Geometry(frame_start, types, radial, angular, harmonics)


def _all_pairs(frames: Sequence[Frame], frame_start: Integers, cutoff: float) -> tuple[Integers, Integers, Array]:
    neighbors = vesin.NeighborList(cutoff=cutoff, full_list=True)
    firsts, seconds, vectors = [], [], []
    for frame, start in zip(frames, frame_start, strict=False):
        i, j, vector = neighbors.compute(frame.positions, frame.cell, np.array(frame.pbc), quantities="ijD")
        firsts.append(i.astype(np.int64) + start)
        seconds.append(j.astype(np.int64) + start)
        vectors.append(vector)
    return np.concatenate(firsts), np.concatenate(seconds), np.concatenate(vectors)


def _pair_list(
    i: Integers,
    j: Integers,
    vectors: Array,
    types: NDArray[np.int32],
    cutoffs: Array,
    dtype: type[np.floating],
) -> PairList:
    distances = np.linalg.norm(vectors, axis=1)
    pair_cutoff = cutoffs[types[i], types[j]]
    near = np.flatnonzero(distances < pair_cutoff)
    n_types = len(cutoffs)
    key = i[near] * n_types + types[j[near]]
    near = near[np.argsort(key, kind="stable")]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=len(types) * n_types))])
    places = np.arange(len(types))[:, None] * n_types + np.arange(n_types + 1)[None, :]
    r, rc = distances[near], pair_cutoff[near]
    vector = np.concatenate([vectors[near].T / r, r[None, :]]).astype(dtype)
    angle = np.pi * r / rc
    radial = np.stack(
        [
            2.0 * (r / rc - 1.0) ** 2 - 1.0,
            4.0 * (r / rc - 1.0) / rc,
            0.5 * (1.0 + np.cos(angle)),
            -0.5 * np.pi / rc * np.sin(angle),
        ]
    ).astype(dtype)
    start = bounds[places].astype(np.int64)
    most = int((start[:, -1] - start[:, 0]).max(initial=0))
    return PairList(start, j[near].astype(np.int32), vector, radial, most)


@kernel
def _fill_harmonics(vector: Array, norms: Array, harmonics: Array) -> None:
    size = norms.shape[0] + 1
    work, one = np.empty((size, size)), np.empty((4, harmonics.shape[2]))
    for p in range(harmonics.shape[0]):
        real_harmonics(vector[0, p], vector[1, p], vector[2, p], vector[3, p], norms, work, one)
        for part in range(4):
            for m in range(harmonics.shape[2]):
                harmonics[p, part, m] = one[part, m]
