"""Whether held-out frames are new to a model: near-copies and relatives of them among the frames it is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from neptuner.files.frames import Frame
from neptuner.study.data.frame_distance import Fingerprint, fingerprints, gauged, nearest
from neptuner.study.data.grouping import NEAR_COPY, Group, choose_group, finite_median, group_labels, sample

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Kind = Literal["near-copies", "relatives", "none found"]

PAIRS = 5
"""Closest pairs that are named."""
RELATED = 0.1
"""Part of the held-out frames that may have relatives among the training frames."""


@dataclass(frozen=True)
class Pair:
    """A held-out frame and the training frame most like it."""

    held_out: int
    """Number of the frame in its file, from 1; in the list given, if it comes from no file."""
    train: int
    distance: float
    """In angstrom, as a root-mean-square displacement."""


@dataclass(frozen=True)
class HeldOut:
    """How a held-out set stands to the training frames."""

    frames: int
    near_copies: int
    """Frames closer than :data:`~neptuner.study.data.grouping.NEAR_COPY` to a training frame."""
    relatives: int
    """Frames in a class, of the suggested group, that has training frames, and closer to one of these than is usual
    between classes; 0 without a suggestion."""
    without_like: int
    """Frames whose set of elements no training frame has."""
    median: float | None
    """Median distance to the nearest training frame, in angstrom as a displacement."""
    further: float | None
    """Probability that a frame is further from the training frames than one of those from the others: 0.5 for a split
    at random, 1 for frames from elsewhere; None where nothing can be compared."""
    distances: tuple[float | None, ...]
    """Of each frame to the nearest training frame; None: no training frame has its elements."""
    closest: tuple[Pair, ...]


@dataclass(frozen=True)
class Leakage:
    """What held-out sets share with the training frames; plain numbers that go into JSON."""

    kind: Kind
    within_train: float | None
    """Median distance of a training frame to the nearest other one, in angstrom as a displacement."""
    sets: Mapping[str, HeldOut]
    group: Group | None
    """Classes that would keep like frames together; None: none found."""
    sentence: str


def find_leakage(
    train: Sequence[Frame],
    held_out: Mapping[str, Sequence[Frame]],
    seed: int = 0,
    prints: Sequence[Fingerprint] | None = None,
) -> Leakage:
    """Look for held-out frames that are like training frames.

    A *near-copy* is closer to a training frame than a displacement of its atoms by 0.05 angstrom would make it: that is
    what neighbouring frames of a trajectory or steps of a relaxation look like, and less than atoms vibrate at room
    temperature. *Relatives* are frames of one class (composition, cell, or a key of the comment lines) that are
    clearly more alike than frames of different classes: with them on both sides, errors tell how well a model knows
    its systems, not how well it does on others.

    Parameters
    ----------
    train
        Frames to train on, at least one.
    held_out
        Name of each set, such as "validation" or "test", and its frames.
    seed
        Of the training frames that are looked at and of the displaced copies that distances are measured by.
    prints
        Fingerprints of the training frames and then of each set, where they are known.
    """
    sets = {name: list(frames) for name, frames in held_out.items() if frames}
    everything = [*train, *(frame for frames in sets.values() for frame in frames)]
    bounds = np.cumsum([0, len(train), *map(len, sets.values())]).tolist()
    every, rng = fingerprints(everything) if prints is None else prints, np.random.default_rng(seed)
    known, *others = (every[first:last] for first, last in pairwise(bounds))
    chosen = sample(len(train), rng)
    queries = gauged([known[i] for i in chosen], [train[i] for i in chosen], rng)
    _, within = nearest(queries, known, chosen, range(len(known)))
    new = [gauged(theirs, frames, rng) for theirs, frames in zip(others, sets.values(), strict=True)]
    group = _group(everything, every, chosen, queries, new, rng)
    found = {
        name: _held_out(frames, train, *nearest(theirs, known), within, group)
        for (name, frames), theirs in zip(sets.items(), new, strict=True)
    }
    kind, middle = _kind(found), finite_median(within)
    return Leakage(kind, middle, found, group, _sentence(kind, middle, found, group))


def _group(
    frames: Sequence[Frame],
    prints: Sequence[Fingerprint],
    chosen: Sequence[int],
    queries: Sequence[Fingerprint],
    new: Sequence[Sequence[Fingerprint]],
    rng: np.random.Generator,
) -> Group | None:
    """Suggest a group from training frames and as many held-out ones."""
    held_out = [one for each in new for one in each]
    first = len(frames) - len(held_out)
    more = sample(len(held_out), rng)
    return choose_group(frames, prints, [*chosen, *(first + i for i in more)], [*queries, *(held_out[i] for i in more)])


def _held_out(
    frames: Sequence[Frame],
    train: Sequence[Frame],
    index: Integers,
    distance: Floats,
    within: Floats,
    group: Group | None,
) -> HeldOut:
    relatives = 0
    if group is not None:
        classes, reach = set(group_labels(train, group.key)), _reach(group)
        labels = group_labels(frames, group.key)
        relatives = sum(label in classes and d < reach for label, d in zip(labels, distance.tolist(), strict=True))
    order = [i for i in np.argsort(distance, kind="stable").tolist() if np.isfinite(distance[i])]
    return HeldOut(
        frames=len(frames),
        near_copies=int((distance < NEAR_COPY).sum()),
        relatives=relatives,
        without_like=int((index < 0).sum()),
        median=finite_median(distance),
        further=_further(distance, within),
        distances=tuple(d if np.isfinite(d) else None for d in distance.tolist()),
        closest=tuple(
            Pair(_number(frames, i), _number(train, int(index[i])), float(distance[i])) for i in order[:PAIRS]
        ),
    )


def _reach(group: Group) -> float:
    """Give the distance between those that are usual within and between classes, in proportion."""
    if group.nearest is None or group.nearest_of_others is None:
        return float("inf")
    return float(np.sqrt(group.nearest * group.nearest_of_others))


def _further(distance: Floats, within: Floats) -> float | None:
    if not len(distance) or not np.isfinite(within).any():
        return None
    ranks = mannwhitneyu(distance, within, method="asymptotic")
    return float(ranks.statistic) / (len(distance) * len(within))


def _number(frames: Sequence[Frame], index: int) -> int:
    number = frames[index].number
    return index + 1 if number is None else number


def _kind(found: Mapping[str, HeldOut]) -> Kind:
    if any(one.near_copies for one in found.values()):
        return "near-copies"
    return "relatives" if any(one.relatives > RELATED * one.frames for one in found.values()) else "none found"


def _sentence(kind: Kind, within: float | None, found: Mapping[str, HeldOut], group: Group | None) -> str:
    if kind == "near-copies":
        counts = _counts({name: (one.near_copies, one.frames) for name, one in found.items()})
        return (
            f"{counts} frames are near-copies of training frames (as close as by displacements below {NEAR_COPY:g} "
            f"angstrom), so their errors say little about new structures. {_advice(group)}"
        )
    if kind == "relatives" and group is not None:
        counts = _counts({name: (one.relatives, one.frames) for name, one in found.items()})
        name = f"`{group.key}`" if group.in_comment else group.key
        return (
            f"There are no near-copies, but {counts} frames have their like of the same {name} among the training "
            f"frames{_contrast(group)}: errors tell how well the model knows these systems, not how well it "
            f"would do on others. {_advice(group)}"
        )
    return f"No held-out frame is a near-copy or a relative of a training frame{_distances(within, found)}."


def _advice(group: Group | None) -> str:
    if group is None:
        return "No key of the comment lines, composition or cell keeps like frames together: take such frames out."
    return group.sentence


def _contrast(group: Group) -> str:
    if group.nearest is None or group.nearest_of_others is None:
        return ""
    return (
        f" (the nearest frame is at {group.nearest:.2g} angstrom, the nearest one of another {group.key} at "
        f"{group.nearest_of_others:.2g})"
    )


def _distances(within: float | None, found: Mapping[str, HeldOut]) -> str:
    known = [f"{one.median:.2g} angstrom for {name} frames" for name, one in found.items() if one.median is not None]
    if within is None or not known:
        return ""
    return f" (nearest training frame: {', '.join(known)}, {within:.2g} for training frames)"


def _counts(counts: Mapping[str, tuple[int, int]]) -> str:
    return " and ".join(f"{found} of {all_of} {name}" for name, (found, all_of) in counts.items())
