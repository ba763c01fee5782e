"""What a trainer of any kind is to the loop that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neptuner.training.records import Report

Snapshot = dict[str, NDArray[np.generic]]
"""All that a process needs to go on to the bit, as plain arrays by name."""


class DivergenceError(Exception):
    """A step led to a loss that is not a number, or far above what it was."""


class Process(Protocol):
    """A training that is taken forward one step at a time."""

    steps_done: int

    def warm_up(self) -> None:
        """Compile what a step needs, changing nothing."""

    def advance(self, progress: float) -> None:
        """Take one step, at a given share of the training.

        Raises
        ------
        DivergenceError
            If the loss is no longer a number.
        """

    def report(self) -> Report:
        """Give the present model and its training errors."""

    def slow_down(self) -> bool:
        """Take shorter steps from now on; False if that means nothing here."""

    def snapshot(self) -> Snapshot:
        """Copy the state."""

    def restore(self, snapshot: Mapping[str, NDArray[np.generic]]) -> None:
        """Go back to a snapshot."""
