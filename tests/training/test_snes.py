"""The search against slow transcriptions of GPUMD's rules, batches by Hypothesis, and the loss frame by frame."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import random_frame, random_model
from neptuner.kernels.engine import evaluate, make_batch
from neptuner.kernels.population import evaluate_population, individuals, make_population_batch
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.training.dataset import make_dataset
from neptuner.training.loss import LossWeights
from neptuner.training.snes import (
    Search,
    SnesSettings,
    automatic_lambda,
    draw_noise,
    rank,
    ranking_of_parameters,
    regularisation,
    sigma_rate,
    start_search,
    update,
    utilities,
)
from neptuner.training.snes_batches import fixed_batches
from neptuner.training.snes_loss import ranking_loss, species_in_frames

TINY = Settings(("Mg", "O"), 4, (5.0, 4.0), (1, 0), (2, 1), (2, 0, 0, 0, 0, 0, 0), (2,))


def types_of_variables(settings: Settings) -> list[int]:
    """One by one in the order of nep.txt: networks, common bias, radial c, angular c."""
    T, found = settings.n_types, []
    for t in range(settings.n_networks):
        size, inputs = 0, settings.dim
        for neurons in settings.neuron:
            size += neurons * inputs + neurons
            inputs = neurons
        size += inputs + (settings.version == 5)
        found += [T if settings.version == 3 else t] * size
    found.append(T)
    for functions, basis in zip(settings.functions, settings.basis, strict=True):
        for _ in range(functions * basis):
            for centre in range(T):
                found += [centre] * T
    return found


def slow_generation(mu, sigma, s, totals, settings, cap):
    """The update, number by number."""
    P, N, T = len(s), len(mu), settings.n_types
    u = [max(0.0, log(P / 2 + 1) - log(k + 1)) for k in range(P)]
    u = [x / sum(u) - 1 / P for x in u]
    n = N if settings.version == 3 else N // T
    eta = 0.5 * (3 + log(n)) / (5 * sqrt(n))
    orders = [sorted(range(P), key=lambda p, r=r: totals[p][r]) for r in range(T + 1)]
    new_mu, new_sigma = [], []
    for v, tau in enumerate(types_of_variables(settings)):
        g_mu = sum(u[k] * s[orders[tau][k]][v] for k in range(P))
        g_sigma = sum(u[k] * (s[orders[tau][k]][v] ** 2 - 1) for k in range(P))
        new_mu.append(mu[v] + sigma[v] * g_mu)
        new_sigma.append(min(cap, sigma[v] * exp(eta * g_sigma)))
    return new_mu, new_sigma


@pytest.mark.parametrize(
    "shape", [TINY, replace(TINY, version=3), replace(TINY, version=5), replace(TINY, neuron=(3, 2))]
)
def test_ranking_of_parameters(shape) -> None:
    assert ranking_of_parameters(shape).tolist() == types_of_variables(shape)


@pytest.mark.parametrize("version", [3, 4])
def test_update_is_the_slow_transcription(version) -> None:
    shape = replace(TINY, version=version)
    rng, count = np.random.default_rng(1), parameter_count(shape)
    mu, sigma = rng.uniform(-1, 1, count), rng.uniform(0.05, 0.16, count)
    noise = draw_noise(7, 3, (6, count))
    totals = rng.normal(size=(6, 3))
    totals[4] = totals[2]
    moved = update(Search(mu, sigma), noise, rank(totals), ranking_of_parameters(shape), sigma_rate(shape), 0.15)
    expected = slow_generation(mu, sigma, noise.astype(float), totals, shape, 0.15)
    np.testing.assert_allclose(moved.mu, expected[0], rtol=1e-12)
    np.testing.assert_allclose(moved.sigma, expected[1], rtol=1e-12)
    assert (moved.sigma == 0.15).any()
    assert (moved.sigma < 0.15).any()


@pytest.mark.parametrize("version", [3, 4, 5])
def test_regularisation_is_the_slow_transcription(version) -> None:
    shape = replace(TINY, version=version)
    N, T = parameter_count(shape), 2
    z = np.random.default_rng(2).normal(size=(4, N))
    l1, l2 = regularisation(z, shape, SnesSettings(lambda_1=0.3, lambda_2=0.7))
    tau = types_of_variables(shape)
    for p in range(4):
        for r in range(T + 1):
            mine = [z[p, v] for v in range(N) if version == 3 or (tau[v] == r if r < T else tau[v] != T)]
            share = N if r == T or version == 3 else N / T
            assert l1[p, r] == pytest.approx(0.3 * sum(abs(x) for x in mine) / share)
            assert l2[p, r] == pytest.approx(0.7 * sqrt(sum(x * x for x in mine) / share))


def test_automatic_lambda_is_gpumds() -> None:
    assert automatic_lambda(TINY) == pytest.approx(sqrt(parameter_count(TINY) * 1e-6 / 2))
    z = np.ones((1, parameter_count(TINY)))
    given, automatic = (
        regularisation(z, TINY, snes)
        for snes in (SnesSettings(lambda_1=automatic_lambda(TINY), lambda_2=0.0), SnesSettings(lambda_2=0.0))
    )
    np.testing.assert_array_equal(given, automatic)


@pytest.mark.parametrize("population", [2, 3, 10, 50])
def test_utilities(population) -> None:
    u = utilities(population)
    assert u.sum() == pytest.approx(0.0, abs=1e-15)
    assert (np.diff(u) <= 0).all()
    assert u[-1] == pytest.approx(-1.0 / population)
    assert u[0] > 0


def test_ties_keep_their_order_and_broken_individuals_come_last() -> None:
    totals = np.array([[2.0], [np.nan], [1.0], [-np.inf], [1.0], [np.inf], [0.5]])
    assert rank(totals)[:, 0].tolist() == [6, 2, 4, 0, 1, 3, 5]


def test_a_quadratic_is_minimised() -> None:
    ranking, target = ranking_of_parameters(TINY), np.linspace(-2, 2, parameter_count(TINY))
    search = start_search(len(target), 0.1, seed=1)
    for generation in range(600):
        noise = draw_noise(1, generation, (50, len(target)))
        far = (search.mu + search.sigma * noise - target) ** 2
        totals = np.stack([far[:, ranking == t].sum(axis=1) for t in range(2)] + [far.sum(axis=1)], axis=1)
        search = update(search, noise, rank(totals), ranking, sigma_rate(TINY), 1.0)
    np.testing.assert_allclose(search.mu, target, atol=0.02)
    assert search.sigma.max() < 0.03


def test_noise_depends_on_seed_and_generation_only() -> None:
    one = draw_noise(1, 5, (4, 3000))
    np.testing.assert_array_equal(one, draw_noise(1, 5, (4, 3000)))
    assert one.dtype == np.float32
    for seed, generation in ((1, 6), (2, 5)):
        assert not np.array_equal(one, draw_noise(seed, generation, (4, 3000)))
    assert abs(one.mean()) < 0.05
    assert one.std() == pytest.approx(1.0, abs=0.03)
    start = start_search(3000, 0.1, 1)
    assert -1.0 <= start.mu.min() < -0.99
    assert 0.99 < start.mu.max() < 1.0
    assert set(start.sigma) == {0.1}


@given(st.lists(st.sampled_from([-4.0, -3.5, -1.0, 0.0, 2.0, 7.0]), min_size=1, max_size=60), st.integers(1, 70))
def test_batches(energies, size) -> None:
    batches, n = fixed_batches(np.array(energies), size), len(energies)
    assert len(batches) == -(-n // size)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    if len(batches) == 1:
        assert batches[0].tolist() == list(range(n))
    else:
        dealt = [batches[k % len(batches)][k // len(batches)] for k in range(n)]
        assert dealt == sorted(range(n), key=lambda s: energies[s])


def loss_of_one(outputs, frames, types, r, weights, type_weight, delta):
    """Energy, force and virial terms of one ranking, frame by frame and atom by atom."""
    counted = [s for s, frame in enumerate(frames) if r == len(types) or types[r] in frame.species]
    starts = np.cumsum([0, *(frame.n_atoms for frame in frames)])
    errors = [(outputs.energy[s] - frame.energy) / frame.n_atoms for s, frame in enumerate(frames)]
    shift = sum(f.energy_weight * e for f, e in zip(frames, errors, strict=True)) / sum(f.energy_weight for f in frames)
    energy = force = virial = 0.0
    atoms = components = 0
    for s in counted:
        frame = frames[s]
        energy += frame.weight**2 * frame.energy_weight * (errors[s] - shift) ** 2
        for i in range(frame.n_atoms):
            pull = type_weight[types.index(frame.species[i])] ** 2 * delta
            pull /= delta + np.linalg.norm(frame.forces[i])
            force += frame.weight**2 * pull * np.sum((outputs.forces[starts[s] + i] - frame.forces[i]) ** 2)
        atoms += frame.n_atoms
        for c in range(6):
            if frame.virial is not None and not np.isnan(frame.virial[c]):
                components += 1
                factor = weights.shear**2 if c > 2 else 1.0
                virial += frame.weight**2 * factor * ((outputs.virial[s, c] - frame.virial[c]) / frame.n_atoms) ** 2
    return (
        weights.energy * sqrt(energy / len(counted)) if counted else 0.0,
        weights.force * sqrt(force / (3 * atoms)) if counted else 0.0,
        weights.virial * sqrt(virial / components) if components else 0.0,
    )


def test_loss_of_every_ranking_is_the_slow_transcription() -> None:
    model = random_model(elements=("Mg", "O", "Zn"))
    only_oxygen, only_magnesium = (np.full(4, symbol) for symbol in ("O", "Mg"))
    frames = [random_frame(seed, n_atoms=3 + seed, labels=True) for seed in range(3)]
    frames += [replace(random_frame(5, n_atoms=4, labels=True), species=only_oxygen)]
    frames += [replace(random_frame(6, n_atoms=4, labels=True), species=only_magnesium, virial=None)]
    frames[1] = replace(frames[1], virial=None, weight=2.0)
    frames[2] = replace(frames[2], virial=np.array([1.0, 2.0, 3.0, np.nan, np.nan, np.nan]), energy_weight=0.3)
    weights, type_weight = LossWeights(0.7, 1.3, 0.4, 0.5), (1.0, 2.0, 1.0)
    data = make_dataset(frames, model.settings, type_weight=type_weight, force_delta=1.5)
    z = model.values + 0.1 * np.random.default_rng(0).normal(size=(3, len(model.values)))
    outputs = evaluate_population(
        data.prepared,
        individuals(model.settings, z, model.q_scaler, np.float32),
        make_population_batch(data.prepared),
        data.labels.forces,
        data.labels.force_weight,
    )
    batch, labels = data.batch()
    geometry = data.prepared.geometry
    present = species_in_frames(geometry.types, geometry.frame_start, 3)
    assert present.tolist() == [[1, 1, 0, 1]] * 3 + [[0, 1, 0, 1], [1, 0, 0, 1]]
    found = ranking_loss(outputs, labels, batch.atoms_per_frame, present, weights)
    for p in range(3):
        one = evaluate(
            data.prepared,
            weights_of(Model(model.settings, z[p], model.q_scaler), np.float32),
            make_batch(data.prepared),
        )
        for r in range(4):
            expected = loss_of_one(one, frames, ("Mg", "O", "Zn"), r, weights, type_weight, 1.5)
            terms = (found.energy[p, r], found.force[p, r], found.virial[p, r])
            assert terms == pytest.approx(expected, rel=2e-5)
            assert found.total[p, r] == pytest.approx(sum(terms))
