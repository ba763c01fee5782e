"""Geometry: atoms too close or alone, cells thinner than the cutoff, densities out of line, missing vacuum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.findings import Finding, Severity, at_atom, at_comment, of_all
from neptuner.audit.pairs import Pairs, find_pairs
from neptuner.audit.robust import fractions, spread, without_composition
from neptuner.files.elements import COVALENT_RADII
from neptuner.files.frames import Frame, elements_of

Floats = NDArray[np.float64]

OVERLAP, CLOSE = 0.35, 0.5
"""Distances below these parts of the sum of covalent radii are errors and warnings; in H2 it is 0.87, in N2 0.58."""
CUTOFF = 8.0
"""Radial cutoff in angstrom where nep.in does not tell: GPUMD's default."""
DENSEST = 1.0
"""Least volume per atom in cubic angstrom: diamond has 5.7, hydrogen in the middle of Jupiter 1.5."""
ALONE = 5.0
"""An atom without another one within this distance in angstrom, in a frame of several, is alone."""
FEWEST = 10
"""Frames that an outlying density needs to stand out from."""
DENSITY = 0.3
"""Least deviation of the logarithm of the volume per atom that counts, beside twenty spreads and the usual range."""
_UNKNOWN_RADIUS = 2.0


def set_dense_aside(frames: Sequence[Frame]) -> tuple[list[Frame], list[Finding]]:
    """Take out frames too dense to be matter, which have too many neighbours to be looked at any further."""
    kept = [frame for frame in frames if frame.volume / frame.n_atoms >= DENSEST]
    fix = "give positions and cell in angstrom, not in nm or as fractions; nothing else of the frame has been looked at"
    found = [
        at_comment(frame, "error", "too-dense", _how_dense(frame), fix)
        for frame in frames
        if frame.volume / frame.n_atoms < DENSEST
    ]
    return kept, found


def _how_dense(frame: Frame) -> str:
    return (
        f"the volume per atom is {frame.volume / frame.n_atoms:.2g} cubic angstrom, expected at least {DENSEST:g}: no "
        "matter is so dense"
    )


def check_distances(frames: Sequence[Frame]) -> list[Finding]:
    """Find atoms that are too close to another one, or far from all."""
    elements = elements_of(frames)
    radii = np.array([COVALENT_RADII.get(symbol, _UNKNOWN_RADIUS) for symbol in elements])
    found: list[Finding] = []
    for pairs in find_pairs(frames, elements, ALONE):
        part = pairs.distance / (radii[pairs.types[pairs.i]] + radii[pairs.types[pairs.j]])
        neighbours = np.bincount(pairs.i, minlength=len(pairs.types))
        ends = np.searchsorted(pairs.frame[pairs.i], np.arange(pairs.n_frames + 1))
        for k in range(pairs.n_frames):
            frame = frames[pairs.first + k]
            found += _too_close(frame, pairs, part, np.arange(ends[k], ends[k + 1]), int(pairs.start[k]))
            found += _alone(frame, neighbours[pairs.start[k] : pairs.start[k + 1]])
    return found


def _too_close(frame: Frame, pairs: Pairs, part: Floats, mine: NDArray[np.int64], first: int) -> list[Finding]:
    """Judge the shortest distance of a frame, relative to radii; ``mine`` are its pairs."""
    worst = int(mine[np.argmin(part[mine])]) if len(mine) else -1
    if worst < 0 or part[worst] > CLOSE:
        return []
    a, b = sorted((int(pairs.i[worst]) - first, int(pairs.j[worst]) - first))
    which = f"{frame.species[a]} (atom {a + 1}) and {frame.species[b]} (atom {b + 1})"
    if a == b:
        which = f"{frame.species[a]} (atom {a + 1}) and its periodic image"
    message = f"{which} are {pairs.distance[worst]:.2f} angstrom apart, {part[worst]:.0%} of the sum of their radii"
    severity: Severity = "error" if part[worst] < OVERLAP else "warning"
    return [at_atom(frame, b, severity, "short-distance", message, _why_close(frame))]


def _why_close(frame: Frame) -> str:
    if frame.n_atoms > 1 and frame.positions.min() >= 0.0 and frame.positions.max() <= 1.0:
        return "the positions look like fractional ones: give Cartesian ones in angstrom"
    return "look at the structure and at its cell"


def _alone(frame: Frame, neighbours: NDArray[np.int64]) -> list[Finding]:
    alone = np.flatnonzero(neighbours == 0)
    if frame.n_atoms == 1 or not len(alone):
        return []
    atom = int(alone[0])
    message = f"{frame.species[atom]} (atom {atom + 1}) has no other atom within {ALONE:g} angstrom"
    return [at_atom(frame, atom, "warning", "alone", message, "look at its position and at the cell")]


def check_cells(frames: Sequence[Frame], cutoff: float) -> list[Finding]:
    """Find cells that are thinner than the cutoff, too dense or too dilute, or not periodic without vacuum.

    Parameters
    ----------
    frames
        Frames of one file.
    cutoff
        Radial cutoff in angstrom.
    """
    return _thin(frames, cutoff) + _left_handed(frames) + _vacuum(frames, cutoff) + _densities(frames)


def thickness(cell: Floats) -> Floats:
    """Distance between opposite faces of a cell, ``(3,)`` in angstrom."""
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0))


def _thin(frames: Sequence[Frame], cutoff: float) -> list[Finding]:
    thin = [frame for frame in frames if thickness(frame.cell).min() < cutoff]
    if not thin:
        return []
    least = min(float(thickness(frame.cell).min()) for frame in thin)
    message = (
        f"the cell of {of_all(thin, frames)} is thinner than the cutoff of {cutoff:g} angstrom (least: {least:.2f})"
    )
    fix = "training is right for such cells, but atoms see their own images: have larger ones among the frames, too"
    return [at_comment(thin[0], "note", "thin-cell", message, fix, thin)]


def _left_handed(frames: Sequence[Frame]) -> list[Finding]:
    left = [frame for frame in frames if np.linalg.det(frame.cell) < 0]
    if not left:
        return []
    message = f"the cell vectors of {of_all(left, frames)} are left-handed"
    fix = "training is right for them, but other programs refuse them: exchange two vectors, or reverse all three"
    return [at_comment(left[0], "note", "left-handed", message, fix, left)]


def _vacuum(frames: Sequence[Frame], cutoff: float) -> list[Finding]:
    """Find frames that are not periodic in a direction, but have images within the cutoff there."""
    found = []
    for frame in frames:
        gaps = _gaps(frame)
        for axis in range(3):
            if not frame.pbc[axis] and gaps[axis] < cutoff:
                message = (
                    f"pbc says that direction {'abc'[axis]} is not periodic, but training takes it for periodic, and "
                    f"images are {gaps[axis]:.2f} angstrom apart"
                )
                fix = f"put at least {cutoff:g} angstrom of vacuum into the cell, or leave pbc out"
                found.append(at_comment(frame, "warning", "no-vacuum", message, fix))
                break
    return found


def _gaps(frame: Frame) -> Floats:
    """Largest empty slab across each cell vector, ``(3,)`` in angstrom."""
    at = np.sort((frame.positions @ np.linalg.inv(frame.cell)) % 1.0, axis=0)
    gaps = np.diff(np.vstack([at, at[:1] + 1.0]), axis=0).max(axis=0)
    return np.asarray(gaps * thickness(frame.cell))


def _densities(frames: Sequence[Frame]) -> list[Finding]:
    if len(frames) < FEWEST:
        return []
    logs = np.log([frame.volume / frame.n_atoms for frame in frames])
    rest = without_composition(logs, fractions(frames))
    limit = max(DENSITY, 20.0 * spread(rest), 5.0 * float(np.percentile(np.abs(rest), 90)))
    found = []
    for k in np.flatnonzero(np.abs(rest) > limit).tolist():
        times = f"{np.exp(abs(rest[k])):.2g} times as {'large' if rest[k] > 0 else 'small'}"
        message = f"the volume per atom is {np.exp(logs[k]):.3g} cubic angstrom, {times} as in other frames"
        fix = "look at Lattice, and whether atoms are missing; leave it so if the frame is meant to be like that"
        found.append(at_comment(frames[k], "warning", "density", message, fix))
    return found
