"""Labels that are missing: energies, forces, and virials of some frames."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from neptuner.audit.findings import Finding, at_comment, of_all
from neptuner.files.frames import Frame

MOVED = 1e-3
"""Distances in angstrom that differ by less are the same, written with fewer digits."""


def check_labels(frames: Sequence[Frame]) -> list[Finding]:
    """Find frames without energy or forces, and virials that only some frames have."""
    return _energies(frames) + _forces(frames) + _virials(frames) + _copied(frames)


def _energies(frames: Sequence[Frame]) -> list[Finding]:
    found = []
    for frame in frames:
        if frame.energy is None:
            other = [key for key in frame.info if "energy" in key.lower()]
            fix = f"rename `{other[0]}` to `energy`" if other else "add energy=<total energy in eV> to its comment line"
            found.append(at_comment(frame, "error", "no-energy", "the frame has no energy", fix))
    return found


def _forces(frames: Sequence[Frame]) -> list[Finding]:
    fix = "add three columns `forces:R:3` in eV/angstrom"
    return [
        at_comment(frame, "error", "no-forces", "the frame has no forces", fix)
        for frame in frames
        if frame.forces is None
    ]


def _virials(frames: Sequence[Frame]) -> list[Finding]:
    without = [frame for frame in frames if frame.virial is None]
    if not without or len(without) == len(frames):
        return []
    message = f"{of_all(without, frames)} have no virial"
    fix = "add it where it was computed; otherwise leave it so: those frames do not count in the virial error"
    return [at_comment(without[0], "note", "no-virial", message, fix, without)]


def _copied(frames: Sequence[Frame]) -> list[Finding]:
    """Find forces that are the same to the last digit in frames of different positions."""
    seen: dict[bytes, Frame] = {}
    found = []
    for frame in frames:
        if frame.forces is None or frame.n_atoms < 2 or not frame.forces.any():
            continue
        first = seen.setdefault(sha256(frame.forces.tobytes()).digest(), frame)
        if first is not frame and not _only_moved(first, frame):
            message = f"the forces are exactly those of frame {first.number}, whose positions are others"
            fix = "look which of the two frames the forces belong to, and leave the other out"
            found.append(at_comment(frame, "error", "copied-forces", message, fix))
    return found


def _only_moved(first: Frame, frame: Frame) -> bool:
    """Whether two frames are the same but for a shift of all atoms, and for cell vectors added to some."""
    if first.n_atoms != frame.n_atoms or np.abs(first.cell - frame.cell).max() > MOVED:
        return False
    steps = (frame.positions - first.positions) @ np.linalg.inv(frame.cell)
    steps -= steps[0]
    return bool(np.abs((steps - np.round(steps)) @ frame.cell).max() < MOVED)
