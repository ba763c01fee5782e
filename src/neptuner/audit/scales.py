"""Units and signs that labels may have by mistake, and whether one of them explains what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXPLAINED = 0.8
"""Largest part of the variation that the right scale may leave to the quick model."""
CLEARER = 1.25
"""So many times as much the scale as written must leave."""


@dataclass(frozen=True)
class Scale:
    """One way in which labels may be written."""

    factor: Floats
    """What turns them into what they should be, ``(n_frames,)``."""
    message: str
    """Says so, as the end of a sentence; empty for right ones."""
    fix: str


def wrong_scale(scales: Sequence[Scale], scores: Sequence[float]) -> Scale | None:
    """Choose the scale that labels of all frames are on, None if they are right or nothing can be said.

    Parameters
    ----------
    scales
        Ways of writing, the right one first.
    scores
        Part of the variation that the quick model leaves unexplained with each.
    """
    if not scores:
        return None
    best = int(np.argmin(scores))
    clear = scores[best] < EXPLAINED and scores[0] > CLEARER * scores[best]
    return scales[best] if best and clear else None


def explains(scales: Sequence[Scale], deviations: Floats, limit: float) -> Scale | None:
    """Choose the scale that brings one frame from outside of a limit to well within it; None if none does.

    Parameters
    ----------
    scales
        Ways of writing, the right one first.
    deviations
        How far off the frame is with each, ``(n_scales,)``.
    limit
        What is far.
    """
    if not len(deviations):
        return None
    best = int(np.argmin(deviations))
    return scales[best] if best and deviations[best] < limit / 3 else None
