"""The loss that individuals are ranked by: GPUMD's, once for each species and once over all frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.population import PopulationOutputs
from neptuner.training.dataset import Labels
from neptuner.training.loss import LossWeights

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankingLoss:
    """Weighted root-mean-square errors, lambda included, ``(population, n_types + 1)`` each; the last is over all."""

    energy: Floats
    force: Floats
    virial: Floats

    @property
    def total(self) -> Floats:
        """Sum of the three."""
        return self.energy + self.force + self.virial


def energy_shift(error: Floats, energy_weight: Floats) -> Floats:
    """Mean error per atom over frames, weighted by ``energy_weight`` alone: what the common bias can take away.

    Parameters
    ----------
    error
        Errors of energies per atom, ``(n_frames, ...)``.
    energy_weight
        ``(n_frames,)``
    """
    shift: Floats = np.einsum("s,s...->...", energy_weight, error) / max(float(energy_weight.sum()), 1e-300)
    return shift


def species_in_frames(types: NDArray[np.integer], start: NDArray[np.int64], n_types: int) -> Floats:
    """1 where a ranking counts a frame, ``(n_frames, n_types + 1)``: it contains the species, or the ranking is global.

    Parameters
    ----------
    types
        Species of each atom, ``(n_atoms,)``.
    start
        First atom of each frame and the number of atoms, ``(n_frames + 1,)``.
    n_types
        Number of species.
    """
    present = np.ones((len(start) - 1, n_types + 1))
    for t in range(n_types):
        present[:, t] = np.add.reduceat((types == t).astype(np.int64), start[:-1]) > 0
    return present


@np.errstate(over="ignore", invalid="ignore")  # an individual without a finite loss is ranked last
def ranking_loss(
    outputs: PopulationOutputs, labels: Labels, atoms: NDArray[np.int64], present: Floats, weights: LossWeights
) -> RankingLoss:
    """Evaluate the loss of every individual in every ranking.

    Every ranking takes all atoms of the frames it counts. Frames' weights enter squared and are not normalised away.

    Parameters
    ----------
    outputs, labels
        What the population says and what is right, for the frames of a batch.
    atoms
        Number of atoms of each frame, ``(n_frames,)``.
    present
        From ``species_in_frames``.
    weights
        The lambdas.
    """
    square = (labels.weight**2)[:, None]
    error = (outputs.energy - labels.energy[:, None]) / atoms[:, None]
    error = error - energy_shift(error, labels.energy_weight)
    energy = square * labels.energy_weight[:, None] * error**2
    virial, known = _virial_square(outputs, labels, atoms, weights.shear)
    return RankingLoss(
        weights.energy * _root_mean(energy, np.ones(len(atoms)), present),
        weights.force * _root_mean(square * outputs.force_square, 3.0 * atoms.astype(float), present),
        weights.virial * _root_mean(square * virial, known, present),
    )


def _virial_square(
    outputs: PopulationOutputs, labels: Labels, atoms: NDArray[np.int64], shear: float
) -> tuple[Floats, Floats]:
    """Squared errors per atom summed over the known components of each frame, and the number of these."""
    known = ~np.isnan(labels.virial)
    target = np.where(known, labels.virial, 0.0)
    weight = known * np.array([1.0, 1.0, 1.0, *[shear**2] * 3]) / atoms[:, None].astype(float) ** 2
    error = outputs.virial - target[:, :, None]
    return np.einsum("sc,scp->sp", weight, error**2), known.sum(axis=1).astype(float)


def _root_mean(square: Floats, count: Floats, present: Floats) -> Floats:
    """Root of the sum over a ranking's frames of ``square`` by that of ``count``, 0 where nothing is counted."""
    total = np.einsum("sp,sr->pr", square, present)
    root: Floats = np.sqrt(total / np.maximum(1.0, np.einsum("s,sr->r", count, present)))
    return root
