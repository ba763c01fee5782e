"""The reference against finite differences, closed forms and GPUMD's own outputs."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from models import CELL, EVERY_KIND, VARIANTS, random_frame, random_model
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.files.predictions import read_predictions
from neptuner.potential.invariants import cubic_monomials, wigner_3j
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate, radial_basis, spherical_harmonics

STEP = 1e-4


def derivative(function, step: float = STEP) -> float:
    """Central difference of fourth order at zero."""
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def check_forces(nep: Model, frame: Frame) -> None:
    """Compare three force components with minus the slope of the energy."""
    forces = evaluate(nep, frame).forces
    scale = np.abs(forces).max()
    for atom, axis in ((0, 0), (1, 1), (3, 2)):

        def energy(shift: float, atom=atom, axis=axis) -> float:
            positions = frame.positions.copy()
            positions[atom, axis] += shift
            return evaluate(nep, replace(frame, positions=positions)).energy

        assert -derivative(energy) == pytest.approx(forces[atom, axis], abs=1e-6 * scale)


def check_virial(nep: Model, frame: Frame) -> None:
    """Compare the virial with minus the slope of the energy by strain."""
    virial = evaluate(nep, frame).virial
    for component, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))):

        def energy(strain: float, a=a, b=b) -> float:
            deformation = np.eye(3)
            deformation[a, b] += strain
            cell, positions = frame.cell @ deformation, frame.positions @ deformation
            return evaluate(nep, replace(frame, cell=cell, positions=positions)).energy

        assert -derivative(energy) == pytest.approx(virial[component], abs=1e-6 * np.abs(virial).max())


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_forces_are_minus_energy_gradient(version, neuron, l_max) -> None:
    check_forces(random_model(version, neuron, l_max), random_frame(3, n_atoms=4))


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND[::3])
def test_virial_is_minus_strain_derivative(version, neuron, l_max) -> None:
    check_virial(random_model(version, neuron, l_max), random_frame(4, n_atoms=4))


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_variants_have_the_forces_and_virial_of_their_energy(options) -> None:
    check_forces(random_model(**options), random_frame(3, n_atoms=4))
    check_virial(random_model(**options), random_frame(3, n_atoms=4))


SLAB = replace(random_frame(3, n_atoms=4, pbc=(True, True, False)), cell=CELL * [[1.0], [1.0], [0.0]])
"""Periodic along two vectors; the third is zero."""


@pytest.mark.parametrize("zbl", [None, "universal"])
def test_partly_periodic_frames_have_the_forces_and_virial_of_their_energy(zbl) -> None:
    check_forces(random_model(zbl=zbl), SLAB)
    check_virial(random_model(zbl=zbl), SLAB)


@pytest.mark.parametrize("pbc", [(False, True, True), (True, False, True), (False, True, False), (False, False, False)])
def test_a_direction_that_is_not_periodic_is_one_with_a_vacuum(pbc) -> None:
    """Whatever its vector is, zero or oblique."""
    nep, vacuum = random_model(zbl="flexible"), np.where(pbc, 1.0, 8.0)[:, None] * CELL
    frame = random_frame(6, n_atoms=5, pbc=pbc)
    expected = evaluate(nep, replace(frame, cell=vacuum, pbc=(True, True, True)))
    for cell in (CELL, vacuum, CELL * np.array(pbc)[:, None]):
        found = evaluate(nep, replace(frame, cell=cell))
        np.testing.assert_allclose(found.energies, expected.energies, atol=1e-12)
        np.testing.assert_allclose(found.virials, expected.virials, atol=1e-11)
    assert abs(evaluate(nep, replace(frame, pbc=(True, True, True))).energy - expected.energy) > 1e-3


def test_a_primitive_cell_smaller_than_the_cutoff_is_its_supercell() -> None:
    nep, primitive = random_model(zbl="universal"), random_frame(2, 2, 0.5 * CELL)
    shifts = np.array(list(np.ndindex(3, 2, 2))) @ primitive.cell
    supercell = Frame(
        np.tile(primitive.species, 12),
        (shifts[:, None, :] + primitive.positions).reshape(-1, 3),
        primitive.cell * [[3.0], [2.0], [2.0]],
    )
    small, large = evaluate(nep, primitive), evaluate(nep, supercell)
    np.testing.assert_allclose(large.energies, np.tile(small.energies, 12), rtol=1e-12)
    np.testing.assert_allclose(large.forces, np.tile(small.forces, (12, 1)), atol=1e-11)
    np.testing.assert_allclose(large.virials, np.tile(small.virials, (12, 1, 1)), atol=1e-11)


def test_three_body_invariant_is_the_legendre_sum() -> None:
    vectors = np.array([[1.0, 0.2, 0.3], [-0.4, 0.9, 0.1], [0.3, -0.2, 1.1]])
    weights = np.array([0.7, -0.3, 1.2])
    harmonics, _ = spherical_harmonics(vectors, 4)
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    cosines = units @ units.T
    for degree in range(1, 5):
        part = slice(degree * degree - 1, degree * degree + 2 * degree)
        invariant = (abs(harmonics[part] @ weights) ** 2).sum()
        legendre = np.polynomial.legendre.Legendre.basis(degree)(cosines)
        assert invariant == pytest.approx((2 * degree + 1) / (4 * np.pi) * weights @ legendre @ weights)


def test_harmonics_are_scipys() -> None:
    from scipy.special import sph_harm_y

    vectors = np.random.default_rng(0).normal(size=(5, 3))
    theta = np.arccos(vectors[:, 2] / np.linalg.norm(vectors, axis=1))
    phi = np.arctan2(vectors[:, 1], vectors[:, 0])
    ours, _ = spherical_harmonics(vectors, 8)
    place = 0
    for degree in range(1, 9):
        for order in range(-degree, degree + 1):
            np.testing.assert_allclose(ours[place], sph_harm_y(degree, order, theta, phi), atol=1e-12)
            place += 1


def test_basis_vanishes_smoothly_at_the_cutoff() -> None:
    f, df = radial_basis(np.array([5.0 - 1e-9]), 5.0, 7)
    assert np.abs(f).max() < 1e-12
    assert np.abs(df).max() < 1e-8


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ((1, 1, 2, 0, 0, 0), sqrt(2 / 15)),
        ((2, 2, 2, 0, 0, 0), -sqrt(2 / 35)),
        ((1, 2, 3, 0, 0, 0), -sqrt(3 / 35)),
        ((1, 1, 1, 0, 0, 0), 0.0),
        ((1, 1, 2, 1, 1, -2), sqrt(1 / 5)),
    ],
)
def test_wigner_3j_has_tabulated_values(arguments, value) -> None:
    assert wigner_3j(*arguments) == pytest.approx(value, abs=1e-14)


def test_q222_has_gpumds_constants() -> None:
    """C4B of GPUMD's nep_utilities.cuh, for its unnormalised sums (3z^2-1, zx, zy, x^2-y^2, 2xy)."""
    norms = np.sqrt(5 / np.pi) * np.array([1 / 4, sqrt(3) / 2, sqrt(3) / 2, sqrt(3) / 4, sqrt(3) / 4])
    expected = {
        (0, 0, 0): -0.007499480826664,
        (0, 1, 1): -0.134990654879954,
        (0, 2, 2): -0.134990654879954,
        (0, 3, 3): 0.067495327439977,
        (0, 4, 4): 0.067495327439977,
        (2, 2, 3): 0.404971964639861,
        (1, 1, 3): -0.404971964639861,
        (1, 2, 4): -0.809943929279723,
    }
    found = {
        (i - 3, j - 3, k - 3): factor * norms[i - 3] * norms[j - 3] * norms[k - 3]
        for i, j, k, factor in cubic_monomials(2, 2, 2)
    }
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert abs(found[key]) == pytest.approx(abs(value), rel=1e-12)
        assert found[key] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("options", [{}, {"zbl": "universal"}, {"typewise_cutoff": (1.6, 1.4)}])
def test_isolated_atoms_have_a_constant_energy_and_no_force(options) -> None:
    nep = random_model(**options)
    frame = Frame(np.array(["O"]), np.zeros((1, 3)), 50 * np.eye(3))
    moved = Frame(np.array(["O"]), np.full((1, 3), 7.0), np.zeros((3, 3)), pbc=(False, False, False))
    two = Frame(np.array(["O", "O"]), np.array([[0, 0, 0], [0, 0, 9.0]]), np.zeros((3, 3)), pbc=(False, False, False))
    alone = evaluate(nep, frame)
    assert alone.energy == evaluate(nep, moved).energy != 0.0
    assert evaluate(nep, two).energies.tolist() == [alone.energy, alone.energy]
    assert not alone.forces.any()
    assert not evaluate(nep, two).virials.any()


def test_reference_reproduces_gpumd(shared_data: Path) -> None:
    """One frame of GPUMD's PbTe example and small frames of a two-hidden-layer NEP3, to the printed digits."""
    nep = Model.read(shared_data / "pbte" / "nep.txt")
    frame = read_frames(shared_data / "pbte" / "train.xyz")[0]
    result, printed = evaluate(nep, frame), read_predictions(shared_data / "pbte", "train")
    assert result.energy / frame.n_atoms == pytest.approx(printed.energy[0], abs=2e-5)
    assert np.abs(result.forces - printed.force[: frame.n_atoms]).max() < 2e-5
    assert np.abs(result.virial / frame.n_atoms - printed.virial[0]).max() < 1e-5

    folder = shared_data / "j14-default-run"
    nep, printed, first = Model.read(folder / "nep.txt"), read_predictions(folder, "test"), 0
    for number, frame in enumerate(read_frames(shared_data / "j14-dft" / "test.xyz")[:6]):
        result = evaluate(nep, frame)
        assert result.energy / frame.n_atoms == pytest.approx(printed.energy[number], abs=2e-5)
        assert np.abs(result.forces - printed.force[first : first + frame.n_atoms]).max() < 2e-4
        first += frame.n_atoms
