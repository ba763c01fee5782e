"""A progress bar on a terminal, plain lines elsewhere; both on stderr, so that stdout stays for results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from neptuner.training.records import Row


class TrainingProgress:
    """An observer of a training for people."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.live = sys.stderr.isatty()
        self.bar = Progress(
            TextColumn("step {task.fields[step]}"),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:.0f} %"),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[errors]}"),
            console=self.console,
            disable=not self.live,
        )
        self.task: TaskID = self.bar.add_task("train", total=1.0, step="0", errors="")

    def __enter__(self) -> TrainingProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def remark(self, sentence: str) -> None:
        """Print a sentence worth knowing."""
        self.console.print(f"note: {sentence}", soft_wrap=True)

    def step(self, step: int, steps: int, progress: float) -> None:
        """Move the bar."""
        if self.live:
            self.bar.update(self.task, completed=progress, step=f"{step}/{steps}")

    def row(self, row: Row) -> None:
        """Show a row of errors."""
        sets = {"train": row.train, "validation": row.validation, "test": row.test}
        shown = {name: f"{1e3 * errors.force:.1f}" for name, errors in sets.items() if errors}
        if self.live:
            self.bar.update(self.task, errors=f"force {'/'.join(shown.values())} meV/A")
        else:
            text = ", ".join(f"{name} {value}" for name, value in shown.items())
            self.console.print(f"step {row.step:6d}  {row.seconds:7.1f} s  force RMSE (meV/A): {text}", soft_wrap=True)

    def conclude(self, summary: dict[str, Any], directory: Path) -> None:
        """Print the errors of the kept model."""
        print_errors(self.console, {name: summary[name] for name in ("train", "validation", "test")})
        self.console.print(
            f"{directory / 'nep.txt'}: step {summary['best_step']} of {summary['steps']},"
            f" {summary['seconds']:.1f} s, {summary['ms_per_step']:.1f} ms a step",
            soft_wrap=True,
        )


def print_errors(console: Console, sets: dict[str, dict[str, Any] | None]) -> None:
    """Print a small table of whole-set RMSEs."""
    console.print(f"{'RMSE':12s}{'frames':>8s}{'energy meV/atom':>18s}{'force meV/A':>14s}{'virial meV/atom':>18s}")
    for name, values in sets.items():
        if values is not None:
            cells = [values[f"rmse_{quantity}"] for quantity in ("energy", "force", "virial")]
            text = ["-" if cell is None else f"{1e3 * cell:.2f}" for cell in cells]
            console.print(f"{name:12s}{values['frames']:8d}{text[0]:>18s}{text[1]:>14s}{text[2]:>18s}")
