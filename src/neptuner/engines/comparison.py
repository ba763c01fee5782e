"""How far predictions are from labels: RMSE, MAE and R2 of a set, its elements, its cell sizes, and its worst frames.

Energies and virials are per atom. A label that does not exist is nan and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.kernels.engine import Outputs

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Statistics = dict[str, float | None]


@dataclass(frozen=True)
class Quantity:
    """Predictions of one quantity and its labels, nan where there is none: both ``(n_rows, n_components)``."""

    predicted: Floats
    reference: Floats

    @property
    def errors(self) -> Floats:
        """Predictions minus labels, ``(n_rows, n_components)``; nan where there is no label."""
        return self.predicted - self.reference

    def rows(self, chosen: Mask) -> Quantity:
        """Take some rows."""
        return Quantity(self.predicted[chosen], self.reference[chosen])


@dataclass(frozen=True)
class Comparison:
    """Predictions of some frames beside their labels."""

    energy: Quantity
    """``(n_frames, 1)`` in eV/atom"""
    force: Quantity
    """``(n_atoms, 3)`` in eV/angstrom"""
    virial: Quantity
    """``(n_frames, 6)`` in eV/atom: xx yy zz xy yz zx"""
    species: NDArray[np.str_]
    """Chemical symbol of each atom, ``(n_atoms,)``."""
    sizes: NDArray[np.int64]
    """Number of atoms of each frame, ``(n_frames,)``."""


def compare(frames: Sequence[Frame], outputs: Outputs) -> Comparison:
    """Lay predictions and labels side by side."""
    sizes = np.array([frame.n_atoms for frame in frames], dtype=np.int64)
    atoms = sizes[:, None].astype(float)
    energy = np.array([[np.nan if frame.energy is None else frame.energy] for frame in frames])
    force = [np.full((frame.n_atoms, 3), np.nan) if frame.forces is None else frame.forces for frame in frames]
    virial = np.array([np.full(6, np.nan) if frame.virial is None else frame.virial for frame in frames])
    return Comparison(
        Quantity(outputs.energy[:, None] / atoms, energy / atoms),
        Quantity(outputs.forces.astype(float), np.concatenate(force)),
        Quantity(outputs.virial / atoms, virial / atoms),
        np.concatenate([frame.species for frame in frames]),
        sizes,
    )


def statistics(name: str, quantity: Quantity) -> Statistics:
    """Root-mean-square and mean absolute error and coefficient of determination R2, over rows and components.

    R2 is one minus the summed squared error over the summed squared distance of the labels from their mean, with one
    mean for all components.

    Returns
    -------
    ``rmse_<name>``, ``mae_<name>`` and ``r2_<name>``; None without labels, and R2 None if all labels are the same.
    """
    known = ~np.isnan(quantity.reference)
    if not known.any():
        return {f"rmse_{name}": None, f"mae_{name}": None, f"r2_{name}": None}
    errors, labels = quantity.errors[known], quantity.reference[known]
    return {
        f"rmse_{name}": float(np.sqrt(np.mean(errors**2))),
        f"mae_{name}": float(np.mean(np.abs(errors))),
        f"r2_{name}": _determination(errors, labels),
    }


def summary(comparison: Comparison) -> Statistics:
    """Statistics of energies, forces and virials."""
    return {
        **statistics("energy", comparison.energy),
        **statistics("force", comparison.force),
        **statistics("virial", comparison.virial),
    }


def by_element(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """Number of atoms and statistics of the forces on each element, in alphabetical order."""
    elements = {}
    for symbol in np.unique(comparison.species):
        mine = comparison.species == symbol
        forces = statistics("force", comparison.force.rows(mine))
        elements[str(symbol)] = {"atoms": int(mine.sum()), **forces}
    return elements


def by_size(comparison: Comparison) -> list[dict[str, Any]]:
    """Number of frames and statistics for each number of atoms in a frame, the smallest first."""
    rows = []
    for size in np.unique(comparison.sizes):
        mine = comparison.sizes == size
        part = summary(_some_frames(comparison, mine))
        rows.append({"atoms_per_frame": int(size), "frames": int(mine.sum()), **part})
    return rows


def worst_frames(comparison: Comparison, count: int) -> dict[str, list[dict[str, Any]]]:
    """Find the frames of the largest errors, the worst first; frames and atoms are counted from 1.

    Parameters
    ----------
    comparison
        Predictions and labels.
    count
        How many frames to list for each quantity.

    Returns
    -------
    Lists of ``energy``, ``force`` and ``virial``: ``frame``, its number of ``atoms`` and its ``error``, which is
    prediction minus label for the energy and the RMS over the frame for the others; for forces also ``max``, the
    largest error of a component, and its ``atom``.
    """
    energy = comparison.energy.errors[:, 0]
    force = _rms_of_groups(comparison.force.errors, comparison.sizes)
    virial = _rms_of_groups(comparison.virial.errors, np.ones_like(comparison.sizes))

    def listed(errors: Floats) -> list[dict[str, Any]]:
        worst = [s for s in np.argsort(-np.abs(errors), kind="stable") if not np.isnan(errors[s])][:count]
        return [{"frame": int(s) + 1, "atoms": int(comparison.sizes[s]), "error": float(errors[s])} for s in worst]

    forces = [{**row, **_largest_force_error(comparison, row["frame"] - 1)} for row in listed(force)]
    return {"energy": listed(energy), "force": forces, "virial": listed(virial)}


def _determination(errors: Floats, labels: Floats) -> float | None:
    spread = float(np.sum((labels - labels.mean()) ** 2))
    if np.ptp(labels) == 0.0 or spread == 0.0:
        return None
    return 1.0 - float(np.sum(errors**2)) / spread


def _some_frames(comparison: Comparison, chosen: Mask) -> Comparison:
    atoms = np.repeat(chosen, comparison.sizes)
    return Comparison(
        comparison.energy.rows(chosen),
        comparison.force.rows(atoms),
        comparison.virial.rows(chosen),
        comparison.species[atoms],
        comparison.sizes[chosen],
    )


def _rms_of_groups(errors: Floats, sizes: NDArray[np.int64]) -> Floats:
    """RMS over consecutive groups of rows, ``(n_groups,)``; nan for a group without labels."""
    known = ~np.isnan(errors)
    first = np.cumsum(sizes) - sizes
    squares = np.add.reduceat(np.where(known, errors**2, 0.0).sum(axis=1), first)
    counts = np.add.reduceat(known.sum(axis=1), first)
    means = np.full(len(sizes), np.nan)
    np.divide(squares, counts, out=means, where=counts > 0)
    rms: Floats = np.sqrt(means)
    return rms


def _largest_force_error(comparison: Comparison, frame: int) -> dict[str, Any]:
    first = int(comparison.sizes[:frame].sum())
    errors = np.abs(comparison.force.errors[first : first + comparison.sizes[frame]])
    atom = int(np.nanargmax(errors)) // 3
    return {"max": float(np.nanmax(errors)), "atom": atom + 1}
