"""Estimates that single wrong frames do not spoil."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame, elements_of

Floats = NDArray[np.float64]

ROUNDS = 20
"""Rounds of reweighting."""
SEVERAL = 4
"""Frames of one composition from which their median is believed: with fewer, half of them may be wrong."""


def fractions(frames: Sequence[Frame]) -> Floats:
    """Part of the atoms of each frame that each element makes up, ``(n_frames, n_elements)``."""
    elements = elements_of(frames)
    return np.array([[np.mean(frame.species == symbol) for symbol in elements] for frame in frames])


def log_volumes(frames: Sequence[Frame]) -> Floats:
    """Logarithm of the volume per atom beyond its median, ``(n_frames, 1)``."""
    logs = np.log([frame.volume / frame.n_atoms for frame in frames])
    return np.asarray(logs - np.median(logs))[:, None]


def without_composition(values: Floats, shares: Floats, also: Floats | None = None) -> Floats:
    """Take from values what the composition explains.

    That is a part linear in the composition, found by least absolute deviations (least squares reweighted with the
    inverse of the deviations come to them), and then the median of each composition that several frames have, since
    mixtures are not ideal.

    Parameters
    ----------
    values
        A number for each frame, ``(n_frames,)``.
    shares
        ``(n_frames, n_elements)``, of :func:`fractions`.
    also
        Other quantities that the values may be linear in, ``(n_frames, n_quantities)``.
    """
    known = shares if also is None else np.hstack([shares, also])
    rest = values - np.median(values)
    for _ in range(ROUNDS):
        floor = 1e-3 * spread(rest) + 1e-12 * (1.0 + np.abs(values).max())
        root = 1.0 / np.sqrt(np.maximum(np.abs(rest), floor))
        offsets = np.linalg.lstsq(known * root[:, None], values * root, rcond=1e-6)[0]
        rest = values - known @ offsets
    classes, count = compositions(shares)
    for k in np.flatnonzero(count >= SEVERAL):
        rest[classes == k] -= np.median(rest[classes == k])
    return rest


def compositions(shares: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number frames by their composition, ``(n_frames,)``, and count those of each one."""
    _, classes, count = np.unique(shares.round(6), axis=0, return_inverse=True, return_counts=True)
    return classes.reshape(-1), count


def unusual(shares: Floats) -> Floats:
    """How many times less certain than usual the linear part is for each composition, ``(n_frames,)``, at least 1.

    The square root of the leverage over its median, and 1 for compositions that several frames have.
    """
    leverage = np.einsum("ni,ij,nj->n", shares, np.linalg.pinv(shares.T @ shares), shares)
    classes, count = compositions(shares)
    times = np.sqrt(leverage / np.median(leverage))
    return np.where(count[classes] >= SEVERAL, 1.0, np.maximum(times, 1.0))


def spread(values: Floats) -> float:
    """Standard deviation of a normal distribution that has this median of absolute values."""
    return 1.4826 * float(np.median(np.abs(values)))
