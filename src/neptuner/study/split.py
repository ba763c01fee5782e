"""Holding out validation frames for a whole study."""

from __future__ import annotations

from collections.abc import Sequence

from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.training.split import FEWEST_FRAMES, validation_mask

FEWEST_HELD_OUT = 2


def split_frames(frames: Sequence[Frame], fraction: float, seed: int) -> tuple[list[Frame], list[Frame]]:
    """Split frames into training and validation, the same way for the same seed and in the order of the file.

    The fraction holds for frames of every size, and at least two frames are held out.

    Raises
    ------
    InputError
        For fewer than ten frames.
    """
    if len(frames) < FEWEST_FRAMES:
        raise InputError(
            f"has {len(frames)} frame(s), expected at least {FEWEST_FRAMES} to train on and to validate with",
            path=frames[0].path if frames else None,
        )
    held_out = validation_mask(frames, max(fraction, FEWEST_HELD_OUT / len(frames)), seed)
    train = [frame for frame, held in zip(frames, held_out, strict=True) if not held]
    return train, [frame for frame, held in zip(frames, held_out, strict=True) if held]
