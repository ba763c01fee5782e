"""The loss against its definition and its derivative against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import random_frame, random_model
from neptuner.kernels.engine import Outputs, evaluate
from neptuner.kernels.weights import weights_of
from neptuner.training.dataset import make_dataset
from neptuner.training.loss import LossWeights, errors, loss_gradient

WEIGHTS = LossWeights(0.7, 1.3, 0.4, 0.5)


@pytest.fixture
def scene():
    """Three labelled frames, one without virial, one with half a virial, and random predictions."""
    frames = [random_frame(seed, n_atoms=3 + seed, labels=True) for seed in range(3)]
    frames[1] = replace(frames[1], virial=None, weight=2.0)
    frames[2] = replace(frames[2], virial=np.array([1.0, 2.0, 3.0, np.nan, np.nan, np.nan]), energy_weight=0.3)
    data = make_dataset(frames, random_model().settings, type_weight=(1.0, 2.0), force_delta=1.5, dtype=np.float64)
    batch, labels = data.batch()
    rng = np.random.default_rng(0)
    outputs = Outputs(
        labels.energy + rng.normal(size=3), labels.forces + rng.normal(size=(12, 3)), 5 * rng.normal(size=(3, 6))
    )
    return frames, batch, labels, outputs


def test_loss_is_gpumds_definition(scene) -> None:
    frames, batch, labels, outputs = scene
    energy = force = virial = 0.0
    first = components = 0
    for s, frame in enumerate(frames):
        error = (outputs.energy[s] - frame.energy) / frame.n_atoms
        energy += frame.weight**2 * frame.energy_weight * error**2 / 3
        for i in range(frame.n_atoms):
            type_weight = 1.0 if frame.species[i] == "Mg" else 2.0
            damp = 1.5 / (1.5 + np.linalg.norm(frame.forces[i]))
            square = ((outputs.forces[first + i] - frame.forces[i]) ** 2).sum()
            force += frame.weight**2 * type_weight**2 * damp * square / (3 * 12)
        first += frame.n_atoms
        for c in range(6):
            if frame.virial is not None and not np.isnan(frame.virial[c]):
                components += 1
                shear = 0.5**2 if c > 2 else 1.0
                virial += frame.weight**2 * shear * ((outputs.virial[s, c] - frame.virial[c]) / frame.n_atoms) ** 2
    expected = 0.7 * np.sqrt(energy) + 1.3 * np.sqrt(force) + 0.4 * np.sqrt(virial / components)
    assert components == 9
    assert loss_gradient(outputs, labels, batch, WEIGHTS).loss == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("field", ["energy", "forces", "virial"])
def test_derivatives_by_outputs(scene, field) -> None:
    _, batch, labels, outputs = scene
    slope = loss_gradient(outputs, labels, batch, WEIGHTS)
    by = {"energy": slope.by_energy, "forces": slope.by_forces, "virial": slope.by_virial}[field]
    array = getattr(outputs, field)
    for index in np.ndindex(array.shape):
        losses = []
        for step in (1e-5, -1e-5):
            moved = array.copy()
            moved[index] += step
            losses.append(loss_gradient(replace(outputs, **{field: moved}), labels, batch, WEIGHTS).loss)
        assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(by[index], abs=1e-8)


def test_rmse_ignores_missing_virial_components(scene) -> None:
    _, batch, labels, outputs = scene
    difference = (outputs.virial - labels.virial) / batch.atoms_per_frame[:, None]
    assert errors(outputs, labels, batch).virial == pytest.approx(np.sqrt(np.nanmean(difference**2)))


def test_rmse_without_any_virial_is_nan() -> None:
    frames = [replace(random_frame(labels=True), virial=None)]
    data = make_dataset(frames, random_model().settings)
    batch, labels = data.batch()
    outputs = evaluate(data.prepared, weights_of(random_model(), np.float32), batch)
    assert np.isnan(errors(outputs, labels, batch).virial)
    assert np.isfinite(loss_gradient(outputs, labels, batch, WEIGHTS).loss)


def test_a_batch_has_the_labels_of_its_frames() -> None:
    frames = [random_frame(seed, n_atoms=3 + seed, labels=True) for seed in range(4)]
    batch, labels = make_dataset(frames, random_model().settings).batch(np.array([3, 1]))
    assert labels.energy.tolist() == [frames[3].energy, frames[1].energy]
    np.testing.assert_array_equal(labels.forces, np.concatenate([frames[3].forces, frames[1].forces]))
    assert batch.atoms_per_frame.tolist() == [6, 4]
