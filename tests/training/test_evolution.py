"""Generations of seconds: they learn, go on bit for bit from a snapshot, and report what they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import random_frame, random_model
from neptuner.kernels.engine import descriptors
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate as reference
from neptuner.training.dataset import Dataset, make_dataset
from neptuner.training.evolution import Evolution, descriptor_scale
from neptuner.training.loss import LossWeights
from neptuner.training.process import DivergenceError, Process
from neptuner.training.snes import SnesSettings, draw_noise, rank, regularisation, start_search
from taught import taught

SNES = SnesSettings(population=20, lambda_1=0.01, lambda_2=0.02)


def shifted_frames() -> list:
    return [replace(frame, energy=frame.energy - 3.0 * frame.n_atoms) for frame in taught(7, 0)]


@pytest.fixture(scope="module")
def data() -> Dataset:
    settings = random_model(neuron=(5,), l_max=(2, 0, 0, 0, 0, 0, 0)).settings
    return make_dataset(shifted_frames(), settings)


def evolution(data: Dataset, *, batch: int = 3, seed: int = 1, threads: int = 1, start=None, snes=SNES) -> Evolution:
    return Evolution(data, snes, LossWeights(), batch=batch, seed=seed, threads=threads, start=start)


def after(generations: int, process: Evolution) -> Evolution:
    for _ in range(generations):
        process.advance(0.5)
    return process


def test_generation_zero_is_ranked_by_regularisation_alone(data) -> None:
    process: Process = after(1, evolution(data))
    count = len(process.mu)
    z = start_search(count, 0.1, 1).mu + 0.1 * draw_noise(1, 0, (20, count))
    l1, l2 = regularisation(z, data.prepared.settings, SNES)
    best = rank(l1 + l2)[0, -1]
    report = process.report()
    assert report.total == pytest.approx(report.l1 + report.l2)
    assert (report.l1, report.l2) == pytest.approx((l1[best, -1], l2[best, -1]))
    assert process.steps_done == 1
    assert not np.array_equal(process.mu, start_search(count, 0.1, 1).mu)
    assert np.unique(process.sigma).size > 1


def test_two_frames_are_learnt() -> None:
    settings = random_model(neuron=(5,), l_max=(2, 0, 0, 0, 0, 0, 0)).settings
    process = evolution(make_dataset(taught(2, 0), settings), batch=2, snes=replace(SNES, lambda_1=0.0, lambda_2=0.0))
    first = after(2, process).report().train
    last = after(400, process).report().train
    assert last.force < 0.5 * first.force
    assert last.virial < first.virial
    assert last.energy < 0.05


def test_a_snapshot_goes_on_bit_for_bit(data) -> None:
    straight = after(7, evolution(data))
    stopped = after(4, evolution(data)).snapshot()
    assert all(array.dtype == np.float64 for array in stopped.values())
    resumed = evolution(data, threads=3)
    resumed.restore(stopped)
    assert resumed.steps_done == 4
    before = resumed.report()
    assert before.total == after(4, evolution(data)).report().total
    after(3, resumed)
    for name, array in straight.snapshot().items():
        np.testing.assert_array_equal(array, resumed.snapshot()[name])
    np.testing.assert_array_equal(straight.report().model.values, resumed.report().model.values)


def test_a_snapshot_is_a_copy(data) -> None:
    process = evolution(data)
    process.warm_up()
    fresh = process.snapshot()
    assert set(fresh) == {"generation", "mu", "sigma"}
    later = after(2, process).snapshot()
    process.restore(fresh)
    np.testing.assert_array_equal(after(2, process).snapshot()["mu"], later["mu"])
    process.restore(fresh)
    with pytest.raises(ValueError, match="no generation yet"):
        process.report()


def test_seeds_differ(data) -> None:
    assert not np.array_equal(after(2, evolution(data)).mu, after(2, evolution(data, seed=2)).mu)


def test_a_start_from_nep_restart(data) -> None:
    count = len(evolution(data).mu)
    mu, sigma = np.linspace(-1, 1, count), np.linspace(0.01, 0.02, count)
    process = evolution(data, start=(mu, sigma))
    np.testing.assert_array_equal(process.mu, mu)
    np.testing.assert_array_equal(process.sigma, sigma)
    moved = after(1, process).mu - mu
    assert 0 < np.abs(moved).max() < 0.05


def test_report_is_the_shifted_elite_on_the_batch_of_its_generation(data) -> None:
    """Batches of 3, 2 and 2 frames; generation 4 uses the second one."""
    process = after(5, evolution(data))
    report, elite = process.report(), process.snapshot()["elite"]
    labels, start = data.labels, data.prepared.geometry.frame_start
    order = np.argsort(labels.energy / np.diff(start), kind="stable")[1::3]
    frames = [shifted_frames()[s] for s in order]
    model = Model(data.prepared.settings, elite, report.model.q_scaler)
    said = [reference(model, frame) for frame in frames]
    error = np.array([(one.energy - frame.energy) / frame.n_atoms for one, frame in zip(said, frames, strict=True)])
    changed = np.flatnonzero(report.model.values != elite)
    bias = Model(model.settings, np.arange(len(elite), dtype=float), model.q_scaler).parameters.bias[0]
    assert changed.tolist() == [bias]
    assert report.model.values[changed[0]] - elite[changed[0]] == pytest.approx(error.mean(), rel=1e-4)
    assert report.train.energy == pytest.approx(error.std(), rel=1e-3)
    shifted = [(reference(report.model, frame).energy - frame.energy) / frame.n_atoms for frame in frames]
    assert np.mean(shifted) == pytest.approx(0.0, abs=1e-5)
    force = np.concatenate([one.forces - frame.forces for one, frame in zip(said, frames, strict=True)])
    assert report.train.force == pytest.approx(np.sqrt((force**2).mean()), rel=1e-4)
    loss = report.train.weighted(LossWeights()) + report.l1 + report.l2
    assert report.total == pytest.approx(loss, rel=1e-4)


def test_descriptors_are_scaled_by_their_range(data) -> None:
    scale = descriptor_scale(data, 1.0)
    model = Model(data.prepared.settings, np.ones(len(evolution(data).mu)), np.ones(len(scale)))
    q = descriptors(data.prepared, model)
    np.testing.assert_allclose(np.ptp(q, axis=0) * scale, 1.0, rtol=1e-5)
    alone = make_dataset([random_frame(n_atoms=1, labels=True)], data.prepared.settings)
    assert descriptor_scale(alone, 1.0).tolist() == [1.0] * len(scale)


def test_no_finite_loss_is_divergence(data) -> None:
    broken = replace(data.labels, energy=np.where(np.arange(7) == 3, np.inf, data.labels.energy))
    process = evolution(Dataset(data.prepared, broken), batch=7)
    process.advance(0.0)
    with pytest.raises(DivergenceError):
        process.advance(0.0)
