"""The ASE calculator: ASE's conventions, its cache, its optimisers and dynamics, and calorine's CPUNEP."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

from models import CELL, random_frame, random_model
from neptuner.engines import calculator as module
from neptuner.engines.calculator import NEPCalculator
from neptuner.engines.potential import NEP
from neptuner.errors import InputError

SLAB, NOWHERE = (True, True, False), (False, False, False)


@pytest.fixture(scope="module")
def nep() -> NEP:
    """A random potential that keeps atoms apart."""
    model = random_model(zbl="universal")
    return NEP(model.settings, 0.5 * model.values, model.q_scaler)


def make_atoms(nep: NEP, seed: int = 3, pbc=(True, True, True), n_atoms: int = 7, **options) -> Atoms:
    """Atoms with a calculator, in double precision unless options say otherwise."""
    frame = random_frame(seed, n_atoms)
    atoms = Atoms(frame.species.tolist(), frame.positions, cell=frame.cell, pbc=pbc)
    atoms.calc = nep.calculator(**{"precision": "double", **options})
    return atoms


def warm(atoms: Atoms, temperature: float) -> None:
    """Draw velocities."""
    spread = np.sqrt(atoms.get_masses() * units.kB * temperature)
    atoms.set_momenta(np.random.default_rng(0).normal(size=(len(atoms), 3)) * spread[:, None])


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often structures are evaluated and evaluators made."""
    counts = {"evaluate": 0, "make_evaluator": 0}
    for name in counts:
        original = getattr(module, name)

        def counted(*arguments, _original=original, _name=name, **options):
            counts[_name] += 1
            return _original(*arguments, **options)

        monkeypatch.setattr(module, name, counted)
    return counts


@pytest.mark.parametrize("pbc", [(True, True, True), SLAB, NOWHERE], ids=["crystal", "slab", "box"])
def test_forces_and_stress_are_derivatives_of_the_energy(nep: NEP, pbc) -> None:
    atoms = make_atoms(nep, pbc=pbc)
    forces, stress = atoms.get_forces(), atoms.get_stress()
    np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-4), forces, rtol=0, atol=1e-5)
    np.testing.assert_allclose(calculate_numerical_stress(atoms, 1e-5), stress, rtol=0, atol=1e-6)


def test_sums_over_atoms_are_the_totals(nep: NEP) -> None:
    atoms = make_atoms(nep)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    np.testing.assert_allclose(atoms.get_stresses().sum(axis=0), atoms.get_stress(), rtol=0, atol=1e-12)


def test_stresses_are_symmetrised_virials_of_the_opposite_sign(nep: NEP) -> None:
    atoms = make_atoms(nep)
    virials, stresses = atoms.calc.get_virials(atoms), atoms.get_stresses()
    expected = nep.energy_forces_virial(atoms, precision="double").virials
    np.testing.assert_allclose(virials, expected, rtol=0, atol=1e-12)
    assert np.abs(virials[:, 0, 1] - virials[:, 1, 0]).max() > 1e-3
    np.testing.assert_allclose(stresses[:, 1] * -atoms.get_volume(), virials[:, 1, 1], rtol=0, atol=1e-12)
    mixed = 0.5 * (virials[:, 0, 2] + virials[:, 2, 0])
    np.testing.assert_allclose(stresses[:, 4] * -atoms.get_volume(), mixed, rtol=0, atol=1e-12)


def test_results_are_those_ase_knows(nep: NEP) -> None:
    atoms = make_atoms(nep)
    atoms.get_potential_energy()
    assert set(atoms.calc.export_properties()) >= set(atoms.calc.implemented_properties)


def test_a_molecule_without_cell_has_no_stress_but_everything_else(nep: NEP, count) -> None:
    atoms = make_atoms(nep, pbc=NOWHERE)
    boxed = atoms.get_forces()
    atoms.cell[:] = 0.0
    with pytest.raises(PropertyNotImplementedError, match="volume"):
        atoms.get_stress()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stresses()
    np.testing.assert_allclose(atoms.get_forces(), boxed, rtol=0, atol=1e-12)
    assert atoms.calc.get_virials(atoms).shape == (7, 3, 3)
    assert count["evaluate"] == 2


def test_a_slab_needs_no_third_vector(nep: NEP) -> None:
    atoms = make_atoms(nep, pbc=SLAB)
    forces = atoms.get_forces()
    atoms.cell[2] = 0.0
    np.testing.assert_allclose(atoms.get_forces(), forces, rtol=0, atol=1e-10)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_one_atom_and_none(nep: NEP) -> None:
    for atoms in (Atoms("Mg"), Atoms(), Atoms(cell=CELL, pbc=True)):
        atoms.calc = nep.calculator()
        assert not atoms.get_forces().any()
        assert np.isfinite(atoms.get_potential_energy())
        assert len(atoms.get_potential_energies()) == len(atoms)
    atoms = Atoms("Mg", cell=CELL, pbc=True)
    atoms.calc = nep.calculator()
    np.testing.assert_allclose(atoms.get_forces(), 0.0, atol=1e-5)
    assert np.abs(atoms.get_stress()).max() > 0


def test_the_energy_is_computed_once_for_each_structure(nep: NEP, count) -> None:
    atoms = make_atoms(nep)
    atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(), atoms.get_stresses()
    atoms.calc.get_virials(atoms)
    assert count == {"evaluate": 1, "make_evaluator": 1}
    atoms.set_initial_magnetic_moments(np.ones(len(atoms)))
    atoms.get_forces()
    assert count["evaluate"] == 1
    atoms.positions[0] += 0.01
    atoms.get_forces(), atoms.get_potential_energy()
    atoms.set_cell(1.01 * atoms.cell, scale_atoms=True)
    atoms.get_stress()
    assert count == {"evaluate": 3, "make_evaluator": 1}


def test_species_number_and_periodicity_make_a_new_evaluator(nep: NEP, count) -> None:
    atoms = make_atoms(nep)
    for number, change in enumerate([lambda: None, lambda: atoms.symbols.__setitem__(0, "O"), lambda: atoms.pop()]):
        change()
        expected = nep.energy_forces_virial(atoms, precision="double")
        np.testing.assert_allclose(atoms.get_forces(), expected.forces, rtol=0, atol=1e-12)
        assert count["make_evaluator"] == number + 1
    atoms.pbc = SLAB
    expected = nep.energy_forces_virial(atoms, precision="double")
    np.testing.assert_allclose(atoms.get_forces(), expected.forces, rtol=0, atol=1e-12)
    assert count["make_evaluator"] == 4


def test_a_list_serves_while_atoms_move_little_and_results_do_not_depend_on_it(nep: NEP) -> None:
    atoms = make_atoms(nep)
    rng = np.random.default_rng(0)
    for _ in range(6):
        atoms.positions += rng.uniform(-0.03, 0.03, size=(7, 3))
        atoms.set_cell(atoms.cell * rng.uniform(0.998, 1.002), scale_atoms=True)
        fresh = nep.energy_forces_virial(atoms, precision="double")
        np.testing.assert_allclose(atoms.get_forces(), fresh.forces, rtol=0, atol=1e-10)
    assert atoms.calc._evaluator.rebuilds == 1
    atoms.positions[2] += 3 * atoms.cell[0]
    np.testing.assert_allclose(atoms.get_forces(), fresh.forces, rtol=0, atol=1e-10)


def test_one_calculator_serves_two_structures_in_turn(nep: NEP) -> None:
    first, second = make_atoms(nep, 3), make_atoms(nep, 8, n_atoms=5)
    expected = first.get_forces(), second.get_forces()
    second.calc = first.calc
    for _ in range(2):
        np.testing.assert_allclose(first.get_forces(), expected[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(second.get_forces(), expected[1], rtol=0, atol=1e-12)


def test_options_can_be_changed_and_unknown_ones_are_refused(nep: NEP, tmp_path: Path) -> None:
    nep.write(tmp_path / "nep.txt")
    calculator = NEPCalculator(tmp_path / "nep.txt", threads=2, skin=0.5)
    assert calculator.parameters == {"precision": "single", "threads": 2, "skin": 0.5}
    atoms = make_atoms(nep)
    double = atoms.get_forces()
    atoms.calc.set(precision="single")
    assert 0 < np.abs(atoms.get_forces() - double).max() < 1e-4
    for option, expected in (
        ({"thread": 4}, "no option thread, expected precision, threads, skin"),
        ({"skin": -1}, "skin"),
    ):
        with pytest.raises(InputError, match=expected):
            atoms.calc.set(**option)
        with pytest.raises(InputError, match=expected):
            nep.calculator(**option)
    assert atoms.calc.parameters == {"precision": "single", "threads": 1, "skin": 1.0}


def test_an_unknown_element_is_named_and_the_calculator_goes_on(nep: NEP) -> None:
    atoms = make_atoms(nep)
    before = atoms.get_potential_energy()
    wrong = Atoms("Fe", calculator=atoms.calc)
    with pytest.raises(InputError, match=r"has Fe, which the potential lacks \(Mg O\)"):
        wrong.get_potential_energy()
    assert atoms.get_potential_energy() == before
    with pytest.raises(InputError, match="no atoms yet"):
        nep.calculator().get_potential_energy()


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))], ids=["copy", "pickle"]
)
def test_copies_work_on_their_own(nep: NEP, copied, count) -> None:
    atoms = make_atoms(nep)
    forces = atoms.get_forces()
    calculator = copied(atoms.calc)
    np.testing.assert_array_equal(calculator.get_forces(atoms), forces)
    assert count["evaluate"] == 1
    moved = atoms.copy()
    moved.rattle(0.05)
    moved.calc = calculator
    expected = nep.energy_forces_virial(moved, precision="double")
    np.testing.assert_allclose(moved.get_forces(), expected.forces, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(atoms.get_forces(), forces)


@pytest.mark.parametrize("name", ["atoms.traj", "atoms.extxyz", "atoms.json"])
def test_results_survive_ases_files(nep: NEP, name: str, tmp_path: Path) -> None:
    atoms = make_atoms(nep)
    forces, stress = atoms.get_forces(), atoms.get_stress()
    write(tmp_path / name, atoms)
    again = read(tmp_path / name)
    np.testing.assert_allclose(again.get_forces(), forces, atol=1e-6)
    np.testing.assert_allclose(again.get_stress(), stress, atol=1e-6)


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_crystal_relaxes_with_its_cell(nep: NEP, precision: str) -> None:
    atoms = bulk("MgO", "rocksalt", a=4.6)
    atoms.rattle(0.05, seed=1)
    atoms.calc = nep.calculator(precision=precision)
    before = atoms.get_potential_energy()
    assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.005, steps=300)
    assert atoms.get_potential_energy() < before
    assert np.abs(atoms.get_forces()).max() < 0.005
    assert np.abs(atoms.get_stress()).max() * atoms.get_volume() < 0.01


@pytest.mark.parametrize("precision", ["single", "double"])
def test_molecular_dynamics_conserves_energy(nep: NEP, precision: str) -> None:
    atoms = bulk("MgO", "rocksalt", a=5.0, cubic=True)
    atoms.calc = nep.calculator(precision=precision)
    warm(atoms, 600.0)
    total = []
    dynamics = VelocityVerlet(atoms, 1.0 * units.fs)
    dynamics.attach(lambda: total.append(atoms.get_total_energy() / len(atoms)))
    dynamics.run(200)
    assert len(total) == 201
    assert 1 <= atoms.calc._evaluator.rebuilds < 20
    assert np.ptp(total) < 1e-3
    assert abs(np.mean(total[-50:]) - np.mean(total[:50])) < 1e-4


@pytest.mark.parametrize(
    ("n_atoms", "cell"), [(7, CELL), (2, 0.5 * CELL), (30, 2.2 * CELL)], ids=["triclinic", "small", "larger"]
)
def test_energies_forces_and_stress_are_calorines(n_atoms: int, cell, tmp_path: Path) -> None:
    calorine = pytest.importorskip("calorine.calculators")
    random_model(l_max=(4, 1, 1, 1, 1, 1, 1), zbl="universal").write(tmp_path / "nep.txt")
    frame = random_frame(5, n_atoms, cell)
    atoms = Atoms(frame.species.tolist(), frame.positions, cell=frame.cell, pbc=True)
    theirs, ours = atoms.copy(), atoms.copy()
    theirs.calc = calorine.CPUNEP(str(tmp_path / "nep.txt"))
    ours.calc = NEPCalculator(tmp_path / "nep.txt", precision="double")
    np.testing.assert_allclose(ours.get_potential_energies(), theirs.get_potential_energies(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours.get_forces(), theirs.get_forces(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours.get_stress(), theirs.get_stress(), rtol=0, atol=1e-11)
    virials = theirs.get_volume() * theirs.calc.results["stresses"].reshape(-1, 3, 3)
    np.testing.assert_allclose(ours.calc.get_virials(ours), virials, rtol=0, atol=1e-10)
