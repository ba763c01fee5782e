"""Holding out validation frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.frames import Frame

FEWEST_FRAMES = 10


def split_frames(frames: Sequence[Frame], fraction: float, seed: int) -> tuple[list[Frame], list[Frame]]:
    """Split frames into training and validation, the same way for the same seed; both keep the order of the file.

    Raises
    ------
    InputError
        For fewer than ten frames.
    """
    if len(frames) < FEWEST_FRAMES:
        path = frames[0].path if frames else None
        raise InputError(
            f"has {len(frames)} frames, expected at least {FEWEST_FRAMES} to train on and to hold out for validation",
            path=path,
        )
    held_out = held_out_frames(np.array([frame.n_atoms for frame in frames]), fraction, seed)
    train = [frame for frame, held in zip(frames, held_out, strict=True) if not held]
    return train, [frame for frame, held in zip(frames, held_out, strict=True) if held]


def held_out_frames(n_atoms: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Choose frames to hold out, in proportion from small and large ones.

    The frames are sorted by their number of atoms, in random order among equals, and taken at even distances.

    Parameters
    ----------
    n_atoms
        Number of atoms in each frame, ``(n_frames,)``.
    fraction
        Fraction to hold out, rounded to whole frames and to at least two.
    seed
        Seed of the random order.

    Returns
    -------
    Whether a frame is held out, ``(n_frames,)``.
    """
    n_frames = len(n_atoms)
    n_held = max(2, round(fraction * n_frames))
    order = np.lexsort((np.random.default_rng(seed).random(n_frames), n_atoms))
    places = ((np.arange(n_held) + 0.5) * n_frames / n_held).astype(int)
    held_out = np.zeros(n_frames, dtype=bool)
    held_out[order[places]] = True
    return held_out
