"""How a simulation is going: a bar on a terminal, a line every tenth elsewhere; both on stderr."""

from __future__ import annotations

import math
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from neptuner.engines.dynamics import DynamicsObserver, Progress


class DynamicsProgress(DynamicsObserver):
    """An observer of a simulation for people."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.live = sys.stderr.isatty()
        self.bar = Bar(
            BarColumn(bar_width=16),
            TextColumn("{task.percentage:.1f} %  {task.fields[text]}"),
            console=self.console,
            disable=not self.live,
        )
        self.task: TaskID = self.bar.add_task("md", total=1.0, text="")
        self._next = 0.0

    def __enter__(self) -> DynamicsProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def remark(self, sentence: str) -> None:
        """Print a sentence worth knowing."""
        self.console.print(f"note: {sentence}", soft_wrap=True)

    def relaxed(self, step: int, energy: float, largest: float) -> None:
        """Show the first step of a minimisation and every hundredth."""
        if step % 100 == 0:
            text = f"minimize: step {step}, {energy:.6f} eV, largest force {largest:.2e} eV/A"
            self.console.print(text, soft_wrap=True)

    def progress(self, progress: Progress) -> None:
        """Move the bar, or print a line for every tenth."""
        text = _text(progress)
        if self.live:
            self.bar.update(self.task, completed=progress.done, text=text)
        elif progress.done >= self._next or progress.done >= 1.0:
            self._next = math.floor(10.0 * progress.done + 1.0) / 10.0
            self.console.print(f"{100.0 * progress.done:5.1f} %  {text}", soft_wrap=True)

    def conclude(self, summary: dict[str, Any]) -> None:
        """Say what was done and how fast."""
        speed = summary["ns_per_day"]
        tail = "" if speed is None else f", {speed:.3g} ns/day, {summary['atom_steps_per_s']:.3g} atom-steps/s"
        self.console.print(
            f"{summary['atoms']} atoms, {summary['steps']} steps, {summary['time_ps']:.6g} ps in"
            f" {summary['seconds']:.1f} s{tail}",
            soft_wrap=True,
        )


def _text(progress: Progress) -> str:
    left = f"{_duration(progress.seconds_left)} left" if math.isfinite(progress.seconds_left) else ""
    where = f"run of line {progress.line}: " if progress.line else ""
    return (
        f"{where}step {progress.number}/{progress.steps}  {progress.temperature:7.1f} K  "
        f"{progress.ns_per_day:.3g} ns/day  {left}"
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
