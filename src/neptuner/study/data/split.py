"""Holding out validation frames for a whole study."""

from __future__ import annotations

from collections.abc import Sequence

from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.training.split import FEWEST_FRAMES, validation_mask

FEWEST_HELD_OUT = 2
SPLIT_RULE = "largest forces are trained on"
"""Noted with a study: one that was split by another rule cannot go on."""


def split_frames(
    frames: Sequence[Frame], fraction: float, seed: int, group: str | None = None
) -> tuple[list[Frame], list[Frame]]:
    """Split frames into training and validation, the same way for the same seed and in the order of the file.

    The fraction holds for frames of every size, and at least two frames are held out. Frames whose comment lines have
    the same value of the key ``group`` stay together; see :func:`~neptuner.training.split.validation_mask`.

    Raises
    ------
    InputError
        For fewer than ten frames, or a frame without the key.
    """
    if len(frames) < FEWEST_FRAMES:
        raise InputError(
            f"has {len(frames)} frame(s), expected at least {FEWEST_FRAMES} to train on and to validate with",
            path=frames[0].path if frames else None,
        )
    for frame in frames:
        if group is not None and group not in frame.info:
            raise InputError(
                f"has no `{group}=` in its comment line, by which study.group keeps frames together",
                path=frame.path,
                frame=frame.number,
                line=frame.line,
            )
    held_out = validation_mask(frames, max(fraction, FEWEST_HELD_OUT / len(frames)), seed, group)
    train = [frame for frame, held in zip(frames, held_out, strict=True) if not held]
    return train, [frame for frame, held in zip(frames, held_out, strict=True) if held]
