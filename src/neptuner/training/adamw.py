"""AdamW (Loshchilov and Hutter, arXiv:1711.05101) with a clipped gradient, and its learning-rate schedule."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AdamWSettings:
    """How the optimiser moves."""

    learning_rate: float = 0.03
    """Highest rate, reached at the end of the warm-up."""
    warm_up: float = 0.02
    """Share of the training over which the rate rises from zero."""
    final_rate: float = 0.0
    """Rate at the end, in units of the highest."""
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-10
    weight_decay: float = 0.0
    clip: float = 10.0
    """A gradient longer than this many times its running mean length is shortened to it."""


@dataclass
class AdamWState:
    """Moments of the gradient; what a restart needs besides the parameters."""

    first: Floats
    second: Floats
    step: int = 0
    usual_length: float = 0.0

    @classmethod
    def start(cls, size: int) -> AdamWState:
        """Make the state before the first step."""
        return cls(np.zeros(size), np.zeros(size))


def learning_rate(settings: AdamWSettings, progress: float) -> float:
    """Rate at a given share of the training: linear warm-up, then a cosine decay."""
    if progress < settings.warm_up:
        return settings.learning_rate * progress / settings.warm_up
    along = min(1.0, (progress - settings.warm_up) / (1.0 - settings.warm_up))
    cosine = 0.5 * (1.0 + cos(pi * along))
    return settings.learning_rate * (settings.final_rate + (1.0 - settings.final_rate) * cosine)


def adamw_step(settings: AdamWSettings, state: AdamWState, values: Floats, gradient: Floats, rate: float) -> Floats:
    """Take one step; returns the new parameters and updates the state."""
    gradient = _clipped(settings, state, gradient)
    state.step += 1
    state.first += (1.0 - settings.beta1) * (gradient - state.first)
    state.second += (1.0 - settings.beta2) * (gradient**2 - state.second)
    first = state.first / (1.0 - settings.beta1**state.step)
    second = state.second / (1.0 - settings.beta2**state.step)
    return values * (1.0 - rate * settings.weight_decay) - rate * first / (np.sqrt(second) + settings.epsilon)


def _clipped(settings: AdamWSettings, state: AdamWState, gradient: Floats) -> Floats:
    length = float(np.linalg.norm(gradient))
    longest = settings.clip * state.usual_length
    if state.step and length > longest:
        gradient, length = gradient * (longest / length), longest
    share = max(0.02, 1.0 / (state.step + 1))
    state.usual_length += share * (length - state.usual_length)
    return gradient
