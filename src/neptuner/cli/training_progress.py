"""A training on the terminal: its loss curves above a bar, or plain lines elsewhere; on stderr, away from results."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from neptuner.cli.chart import Chart, Curve
from neptuner.cli.screen import Screen, bar, duration, end_in
from neptuner.training.records import Row

COLOURS = {"train": "cyan", "validation": "yellow", "test": "blue"}


@dataclass
class _Course:
    """What one training has told so far."""

    step: int = 0
    start: tuple[float, float] | None = None
    """Time and share done at the first step told of; a training that is resumed does not begin at 0."""
    rows: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    """Steps, and force RMSEs in meV/angstrom."""

    def seconds_left(self, progress: float) -> float | None:
        """Seconds to the end at the pace so far; None while that is not known."""
        if self.start is None or progress <= self.start[1]:
            return None
        return (monotonic() - self.start[0]) * (1.0 - progress) / (progress - self.start[1])

    def curves(self) -> list[Curve]:
        """Errors over the steps."""
        named = [(name, [(step, shown[name]) for step, shown in self.rows if name in shown]) for name in COLOURS]
        return [Curve(name, points, COLOURS[name]) for name, points in named]

    def errors(self) -> str:
        """Errors of the last row, and where the judging one was lowest."""
        now = self.rows[-1][1]
        judge = "validation" if "validation" in now else "train"
        step, best = min(((step, shown[judge]) for step, shown in self.rows), key=lambda row: row[1])
        return f"now {_words(now)}; best on {judge} {best:.1f} at step {step:,}"


class TrainingProgress:
    """An observer of a training for people."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.screen = Screen(self.console, live=sys.stderr.isatty())
        self._course = _Course()

    def __enter__(self) -> TrainingProgress:
        self.screen.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.screen.__exit__()

    def remark(self, sentence: str) -> None:
        """Print a sentence worth knowing."""
        self.console.print(f"note: {sentence}", soft_wrap=True)

    def step(self, step: int, steps: int, progress: float) -> None:
        """Draw the view anew."""
        course = self._course_at(step)
        course.start = course.start or (monotonic(), progress)
        self.screen.show(lambda: _view(course, steps, progress))

    def row(self, row: Row) -> None:
        """Show a row of errors."""
        sets = {"train": row.train, "validation": row.validation, "test": row.test}
        shown = {name: 1e3 * errors.force for name, errors in sets.items() if errors}
        self._course_at(row.step).rows.append((row.step, shown))
        if not self.screen.live:
            text = f"step {row.step:6d}  {row.seconds:7.1f} s  force RMSE (meV/A): {_words(shown)}"
            self.console.print(text, soft_wrap=True)

    def _course_at(self, step: int) -> _Course:
        """The training that is at a step; where steps go back it is the next member of a committee."""
        if step < self._course.step:
            self._course = _Course()
        self._course.step = step
        return self._course

    def conclude(self, summary: dict[str, Any], directory: Path) -> None:
        """Print the errors of the kept model."""
        print_errors(self.console, {name: summary[name] for name in ("train", "validation", "test")})
        self.console.print(
            f"{directory / 'nep.txt'}: step {summary['best_step']} of {summary['steps']},"
            f" {summary['seconds']:.1f} s, {summary['ms_per_step']:.1f} ms a step",
            soft_wrap=True,
        )


def _view(course: _Course, steps: int, progress: float) -> Group:
    left = course.seconds_left(progress)
    end = "" if left is None else f"  about {duration(left)} left, ends {end_in(left)}"
    line = f"{bar(progress)} {100 * progress:.0f} %  step {course.step:,} / {steps:,}{end}"
    if not course.rows:
        return Group(Text(line, style="bold"))
    chart = Chart(course.curves(), "force RMSE (meV/Å)", log=True)
    return Group(chart, Text(course.errors()), Text(line, style="bold"))


def _words(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in errors.items())


def print_errors(console: Console, sets: dict[str, dict[str, Any] | None]) -> None:
    """Print a small table of whole-set RMSEs."""
    console.print(f"{'RMSE':12s}{'frames':>8s}{'energy meV/atom':>18s}{'force meV/A':>14s}{'virial meV/atom':>18s}")
    for name, values in sets.items():
        if values is not None:
            cells = [values[f"rmse_{quantity}"] for quantity in ("energy", "force", "virial")]
            text = ["-" if cell is None else f"{1e3 * cell:.2f}" for cell in cells]
            console.print(f"{name:12s}{values['frames']:8d}{text[0]:>18s}{text[1]:>14s}{text[2]:>18s}")
