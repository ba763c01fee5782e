"""`neptuner.NEP` against the reference, on structures periodic in all, some or no directions."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

import neptuner
from models import CELL, VARIANTS, random_frame, random_model
from neptuner.engines.potential import NEP
from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate

EVERY_PBC = list(product((True, False), repeat=3))
NO_CELL = (False, False, False)
SINGLE = 2e-5
"""In eV and angstrom, where forces are up to 30 eV/angstrom."""


def nep_of(model: Model) -> NEP:
    """The same potential as users hold it."""
    return NEP(model.settings, model.values, model.q_scaler, model.max_neighbors)


def as_atoms(frame: Frame) -> Atoms:
    """The same structure in ASE."""
    return Atoms(frame.species.tolist(), frame.positions, cell=frame.cell, pbc=frame.pbc)


@pytest.mark.parametrize("pbc", EVERY_PBC, ids=str)
def test_atoms_are_periodic_exactly_as_they_say(pbc) -> None:
    nep, frame = nep_of(random_model()), random_frame(4, pbc=pbc)
    found, expected = nep.energy_forces_virial(as_atoms(frame), precision="double"), evaluate(nep, frame)
    np.testing.assert_allclose(found.energies, expected.energies, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.virials, expected.virials, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.virial, expected.virials.sum(axis=0), rtol=0, atol=1e-10)
    assert found.energy == pytest.approx(expected.energy, abs=1e-10)


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_frames_and_atoms_give_the_same_in_single_precision_too(options) -> None:
    nep, frame = nep_of(random_model(**options)), random_frame(5, 12, 1.2 * CELL)
    expected = evaluate(nep, frame)
    for structure, threads in ((frame, 2), (as_atoms(frame), 1)):
        found = nep.energy_forces_virial(structure, threads=threads)
        np.testing.assert_allclose(found.forces, expected.forces, rtol=SINGLE, atol=SINGLE)
        np.testing.assert_allclose(found.virials, expected.virials, rtol=SINGLE, atol=SINGLE)
        assert found.energy == pytest.approx(expected.energy, rel=SINGLE)


@pytest.mark.parametrize("pbc", EVERY_PBC, ids=str)
def test_descriptors_honour_periodic_directions(pbc) -> None:
    nep, frame = nep_of(random_model(5, (6, 5), (4, 1, 1, 1, 1, 1, 1))), random_frame(6, pbc=pbc)
    expected = evaluate(nep, frame).descriptors
    found = nep.descriptors(as_atoms(frame), precision="double")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_descriptors_know_every_cutoff(options) -> None:
    nep, frame = nep_of(random_model(**options)), random_frame(7)
    expected = evaluate(nep, frame).descriptors
    largest = np.abs(expected).max()
    np.testing.assert_allclose(nep.descriptors(frame, threads=2), expected, rtol=0, atol=1e-5 * largest)
    scaled = nep.descriptors(frame, scaled=True, precision="double")
    np.testing.assert_allclose(scaled, expected * nep.q_scaler, rtol=0, atol=1e-10 * largest)


def test_scaled_descriptors_are_calorines(tmp_path: Path) -> None:
    calorine = pytest.importorskip("calorine.nep")
    nep_of(random_model(l_max=(4, 1, 1, 1, 1, 1, 1))).write(tmp_path / "nep.txt")
    atoms = as_atoms(random_frame(3))
    found = NEP.read(tmp_path / "nep.txt").descriptors(atoms, scaled=True, precision="double")
    expected = calorine.get_descriptors(atoms, str(tmp_path / "nep.txt"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_a_molecule_needs_no_cell_and_a_slab_no_third_vector() -> None:
    nep = nep_of(random_model())
    molecule = random_frame(3, 5, pbc=NO_CELL)
    slab = random_frame(3, 5, pbc=(True, True, False))
    for frame, cell in ((molecule, np.zeros((3, 3))), (slab, CELL * [[1.0], [1.0], [0.0]])):
        atoms = Atoms(frame.species.tolist(), frame.positions, cell=cell, pbc=frame.pbc)
        expected = evaluate(nep, frame)
        found = nep.energy_forces_virial(atoms, precision="double")
        np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=1e-10)
        np.testing.assert_allclose(nep.descriptors(atoms), expected.descriptors, rtol=1e-4, atol=1e-5)


def test_a_lonely_atom_has_its_energy_and_no_force() -> None:
    nep = nep_of(random_model(5))
    found = nep.energy_forces_virial(Atoms("O"), precision="double")
    frame = Frame(np.array(["O"]), np.zeros((1, 3)), np.eye(3), NO_CELL)
    assert found.energy == pytest.approx(evaluate(nep, frame).energy, abs=1e-12)
    assert not found.forces.any()
    assert not nep.descriptors(Atoms("O")).any()


def test_no_atoms_give_nothing() -> None:
    nep = nep_of(random_model())
    found = nep.energy_forces_virial(Atoms(cell=CELL, pbc=True))
    assert (found.energy, found.forces.shape, found.virials.shape) == (0.0, (0, 3), (0, 3, 3))
    assert not found.virial.any()
    assert nep.descriptors(Atoms()).shape == (0, nep.settings.dim)


@pytest.mark.parametrize("call", [NEP.energy_forces_virial, NEP.descriptors])
def test_an_element_that_the_potential_lacks_is_named(call) -> None:
    nep = nep_of(random_model())
    with pytest.raises(InputError, match=r"^the structure has Fe, which the potential lacks \(Mg O\)$"):
        call(nep, Atoms("MgFe", [[0, 0, 0], [0, 0, 2]]))
    frame = Frame(np.array(["Ni"]), np.zeros((1, 3)), CELL, path="data.xyz", number=3, line=7)
    with pytest.raises(InputError, match=r"^data\.xyz, frame 3, line 7: the structure has Ni"):
        call(nep, frame)


@pytest.mark.parametrize("call", [NEP.energy_forces_virial, NEP.descriptors])
@pytest.mark.parametrize(
    ("atoms", "options", "expected"),
    [
        (Atoms("Mg"), {"precision": "half"}, "the precision is half, expected single or double"),
        (Atoms("Mg"), {"threads": 0}, "the number of threads is 0"),
        (Atoms("MgO", [[0, 0, 0], [0, np.nan, 0]]), {}, "positions that are not finite"),
        (Atoms("Mg", pbc=True), {}, "zero or linearly dependent"),
        (Atoms("Mg", cell=[[4, 0, 0], [2, 0, 0], [0, 0, 4]], pbc=True), {}, "zero or linearly dependent"),
    ],
)
def test_bad_input_is_told_in_a_sentence(call, atoms, options, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        call(nep_of(random_model()), atoms, **options)


def test_atoms_at_the_same_place_are_refused() -> None:
    with pytest.raises(InputError, match="same place"):
        nep_of(random_model()).energy_forces_virial(Atoms("MgO", np.ones((2, 3))))


def test_neptuner_nep_reads_and_writes(tmp_path: Path) -> None:
    nep_of(random_model(zbl="flexible")).write(tmp_path / "nep.txt")
    nep = neptuner.NEP.read(tmp_path / "nep.txt")
    nep.write(tmp_path / "again.txt")
    assert type(nep) is NEP
    assert (tmp_path / "again.txt").read_text() == (tmp_path / "nep.txt").read_text()


def test_a_potential_does_without_ases_calculators() -> None:
    program = "import sys, neptuner; neptuner.NEP; sys.exit('neptuner.engines.calculator' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 0
