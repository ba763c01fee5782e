"""The Nose-Hoover chain on its own: how it moves and by how much it scales velocities.

Martyna, Klein, Tuckerman, J. Chem. Phys. 97, 2635 (1992), with the sixth-order Suzuki-Yoshida weights and four
sub-steps that GPUMD takes (``src/integrate/ensemble_nhc.cu``).
"""

from __future__ import annotations

from math import exp

import numpy as np

from neptuner.md.state import Floats

START = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 1.0, -1.0]])
"""Positions and momenta at the beginning of every run."""

_WEIGHTS = (0.784513610477560, 0.235573213359357, -1.17767998417887, 1.31518632068391)
WEIGHTS = (*_WEIGHTS, *_WEIGHTS[2::-1])
SUBSTEPS = 4


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
    """
    x, p, m = chain[0].tolist(), chain[1].tolist(), masses.tolist()
    factor = 1.0
    for weight in WEIGHTS:
        for _ in range(SUBSTEPS):
            step = time * weight / SUBSTEPS
            _half_momenta(p, m, twice_kinetic, kt, freedom, step, inwards=True)
            x = [a + step * b / c for a, b, c in zip(x, p, m, strict=True)]
            scale = exp(-step * p[0] / m[0])
            twice_kinetic *= scale * scale
            factor *= scale
            _half_momenta(p, m, twice_kinetic, kt, freedom, step, inwards=False)
    return np.array([x, p]), factor


def _half_momenta(
    p: list[float], m: list[float], twice_kinetic: float, kt: float, freedom: int, step: float, *, inwards: bool
) -> None:
    """Half a step of all momenta: from the far end of the chain inwards, or from the atoms outwards."""
    quarter, eighth = 0.5 * step, 0.25 * step

    def push(k: int) -> float:
        return twice_kinetic - freedom * kt if k == 0 else p[k - 1] ** 2 / m[k - 1] - kt

    if inwards:
        p[3] += quarter * push(3)
    for k in (2, 1, 0) if inwards else (0, 1, 2):
        drag = exp(-eighth * p[k + 1] / m[k + 1])
        p[k] = drag * (drag * p[k] + quarter * push(k))
    if not inwards:
        p[3] += quarter * push(3)
