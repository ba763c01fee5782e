"""Forces: net force, outliers, and frames whose forces contradict their positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.findings import Finding, at_atom, at_comment
from neptuner.files.frames import Frame

Floats = NDArray[np.float64]

NET_FORCE = 1e-3
"""Largest net force in eV/angstrom and atom that rounding and a loose convergence explain."""
LARGE_FORCE = 20.0
"""In eV/angstrom; forces below are never outliers."""
TIMES_MEDIAN = 15.0
"""An outlier is larger than so many times the median of its element."""
FELT = 0.1
"""Root-mean-square force in eV/angstrom above which the quick model is believed."""
TRUSTED = 0.7
"""Median correlation of its forces with those of the frames above which it tells wrong ones."""
CLIPPED = 2.0
"""Forces longer than so many medians of their frame are shortened before they are compared."""
SURE = 1.4
"""Sizes of forces tell their unit to within this factor: Ry/bohr and Ha/bohr differ by two."""

UNITS = {
    "Ry/bohr": 25.711043,
    "Ha/bohr": 51.422067,
    "kcal/mol/angstrom": 1 / 23.060548,
    "kJ/mol/angstrom": 1 / 96.485332,
}
"""What one of another unit is in eV/angstrom."""


def check_net_forces(frames: Sequence[Frame]) -> list[Finding]:
    """Find frames whose forces do not add up to zero, which those of no potential do."""
    found = []
    for frame in frames:
        if frame.forces is None:
            continue
        net = float(np.linalg.norm(frame.forces.sum(axis=0)))
        if net / frame.n_atoms > NET_FORCE:
            message = f"the forces add up to {net:.3g} eV/angstrom, expected zero"
            fix = "look whether atoms are missing or forces were rounded or mixed up; else converge the calculation"
            found.append(at_comment(frame, "warning", "net-force", message, fix))
    return found


def check_large_forces(frames: Sequence[Frame]) -> list[Finding]:
    """Find frames with forces far larger than is usual for the element; one finding each, at the worst atom."""
    usual = _medians(frames)
    found = []
    for frame in frames:
        if frame.forces is None:
            continue
        size = np.linalg.norm(frame.forces, axis=1)
        limit = np.maximum([TIMES_MEDIAN * usual[symbol] for symbol in frame.species.tolist()], LARGE_FORCE)
        atom = int(np.argmax(size / limit))
        if size[atom] > limit[atom]:
            symbol = str(frame.species[atom])
            message = f"the force on {symbol} is {size[atom]:.3g} eV/angstrom, {usual[symbol]:.2g} is usual for it"
            fix = "look at the structure; if it is meant to be so far from equilibrium, give the frame a small `weight`"
            found.append(at_atom(frame, atom, "warning", "large-force", message, fix))
    return found


def _medians(frames: Sequence[Frame]) -> dict[str, float]:
    """Median size of the forces on each element."""
    sizes: dict[str, list[Floats]] = {}
    for frame in frames:
        if frame.forces is not None:
            size = np.linalg.norm(frame.forces, axis=1)
            for symbol in np.unique(frame.species).tolist():
                sizes.setdefault(symbol, []).append(size[frame.species == symbol])
    return {symbol: float(np.median(np.concatenate(parts))) for symbol, parts in sizes.items()}


def check_against_positions(frames: Sequence[Frame], predicted: Sequence[Floats]) -> list[Finding]:
    """Find frames whose forces have the wrong sign or unit, are zero, or belong to other positions.

    Parameters
    ----------
    frames
        Frames.
    predicted
        Forces of the quick model, ``(n_atoms, 3)`` each in eV/angstrom.
    """
    pairs = [
        (frame, frame.forces, model)
        for frame, model in zip(frames, predicted, strict=True)
        if frame.forces is not None and _rms(model) > FELT
    ]
    agreed = [_correlation(forces, model) for _, forces, model in pairs if forces.any()]
    if not agreed or np.median(agreed) < TRUSTED:
        return []
    judged = [_judge(frame, forces, model) for frame, forces, model in pairs]
    return [finding for finding in judged if finding is not None]


def _judge(frame: Frame, forces: Floats, model: Floats) -> Finding | None:
    if not forces.any():
        message = f"all forces are exactly zero, where about {_rms(model):.2g} eV/angstrom is expected"
        return at_comment(frame, "error", "zero-forces", message, "give the forces, or leave the frame out")
    for axis, name in enumerate("xyz"):
        if not forces[:, axis].any() and _rms(model[:, axis]) > FELT:
            message = f"all forces along {name} are exactly zero, where about {_rms(model[:, axis]):.2g} is expected"
            return at_comment(frame, "error", "zero-forces", message, "give all three components of the forces")
    agreement = _correlation(forces, model)
    if agreement < -0.5:
        message = f"the forces point the wrong way (correlation {agreement:.2f} with those of a quick model)"
        fix = "give forces, not gradients: multiply them by -1"
        return at_comment(frame, "error", "force-sign", message, fix)
    if agreement < 0.3 and _rms(forces) > FELT:
        message = (
            f"the forces do not belong to these positions (correlation {agreement:.2f} with those of a quick model)"
        )
        fix = "look whether atoms are in another order, or positions and forces come from different steps"
        return at_comment(frame, "error", "force-mismatch", message, fix)
    return _unit(frame, _middle(forces) / _middle(model))


def _unit(frame: Frame, ratio: float) -> Finding | None:
    """Find a unit that explains a ratio of forces far from one."""
    unit, size = min(UNITS.items(), key=lambda item: abs(np.log(ratio * item[1])))
    if not 1 / SURE < ratio * size < SURE:
        return None
    message = f"the forces are {ratio:.3g} times those expected, as if they were in {unit}"
    return at_comment(frame, "error", "force-unit", message, f"multiply the forces by {size:.6g}: eV/angstrom")


def _middle(forces: Floats) -> float:
    """Median size of the forces of a frame that are not zero, in eV/angstrom."""
    size = np.linalg.norm(forces, axis=1)
    return float(np.median(size[size > 0]))


def _correlation(one: Floats, other: Floats) -> float:
    """Correlation of two sets of vectors, in which no single atom counts for much."""
    one, other = _clipped(one), _clipped(other)
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def _clipped(vectors: Floats) -> Floats:
    """Shorten vectors to what is usual, ``(n_atoms, 3)``."""
    size = np.linalg.norm(vectors, axis=1)
    longest = CLIPPED * float(np.median(size[size > 0])) if size.any() else 1.0
    return np.asarray(vectors * np.minimum(1.0, longest / np.maximum(size, 1e-300))[:, None])


def _rms(vectors: Floats) -> float:
    """Root-mean-square size of the vectors of atoms, or of one component of them."""
    squares = (vectors**2).sum(axis=1) if vectors.ndim == 2 else vectors**2
    return float(np.sqrt(squares.mean()))
