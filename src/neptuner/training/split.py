"""Hold out frames for validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from neptuner.files.frames import Frame

FEWEST_FRAMES = 10
"""Below this number of frames nothing is held out."""


def validation_mask(frames: Sequence[Frame], fraction: float, seed: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Choose frames for validation at random, the same share of every cell size.

    Returns
    -------
    ``(n_frames,)``, True for validation; none if there are fewer than ``FEWEST_FRAMES`` frames or the fraction is 0.
    """
    mask = np.zeros(len(frames), dtype=bool)
    wanted = round(fraction * len(frames))
    if len(frames) < FEWEST_FRAMES or wanted == 0:
        return mask
    by_size: dict[int, list[int]] = defaultdict(list)
    rng = np.random.default_rng(seed)
    for number in rng.permutation(len(frames)):
        by_size[frames[number].n_atoms].append(int(number))
    # every frame has a rank within its size; taking the lowest ranks keeps the shares
    rank = [
        ((place + 0.5) / len(group), number)
        for _, group in sorted(by_size.items())
        for place, number in enumerate(group)
    ]
    mask[[number for _, number in sorted(rank)[:wanted]]] = True
    return mask
