"""What a running study tells, and how far its runs are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Snapshot:
    """Where a running study stands."""

    phase: str
    done: int
    failed: int
    total: int
    """Runs in all; before the winners are known, as many as there may be."""
    running: tuple[tuple[str, int, int], ...]
    """Name, last step told and number of steps of each run in progress."""
    elapsed: float
    """Seconds since this session began."""
    remaining: float | None
    """Seconds that are left, estimated from finished runs; None before the first has finished."""


class Observer(Protocol):
    """Is told what happens in a study."""

    def log(self, line: str) -> None:
        """Take a line about something that happened."""

    def tick(self, snapshot: Callable[[], Snapshot]) -> None:
        """Take the chance to show where the study stands; called many times a second."""


class Silent:
    """An observer that tells nobody."""

    def log(self, line: str) -> None:
        """Drop a line."""

    def tick(self, snapshot: Callable[[], Snapshot]) -> None:
        """Do nothing."""


def last_row(folder: Path) -> list[float] | None:
    """Last complete row of the ``loss.out`` of a training directory; None before the first.

    Only the end of the file is read, while the trainer may be writing to it.
    """
    try:
        with (folder / "loss.out").open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 1000))
            lines = file.read().rpartition(b"\n")[0].splitlines()
        return [float(word) for word in lines[-1].split()] if lines else None
    except (FileNotFoundError, ValueError):
        return None


def last_step(folder: Path) -> int:
    """Last step that a training directory tells of; 0 before the first row."""
    row = last_row(folder)
    return int(row[0]) if row else 0
