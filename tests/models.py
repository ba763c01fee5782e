"""Small random potentials and frames for tests."""

from __future__ import annotations

import numpy as np

from neptuner.files.frames import Frame
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.potential.zbl import Zbl

CELL = np.array([[5.0, 0.3, 0.0], [0.2, 4.6, -0.4], [0.5, 0.1, 4.9]])

EVERY_KIND = [
    (version, neuron, l_max)
    for version in (3, 4, 5)
    for neuron in ((7,), (6, 5))
    for l_max in ((4, 1, 1, 1, 1, 1, 1), (3, 1, 0, 0, 0, 0, 0), (8, 0, 0, 0, 0, 0, 0))
]
"""Versions, hidden layers and invariants that every kernel must know."""

VARIANTS: dict[str, dict] = {
    "universal ZBL": {"zbl": "universal"},
    "type-wise ZBL": {"zbl": "typewise"},
    "type-wise ZBL of GPUMD 4.6": {"zbl": "typewise-half"},
    "flexible ZBL": {"zbl": "flexible"},
    "per-type cutoffs": {"cutoff": (5.0, 4.0, 4.2, 3.2)},
    "type-wise cutoffs": {"typewise_cutoff": (1.6, 1.4)},
    "per-type cutoffs, flexible ZBL": {"cutoff": (5.0, 4.0, 4.2, 3.2), "zbl": "flexible"},
    "type-wise cutoffs, type-wise ZBL": {"typewise_cutoff": (1.6, 1.4), "zbl": "typewise-half"},
}
"""Options of :func:`random_model` beyond EVERY_KIND; each changes what `random_frame` gives."""


def random_model(
    version: int = 4,
    neuron: tuple[int, ...] = (7,),
    l_max: tuple[int, ...] = (4, 1, 1, 0, 0, 0, 0),
    *,
    cutoff: tuple[float, ...] = (5.0, 4.0),
    elements: tuple[str, ...] = ("Mg", "O"),
    seed: int = 0,
    zbl: str | None = None,
    typewise_cutoff: tuple[float, float] | None = None,
) -> Model:
    """Draw a potential whose energies depend on everything; ``zbl`` is a key that :func:`some_zbl` knows."""
    rng = np.random.default_rng(seed)
    repulsion = None if zbl is None else some_zbl(zbl, len(elements))
    settings = Settings(elements, version, cutoff, (3, 2), (5, 4), l_max, neuron, typewise_cutoff, repulsion)
    values = 0.5 * rng.normal(size=parameter_count(settings))
    return Model(settings, values, rng.uniform(0.1, 0.3, size=settings.dim), (50, 30))


def some_zbl(kind: str, n_types: int) -> Zbl:
    """One ZBL of each kind: "universal", "typewise", "typewise-half" (GPUMD 3.9.5 to 4.6) or "flexible"."""
    if kind != "flexible":
        factors = {"universal": None, "typewise": 0.9, "typewise-half": 0.9}
        return Zbl(1.25, 2.5, factors[kind], inner_is_half=kind == "typewise-half")
    rng = np.random.default_rng(n_types)
    n_pairs = n_types * (n_types + 1) // 2
    inner, outer = rng.uniform(0.5, 1.5, n_pairs), rng.uniform(1.9, 2.8, n_pairs)
    screening = [column for _ in range(4) for column in (rng.uniform(0.05, 0.5, n_pairs), rng.uniform(0.2, 3, n_pairs))]
    numbers = np.column_stack([inner, outer, *screening]).tolist()
    # As many digits as nep.txt holds, so that a written model is read back exactly.
    return Zbl(0.0, 0.0, pairs=tuple(tuple(float(f"{number:.7e}") for number in row) for row in numbers))


def random_frame(
    seed: int = 0,
    n_atoms: int = 7,
    cell: np.ndarray = CELL,
    labels: bool = False,
    pbc: tuple[bool, bool, bool] = (True, True, True),
) -> Frame:
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
    return Frame(species=species, positions=np.array(positions), cell=np.array(cell), pbc=pbc, **extra)
