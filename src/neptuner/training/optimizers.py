"""What a gradient optimiser is, and the choice of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.training.adamw import AdamW
from neptuner.training.soap import Soap

Floats = NDArray[np.float64]


class Optimizer(Protocol):
    """Turns gradients into steps and remembers what it needs for that."""

    def step(self, values: Floats, gradient: Floats, rate: float) -> Floats:
        """Take one step; returns the new parameters, ``(n,)`` like the old ones and the gradient."""

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Copy all that it remembers."""

    def restore(self, snapshot: Mapping[str, NDArray[np.generic]]) -> None:
        """Go back to a snapshot."""


OPTIMIZERS: dict[str, Callable[[Settings], Optimizer]] = {
    "soap": Soap,
    "adamw": lambda settings: AdamW(parameter_count(settings)),
}
"""By the name a user gives."""
