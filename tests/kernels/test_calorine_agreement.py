"""Reference and kernels against NEP_CPU, an independent implementation by GPUMD's authors, through calorine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import CELL, VARIANTS, random_frame, random_model
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_weights import site_weights
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate

calculators = pytest.importorskip("calorine.calculators")
ase = pytest.importorskip("ase")

FRAMES = {
    "7 atoms in a triclinic cell": random_frame(3),
    "2 atoms in a cell of half a cutoff": random_frame(2, 2, 0.5 * CELL),
    "30 atoms in a cell of two cutoffs": random_frame(5, 30, 2.2 * CELL),
}
READ_BY_CALORINE = {
    name: options
    for name, options in {"plain": {}, **VARIANTS}.items()
    if "typewise_cutoff" not in options and options.get("zbl") != "typewise-half"
}
"""The header of GPUMD 3.9.5 to 4.6 is refused by calorine."""
BOUND = 1e-11
"""In eV and angstrom; they agree to 1e-13 where forces are 25."""


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("options", READ_BY_CALORINE.values(), ids=READ_BY_CALORINE.keys())
def test_energies_forces_and_virials_are_calorines(tmp_path: Path, options, frame) -> None:
    random_model(l_max=(4, 1, 1, 1, 1, 1, 1), **options).write(tmp_path / "nep.txt")
    atoms = ase.Atoms(frame.species.tolist(), frame.positions, cell=frame.cell, pbc=True)
    atoms.calc = calculators.CPUNEP(str(tmp_path / "nep.txt"))
    forces, energies = atoms.get_forces(), atoms.get_potential_energies()
    virials = atoms.get_volume() * atoms.calc.results["stresses"].reshape(-1, 3, 3)
    ours = evaluate(Model.read(tmp_path / "nep.txt"), frame)
    np.testing.assert_allclose(ours.energies, energies, rtol=0, atol=BOUND)
    np.testing.assert_allclose(ours.forces, forces, rtol=0, atol=BOUND)
    np.testing.assert_allclose(ours.virials, virials, rtol=0, atol=BOUND)


FLAGS = [
    (4, 1, 1, 1, 1, 1, 1),
    (2, 0, 0, 0, 0, 0, 0),
    (4, 1, 0, 0, 0, 0, 0),
    (4, 0, 0, 0, 1, 0, 0),
    (8, 1, 1, 0, 0, 0, 0),
]


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("l_max", FLAGS, ids=str)
@pytest.mark.parametrize("options", READ_BY_CALORINE.values(), ids=READ_BY_CALORINE.keys())
def test_single_precision_kernels_are_calorines(tmp_path: Path, options, l_max, frame) -> None:
    """To 1e-5 of the largest force, energy and per-atom virial."""
    random_model(l_max=l_max, **options).write(tmp_path / "nep.txt")
    atoms = ase.Atoms(frame.species.tolist(), frame.positions, cell=frame.cell, pbc=True)
    atoms.calc = calculators.CPUNEP(str(tmp_path / "nep.txt"))
    forces, energies = atoms.get_forces(), atoms.get_potential_energies()
    virials = atoms.get_volume() * atoms.calc.results["stresses"].reshape(-1, 3, 3)
    model = Model.read(tmp_path / "nep.txt")
    types = np.array([model.settings.elements.index(symbol) for symbol in frame.species], dtype=np.int32)
    ours = Evaluator(site_weights(model, np.float32), types).evaluate(frame.positions, frame.cell)
    for mine, theirs in ((ours.energies, energies), (ours.forces, forces), (ours.virials, virials)):
        assert np.abs(mine - theirs).max() < 1e-5 * max(1.0, np.abs(theirs).max())
