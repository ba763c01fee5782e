"""Frames and their labels, prepared once for training and judging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.kernels.engine import Batch, Prepared, make_batch, prepare
from neptuner.potential.settings import Settings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """Targets and weights of some frames, in the order of a batch."""

    energy: Floats
    """Total energies, ``(n_frames,)`` in eV."""
    forces: Floats
    """``(n_atoms, 3)`` in eV/angstrom."""
    virial: Floats
    """Total virials, ``(n_frames, 6)`` in eV, nan where missing."""
    weight: Floats
    """Of each frame, ``(n_frames,)``; enters squared, as in GPUMD."""
    energy_weight: Floats
    """``(n_frames,)``"""
    force_weight: Floats
    """Weight of each atom's squared force error, ``(n_atoms,)``: type_weight squared times force_delta's factor."""


@dataclass(frozen=True)
class Dataset:
    """Prepared frames with their labels."""

    prepared: Prepared
    labels: Labels

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.prepared.geometry.n_frames

    @property
    def n_atoms(self) -> int:
        """Number of atoms of all frames."""
        return self.prepared.geometry.n_atoms

    def batch(self, frames: NDArray[np.int64] | None = None) -> tuple[Batch, Labels]:
        """Lay out some frames (all by default) with their labels."""
        batch = make_batch(self.prepared, frames)
        if frames is None:
            return batch, self.labels
        labels, chosen = self.labels, batch.frames
        _, atoms = self.prepared.geometry.atoms_of(chosen)
        return batch, Labels(
            labels.energy[chosen],
            labels.forces[atoms],
            labels.virial[chosen],
            labels.weight[chosen],
            labels.energy_weight[chosen],
            labels.force_weight[atoms],
        )


def make_dataset(
    frames: Sequence[Frame],
    settings: Settings,
    *,
    type_weight: Sequence[float] = (),
    force_delta: float = 0.0,
    dtype: type[np.floating] = np.float32,
    threads: int = 1,
) -> Dataset:
    """Prepare frames for training; all must carry energy and forces.

    Parameters
    ----------
    frames
        Structures with labels; a virial may be missing as a whole (None) or in single components (nan).
    settings
        Shape of the potential.
    type_weight, force_delta
        As in ``nep.in``: weight of each species' forces (none: ones), and the force in eV/angstrom from which errors
        of large forces are weighed down (0: off).
    dtype, threads
        Precision of the kernels and number of threads.
    """
    prepared = prepare(frames, settings, dtype=dtype, threads=threads)
    forces = np.concatenate([np.asarray(frame.forces, dtype=float) for frame in frames])
    weights = np.ones(settings.n_types) if len(type_weight) == 0 else np.asarray(type_weight, dtype=float)
    force_weight = weights[prepared.geometry.types] ** 2
    if force_delta > 0:
        force_weight = force_weight * force_delta / (force_delta + np.linalg.norm(forces, axis=1))
    missing = np.full(6, np.nan)
    labels = Labels(
        np.array([frame.energy for frame in frames], dtype=float),
        forces,
        np.array([missing if frame.virial is None else frame.virial for frame in frames], dtype=float),
        np.array([frame.weight for frame in frames]),
        np.array([frame.energy_weight for frame in frames]),
        force_weight,
    )
    return Dataset(prepared, labels)
