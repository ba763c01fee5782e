"""AdamW on functions whose minimum is known."""

from __future__ import annotations

import numpy as np
import pytest

from neptuner.training.adamw import AdamW, AdamWSettings
from neptuner.training.schedule import Schedule, learning_rate


def test_first_step_has_the_length_of_the_rate() -> None:
    """Bias correction: whatever the scale of the gradient, each parameter moves by the rate."""
    values = AdamW(3).step(np.zeros(3), np.array([1e-3, -5.0, 200.0]), 0.1)
    np.testing.assert_allclose(values, [-0.1, 0.1, -0.1], rtol=1e-5)


def test_a_badly_scaled_bowl_is_descended() -> None:
    scale, target = np.array([1e-2, 1.0, 1e2]), np.array([3.0, -1.0, 2.0])
    optimizer, values = AdamW(3), np.zeros(3)
    for step in range(2000):
        rate = learning_rate(Schedule(highest=0.05), step / 2000)
        values = optimizer.step(values, scale * (values - target), rate)
    np.testing.assert_allclose(values, target, atol=1e-3)


def test_weight_decay_shrinks_parameters_without_gradient() -> None:
    values = AdamW(1, AdamWSettings(weight_decay=0.1)).step(np.array([2.0]), np.zeros(1), 0.5)
    assert values[0] == pytest.approx(2.0 * (1 - 0.05))
