"""How many neighbours atoms have, and at which distances: the shells that cutoffs should respect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from neptuner.audit.pairs import find_pairs
from neptuner.files.frames import Frame, elements_of

Floats = NDArray[np.float64]

REACH = 9.0
"""Largest distance in angstrom that is looked at."""
BIN = 0.02
"""Width in angstrom in which distances are counted."""
SMOOTH = 0.08
"""Standard deviation in angstrom of the Gaussian that smooths the distribution."""
MOST_ATOMS = 4000
"""Atoms of the frames that are looked at, taken evenly from all."""


@dataclass(frozen=True)
class Neighbours:
    """Distances between atoms."""

    r: Floats
    """Centres of bins in angstrom, ``(n_bins,)``."""
    density: Floats
    """Radial distribution function: pairs over those of atoms spread evenly, smoothed, ``(n_bins,)``."""
    counts: Floats
    """Average number of neighbours of an atom up to the far end of each bin, ``(n_bins,)``."""
    minima: tuple[float, ...]
    """Distances in angstrom where the distribution is lowest between two shells."""

    def within(self, cutoff: float) -> float:
        """Average number of neighbours within a cutoff in angstrom."""
        return float(np.interp(cutoff, self.r + BIN / 2, self.counts))


def find_neighbours(frames: Sequence[Frame]) -> Neighbours:
    """Look at the distances between atoms in frames taken evenly from all."""
    step = max(1, -(-sum(frame.n_atoms for frame in frames) // MOST_ATOMS))
    chosen = frames[::step]
    edges = np.arange(0.0, REACH + BIN / 2, BIN)
    histogram, atoms = np.zeros(len(edges) - 1), 0
    for pairs in find_pairs(chosen, elements_of(chosen), REACH):
        histogram += np.histogram(pairs.distance, edges)[0]
        atoms += len(pairs.types)
    density = sum(frame.n_atoms**2 / frame.volume for frame in chosen) / atoms
    r = edges[:-1] + BIN / 2
    even = 4 * np.pi * r**2 * BIN * density
    distribution = gaussian_filter1d(histogram / atoms / even, SMOOTH / BIN)
    return Neighbours(r, distribution, np.cumsum(histogram) / atoms, _minima(r, distribution))


def _minima(r: Floats, distribution: Floats) -> tuple[float, ...]:
    """Minima behind the first shell that are clearly lower than the peaks on both sides."""
    inside = np.flatnonzero((distribution[1:-1] < distribution[:-2]) & (distribution[1:-1] <= distribution[2:])) + 1
    found: list[float] = []
    begin = 0
    for k in inside.tolist():
        before, after = distribution[begin:k].max(initial=0.0), distribution[k:].max()
        if before > 0.5 and distribution[k] < 0.95 * min(before, after):
            found.append(float(r[k]))
            begin = k
    return tuple(found)
