"""Small random potentials and frames for tests."""

from __future__ import annotations

import numpy as np

from neptuner.files.frames import Frame
from neptuner.potential.model import NEP
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings

CELL = np.array([[5.0, 0.3, 0.0], [0.2, 4.6, -0.4], [0.5, 0.1, 4.9]])

EVERY_KIND = [
    (version, neuron, l_max)
    for version in (3, 4, 5)
    for neuron in ((7,), (6, 5))
    for l_max in ((4, 1, 1, 1, 1, 1, 1), (3, 1, 0, 0, 0, 0, 0), (8, 0, 0, 0, 0, 0, 0))
]
"""Versions, hidden layers and invariants that every kernel must know."""


def random_model(
    version: int = 4,
    neuron: tuple[int, ...] = (7,),
    l_max: tuple[int, ...] = (4, 1, 1, 0, 0, 0, 0),
    *,
    cutoff: tuple[float, ...] = (5.0, 4.0),
    elements: tuple[str, ...] = ("Mg", "O"),
    seed: int = 0,
) -> NEP:
    """Draw a potential whose energies depend on everything."""
    rng = np.random.default_rng(seed)
    settings = Settings(elements, version, cutoff, (3, 2), (5, 4), l_max, neuron)
    values = 0.5 * rng.normal(size=parameter_count(settings))
    return NEP(settings, values, rng.uniform(0.1, 0.3, size=settings.dim), (50, 30))


def random_frame(seed: int = 0, n_atoms: int = 7, cell: np.ndarray = CELL, labels: bool = False) -> Frame:
    """Draw atoms in a cell smaller than the cutoff, none closer than 1.2 angstrom."""
    rng = np.random.default_rng(seed)
    positions: list[np.ndarray] = []
    shifts = np.array(list(np.ndindex(3, 3, 3))) - 1
    while len(positions) < n_atoms:
        trial = rng.random(3) @ cell
        images = np.array(list(positions)).reshape(-1, 1, 3) + shifts @ cell
        if not positions or np.linalg.norm(images - trial, axis=2).min() > 1.2:
            positions.append(trial)
    species = np.array([("Mg", "O")[i % 2] for i in range(n_atoms)])
    extra = {}
    if labels:
        extra = {
            "energy": -4.0 * n_atoms + rng.normal(),
            "forces": rng.normal(size=(n_atoms, 3)),
            "virial": rng.normal(size=6),
        }
    return Frame(species=species, positions=np.array(positions), cell=np.array(cell), **extra)
