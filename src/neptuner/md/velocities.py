"""First velocities and the removal of momentum, as in GPUMD's ``src/main_gpumd/velocity.cu``."""

from __future__ import annotations

import numpy as np

from neptuner.md.state import Floats, Longs
from neptuner.units import BOLTZMANN


def first_velocities(masses: Floats, positions: Floats, temperature: float, seed: int) -> Floats:
    """Draw velocities without linear or angular momentum, of exactly this temperature.

    They follow Maxwell's distribution, where GPUMD's first ones are uniform.

    Parameters
    ----------
    masses, positions
        ``(n_atoms,)`` in u and ``(n_atoms, 3)`` in angstrom.
    temperature
        In kelvin, for three degrees of freedom of every atom.
    seed
        Of the random numbers; velocities of the same seed and number of atoms are the same for all potentials.
    """
    velocities = np.random.default_rng(seed).normal(size=positions.shape) / np.sqrt(masses)[:, None]
    velocities = without_momentum(velocities, positions, masses)
    twice_kinetic = float(np.sum(masses[:, None] * velocities**2))
    factor = np.sqrt(3 * len(masses) * BOLTZMANN * temperature / twice_kinetic) if twice_kinetic > 0.0 else 0.0
    scaled: Floats = factor * velocities
    return scaled


def without_momentum(velocities: Floats, positions: Floats, masses: Floats) -> Floats:
    """Remove linear and angular momentum, ``(n_atoms, 3)``."""
    share = (masses / masses.sum())[:, None]
    velocities = velocities - (share * velocities).sum(axis=0)
    arms = positions - (share * positions).sum(axis=0)
    angular = np.sum(masses[:, None] * np.cross(arms, velocities), axis=0)
    inertia = np.eye(3) * np.sum(masses * np.sum(arms**2, axis=1)) - (masses[:, None] * arms).T @ arms
    if abs(np.linalg.det(inertia)) < 1e-10:  # atoms on a line, as in GPUMD
        return velocities
    corrected: Floats = velocities - np.cross(np.linalg.solve(inertia, angular), arms)
    return corrected


def without_momentum_of_groups(velocities: Floats, positions: Floats, masses: Floats, labels: Longs) -> Floats:
    """Remove linear and angular momentum of every group on its own.

    Parameters
    ----------
    velocities, positions, masses
        As for :func:`without_momentum`.
    labels
        Group of each atom, ``(n_atoms,)``.
    """
    corrected = velocities.copy()
    for label in np.unique(labels):
        mine = labels == label
        corrected[mine] = without_momentum(velocities[mine], positions[mine], masses[mine])
    return corrected
