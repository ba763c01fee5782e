"""The optimiser on functions whose minimum is known, and its schedule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from neptuner.training.adamw import AdamWSettings, AdamWState, adamw_step, learning_rate


def test_first_step_has_the_length_of_the_rate() -> None:
    """Bias correction: whatever the scale of the gradient, each parameter moves by the rate."""
    state = AdamWState.start(3)
    values = adamw_step(AdamWSettings(), state, np.zeros(3), np.array([1e-3, -5.0, 200.0]), 0.1)
    np.testing.assert_allclose(values, [-0.1, 0.1, -0.1], rtol=1e-5)


def test_a_badly_scaled_bowl_is_descended() -> None:
    scale, target = np.array([1e-2, 1.0, 1e2]), np.array([3.0, -1.0, 2.0])
    settings, state, values = AdamWSettings(), AdamWState.start(3), np.zeros(3)
    for step in range(2000):
        rate = learning_rate(AdamWSettings(learning_rate=0.05), step / 2000)
        values = adamw_step(settings, state, values, scale * (values - target), rate)
    np.testing.assert_allclose(values, target, atol=1e-3)


def test_an_outlying_gradient_is_shortened() -> None:
    state = AdamWState.start(2)
    for _ in range(50):
        adamw_step(AdamWSettings(clip=10.0), state, np.zeros(2), np.array([1.0, 0.0]), 0.1)
    before = state.first.copy()
    adamw_step(AdamWSettings(clip=10.0), state, np.zeros(2), np.array([1e6, 0.0]), 0.1)
    assert state.first[0] - before[0] == pytest.approx(0.1 * (10.0 - before[0]), rel=1e-6)


def test_rate_rises_then_falls_to_its_end() -> None:
    settings = AdamWSettings(learning_rate=0.02, warm_up=0.1, final_rate=0.01)
    rates = [learning_rate(settings, progress) for progress in np.linspace(0, 1, 101)]
    assert rates[0] == 0.0
    assert max(rates) == pytest.approx(0.02)
    assert int(np.argmax(rates)) == 10
    assert rates[-1] == pytest.approx(0.0002)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_weight_decay_shrinks_parameters_without_gradient() -> None:
    settings = AdamWSettings(weight_decay=0.1)
    values = adamw_step(settings, AdamWState.start(1), np.array([2.0]), np.zeros(1), 0.5)
    assert values[0] == pytest.approx(2.0 * (1 - 0.05))
