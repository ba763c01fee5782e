"""A potential evaluated once on many frames: one neighbour search and one sweep for some thousands of atoms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.kernels.chunks import make_chunks, sweep_chunks
from neptuner.kernels.engine import Outputs
from neptuner.kernels.images import find_images, full_cell, place_images
from neptuner.kernels.site_weights import SiteWeights, reaches, site_weights
from neptuner.potential.model import Model

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

VOIGT = ((0, 1, 2, 0, 1, 2), (0, 1, 2, 1, 2, 0))
"""Rows and columns of xx yy zz xy yz zx."""


def predict(
    model: Model,
    frames: Sequence[Frame],
    *,
    dtype: type[np.floating] = np.float32,
    threads: int = 1,
    atoms_at_once: int = 4000,
) -> Outputs:
    """Evaluate a potential on frames.

    Parameters
    ----------
    model
        The potential.
    frames
        Structures whose species the potential knows; they are periodic as each says.
    dtype
        Precision of the work on pairs.
    threads
        Number of threads; results do not depend on it.
    atoms_at_once
        Atoms in a sweep, so that memory stays small.

    Raises
    ------
    InputError
        For a frame whose cell has no volume, or with too many neighbours.
    """
    weights = site_weights(model, dtype)
    parts = [_predict_group(model, weights, group, threads) for group in _groups(frames, atoms_at_once)]
    energy, forces, virial = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Outputs(energy, forces.astype(dtype), virial)


def _predict_group(
    model: Model, weights: SiteWeights, frames: list[Frame], threads: int
) -> tuple[Floats, Floats, Floats]:
    index = {symbol: t for t, symbol in enumerate(model.settings.elements)}
    types = np.array([index[symbol] for frame in frames for symbol in frame.species.tolist()], dtype=np.int32)
    start = np.concatenate([[0], np.cumsum([frame.n_atoms for frame in frames])])
    x, origin = _side_by_side(frames, start, float(reaches(weights).max()))
    try:
        chunks, order = make_chunks(x, origin, types, weights, threads=threads)
    except ValueError as error:
        raise InputError(f"{error}; are these atoms at sensible distances?", path=frames[0].path) from None
    outputs = sweep_chunks(x[order], origin[order], len(types), chunks, weights, threads=threads)
    assert outputs.virials is not None
    virial = np.add.reduceat(outputs.virials, start[:-1], axis=0)
    return np.add.reduceat(outputs.energies, start[:-1]), outputs.forces, virial[:, VOIGT[0], VOIGT[1]]


def _side_by_side(frames: list[Frame], start: NDArray[np.int64], reach: float) -> tuple[Floats, Integers]:
    """Put frames with their images next to each other, too far apart to interact; the atoms come first."""
    atoms, images, atom_origin, image_origin, edge = [], [], [], [], 0.0
    for frame, first in zip(frames, start, strict=False):
        try:
            cell = full_cell(frame.cell, frame.pbc)
        except ValueError as error:
            raise InputError(f"the {error}", path=frame.path, frame=frame.number, line=frame.line) from None
        found = find_images(frame.positions, cell, frame.pbc, reach)
        x = np.empty((len(found.origin), 3))
        place_images(frame.positions, cell, found.origin, found.shift, x)
        x[:, 0] += edge - x[:, 0].min()
        edge = float(x[:, 0].max()) + 1.01 * reach + 0.1
        n = frame.n_atoms
        atoms.append(x[:n])
        images.append(x[n:])
        atom_origin.append(found.origin[:n] + first)
        image_origin.append(found.origin[n:] + first)
    return np.concatenate(atoms + images), np.concatenate(atom_origin + image_origin).astype(np.int32)


def _groups(frames: Sequence[Frame], atoms_at_once: int) -> list[list[Frame]]:
    groups: list[list[Frame]] = [[]]
    atoms = 0
    for frame in frames:
        if groups[-1] and atoms + frame.n_atoms > atoms_at_once:
            groups.append([])
            atoms = 0
        groups[-1].append(frame)
        atoms += frame.n_atoms
    return groups
