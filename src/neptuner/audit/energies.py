"""Energies: their unit and sign, which forces give away, and outliers of a composition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.findings import Finding, at_comment
from neptuner.audit.robust import fractions, spread, without_composition
from neptuner.audit.scales import Scale, explains, wrong_scale
from neptuner.files.frames import Frame

Floats = NDArray[np.float64]

FEWEST = 10
"""Frames with energies that there must be."""
SPREADS, TIMES_USUAL, LEAST = 20.0, 3.0, 0.02
"""An outlier is so many spreads and so many times the 98th percentile away, and at least so many eV/atom."""
LOW = -100.0
"""In eV/atom; below, GPUMD's single precision loses the digits that matter."""

_UNITS = {"Ry": 13.605693, "Ha": 27.211386, "kcal/mol": 1 / 23.060548, "kJ/mol": 1 / 96.485332}
"""What one of another unit is in eV."""
_ATOMIC = 1.8897261
"""Ratio of energy to force times distance where both are in atomic units and distances in angstrom."""


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


def check_energies(frames: Sequence[Frame], predicted: Floats | None) -> list[Finding]:
    """Find energies of a wrong unit or sign, and outliers.

    The composition explains most of an energy, and a model fitted to forces alone most of the rest.

    Parameters
    ----------
    frames
        Frames of one file.
    predicted
        Energies of the quick model, ``(n_frames,)`` in eV; None: there is none.
    """
    chosen = [k for k, frame in enumerate(frames) if frame.energy is not None]
    if len(chosen) < FEWEST:
        return []
    mine = [frames[k] for k in chosen]
    atoms = np.array([frame.n_atoms for frame in mine])
    given = np.array([frame.energy for frame in mine], dtype=float) / atoms
    model = np.zeros(len(mine)) if predicted is None else predicted[chosen] / atoms
    shares = fractions(mine)
    scales = _scales(atoms) if predicted is not None else []
    scores = [_score(scale.factor * given, model, shares) for scale in scales]
    if (scale := wrong_scale(scales, scores)) is not None:
        return [at_comment(mine[0], "error", "energy-unit", f"in {len(mine)} frames {scale.message}", scale.fix, mine)]
    return _outliers(mine, given, model, shares, scales)


def _scales(atoms: NDArray[np.int64]) -> list[Scale]:
    ones = np.ones(len(atoms))
    units = [
        Scale(size * ones, f"energies are in {unit}", f"multiply energies by {size:.6g}: eV")
        for unit, size in _UNITS.items()
    ]
    gradients = "give forces, not gradients: multiply all forces by -1; or mend the sign of the energies"
    atomic = "multiply energies by 27.211386 (or 13.605693) and forces by 51.422067 (or 25.711033)"
    return [
        Scale(ones, "", ""),
        Scale(atoms * ones, "energies are per atom", "give the total energy of the frame: multiply by its atoms"),
        Scale(-ones, "energies and forces have opposite signs", gradients),
        Scale(_ATOMIC * ones, "energies and forces are both in atomic units (or Ry and Ry/bohr)", atomic),
        *units,
    ]


def _score(given: Floats, model: Floats, shares: Floats) -> float:
    """Part of the variation beyond composition that the model leaves unexplained."""
    rest, whole = without_composition(given - model, shares), without_composition(given, shares)
    return float(np.median(np.abs(rest)) / max(float(np.median(np.abs(whole))), 1e-12))


def _outliers(
    frames: Sequence[Frame], given: Floats, model: Floats, shares: Floats, scales: Sequence[Scale]
) -> list[Finding]:
    rest = without_composition(given - model, shares)
    offsets = given - model - rest
    limit = max(SPREADS * spread(rest), TIMES_USUAL * float(np.percentile(np.abs(rest), 98)), LEAST)
    found = []
    for k in np.flatnonzero(np.abs(rest) > limit).tolist():
        frame = frames[k]
        others = [scale.factor[k] * given[k] - model[k] - offsets[k] for scale in scales]
        scale = explains(scales, np.abs(others), limit)
        if scale is not None:
            found.append(at_comment(frame, "error", "energy-unit", f"here {scale.message}", scale.fix))
            continue
        message = f"the energy is {rest[k]:+.3g} eV/atom off what its composition and forces suggest"
        fix = (
            "look at the calculation (another setting, not converged, a wrong number); else give a small energy_weight"
        )
        found.append(at_comment(frame, "warning", "energy-outlier", message, fix))
    return found
