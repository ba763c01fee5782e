"""How alike two frames are, whatever the order, the origin and the orientation of their atoms.

Every atom is described by its distances to the nearest atoms of each element, in ascending order. Unlike power spectra
and other smooth invariants, these change in proportion to any small displacement or strain, at sites of high symmetry
too. Distances between frames are given as the root-mean-square displacement of the atoms, in angstrom, that changes
a frame as much: each frame is compared with a copy of itself whose atoms were moved at random. Atoms of a real
trajectory do not move independently: in hot rock-salt oxides distances come out at about 0.6 of the true displacement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.files.elements import ATOMIC_NUMBERS
from neptuner.files.frames import Frame, elements_of
from neptuner.kernels.geometry import Geometry, build_geometry
from neptuner.potential.settings import Settings

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CUTOFF = 6.0
"""Largest distance in angstrom; neighbours that are missing or farther away stand at it."""
NEIGHBORS = 16
"""Nearest atoms of each element that count."""
DISPLACEMENT = 0.05
"""Root-mean-square displacement in angstrom of the copies that distances are measured by."""
SHORT_LIST = 10
"""Frames of most similar averages whose atoms are looked at."""
FRAMES_AT_ONCE = 256


@dataclass(frozen=True)
class Fingerprint:
    """A frame as its atoms see it."""

    elements: frozenset[int]
    """Atomic numbers of the elements of the frame."""
    numbers: Integers
    """Atomic number of each atom, ``(n_atoms,)``."""
    atoms: Floats
    """Sorted distances of each atom to those of each element of the frame, ``(n_atoms, n_elements * NEIGHBORS)``."""
    averages: Floats
    """Their means and standard deviations, element by element, ``(2 * n_elements**2 * NEIGHBORS,)``."""
    gauge: float = float("nan")
    """Distance to a displaced copy over the displacement; nan before it was measured."""


def fingerprints(frames: Sequence[Frame]) -> list[Fingerprint]:
    """Describe frames."""
    elements = elements_of(frames)
    settings = Settings(elements, 4, (CUTOFF, 0.0), (0, 0), (0, 0), (1, 0, 0, 0, 0, 0, 0), (1,))
    order, found = np.array([ATOMIC_NUMBERS[symbol] for symbol in elements]), []
    for low in range(0, len(frames), FRAMES_AT_ONCE):
        some = frames[low : low + FRAMES_AT_ONCE]
        geometry = build_geometry(some, settings)
        distances, numbers = _sorted_distances(geometry), order[geometry.types]
        for begin, end in pairwise(geometry.frame_start.tolist()):
            present = np.unique(geometry.types[begin:end])
            found.append(_fingerprint(numbers[begin:end], distances[begin:end, present].reshape(end - begin, -1)))
    return found


def gauged(prints: Sequence[Fingerprint], frames: Sequence[Frame], rng: np.random.Generator) -> list[Fingerprint]:
    """Measure what turns the distances of fingerprints into displacements, by displaced copies of their frames."""
    copies = fingerprints([_displaced(frame, rng) for frame in frames])
    return [
        replace(one, gauge=atom_distance(one, copy) / DISPLACEMENT) for one, copy in zip(prints, copies, strict=True)
    ]


def atom_distance(one: Fingerprint, other: Fingerprint) -> float:
    """Root-mean-square distance of the atoms of two frames, each to the atom of the other frame most like it.

    The larger one of both directions; infinite if their elements differ. A supercell is at zero from its cell.
    """
    if one.elements != other.elements:
        return float("inf")
    a, b = one.atoms - CUTOFF, other.atoms - CUTOFF
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * (a @ b.T)
    squares[one.numbers[:, None] != other.numbers] = np.inf
    there, back = squares.min(axis=1).mean(), squares.min(axis=0).mean()
    return float(np.sqrt(max(there, back, 0.0) / a.shape[1]))


def nearest(
    queries: Sequence[Fingerprint],
    frames: Sequence[Fingerprint],
    barred: Sequence[object] | None = None,
    labels: Sequence[object] | None = None,
) -> tuple[Integers, Floats]:
    """Find the frame most like each query.

    The atoms of a query are compared with those of the ten frames whose averages are most like its own.

    Parameters
    ----------
    queries
        Fingerprints that were gauged.
    frames
        Fingerprints to look through.
    barred, labels
        A frame whose label is that barred for the query does not count; None: all count.

    Returns
    -------
    Index of the nearest frame, ``(n_queries,)``, -1 where none has the same elements, and its distance in angstrom,
    infinite there.
    """
    index, distance = np.full(len(queries), -1, np.int64), np.full(len(queries), np.inf)
    barred_codes, codes = _codes(barred, labels, len(queries), len(frames))
    by_elements: dict[frozenset[int], list[int]] = defaultdict(list)
    for number, frame in enumerate(frames):
        by_elements[frame.elements].append(number)
    averages = {key: np.array([frames[i].averages for i in members]) for key, members in by_elements.items()}
    squares = {key: np.einsum("nd,nd->n", each, each) for key, each in averages.items()}
    for q, query in enumerate(queries):
        members = np.array(by_elements.get(query.elements, []), np.int64)
        allowed = codes[members] != barred_codes[q]
        if not allowed.any():
            continue
        gaps = squares[query.elements] - 2.0 * (averages[query.elements] @ query.averages)
        chosen = members[allowed][np.argsort(gaps[allowed], kind="stable")[:SHORT_LIST]]
        apart = [atom_distance(query, frames[i]) for i in chosen]
        best = int(np.argmin(apart))
        index[q], distance[q] = chosen[best], _as_displacement(apart[best], query.gauge)
    return index, distance


def _as_displacement(apart: float, gauge: float) -> float:
    if apart == 0.0:
        return 0.0
    return apart / gauge if gauge > 0 else float("inf")


def _codes(
    barred: Sequence[object] | None, labels: Sequence[object] | None, n_queries: int, n_frames: int
) -> tuple[Integers, Integers]:
    """Labels as numbers, which compare faster."""
    if barred is None or labels is None:
        return np.full(n_queries, -1), np.zeros(n_frames, np.int64)
    known: dict[object, int] = {}
    codes = [np.array([known.setdefault(label, len(known)) for label in each], np.int64) for each in (barred, labels)]
    return codes[0], codes[1]


def _sorted_distances(geometry: Geometry) -> Floats:
    """Distances to the nearest atoms of each element in ascending order, ``(n_atoms, n_elements, NEIGHBORS)``."""
    pairs, n_pairs = geometry.radial, int(geometry.radial.start[-1, -1])
    x, y, z = (component[:n_pairs].astype(np.float64) for component in (pairs.x, pairs.y, pairs.z))
    r = np.sqrt(x**2 + y**2 + z**2)
    starts = pairs.start[:, :-1].ravel()
    counts = np.diff(np.append(starts, n_pairs))
    segment = np.repeat(np.arange(len(starts)), counts)
    r = r[np.lexsort((r, segment))]
    rank = np.arange(n_pairs) - starts[segment]
    near = rank < NEIGHBORS
    found = np.full((len(starts), NEIGHBORS), CUTOFF)
    found[segment[near], rank[near]] = r[near]
    return found.reshape(geometry.n_atoms, -1, NEIGHBORS)


def _fingerprint(numbers: Integers, atoms: Floats) -> Fingerprint:
    elements = np.unique(numbers)
    by_element = [atoms[numbers == number] for number in elements]
    averages = [moment for mine in by_element for moment in (mine.mean(axis=0), mine.std(axis=0))]
    return Fingerprint(frozenset(elements.tolist()), numbers, atoms, np.concatenate(averages))


def _displaced(frame: Frame, rng: np.random.Generator) -> Frame:
    step = rng.normal(size=frame.positions.shape)
    step *= DISPLACEMENT / np.sqrt((step**2).sum(axis=1).mean())
    return replace(frame, positions=frame.positions + step)
