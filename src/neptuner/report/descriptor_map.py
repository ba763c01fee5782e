"""Frames on a plane: the two directions in which their descriptors differ most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.study.data.frame_distance import NEIGHBORS, Fingerprint

Floats = NDArray[np.float64]


def descriptor_map(prints: Sequence[Fingerprint]) -> tuple[Floats, Floats]:
    """Principal components of the descriptors of frames, without regard to which element is where.

    Compositions have a map of their own: with elements told apart, this one would show little else.

    Parameters
    ----------
    prints
        Fingerprints of the frames.

    Returns
    -------
    Places on the plane, ``(n_frames, 2)``, and the part of the variance that each axis shows, ``(2,)``.
    """
    if not prints:
        return np.zeros((0, 2)), np.zeros(2)
    vectors = _vectors(prints)
    vectors -= vectors.mean(axis=0)
    # Of the matrix of products the smaller one is taken: frames by frames, or components by components.
    wide = vectors.shape[1] > vectors.shape[0]
    values, axes = np.linalg.eigh(vectors @ vectors.T if wide else vectors.T @ vectors)
    values, axes = np.maximum(values[::-1][:2], 0.0), axes[:, ::-1][:, :2]
    places = axes * np.sqrt(values) if wide else vectors @ axes
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    # The sign of an axis means nothing; the farthest frame shall lie at its positive end.
    places *= np.where(places[np.abs(places).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    return places, np.pad(values, (0, 2 - len(values))) / max(float((vectors**2).sum()), 1e-300)


def _vectors(prints: Sequence[Fingerprint]) -> Floats:
    """Means and deviations, over the atoms of a frame, of the distances to the nearest atoms, whatever these are."""
    near = [np.sort(one.atoms, axis=1)[:, :NEIGHBORS] for one in prints]
    return np.array([np.concatenate([atoms.mean(axis=0), atoms.std(axis=0)]) for atoms in near])
