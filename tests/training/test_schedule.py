"""The course of the learning rate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from neptuner.training.schedule import Schedule, learning_rate


def test_rate_rises_then_falls_to_its_end() -> None:
    schedule = Schedule(highest=0.02, warm_up=0.1, final=0.01)
    rates = [learning_rate(schedule, progress) for progress in np.linspace(0, 1, 101)]
    assert rates[0] == 0.0
    assert max(rates) == pytest.approx(0.02)
    assert int(np.argmax(rates)) == 10
    assert rates[-1] == pytest.approx(0.0002)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
