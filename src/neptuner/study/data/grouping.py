"""Which frames belong together: classes of frames that a split should not tear apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.study.data.frame_distance import Fingerprint, fingerprints, gauged, nearest

Floats = NDArray[np.float64]

NEAR_COPY = 0.05
"""Distance in angstrom, as a displacement, below which two frames count as near-copies."""
COMPUTED = ("composition", "formula", "composition and cell")
"""Classes that need no key of the comment line, from coarse to fine."""
APART = 1.2
"""Frames of other classes must be this many times as far as the nearest frame, or classes do not matter."""
AS_GOOD = 0.5
"""Of classes that set frames apart by this part of the largest distance or more, the smallest ones are taken."""
LARGEST_CLASS = 0.5
"""Part of all frames that one class may hold, so that there is something to split."""
MOST_QUERIES = 300
"""Frames, drawn at random, whose nearest ones are looked for."""


@dataclass(frozen=True)
class Group:
    """Classes of frames that should stay on one side of a split; plain numbers that go into JSON."""

    key: str
    """Key of the comment lines, or one of :data:`COMPUTED`."""
    in_comment: bool
    """Whether it is a key of the comment lines, which ``study.group`` can name."""
    classes: int
    largest_share: float
    """Part of the frames that the largest class holds."""
    nearest: float | None
    """Median distance of a frame to the nearest other one, in angstrom as a displacement; None: mostly none."""
    nearest_of_others: float | None
    """The same to the nearest one of another class; None: mostly none has the same elements."""
    near_copies: int
    """Frames, of those looked at, with a near-copy."""
    near_copies_of_others: int
    """Frames with a near-copy in another class."""
    sentence: str


def group_labels(frames: Sequence[Frame], key: str) -> list[str]:
    """Give the class of each frame.

    Parameters
    ----------
    frames
        Frames.
    key
        "composition" (shares of the elements), "formula" (atoms of each element), "composition and cell" (formula,
        lengths of the cell vectors to 0.01 angstrom and volume to 0.1 cubic angstrom), or a key of the comment lines
        that every frame has.

    Raises
    ------
    KeyError
        If a frame lacks the key.
    """
    if key in COMPUTED and not all(key in frame.info for frame in frames):
        return [_system(frame, key) for frame in frames]
    return [frame.info[key] for frame in frames]


def suggest_group(frames: Sequence[Frame], seed: int = 0) -> Group | None:
    """Find the classes of frames that have to stay together so that no frame has its like on the other side of a split.

    Every key that all comment lines have is tried, and :data:`COMPUTED`. Where there are near-copies, classes must hold
    nine tenths of them; otherwise frames of other classes must be 1.2 times as far away as the nearest frame. The
    smallest classes that serve are taken, but those that set frames apart by less than half of what others do; none may
    hold more than half of the frames.

    Parameters
    ----------
    frames
        All frames that are to be split.
    seed
        Of the frames that are looked at and of their displaced copies.

    Returns
    -------
    None if no classes make a difference.
    """
    if len(frames) < 2:
        return None
    prints, rng = fingerprints(frames), np.random.default_rng(seed)
    chosen = sample(len(frames), rng)
    queries = gauged([prints[i] for i in chosen], [frames[i] for i in chosen], rng)
    return choose_group(frames, prints, chosen, queries)


def choose_group(
    frames: Sequence[Frame], prints: Sequence[Fingerprint], chosen: Sequence[int], queries: Sequence[Fingerprint]
) -> Group | None:
    """See :func:`suggest_group`, which this is for frames whose fingerprints are known.

    Parameters
    ----------
    frames, prints
        All frames and their fingerprints.
    chosen, queries
        The frames to look at, and their gauged fingerprints.
    """
    _, closest = nearest(queries, prints, chosen, range(len(prints)))
    groups = [
        group
        for key in _candidates(frames)
        if (group := _examine(frames, prints, chosen, queries, closest, key)) is not None
    ]
    if not groups:
        return None
    best = 0.0 if groups[0].near_copies else max(_separation(group) for group in groups)
    good = [group for group in groups if _separation(group) >= AS_GOOD * best]
    return max(good, key=lambda group: (group.classes, group.in_comment))


def sample(count: int, rng: np.random.Generator) -> list[int]:
    """Draw the frames to look at, in their order; all of few."""
    if count <= MOST_QUERIES:
        return list(range(count))
    return sorted(rng.choice(count, MOST_QUERIES, replace=False).tolist())


def finite_median(distances: Floats) -> float | None:
    """Median; None where it is infinite or there is nothing."""
    middle = float(np.median(np.sort(distances)[: 2 * (len(distances) // 2) + 1])) if len(distances) else np.inf
    return middle if np.isfinite(middle) else None


def _system(frame: Frame, key: str) -> str:
    counts = Counter(frame.species.tolist())
    if key == "composition":
        unit = gcd(*counts.values())
        counts = Counter({symbol: count // unit for symbol, count in counts.items()})
    formula = "".join(f"{symbol}{counts[symbol]}" for symbol in sorted(counts))
    if key != "composition and cell":
        return formula
    lengths = sorted(np.linalg.norm(frame.cell, axis=1).tolist())
    return f"{formula} {' '.join(f'{length:.2f}' for length in lengths)} {frame.volume:.1f}"


def _candidates(frames: Sequence[Frame]) -> list[str]:
    """Keys whose classes are neither everything nor single frames, computed ones last."""
    common = set.intersection(*(set(frame.info) for frame in frames))
    keys = [*sorted(common), *(key for key in COMPUTED if key not in common)]
    return [key for key in keys if _can_be_split(group_labels(frames, key))]


def _can_be_split(labels: Sequence[str]) -> bool:
    counts = Counter(labels)
    return len(counts) < len(labels) and max(counts.values()) <= LARGEST_CLASS * len(labels)


def _examine(
    frames: Sequence[Frame],
    prints: Sequence[Fingerprint],
    chosen: Sequence[int],
    queries: Sequence[Fingerprint],
    closest: Floats,
    key: str,
) -> Group | None:
    """Make the group of a key; None if it does not keep frames apart from their like."""
    labels = group_labels(frames, key)
    _, outside = nearest(queries, prints, [labels[i] for i in chosen], labels)
    copies, left = int((closest < NEAR_COPY).sum()), int((outside < NEAR_COPY).sum())
    before, after = finite_median(closest), finite_median(outside)
    counts = Counter(labels)
    in_comment = key not in COMPUTED or all(key in frame.info for frame in frames)
    group = Group(
        key, in_comment, len(counts), max(counts.values()) / len(labels), before, after, copies, left,
        _sentence(key, in_comment, len(counts)),
    )  # fmt: skip
    helps = left <= 0.1 * copies if copies else _separation(group) >= APART
    return group if helps else None


def _separation(group: Group) -> float:
    """How many times as far frames of other classes are as the nearest frame."""
    if group.nearest is None:
        return 1.0
    if group.nearest_of_others is None:
        return float("inf")
    return group.nearest_of_others / max(group.nearest, 1e-9)


def _sentence(key: str, in_comment: bool, classes: int) -> str:
    if in_comment:
        return f'Keep frames of equal `{key}` together ({classes} classes): study.group = "{key}".'
    return (
        f"Keep frames of equal {key} together ({classes} classes): give the comment line of each frame a key that "
        "names its class, and study.group that key."
    )
