"""What a running study tells, and how far its runs are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from neptuner.files.script import DumpThermo, Run, Script


@dataclass(frozen=True)
class Snapshot:
    """Where a running study stands."""

    phase: str
    done: int
    failed: int
    total: int
    """Runs in all; before the winners are known, as many as are likely."""
    running: tuple[tuple[str, int, int], ...]
    """Name, last step told and number of steps of each run in progress."""
    elapsed: float
    """Seconds since this session began."""
    remaining: float | None
    """Seconds that are left, estimated from finished runs; None before the first has finished."""
    then: str = ""
    """What follows that `remaining` does not cover."""


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


def last_thermo_step(folder: Path, script: Script) -> int:
    """Last time step that the ``thermo.out`` of a run of molecular dynamics tells of; 0 before the first row.

    Rows have equal lengths, so the size of the file tells their number.
    """
    try:
        with (folder / "thermo.out").open("rb") as file:
            width = len(file.readline())
            rows = file.seek(0, 2) // width if width else 0
    except FileNotFoundError:
        return 0
    steps = 0
    for run in (action for action in script.actions if isinstance(action, Run)):
        interval = next((m.interval for m in run.measures if isinstance(m, DumpThermo)), run.steps)
        in_run = min(rows, run.steps // interval)
        steps += in_run * interval if in_run < run.steps // interval else run.steps
        rows -= in_run
        if in_run < run.steps // interval:
            break
    return steps
