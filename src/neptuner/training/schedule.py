"""The learning rate over a training: a linear warm-up, then a cosine decay."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi


@dataclass(frozen=True)
class Schedule:
    """How the learning rate runs."""

    highest: float = 0.03
    """Rate at the end of the warm-up."""
    warm_up: float = 0.02
    """Share of the training over which the rate rises from zero."""
    final: float = 0.0
    """Rate at the end, in units of the highest."""


def learning_rate(schedule: Schedule, progress: float) -> float:
    """Rate at a given share of the training."""
    if progress < schedule.warm_up:
        return schedule.highest * progress / schedule.warm_up
    along = min(1.0, (progress - schedule.warm_up) / (1.0 - schedule.warm_up))
    cosine = 0.5 * (1.0 + cos(pi * along))
    return schedule.highest * (schedule.final + (1.0 - schedule.final) * cosine)
