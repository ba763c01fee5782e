"""The heat current of a neural network potential against its definition by energies, and what drives it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from md_data import evaluator_of, relaxed, system_of_frame
from models import random_frame, random_model
from neptuner.files.frames import Frame
from neptuner.files.script import ComputeHnemd, Ensemble, Run
from neptuner.kernels.motion import heat_tensor
from neptuner.md.measures.base import heat_current
from neptuner.md.simulation import driving_force
from neptuner.md.steps import make_stepper
from neptuner.potential.model import Model

from fields import z_of  # isort: skip

KINDS = {
    "several neighbours": random_model(4, (7,), (4, 1, 1, 0, 0, 0, 0)),
    "with ZBL": random_model(5, (6, 5), (4, 1, 1, 1, 1, 1, 1), zbl="universal"),
}
H = 1e-4


def sites(model: Model, frame: Frame, positions: np.ndarray, cell: np.ndarray | None = None):
    return evaluator_of(frame, model, skin=0.0).evaluate(positions, frame.cell if cell is None else cell)


def current(model: Model, frame: Frame, velocities: np.ndarray) -> np.ndarray:
    return heat_tensor(sites(model, frame, frame.positions).virials, velocities).sum(axis=1)


def velocities_of(frame: Frame, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frame.n_atoms, 3))


@pytest.mark.parametrize("model", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_current_of_a_cluster_is_the_flow_of_energy(model: Model, seed: int) -> None:
    """Sum of r_i (dU_i/dt + F_i . v_i) by central differences along the velocities."""
    frame = random_frame(seed, n_atoms=9, pbc=(False, False, False))
    v = velocities_of(frame, seed)
    later, earlier = (sites(model, frame, frame.positions + h * v).energies for h in (H, -H))
    work = np.sum(sites(model, frame, frame.positions).forces * v, axis=1)
    expected = frame.positions.T @ ((later - earlier) / (2.0 * H) + work)
    ours = current(model, frame, v)
    assert np.abs(ours - expected).max() < 1e-6 * np.abs(expected).max()
    mirrored = heat_tensor(sites(model, frame, frame.positions).virials.transpose(0, 2, 1), v).sum(axis=1)
    assert np.abs(mirrored - expected).max() > 1e-3 * np.abs(expected).max()


def images(frame: Frame) -> tuple[Frame, np.ndarray, np.ndarray]:
    """The cell in the middle of its images as a cluster; the atom each is an image of, and those of the cell."""
    shifts = np.array(list(np.ndindex(5, 5, 5))) - 2
    positions = (frame.positions[None] + (shifts @ frame.cell)[:, None]).reshape(-1, 3)
    origin = np.tile(np.arange(frame.n_atoms), len(shifts))
    middle = np.flatnonzero(np.repeat(~shifts.any(axis=1), frame.n_atoms))
    near = np.linalg.norm(positions[:, None] - positions[None, middle], axis=2).min(axis=1) < 5.01
    keep = np.flatnonzero(near)
    cluster = Frame(frame.species[origin[keep]], positions[keep], 100.0 * np.eye(3), (False, False, False))
    return cluster, origin[keep], np.searchsorted(keep, middle)


@pytest.mark.parametrize("model", KINDS.values(), ids=KINDS)
def test_the_current_of_a_periodic_cell_is_the_flow_between_images(model: Model) -> None:
    """Sum over atoms j of the cell and all images k of (r_j - r_k) dU_j/dr_k . v_k, each image moved by itself."""
    frame = random_frame(3, n_atoms=3)
    v = velocities_of(frame, 5)
    cluster, origin, middle = images(frame)
    expected = np.zeros(3)
    energies = evaluator_of(cluster, model, skin=0.0)
    for k in range(cluster.n_atoms):
        there = []
        for h in (H, -H):
            moved = cluster.positions.copy()
            moved[k] += h * v[origin[k]]
            there.append(energies.evaluate(moved, cluster.cell).energies[middle])
        rates = (there[0] - there[1]) / (2.0 * H)
        expected += rates @ (cluster.positions[middle] - cluster.positions[k])
    ours = current(model, frame, v)
    assert cluster.n_atoms > 20
    assert np.abs(ours - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("model", KINDS.values(), ids=KINDS)
def test_virials_are_the_strain_derivative(model: Model) -> None:
    frame = random_frame(4)
    outputs = sites(model, frame, frame.positions)
    np.testing.assert_allclose(outputs.virials.sum(axis=0), outputs.virial, atol=1e-12)
    expected = np.empty((3, 3))
    for a in range(3):
        for b in range(3):
            energy = []
            for h in (H, -H):
                strain = np.eye(3)
                strain[a, b] += h
                energy.append(sites(model, frame, frame.positions @ strain.T, frame.cell @ strain.T).energy)
            expected[a, b] = -(energy[0] - energy[1]) / (2.0 * H)
    np.testing.assert_allclose(outputs.virial, expected, atol=1e-6 * np.abs(expected).max())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 3)] * 3))
def test_copies_carry_as_many_times_the_current(seed: int, times: tuple[int, int, int]) -> None:
    model, frame = random_model(), random_frame(seed % 50, n_atoms=4)
    v, n = velocities_of(frame, seed), int(np.prod(times))
    shifts = np.array(list(np.ndindex(times))) @ frame.cell
    large = replace(
        frame,
        species=np.tile(frame.species, n),
        positions=(frame.positions[None] + shifts[:, None]).reshape(-1, 3),
        cell=frame.cell * np.array(times)[:, None],
    )
    one = current(model, frame, v)
    np.testing.assert_allclose(current(model, large, np.tile(v, (n, 1))), n * one, atol=1e-10 * n)


def test_five_parts() -> None:
    _, state = relaxed()
    virials = np.random.default_rng(1).normal(size=(12, 3, 3))
    state = replace(state, site=replace(state.site, virials=virials))
    products = virials * state.velocities[:, None, :]
    x, y, z = products.sum(axis=0)
    np.testing.assert_allclose(heat_current(state), [x[0] + x[1], x[2], y[0] + y[1], y[2], z.sum()], rtol=1e-12)


def test_without_a_field_forces_lose_their_mean_only() -> None:
    frame, state = relaxed()
    assert driving_force(Run(1)) is None
    assert driving_force(Run(1, measures=(ComputeHnemd(1, (1.0, 2.0, 3.0)),))).tolist() == [1.0, 2.0, 3.0]
    system, evaluator = system_of_frame(frame), evaluator_of(frame)
    bare = make_stepper(Run(1), system, evaluator.evaluate, None).begin(state).forces
    for fe, scale in ((np.zeros(3), 0.0), (np.array([0.0, 0.01, 0.0]), 1.0)):
        stepper = make_stepper(Run(1), system, evaluator.evaluate, fe)
        begun = stepper.begin(state)
        added = scale * np.einsum("a,iab->ib", fe, begun.site.virials)
        expected = bare + added
        np.testing.assert_allclose(begun.forces, expected - expected.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(begun.site.forces, bare, atol=1e-12)
        again = stepper.advance(begun, 0)
        assert np.abs(again.forces.sum(axis=0)).max() < 1e-11


def mean_current(force: tuple[float, float, float], steps: int) -> np.ndarray:
    frame, state = relaxed()
    system, evaluator = system_of_frame(frame), evaluator_of(frame, dtype=np.float32, skin=0.6)
    run = Run(steps, 1.0, ensemble=Ensemble("nvt_lan", 300.0, 300.0, 50.0))
    stepper = make_stepper(run, system, evaluator.evaluate, np.array(force))
    state, currents = stepper.begin(state), []
    for number in range(steps):
        state = stepper.advance(state, number)
        currents.append(heat_tensor(state.site.virials, state.velocities).sum(axis=1))
    return np.array(currents[300:])


def test_no_field_drives_no_current_and_a_field_does() -> None:
    """Within four standard errors of blocks; Langevin noise makes the atoms forget."""
    still = mean_current((0.0, 0.0, 0.0), 3000)
    assert (np.abs(z_of(still, 0.0)) < 4).all()
    driven = mean_current((0.0, 1.2, 0.0), 1500)
    assert z_of(driven[:, 1], 0.0) > 5
