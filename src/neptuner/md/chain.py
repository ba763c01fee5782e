"""The Nose-Hoover chain on its own: how it moves and by how much it scales velocities.

Martyna, Klein, Tuckerman, J. Chem. Phys. 97, 2635 (1992), with the sixth-order Suzuki-Yoshida weights and four
sub-steps that GPUMD takes (``src/integrate/ensemble_nhc.cu``).
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from neptuner.kernels.motion import chain_moved
from neptuner.md.state import Floats

START = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 1.0, -1.0]])
"""Positions and momenta at the beginning of every run."""

_WEIGHTS = (0.784513610477560, 0.235573213359357, -1.17767998417887, 1.31518632068391)
WEIGHTS = (*_WEIGHTS, *_WEIGHTS[2::-1])
SUBSTEPS = 4
_STEPS = np.repeat(WEIGHTS, SUBSTEPS) / SUBSTEPS


def advance_chain(
    chain: Floats, masses: Floats, twice_kinetic: float, kt: float, freedom: int, time: float
) -> tuple[Floats, float]:
    """Move a chain for a time.

    Parameters
    ----------
    chain
        Positions and momenta, ``(2, 4)``.
    masses
        ``(4,)``.
    twice_kinetic
        Twice the kinetic energy of the atoms in eV.
    kt
        Boltzmann's constant times the target temperature in eV.
    freedom
        Degrees of freedom of the atoms.
    time
        In internal units.

    Returns
    -------
    The new chain and the factor for the velocities.

    Raises
    ------
    OverflowError
        If the chain runs away.
    """
    moved: Floats = chain.copy()
    factor = chain_moved(moved[0], moved[1], masses, twice_kinetic, kt, freedom, time * _STEPS)
    if not (isfinite(factor) and np.isfinite(moved).all()):
        raise OverflowError("the Nose-Hoover chain runs away")
    return moved, factor
