"""The derivative of the whole loss by the parameters, in double precision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import random_frame, random_model
from neptuner.kernels.engine import evaluate, gradient
from neptuner.kernels.weights import weights_of
from neptuner.training.dataset import make_dataset
from neptuner.training.loss import LossWeights, loss_gradient


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("neuron", [(7,), (6, 5)])
def test_loss_gradient_agrees_with_central_differences(version: int, neuron: tuple[int, ...]) -> None:
    """Relative error below 1e-6 along random directions and along single parameters of every block."""
    rng = np.random.default_rng(0)
    nep = random_model(version, neuron)
    frames = [random_frame(seed, n_atoms=4, labels=True) for seed in range(3)]
    data = make_dataset(frames, nep.settings, dtype=np.float64)
    batch, labels = data.batch()

    def loss(values):
        weights = weights_of(replace(nep, values=values), np.float64)
        return loss_gradient(evaluate(data.prepared, weights, batch), labels, batch, LossWeights())

    at = loss(nep.values)
    slope = gradient(data.prepared, weights_of(nep, np.float64), batch, at.by_energy, at.by_forces, at.by_virial)
    directions = [rng.normal(size=slope.shape) for _ in range(5)]
    directions += list(np.eye(len(slope))[rng.choice(len(slope), size=20, replace=False)])
    step = 1e-4
    for direction in directions:
        near = loss(nep.values + step * direction).loss - loss(nep.values - step * direction).loss
        far = loss(nep.values + 2 * step * direction).loss - loss(nep.values - 2 * step * direction).loss
        expected = slope @ direction
        tolerance = 1e-6 * max(abs(expected), np.abs(slope).max())
        assert (8 * near - far) / (12 * step) == pytest.approx(expected, abs=tolerance)
