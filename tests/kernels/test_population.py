"""A population evaluated at once against each individual evaluated alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import EVERY_KIND, random_frame, random_model
from neptuner.files.frames import Frame
from neptuner.kernels import population
from neptuner.kernels.engine import evaluate, make_batch, prepare
from neptuner.kernels.population import evaluate_population, individuals, make_population_batch
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model


def compare(model: Model, frames: list[Frame], size: int = 3, chosen=None) -> None:
    """Energies, virials and squared force errors of a population around a model, against the engine."""
    rng = np.random.default_rng(1)
    prepared = prepare(frames, model.settings)
    z = model.values + 0.2 * rng.normal(size=(size, len(model.values)))
    batch = make_batch(prepared, chosen)
    targets, weight = rng.normal(size=(batch.n_atoms, 3)), rng.uniform(0.5, 2.0, size=batch.n_atoms)
    pool = individuals(model.settings, z, model.q_scaler, np.float32)
    outputs = evaluate_population(prepared, pool, make_population_batch(prepared, chosen), targets, weight)
    for p in range(size):
        one = evaluate(prepared, weights_of(replace(model, values=z[p]), np.float32), batch)
        square = np.add.reduceat(weight * ((one.forces - targets) ** 2).sum(axis=1), batch.start[:-1])
        for found, expected in ((outputs.energy, one.energy), (outputs.virial, one.virial)):
            assert np.abs(found[..., p] - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(outputs.force_square[:, p], square, rtol=1e-5)


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_each_individual_is_that_of_the_engine(version, neuron, l_max) -> None:
    compare(random_model(version, neuron, l_max), [random_frame(seed, n_atoms=3 + seed) for seed in range(3)])


@pytest.mark.parametrize("size", [1, 32, 33])
def test_every_size_of_population(size) -> None:
    compare(random_model(), [random_frame()], size=size)


def test_frames_in_any_order_and_atoms_that_are_their_own_neighbours() -> None:
    frames = [random_frame(seed, n_atoms=1 + seed) for seed in range(5)]
    compare(random_model(), frames, chosen=np.array([4, 0, 2]))


def test_atoms_without_neighbours_and_species_that_are_absent() -> None:
    lonely = replace(random_frame(n_atoms=1), cell=30.0 * np.eye(3))
    model = random_model(elements=("Mg", "Zn", "O"))
    prepared = prepare([lonely], model.settings)
    batch = make_population_batch(prepared)
    pool = individuals(model.settings, model.values[None], model.q_scaler, np.float32)
    outputs = evaluate_population(prepared, pool, batch, np.full((1, 3), 2.0), np.ones(1))
    assert outputs.energy[0, 0] == pytest.approx(
        evaluate(prepared, weights_of(model, np.float32), make_batch(prepared)).energy[0], rel=1e-5
    )
    assert outputs.force_square[0, 0] == pytest.approx(12.0)
    assert not outputs.virial.any()
    compare(model, [random_frame(), random_frame(1)])


def test_blocks_of_many_atoms_and_groups_of_many_frames(monkeypatch) -> None:
    cell = np.diag([9.0, 9.0, 12.0])
    frames = [random_frame(3, n_atoms=70, cell=cell), *(random_frame(seed) for seed in range(6))]
    monkeypatch.setattr(population, "WIDTH", 20)
    monkeypatch.setattr(population, "GROUP", 20)
    prepared = prepare(frames, random_model().settings)
    groups = make_population_batch(prepared).groups
    assert [len(group.start) - 1 for group in groups] == [1, 2, 2, 2]
    assert [group.first_frame for group in groups] == [0, 1, 3, 5]
    assert max(np.diff(group.blocks[:, :2]).max() for group in groups) == 20
    compare(random_model(), frames, size=2)


def test_results_do_not_depend_on_threads() -> None:
    model = random_model()
    frames = [random_frame(seed, n_atoms=70, cell=np.diag([9.0, 9.0, 12.0])) for seed in range(2)] * 10
    prepared = prepare(frames, model.settings)
    batch = make_population_batch(prepared)
    assert len(batch.groups) > 2
    pool = individuals(model.settings, model.values + np.zeros((4, 1)), model.q_scaler, np.float32)
    n = prepared.geometry.n_atoms
    one, three = (evaluate_population(prepared, pool, batch, np.zeros((n, 3)), np.ones(n), k) for k in (1, 3))
    for name in ("energy", "virial", "force_square"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
