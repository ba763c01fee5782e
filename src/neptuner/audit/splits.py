"""The test set against the training set: elements that are missing, leaks, and a test that is easier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from neptuner.audit.findings import Finding, at_comment
from neptuner.files.frames import Frame
from neptuner.study.data.frame_distance import Fingerprint
from neptuner.study.data.grouping import NEAR_COPY
from neptuner.study.data.leakage import find_leakage

Floats = NDArray[np.float64]

FEWEST = 10
"""Frames of each set that a comparison of errors needs."""
EASIER, CERTAIN = 0.95, 0.01
"""A test is easier if its errors are less than this part of those of the training set, with so small a p."""
RARE = 10
"""An element of fewer atoms is rare."""


def check_elements(train: Sequence[Frame], test: Sequence[Frame]) -> list[Finding]:
    """Find elements that only one of the sets has, and such that hardly occur."""
    counts, first = _elements(train)
    tested, first_tested = _elements(test)
    found = []
    for symbol in tested.keys() - counts.keys():
        message = f"{symbol} occurs in the test set, but in no training frame"
        fix = "put frames with it into the training set, or leave them out of the test set"
        found.append(at_comment(first_tested[symbol], "error", "element-not-trained", message, fix))
    for symbol in counts.keys() - tested.keys() if test else ():
        message = f"{symbol} occurs in training frames, but not in the test set, which says nothing about it"
        found.append(
            at_comment(first[symbol], "note", "element-not-tested", message, "put frames with it into the test set")
        )
    for symbol, atoms in counts.items():
        if atoms < RARE:
            message = f"there are only {atoms} atoms of {symbol} in the training set, too few to learn it from"
            fix = "look whether it is a slip of the pen; else add frames with it"
            found.append(at_comment(first[symbol], "warning", "rare-element", message, fix))
    return sorted(found, key=lambda finding: finding.frame or 0)


def check_leakage(train: Sequence[Frame], test: Sequence[Frame], prints: Sequence[Fingerprint]) -> list[Finding]:
    """Find test frames that are near-copies or relatives of training frames.

    Parameters
    ----------
    train, test
        At least one frame of each.
    prints
        Their fingerprints, in this order.
    """
    leakage = find_leakage(train, {"test": test}, prints=prints)
    held_out = leakage.sets["test"]
    if leakage.kind == "none found":
        return []
    fix = leakage.group.sentence if leakage.group else "leave such frames out of one of the sets"
    if leakage.kind == "relatives":
        message = leakage.sentence.removesuffix(fix).rstrip(". ")
        return [at_comment(test[0], "note", "relatives", message, fix)]
    close = [
        frame
        for frame, distance in zip(test, held_out.distances, strict=True)
        if distance is not None and distance < NEAR_COPY
    ]
    pairs = [f"{pair.held_out} like {pair.train}" for pair in held_out.closest if pair.distance < NEAR_COPY]
    message = (
        f"{len(close)} of {len(test)} test frames are near-copies of training frames (test frame {', '.join(pairs)}"
        f"{', ...' * (len(close) > len(pairs))}), so that their errors say little about new structures"
    )
    return [at_comment(close[0], "warning", "leakage", message, fix, close)]


def check_difficulty(train: Sequence[Frame], test: Sequence[Frame], model: Sequence[Floats]) -> list[Finding]:
    """Find out whether test frames are easier than training frames for the quick model.

    Parameters
    ----------
    train, test
        Frames with forces.
    model
        Forces of the quick model for the frames of both, in this order.
    """
    errors = [
        float(np.sqrt(((frame.forces - forces) ** 2).mean())) if frame.forces is not None else float("nan")
        for frame, forces in zip([*train, *test], model, strict=True)
    ]
    trained, tested = np.array(errors[: len(train)]), np.array(errors[len(train) :])
    trained, tested = trained[np.isfinite(trained)], tested[np.isfinite(tested)]
    if min(len(trained), len(tested)) < FEWEST:
        return []
    p = float(mannwhitneyu(tested, trained, alternative="less", method="asymptotic").pvalue)
    ratio = float(np.median(tested) / np.median(trained))
    if p > CERTAIN or ratio > EASIER:
        return []
    message = (
        f"test frames are easier than training frames: a quick model errs by {ratio:.0%} as much on them (p = {p:.1g})"
    )
    fix = "draw both sets in the same way, or say that the test errors are those of easier frames"
    return [at_comment(test[0], "warning", "easy-test", message, fix)]


def _elements(frames: Sequence[Frame]) -> tuple[dict[str, int], dict[str, Frame]]:
    """Atoms of each element, and the first frame that has it."""
    counts: dict[str, int] = {}
    first: dict[str, Frame] = {}
    for frame in frames:
        for symbol, count in zip(*np.unique(frame.species, return_counts=True), strict=True):
            counts[str(symbol)] = counts.get(str(symbol), 0) + int(count)
            first.setdefault(str(symbol), frame)
    return counts, first
