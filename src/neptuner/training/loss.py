"""The loss of GPUMD's ``nep`` and its derivatives by energies, forces and virials; and plain RMSEs.

The loss is a sum of weighted RMSEs, ``lambda_e RMSE_E + lambda_f RMSE_F + lambda_v RMSE_V`` (GPUMD
``src/main_nep/dataset.cu``, ``fitness.cu``); missing virial components count neither above nor below the line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.files.nep_in import NepIn
from neptuner.kernels.engine import Batch, Outputs
from neptuner.training.dataset import Labels

Floats = NDArray[np.float64]

TINY = 1e-12


@dataclass(frozen=True)
class LossWeights:
    """The lambdas of ``nep.in``."""

    energy: float = 1.0
    force: float = 1.0
    virial: float = 0.1
    shear: float = 1.0

    @classmethod
    def from_nep_in(cls, nep_in: NepIn) -> LossWeights:
        """Take the lambdas from ``nep.in``."""
        return cls(nep_in.lambda_e, nep_in.lambda_f, nep_in.lambda_v, nep_in.lambda_shear)


@dataclass(frozen=True)
class Errors:
    """Root-mean-square errors over a set; nan where there are no labels."""

    energy: float
    """eV/atom"""
    force: float
    """eV/angstrom, over components"""
    virial: float
    """eV/atom, over components"""

    def weighted(self, weights: LossWeights) -> float:
        """Loss without weights of frames, species and shear: what models are compared by."""
        parts = ((weights.energy, self.energy), (weights.force, self.force), (weights.virial, self.virial))
        return float(sum(weight * error for weight, error in parts if not np.isnan(error)))


@dataclass(frozen=True)
class LossGradient:
    """A loss and its derivatives by the outputs of a batch."""

    loss: float
    by_energy: Floats
    """By total energies, ``(n_frames,)``."""
    by_forces: Floats
    """``(n_atoms, 3)``"""
    by_virial: Floats
    """By total virials, ``(n_frames, 6)``."""


@np.errstate(over="ignore", invalid="ignore")  # the trainer tells of a loss that is not a number
def loss_gradient(outputs: Outputs, labels: Labels, batch: Batch, weights: LossWeights) -> LossGradient:
    """Evaluate the loss of a batch and its derivatives by energies, forces and virials."""
    atoms = batch.atoms_per_frame.astype(float)
    square = labels.weight**2

    energy_error = (outputs.energy - labels.energy) / atoms
    energy_weight = square * labels.energy_weight / len(atoms)
    energy_rmse = np.sqrt(np.sum(energy_weight * energy_error**2)) + TINY
    by_energy = weights.energy / energy_rmse * energy_weight * energy_error / atoms

    force_error = outputs.forces - labels.forces
    force_weight = np.repeat(square, batch.atoms_per_frame) * labels.force_weight / (3 * len(force_error))
    force_rmse = np.sqrt(np.sum(force_weight[:, None] * force_error**2)) + TINY
    by_forces = weights.force / force_rmse * force_weight[:, None] * force_error

    virial_error, known = _virial_error(outputs, labels, atoms)
    shear = np.array([1.0, 1.0, 1.0, *[weights.shear**2] * 3])
    virial_weight = square[:, None] * shear / max(1, np.count_nonzero(known))
    virial_rmse = np.sqrt(np.sum(virial_weight * virial_error**2)) + TINY
    by_virial = weights.virial / virial_rmse * virial_weight * virial_error / atoms[:, None]

    loss = weights.energy * energy_rmse + weights.force * force_rmse + weights.virial * virial_rmse
    return LossGradient(float(loss), by_energy, by_forces, by_virial)


def errors(outputs: Outputs, labels: Labels, batch: Batch) -> Errors:
    """Plain RMSEs, every frame counting the same, as the columns of ``loss.out``."""
    atoms = batch.atoms_per_frame.astype(float)
    virial_error, known = _virial_error(outputs, labels, atoms)
    count = np.count_nonzero(known)
    return Errors(
        energy=_rms((outputs.energy - labels.energy) / atoms),
        force=_rms(outputs.forces - labels.forces),
        virial=float(np.sqrt(np.sum(virial_error**2) / count)) if count else float("nan"),
    )


def _virial_error(outputs: Outputs, labels: Labels, atoms: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Errors per atom, zero where the label is missing, and where it is known."""
    known = ~np.isnan(labels.virial)
    return np.where(known, outputs.virial - labels.virial, 0.0) / atoms[:, None], known


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))
