"""Estimates that single wrong frames do not spoil."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.pairs import elements_of
from neptuner.files.frames import Frame

Floats = NDArray[np.float64]

ROUNDS = 20
"""Rounds of reweighting."""


def fractions(frames: Sequence[Frame]) -> Floats:
    """Part of the atoms of each frame that each element makes up, ``(n_frames, n_elements)``."""
    elements = elements_of(frames)
    return np.array([[np.mean(frame.species == symbol) for symbol in elements] for frame in frames])


def without_composition(values: Floats, shares: Floats) -> Floats:
    """Take from values the part that is linear in the composition, by least absolute deviations.

    Least squares reweighted with the inverse of the deviations come to least absolute ones.

    Parameters
    ----------
    values
        A number for each frame, ``(n_frames,)``.
    shares
        ``(n_frames, n_elements)``, of :func:`fractions`.
    """
    rest = values - np.median(values)
    for _ in range(ROUNDS):
        floor = 1e-3 * spread(rest) + 1e-12 * (1.0 + np.abs(values).max())
        root = 1.0 / np.sqrt(np.maximum(np.abs(rest), floor))
        offsets = np.linalg.lstsq(shares * root[:, None], values * root, rcond=1e-6)[0]
        rest = values - shares @ offsets
    return rest


def spread(values: Floats) -> float:
    """Standard deviation of a normal distribution that has this median of absolute values."""
    return 1.4826 * float(np.median(np.abs(values)))
