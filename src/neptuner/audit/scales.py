"""Units and signs that labels may have by mistake, and whether one of them explains what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.robust import spread

Floats = NDArray[np.float64]

TRUSTED = 0.5
"""Least correlation with the quick model that the right scale must have."""
CLEAR, CLOSE = 1.7, 1.4
"""Labels that vary less or more than the quick model by such a factor are on another scale, if one is so close."""
OUTSIDE = 3.0
"""Deviations by more than so many spreads count as so many."""


@dataclass(frozen=True)
class Scale:
    """One way in which labels may be written."""

    factor: Floats
    """What turns them into what they should be, ``(n_frames,)``."""
    message: str
    """Says so, as the end of a sentence; empty for right ones."""
    fix: str


@dataclass(frozen=True)
class Fit:
    """How labels go with the quick model, beyond composition."""

    correlation: float
    ratio: float
    """How many times as much as the model they vary."""

    @property
    def cost(self) -> float:
        """Zero for a perfect fit."""
        return 1.0 - self.correlation + abs(float(np.log(self.ratio)))


def fit_of(given: Floats, model: Floats) -> Fit:
    """Compare labels with the quick model; single wrong ones hardly matter.

    Parameters
    ----------
    given, model
        What goes beyond composition, of the same shape.
    """
    sizes = [max(spread(values), 1e-300) for values in (given, model)]
    one, other = (np.clip(values / size, -OUTSIDE, OUTSIDE) for values, size in zip((given, model), sizes, strict=True))
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return Fit(float((one * other).sum()) / max(norm, 1e-300), sizes[0] / sizes[1])


def wrong_scale(scales: Sequence[Scale], fits: Sequence[Fit]) -> Scale | None:
    """Choose the scale that labels of all frames are on, None if they are right or nothing can be said.

    Parameters
    ----------
    scales
        Ways of writing, the right one first.
    fits
        How labels fit the quick model with each.
    """
    best = min(range(len(fits)), key=lambda k: fits[k].cost)
    fits_well = fits[best].correlation > TRUSTED and max(fits[best].ratio, 1 / fits[best].ratio) < CLOSE
    written = fits[0]
    is_right = written.correlation > 0 and max(written.ratio, 1 / written.ratio) < CLEAR
    return scales[best] if best and fits_well and not is_right else None


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
