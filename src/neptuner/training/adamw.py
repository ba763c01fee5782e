"""AdamW (Loshchilov and Hutter, arXiv:1711.05101)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AdamWSettings:
    """How the optimiser moves."""

    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-10
    weight_decay: float = 0.0


class AdamW:
    """Steps along the mean gradient, each parameter in units of its own root-mean-square gradient.

    Parameters
    ----------
    size
        Number of parameters.
    settings
        How it moves.
    """

    def __init__(self, size: int, settings: AdamWSettings | None = None) -> None:
        self.settings = settings or AdamWSettings()
        self._first, self._second = np.zeros(size), np.zeros(size)
        self._steps = 0

    def step(self, values: Floats, gradient: Floats, rate: float) -> Floats:
        """Take one step; returns the new parameters."""
        settings = self.settings
        self._steps += 1
        self._first += (1.0 - settings.beta1) * (gradient - self._first)
        self._second += (1.0 - settings.beta2) * (gradient**2 - self._second)
        first = self._first / (1.0 - settings.beta1**self._steps)
        second = self._second / (1.0 - settings.beta2**self._steps)
        return values * (1.0 - rate * settings.weight_decay) - rate * first / (np.sqrt(second) + settings.epsilon)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Copy the moments."""
        return {"first": self._first.copy(), "second": self._second.copy(), "steps": np.array(self._steps)}

    def restore(self, snapshot: Mapping[str, NDArray[np.generic]]) -> None:
        """Go back to a snapshot."""
        self._first, self._second = (np.array(snapshot[name], dtype=float) for name in ("first", "second"))
        self._steps = int(snapshot["steps"])
