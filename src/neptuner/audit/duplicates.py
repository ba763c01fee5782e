"""Frames of the same structure: copies, and copies whose labels contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.spatial import KDTree

from neptuner.audit.findings import Finding, at_comment
from neptuner.files.frames import Frame
from neptuner.study.data.frame_distance import Fingerprint, atom_distance

SAME = 2e-3
"""Largest root-mean-square difference in angstrom of the distances around atoms that makes two frames copies."""
ENERGY, FORCE = 2e-3, 0.05
"""Energies in eV/atom and sizes of forces in eV/angstrom that differ by more contradict each other."""


def check_duplicates(frames: Sequence[Frame], prints: Sequence[Fingerprint]) -> list[Finding]:
    """Find frames of the structure of an earlier one, moved, rotated or repeated as it may be.

    Parameters
    ----------
    frames
        Frames of one file.
    prints
        Their fingerprints.
    """
    first: dict[int, int] = {}
    for one, other in _same(prints):
        first[other] = min(first.get(other, one), one)
    return [_finding(frames[number], frames[before]) for number, before in sorted(first.items())]


def _same(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Pairs of frames of the same structure, the earlier one first."""
    by_elements: dict[frozenset[int], list[int]] = defaultdict(list)
    for number, one in enumerate(prints):
        by_elements[one.elements].append(number)
    for members in by_elements.values():
        averages = np.array([prints[k].averages for k in members])
        reach = SAME * np.sqrt(averages.shape[1])
        for a, b in sorted(KDTree(averages).query_pairs(reach)):
            one, other = sorted((members[a], members[b]))
            if max(atom_distance(prints[one], prints[other]), atom_distance(prints[other], prints[one])) < SAME:
                yield one, other


def _finding(frame: Frame, before: Frame) -> Finding:
    difference = _contradiction(frame, before)
    if difference is None:
        message = f"the structure is that of frame {before.number}, and so are the labels"
        return at_comment(
            frame, "warning", "duplicate", message, "leave it out, or give one of the two a larger weight"
        )
    message = f"the structure is that of frame {before.number}, but {difference}"
    fix = "find out which of the two is right (settings, convergence, another program), and leave the other out"
    return at_comment(frame, "error", "conflict", message, fix)


def _contradiction(frame: Frame, before: Frame) -> str | None:
    if frame.energy is not None and before.energy is not None:
        gap = frame.energy / frame.n_atoms - before.energy / before.n_atoms
        if abs(gap) > ENERGY:
            return f"the energy differs by {gap:+.3g} eV/atom"
    if frame.forces is not None and before.forces is not None and frame.n_atoms == before.n_atoms:
        sizes = [np.sort(np.linalg.norm(forces, axis=1)) for forces in (frame.forces, before.forces)]
        gap = float(np.abs(sizes[0] - sizes[1]).max())
        if gap > FORCE:
            return f"forces differ by {gap:.3g} eV/angstrom"
    return None
