"""What a training does for an atom, counted: enough to carry a measured time over to another nep.in.

Counts of the kernels are those of ``benchmarks/train_speed.py``; each is divided by the rate at which its stage runs on
one core of the machine of ``benchmarks/README.md``, so that the sums are seconds there. Only their ratios are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from neptuner.files.nep_in import NepIn
from neptuner.potential.settings import Settings

FLOPS = 1e9
"""Rates are in operations a nanosecond."""

CALL_SECONDS = 1.5e-3
"""Python around the kernels in a step of any size."""
ATOM_SECONDS = 0.75e-6
"""The same for each atom: labels, sums, layout."""
OPTIMIZER_SECONDS = 0.4e-3
"""Python around the matrices of the optimiser."""
SLOT_SECONDS = 7.5e-9
"""To gather an angular pair."""
READ_SECONDS = 40e-6
"""To read an atom's line of a frame, and to write its predictions."""
PAIR_SECONDS = 0.12e-6
"""To find a radial pair, for training and for the predictions at its end."""


@dataclass(frozen=True)
class Neighbors:
    """Mean numbers of neighbours of an atom within the two cutoffs."""

    radial: float
    angular: float


@dataclass(frozen=True)
class Work:
    """Seconds of the parts of a training on the machine of the benchmarks, for one nep.in."""

    step: float
    """One step."""
    row: float
    """Errors of an atom in a row of the loss curves."""
    outside: float
    """Everything before the first and after the last step, for an atom."""


def work_of(nep_in: NepIn, neighbors: Neighbors, atoms_per_step: float) -> Work:
    """Count the work of a training.

    Parameters
    ----------
    nep_in
        Its settings.
    neighbors
        Of its cutoffs in its frames.
    atoms_per_step
        Atoms of a mini-batch.
    """
    settings = Settings.from_nep_in(nep_in)
    forward, gradient = _forward(settings, neighbors), _gradient(settings, neighbors)
    step = CALL_SECONDS + atoms_per_step * (ATOM_SECONDS + forward + gradient) + _optimizer(settings)
    return Work(step, ATOM_SECONDS + forward, READ_SECONDS + PAIR_SECONDS * neighbors.radial + 2 * forward)


def _functions(settings: Settings, angular: float) -> float:
    """Pairs, radial functions and harmonics, which a step computes twice."""
    n, k, lm = settings.functions[1], settings.basis[1], settings.n_harmonics
    radial = 50 + 2 * (k - 2) + n * (4 * (k - 1) + 4)
    return angular * (SLOT_SECONDS + (radial / 21 + (3 * lm + 15) / 9) / FLOPS)


def _forward(settings: Settings, neighbors: Neighbors) -> float:
    """Energy, forces and virial of an atom."""
    n, lm, kr = settings.functions[1], settings.n_harmonics, settings.basis[0]
    angular = neighbors.angular * (2 * n * lm / 29 + (4 * n + 2) * lm / 37 + (9 * lm + 40) / 26)
    radial = neighbors.radial * (90 + 6 * (kr - 1)) / 20
    densities = 3 * settings.n_types * kr
    dense = (2 * (_layers(settings) + _sums(settings) + _invariants(settings)) + densities) / 21
    return _functions(settings, neighbors.angular) + (angular + radial + dense) / FLOPS


def _gradient(settings: Settings, neighbors: Neighbors) -> float:
    """Derivatives of the loss by the parameters for an atom."""
    n, k, lm = settings.functions[1], settings.basis[1], settings.n_harmonics
    tangents = (40 + 5 * lm) / 15 + (4 * n * lm + n) / 26
    angular = neighbors.angular * (tangents + n * (6 * lm + 2) / 45 + (4 * k + n * (4 * (k - 1) + 6)) / 14)
    radial = neighbors.radial * (80 + 6 * settings.basis[0]) / 21
    dense = (7 * _layers(settings) + 3 * _sums(settings) + 5 * _invariants(settings)) / 32
    return _functions(settings, neighbors.angular) + (angular + radial + dense) / FLOPS


def _layers(settings: Settings) -> float:
    """One pass through the network of an atom."""
    sizes = (settings.dim, *settings.neuron)
    return sum(2 * a * b for a, b in pairwise(sizes)) + 15 * sum(settings.neuron)


def _sums(settings: Settings) -> float:
    """Radial functions from the densities of all species."""
    return 2 * settings.functions[0] * settings.n_types * settings.basis[0]


def _invariants(settings: Settings) -> float:
    lm, higher = settings.n_harmonics, sum(settings.l_max[1:])
    return settings.functions[1] * (2 * lm + 80 * higher)


def _optimizer(settings: Settings) -> float:
    """SOAP on every matrix of parameters: products with the two sides, and their QR in every tenth step."""
    sizes = (settings.dim, *settings.neuron)
    matrices = [(settings.n_networks, b, a + 1) for a, b in pairwise(sizes)]
    for functions, basis in zip(settings.functions, settings.basis, strict=True):
        matrices.append((settings.n_types, functions, settings.n_types * basis))
    flops = sum(count * (8 * r * c * (r + c) + 0.7 * (r**3 + c**3)) for count, r, c in matrices)
    return OPTIMIZER_SECONDS + flops / 7 / FLOPS
