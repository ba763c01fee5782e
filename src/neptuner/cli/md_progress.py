"""A simulation on the terminal: its temperature above a bar, or a line every tenth elsewhere; both on stderr."""

from __future__ import annotations

import math
import sys
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from neptuner.cli.chart import Chart, Curve
from neptuner.cli.screen import Screen, bar, end_in
from neptuner.engines.dynamics import DynamicsObserver, Progress

MOST_POINTS = 500
"""Of the curve of the temperature, beyond which every second one is left out."""


class DynamicsProgress(DynamicsObserver):
    """An observer of a simulation for people."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.screen = Screen(self.console, live=sys.stderr.isatty())
        self._temperatures: list[tuple[float, float]] = []
        """Share of the simulation in per cent, and temperature in kelvin."""
        self._next = 0.0

    def __enter__(self) -> DynamicsProgress:
        self.screen.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.screen.__exit__()

    def remark(self, sentence: str) -> None:
        """Print a sentence worth knowing."""
        self.console.print(f"note: {sentence}", soft_wrap=True)

    def relaxed(self, step: int, energy: float, largest: float) -> None:
        """Show the first step of a minimisation and every hundredth."""
        if step % 100 == 0:
            text = f"minimize: step {step}, {energy:.6f} eV, largest force {largest:.2e} eV/A"
            self.console.print(text, soft_wrap=True)

    def progress(self, progress: Progress) -> None:
        """Draw the view anew, or print a line for every tenth."""
        if self.screen.live:
            self._add(100.0 * progress.done, progress.temperature)
            self.screen.show(lambda: self._view(progress))
        elif progress.done >= self._next or progress.done >= 1.0:
            self._next = math.floor(10.0 * progress.done + 1.0) / 10.0
            self.console.print(f"{100.0 * progress.done:5.1f} %  {_text(progress)}", soft_wrap=True)

    def _add(self, done: float, temperature: float) -> None:
        self._temperatures.append((done, temperature))
        if len(self._temperatures) > MOST_POINTS:
            self._temperatures = self._temperatures[::2]

    def _view(self, progress: Progress) -> Group:
        curve = Curve("", self._temperatures, "yellow")
        chart = Chart([curve], "temperature (K) against the share done (%)", height=6)
        end = f", ends {end_in(progress.seconds_left)}" if math.isfinite(progress.seconds_left) else ""
        line = f"{bar(progress.done)} {100.0 * progress.done:.1f} %  {_text(progress)}{end}"
        return Group(chart, Text(line, style="bold"))

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
