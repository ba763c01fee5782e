"""Energies: their unit and sign, which forces give away, and outliers of a composition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.findings import Finding, at_comment, of_all
from neptuner.audit.pair_model import Predictions
from neptuner.audit.robust import fractions, log_volumes, spread, unusual, without_composition
from neptuner.audit.scales import Scale, explains, fit_of, wrong_scale
from neptuner.files.frames import Frame, elements_of

Floats = NDArray[np.float64]

FEWEST = 10
"""Frames with energies that there must be."""
FRAMES_PER_OFFSET = 4
"""Frames there must be for each element, and for the volume, to tell the unit of a file by itself."""
SPREADS, TIMES_USUAL, LEAST = 10.0, 5.0, 0.02
"""An outlier is so many spreads and so many times the 90th percentile away, and at least so many eV/atom."""
LOW = -100.0
"""In eV/atom; below, GPUMD's single precision loses the digits that matter."""

_UNITS = (
    (13.605693, "energies are in Ry"),
    (27.211386, "energies are in Ha (or forces in kcal/mol/angstrom)"),
    (96.485332, "forces are in kJ/mol/angstrom"),
    (1 / 23.060548, "energies are in kcal/mol (or forces in Ry/bohr)"),
    (1 / 51.422067, "forces are in Ha/bohr"),
    (1 / 96.485332, "energies are in kJ/mol"),
)
"""What energies must be multiplied by; a unit of forces that has nearly the same effect stands in brackets."""
_EV = (
    "give energies in eV and forces in eV/angstrom (1 Ha is 27.211386 eV, 1 eV 23.060548 kcal/mol or 96.485332 kJ/mol)"
)
_ATOMIC = 1.8897261
"""Ratio of energy to force times distance where both are in atomic units and distances in angstrom."""


_NUMBERS = ("given", "model", "misfit")


def check_low_energies(frames: Sequence[Frame]) -> list[Finding]:
    """Find frames whose energies are so low that single precision spoils them."""
    low = [frame for frame in frames if frame.energy is not None and frame.energy / frame.n_atoms < LOW]
    if not low:
        return []
    value = low[0].energy or 0.0
    message = (
        f"energies are as low as {value / low[0].n_atoms:.0f} eV/atom, where GPUMD's single precision loses digits"
    )
    fix = "subtract a constant for each atom of an element, such as the energy of the isolated atom"
    return [at_comment(low[0], "warning", "low-energy", message, fix, low)]


def check_energies(sets: Sequence[Sequence[Frame]], model: Predictions | None) -> list[Finding]:
    """Find energies of a wrong unit or sign, and outliers.

    The composition explains most of an energy, and a model fitted to forces alone most of the rest. Units are told
    file by file, outliers among all frames of those files whose unit is right.

    Parameters
    ----------
    sets
        Frames of each file.
    model
        What the quick model says of all of them, in this order; None: there is none.
    """
    parts: list[_Energies] = []
    begin = 0
    for frames in sets:
        parts.append(_energies(frames, model, begin))
        begin += len(frames)
    if model is None:
        return _outliers(parts, [])
    own = [_unit(one) for one in parts]
    right = [one for one, unit in zip(parts, own, strict=True) if unit is None]
    units = [_by_others(one, [other for other in right if other is not one]) or unit
             for one, unit in zip(parts, own, strict=True)]  # fmt: skip
    wrong = [(one, unit) for one, unit in zip(parts, units, strict=True) if unit is not None and unit.message]
    found = [_of_all_frames(one, unit) for one, unit in wrong]
    rest = [one for one in parts if all(one is not other for other, _ in wrong)]
    return found + _outliers(rest, _scales(np.concatenate([one.atoms for one in rest])) if rest else [])


@dataclass(frozen=True)
class _Energies:
    """Frames with energies, what these are, and what the quick model says, in eV/atom."""

    frames: list[Frame]
    atoms: Floats
    given: Floats
    model: Floats
    misfit: Floats
    """Root-mean-square error of its forces in eV/angstrom; 1 where there is no model, or no forces."""


def _energies(frames: Sequence[Frame], model: Predictions | None, begin: int) -> _Energies:
    chosen = [k for k, frame in enumerate(frames) if frame.energy is not None]
    mine, places = [frames[k] for k in chosen], [begin + k for k in chosen]
    atoms = np.array([float(frame.n_atoms) for frame in mine])
    given = np.array([frame.energy for frame in mine], dtype=float) / atoms
    if model is None:
        return _Energies(mine, atoms, given, np.zeros(len(mine)), np.ones(len(mine)))
    misfit = [_misfit(frame, model.forces[place]) for frame, place in zip(mine, places, strict=True)]
    return _Energies(mine, atoms, given, model.energy[places] / atoms, np.array(misfit))


def _misfit(frame: Frame, model: Floats) -> float:
    return 1.0 if frame.forces is None else float(np.sqrt(((frame.forces - model) ** 2).mean()))


def _unit(one: _Energies) -> Scale | None:
    """Find a unit or sign that all frames of a file have."""
    if len(one.frames) < FRAMES_PER_OFFSET * (1 + len(elements_of(one.frames))):
        return None
    scales = _scales(one.atoms)
    model = _beyond(one.frames, one.model)
    return wrong_scale(scales, [fit_of(_beyond(one.frames, scale.factor * one.given), model) for scale in scales])


def _by_others(one: _Energies, others: Sequence[_Energies]) -> Scale | None:
    """Find the scale that makes a file agree with others that are right, if most frames are in these.

    Their zero of energy, if it is the same, tells more than how energies vary. Where the file is right, the scale is
    the first one; None if nothing can be said.
    """
    frames = [frame for other in others for frame in other.frames]
    if len(frames) < max(FEWEST, len(one.frames)) or not one.frames:
        return None
    known = np.concatenate([other.given - other.model for other in others])
    scales = _scales(one.atoms)
    rests = [
        _beyond([*frames, *one.frames], np.concatenate([known, scale.factor * one.given - one.model]))
        for scale in scales
    ]
    gaps = [float(np.median(np.abs(rest[len(frames) :]))) for rest in rests]
    best = int(np.argmin(gaps))
    usual = max(SPREADS * spread(rests[best][: len(frames)]), LEAST)
    return scales[best] if gaps[best] < usual else None


def _of_all_frames(one: _Energies, scale: Scale) -> Finding:
    message = f"in {of_all(one.frames, one.frames)} {scale.message}"
    return at_comment(one.frames[0], "error", "energy-unit", message, scale.fix, one.frames)


def _beyond(frames: Sequence[Frame], energies: Floats) -> Floats:
    """Take from energies what composition and volume explain.

    Forces do not tell the pressure, with which the energy changes in proportion to the volume.
    """
    return without_composition(energies, fractions(frames), log_volumes(frames))


def _scales(atoms: Floats) -> list[Scale]:
    ones = np.ones(len(atoms))
    gradients = "give forces, not gradients: multiply all forces by -1; or mend the sign of the energies"
    atomic = "multiply energies by 27.211386 (or 13.605693) and forces by 51.422067 (or 25.711043)"
    return [
        Scale(ones, "", ""),
        Scale(atoms, "energies are per atom", "give the total energy of the frame: multiply by its atoms"),
        Scale(-ones, "energies and forces have opposite signs", gradients),
        Scale(_ATOMIC * ones, "energies and forces are both in atomic units (or Ry and Ry/bohr)", atomic),
        *(Scale(factor * ones, message, _EV) for factor, message in _UNITS),
    ]


def _outliers(parts: Sequence[_Energies], scales: Sequence[Scale]) -> list[Finding]:
    """Find single energies that are wrong; those of frames whose forces are hard to predict have more room."""
    frames = [frame for one in parts for frame in one.frames]
    if len(frames) < FEWEST:
        return []
    given, model, misfit = (np.concatenate([getattr(one, name) for one in parts]) for name in _NUMBERS)
    room = unusual(fractions(frames)) * np.maximum(1.0, misfit / np.median(misfit))
    rest = _beyond(frames, given - model)
    off = np.abs(rest) / room
    least = max(SPREADS * spread(off), LEAST)
    found = []
    for k in np.flatnonzero(off > least).tolist():
        right = given[k] - rest[k]
        others = np.array([abs(scale.factor[k] * given[k] - right) / room[k] for scale in scales])
        if (scale := explains(scales, others, least)) is not None:
            found.append(at_comment(frames[k], "error", "energy-unit", f"here {scale.message}", scale.fix))
        elif off[k] > TIMES_USUAL * np.percentile(off, 90):
            found.append(_outlier(frames[k], float(rest[k])))
    return found


def _outlier(frame: Frame, gap: float) -> Finding:
    message = f"the energy is {gap:+.3g} eV/atom off what its composition and forces suggest"
    fix = "look at the calculation (another setting, not converged, a wrong number); else give a small energy_weight"
    return at_comment(frame, "warning", "energy-outlier", message, fix)
