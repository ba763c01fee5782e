"""The evaluator of molecular dynamics against the reference, symmetries, and its neighbour list against none."""

from __future__ import annotations

import os
import signal
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models import CELL, EVERY_KIND, VARIANTS, random_frame, random_model
from neptuner.files.frames import Frame
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_weights import site_weights
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.reference import evaluate as reference

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def evaluator(model: Model, frame: Frame, dtype=np.float64, **options) -> Evaluator:
    types = np.array([model.settings.elements.index(symbol) for symbol in frame.species], dtype=np.int32)
    return Evaluator(site_weights(model, dtype), types, frame.pbc, **options)


def check(model: Model, frame: Frame, dtype=np.float64) -> None:
    outputs = evaluator(model, frame, dtype).evaluate(frame.positions, frame.cell)
    expected, tolerance = reference(model, frame), TOLERANCE[dtype]
    assert np.abs(outputs.energies - expected.energies).max() < tolerance * max(1.0, np.abs(expected.energies).max())
    assert np.abs(outputs.forces - expected.forces).max() < tolerance * max(1.0, np.abs(expected.forces).max())
    assert np.abs(outputs.virials - expected.virials).max() < tolerance * max(1.0, np.abs(expected.virials).max())
    np.testing.assert_allclose(outputs.virial, outputs.virials.sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_every_kind_is_the_reference(dtype, version: int, neuron, l_max) -> None:
    check(random_model(version, neuron, l_max), random_frame(1), dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", VARIANTS)
def test_zbl_and_cutoffs_are_the_reference(dtype, name: str) -> None:
    check(random_model(**VARIANTS[name]), random_frame(2), dtype)


@pytest.mark.parametrize("l_max", range(2, 9))
def test_every_degree_is_the_reference(l_max: int) -> None:
    check(random_model(l_max=(l_max, 0, 0, 0, 0, 0, 0)), random_frame(3))


@pytest.mark.parametrize("n_max", [(0, 0), (2, 4), (5, 9), (1, 18)])
@pytest.mark.parametrize("basis_size", [(0, 0), (1, 1), (2, 3), (12, 16)])
def test_every_size_is_the_reference(n_max, basis_size) -> None:
    small = random_model()
    shape = replace(small.settings, n_max=n_max, basis_size=basis_size)
    rng = np.random.default_rng(0)
    model = Model(shape, 0.3 * rng.normal(size=parameter_count(shape)), rng.uniform(0.01, 0.1, shape.dim))
    check(model, random_frame(4))


@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, False), (False, False, False)])
def test_partial_periodicity_is_the_reference(pbc) -> None:
    frame = replace(random_frame(5), pbc=pbc)
    check(random_model(), frame)
    no_vector = replace(frame, cell=np.where(np.array(pbc)[:, None], frame.cell, 0.0))
    check(random_model(), no_vector)


def test_an_atom_is_its_own_neighbour() -> None:
    frame = Frame(
        np.array(["Mg"]), np.array([[7.0, -3.0, 0.1]]), np.array([[2.1, 0, 0], [0.9, 2.2, 0], [0.3, -0.8, 2.4]])
    )
    check(random_model(), frame)


def test_far_atoms_feel_nothing() -> None:
    model = random_model()
    frame = Frame(np.array(["Mg", "O"]), np.array([[0.0, 0, 0], [9.0, 0, 0]]), 30 * np.eye(3))
    outputs = evaluator(model, frame).evaluate(frame.positions, frame.cell)
    assert not outputs.forces.any()
    np.testing.assert_allclose(outputs.energies, reference(model, frame).energies, rtol=1e-12)


def test_no_atoms() -> None:
    outputs = Evaluator(site_weights(random_model(), np.float32), np.zeros(0, np.int32)).evaluate(
        np.zeros((0, 3)), np.eye(3)
    )
    assert outputs.energy == 0.0
    assert outputs.forces.shape == (0, 3)


def test_more_pairs_than_lanes() -> None:
    """An atom with over two thousand radial neighbours: its rows are filled more than once."""
    model = random_model(cutoff=(9.0, 2.5))
    frame = random_frame(6, n_atoms=2, cell=np.array([[1.6, 0, 0], [0.2, 1.7, 0], [0.1, 0.3, 1.8]]))
    types = np.array([0, 1], dtype=np.int32)
    weights = site_weights(model, np.float64)
    assert Evaluator(weights, types).evaluate(frame.positions, frame.cell).energies == pytest.approx(
        reference(model, frame).energies, rel=1e-12
    )
    check(model, frame)


def test_too_many_angular_neighbours() -> None:
    model = random_model(cutoff=(9.0, 9.0))
    frame = random_frame(6, n_atoms=2, cell=1.5 * np.eye(3))
    with pytest.raises(ValueError, match="angular neighbours"):
        evaluator(model, frame).evaluate(frame.positions, frame.cell)


def test_dependent_lattice_vectors() -> None:
    frame = random_frame(1)
    cell = frame.cell.copy()
    cell[2] = cell[0] - 2 * cell[1]
    with pytest.raises(ValueError, match="linearly dependent"):
        evaluator(random_model(), frame).evaluate(frame.positions, cell)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_rotation_translation_and_permutation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model, frame = random_model(5, (6, 5), (4, 1, 1, 1, 1, 1, 1), zbl="universal"), random_frame(seed % 50)
    before = evaluator(model, frame).evaluate(frame.positions, frame.cell)
    turn = Rotation.random(random_state=seed).as_matrix()
    order = rng.permutation(frame.n_atoms)
    moved = frame.positions + rng.uniform(-20, 20, 3) + rng.integers(-2, 3, (frame.n_atoms, 3)) @ frame.cell
    after = evaluator(model, replace(frame, species=frame.species[order])).evaluate(
        (moved @ turn.T)[order], frame.cell @ turn.T
    )
    np.testing.assert_allclose(after.energies, before.energies[order], atol=1e-11)
    np.testing.assert_allclose(after.forces, (before.forces @ turn.T)[order], atol=1e-11)
    np.testing.assert_allclose(after.virials, (turn @ before.virials @ turn.T)[order], atol=1e-11)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 3)] * 3))
def test_a_supercell_repeats_the_cell(seed: int, times: tuple[int, int, int]) -> None:
    model, frame = random_model(), random_frame(seed % 50, n_atoms=4)
    before = evaluator(model, frame).evaluate(frame.positions, frame.cell)
    shifts = np.array(list(np.ndindex(times))) @ frame.cell
    positions = (frame.positions[None] + shifts[:, None]).reshape(-1, 3)
    large = replace(frame, species=np.tile(frame.species, len(shifts)))
    after = evaluator(model, large).evaluate(positions, frame.cell * np.array(times)[:, None])
    np.testing.assert_allclose(after.energies, np.tile(before.energies, len(shifts)), atol=1e-11)
    np.testing.assert_allclose(after.virials, np.tile(before.virials, (len(shifts), 1, 1)), atol=1e-11)


@pytest.mark.parametrize("virials", [True, False])
def test_a_list_with_skin_forgets_no_pair(virials: bool) -> None:
    """Atoms wander and the cell breathes; new lists for every step must give the same."""
    rng = np.random.default_rng(0)
    model, frame = random_model(zbl="typewise"), random_frame(8, n_atoms=12, cell=1.3 * CELL)
    walking = evaluator(model, frame, skin=0.8, virials=virials)
    fresh = evaluator(model, frame, skin=0.0)
    positions, cell = frame.positions.copy(), frame.cell.copy()
    for _ in range(60):
        positions += rng.normal(scale=0.03, size=positions.shape)
        strain = 1.0 + rng.normal(scale=0.001, size=3)
        positions, cell = positions * strain, cell * strain
        ours, expected = walking.evaluate(positions, cell), fresh.evaluate(positions, cell)
        np.testing.assert_allclose(ours.forces, expected.forces, atol=1e-11)
        np.testing.assert_allclose(ours.energies, expected.energies, atol=1e-11)
        np.testing.assert_allclose(ours.virial, expected.virial, atol=1e-11)
        assert (ours.virials is None) != virials
    assert 2 <= walking.rebuilds < 40
    assert fresh.rebuilds == 60


def test_threads_do_not_change_a_bit() -> None:
    frame = random_frame(9, n_atoms=5)
    shifts = np.array(list(np.ndindex(4, 4, 4))) @ frame.cell
    positions = (frame.positions[None] + shifts[:, None]).reshape(-1, 3)
    large = replace(frame, species=np.tile(frame.species, 64))
    one, two = (
        evaluator(random_model(), large, np.float32, threads=threads).evaluate(positions, 4 * frame.cell)
        for threads in (1, 2)
    )
    assert np.array_equal(one.energies, two.energies)
    assert np.array_equal(one.forces, two.forces)
    assert np.array_equal(one.virials, two.virials)


def test_energy_and_momentum_are_conserved() -> None:
    """Velocity Verlet in single precision through many new lists: no drift beyond rounding."""
    model, frame = random_model(cutoff=(4.5, 3.5)), random_frame(10, n_atoms=12, cell=1.3 * CELL)
    force_field = evaluator(model, frame, np.float32, skin=0.5)
    rng = np.random.default_rng(2)
    x, v, dt = frame.positions.copy(), 0.3 * rng.normal(size=frame.positions.shape), 0.01
    v -= v.mean(axis=0)
    outputs = force_field.evaluate(x, frame.cell)
    start, totals = v.mean(axis=0), []
    for _ in range(400):
        v += 0.5 * dt * outputs.forces
        x += dt * v
        outputs = force_field.evaluate(x, frame.cell)
        v += 0.5 * dt * outputs.forces
        totals.append(outputs.energy + 0.5 * (v**2).sum())
    kinetic = 0.5 * (v**2).sum()
    assert force_field.rebuilds > 3
    assert np.ptp(totals) < 2e-4 * kinetic
    np.testing.assert_allclose(v.mean(axis=0), start, atol=1e-6)


def test_a_forked_child_has_threads_of_its_own() -> None:
    frame = random_frame(9, n_atoms=5)
    shifts = np.array(list(np.ndindex(3, 3, 3))) @ frame.cell
    positions = (frame.positions[None] + shifts[:, None]).reshape(-1, 3)
    large = replace(frame, species=np.tile(frame.species, 27))
    force_field = evaluator(random_model(), large, np.float32, threads=2)
    force_field.evaluate(positions, 3 * frame.cell)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        force_field.evaluate(positions, 3 * frame.cell)
        os._exit(0)
    deadline = time.monotonic() + 60
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.05)
