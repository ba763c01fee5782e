"""Small folders for molecular dynamics with a random potential, and its atoms at rest in a hollow of its energy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from models import CELL, random_frame, random_model
from neptuner.files.frames import Frame
from neptuner.files.script import Minimize
from neptuner.files.structure import Structure, write_structure
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_weights import site_weights
from neptuner.md.minimize import minimize
from neptuner.md.simulation import first_state
from neptuner.md.state import State, System
from neptuner.potential.model import Model

MASSES = {"Mg": 24.305, "O": 15.999}
POTENTIAL = random_model(cutoff=(4.5, 3.5))
"""Smooth and bounded from below for some atoms in a cell: they stay together at room temperature."""


def system_of_frame(frame: Frame, model: Model = POTENTIAL) -> System:
    """The atoms of a frame for a potential."""
    types = np.array([model.settings.elements.index(symbol) for symbol in frame.species], dtype=np.int32)
    masses = np.array([MASSES[symbol] for symbol in frame.species])
    return System(frame.species, types, masses, frame.pbc, np.zeros((0, frame.n_atoms), np.int64))


def evaluator_of(frame: Frame, model: Model = POTENTIAL, dtype=np.float64, **options) -> Evaluator:
    """The potential for the atoms of a frame."""
    return Evaluator(site_weights(model, dtype), system_of_frame(frame, model).types, frame.pbc, **options)


@cache
def relaxed() -> tuple[Frame, State]:
    """Twelve atoms at the bottom of a hollow of the potential, with velocities of 300 K."""
    frame = random_frame(11, n_atoms=12, cell=1.3 * CELL)
    evaluator = evaluator_of(frame, skin=0.5)
    start = first_state(system_of_frame(frame), frame.positions, frame.cell, None, evaluator, 1)
    return frame, minimize(start, evaluator.evaluate, Minimize("fire", 1e-3, 2000), lambda *_: None)


def relaxed_structure(copies: int = 1) -> Structure:
    """The same as model.xyz has it, side by side along the first vector, with two grouping methods."""
    frame, state = relaxed()
    n = frame.n_atoms * copies
    shifts = np.repeat(np.arange(copies), frame.n_atoms)[:, None] * state.cell[0]
    return Structure(
        species=np.tile(frame.species, copies),
        positions=np.tile(state.positions, (copies, 1)) + shifts,
        cell=state.cell * np.array([[copies], [1], [1]]),
        pbc=frame.pbc,
        masses=np.tile(system_of_frame(frame).masses, copies),
        velocities=None,
        groups=np.array([np.arange(n) % 2, np.arange(n) // 4]),
    )


def md_folder(folder: Path, run_in: str, structure: Structure | None = None) -> Path:
    """Fill a folder with run.in, model.xyz and nep.txt."""
    folder.mkdir(exist_ok=True)
    (folder / "run.in").write_text(run_in)
    POTENTIAL.write(folder / "nep.txt")
    write_structure(folder / "model.xyz", relaxed_structure() if structure is None else structure)
    return folder
