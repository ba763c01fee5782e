"""Hold out frames for validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from neptuner.files.frames import Frame

FEWEST_FRAMES = 10
"""Below this number of frames nothing is held out."""


def validation_mask(
    frames: Sequence[Frame], fraction: float, seed: int, group: str | None = None
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Choose frames for validation at random, about the same share of every cell size.

    The frame with the largest force on each element is trained on if that can be: its error, if nothing like it was
    trained on, would outweigh those of all other frames, and say nothing on the settings that are compared.

    Parameters
    ----------
    frames, fraction, seed
        What to split, the share to hold out, and the seed of the choice.
    group
        Key of the comment line; frames with the same value (and size) stay together, so that near-copies such as
        frames of one trajectory are not on both sides. None: every frame for itself.

    Returns
    -------
    ``(n_frames,)``, True for validation; none if there are fewer than ``FEWEST_FRAMES`` frames or the fraction is 0.
    """
    mask = np.zeros(len(frames), dtype=bool)
    wanted = round(fraction * len(frames))
    if len(frames) < FEWEST_FRAMES or wanted == 0:
        return mask
    extreme = largest_forces(frames)
    groups = sorted(_ranked_groups(frames, seed, group))
    for _, members in sorted(groups, key=lambda ranked: not extreme.isdisjoint(ranked[1])):
        if np.count_nonzero(mask) >= wanted:
            break
        mask[members] = True
    return mask


def largest_forces(frames: Sequence[Frame]) -> set[int]:
    """Indices of the frames with the largest force on an atom of each element."""
    largest: dict[str, tuple[float, int]] = {}
    for index, frame in enumerate(frames):
        if frame.forces is None:
            continue
        sizes = np.linalg.norm(frame.forces, axis=1)
        for species in set(frame.species):
            size = float(sizes[frame.species == species].max())
            if size > largest.get(species, (-1.0, 0))[0]:
                largest[species] = (size, index)
    return {index for _, index in largest.values()}


def _ranked_groups(frames: Sequence[Frame], seed: int, group: str | None) -> list[tuple[float, list[int]]]:
    """Groups with their rank, 0 to 1, among the frames of their size: taking the lowest ranks keeps the shares."""
    by_size: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number in np.random.default_rng(seed).permutation(len(frames)):
        frame = frames[number]
        label = frame.info.get(group, f"frame {number}") if group else f"frame {number}"
        by_size[frame.n_atoms][label].append(int(number))
    ranked = []
    for groups in by_size.values():
        total, before = sum(map(len, groups.values())), 0
        for members in groups.values():
            ranked.append(((before + 0.5 * len(members)) / total, members))
            before += len(members)
    return ranked
