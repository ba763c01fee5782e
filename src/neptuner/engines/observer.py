"""Who is told how a training goes."""

from __future__ import annotations

from typing import Protocol

from neptuner.training.records import Row


class Observer(Protocol):
    """Is told how a training goes."""

    def remark(self, sentence: str) -> None:
        """Take a sentence worth knowing."""

    def step(self, step: int, steps: int, progress: float) -> None:
        """Take the share of the training done."""

    def row(self, row: Row) -> None:
        """Take a row of errors."""


class Silent:
    """An observer that tells nobody."""

    def remark(self, sentence: str) -> None:
        """Drop a sentence."""

    def step(self, step: int, steps: int, progress: float) -> None:
        """Do nothing."""

    def row(self, row: Row) -> None:
        """Drop a row."""
