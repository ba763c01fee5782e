"""A running study on the terminal: loss curves and running trials in one view, or plain lines where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from neptuner.cli.chart import COLOURS, Chart, Curve
from neptuner.cli.screen import Screen, bar, duration, end_in
from neptuner.cli.tables import UNITS
from neptuner.errors import NeptunerError
from neptuner.live.best import Best, best_so_far
from neptuner.live.curves import LossCurve
from neptuner.study.progress import Observer, Snapshot
from neptuner.study.status import read_results


class PlainLines:
    """Prints what happens, a line each, and nothing in between."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def log(self, line: str) -> None:
        """Print a line with the time."""
        self._screen.print(f"{time.strftime('%H:%M:%S')}  {line}")

    def tick(self, snapshot: Callable[[], Snapshot]) -> None:
        """Do nothing."""


class LiveTable(PlainLines):
    """Keeps loss curves, the running trials and the best model in view below the lines.

    Parameters
    ----------
    screen
        Where to.
    folder
        The study directory; without it there are no curves.
    """

    def __init__(self, screen: Screen, folder: Path | None = None) -> None:
        super().__init__(screen)
        self._folder = folder
        self._curves: dict[str, LossCurve] = {}
        self._read: tuple[int, dict[str, Any]] | None = None

    def tick(self, snapshot: Callable[[], Snapshot]) -> None:
        """Draw everything anew, at most once a second."""
        self._screen.show(lambda: self._draw(snapshot()))

    def _draw(self, snapshot: Snapshot) -> Group:
        results = self._results()
        best = None if results is None else best_so_far(results)
        colours = dict(zip((name for name, _, _ in snapshot.running), COLOURS, strict=False))
        lines: list[RenderableType] = [Text(headline(snapshot) + _end(snapshot), style="bold")]
        if results is not None:
            lines.append(self._chart(results, best, colours))
        lines.append(running_table(snapshot, colours, {name: curve.last for name, curve in self._curves.items()}))
        if results is not None and best is not None:
            lines.append(Text(best_line(best, results["metric"])))
        return Group(*lines)

    def _chart(self, results: dict[str, Any], best: Best | None, colours: dict[str, str]) -> Chart:
        """Loss curves of what runs, beside those of the baseline and of the best model."""
        metric, shown = results["metric"], {name: ("", colour) for name, colour in colours.items()}
        if best is not None:
            shown = {best.baseline_runs[0]: ("baseline", "white"), **shown}
            if best.name != "baseline":
                shown[best.runs[0]] = (f"best so far: {best.name}", "bright_green")
        new = {name: LossCurve(Path(self._folder or "", "trials", name), metric) for name in shown}
        self._curves = {name: self._curves.get(name, curve) for name, curve in new.items()}
        for curve in self._curves.values():
            curve.advance()
        curves = [Curve(title, self._curves[name].points, colour) for name, (title, colour) in shown.items()]
        return Chart(curves, f"{metric} loss on validation ({UNITS[metric]})", log=True)

    def _results(self) -> dict[str, Any] | None:
        """Content of ``results.json``, read again when it has been written again; None if there is none to show."""
        if self._folder is None:
            return None
        try:
            written = (self._folder / "results.json").stat().st_mtime_ns
            if self._read is None or self._read[0] != written:
                self._read = (written, read_results(self._folder))
        except (NeptunerError, OSError):  # a view must not stop a study
            return None
        return self._read[1]


@contextmanager
def observer(console: Console, folder: Path | None = None) -> Iterator[Observer]:
    """Show a study in the way that suits the console, with loss curves if its directory is known."""
    with Screen(console, console.is_terminal) as screen:
        yield LiveTable(screen, folder) if screen.live else PlainLines(screen)


def headline(snapshot: Snapshot) -> str:
    """One line: phase, runs, time gone and time left."""
    words = [f"phase {snapshot.phase}", f"{snapshot.done} of {snapshot.total} runs done"]
    words += [f"{snapshot.failed} failed"] if snapshot.failed else []
    words += [f"{duration(snapshot.elapsed)} gone"]
    words += [f"about {duration(snapshot.remaining)} left"] if snapshot.remaining is not None else []
    words += [f"then {snapshot.then}"] if snapshot.then else []
    return ", ".join(words)


def running_table(
    snapshot: Snapshot, colours: Mapping[str, str], last: Mapping[str, tuple[int, float] | None]
) -> Table:
    """Table of the running trials, each with the colour of its curve; of many the first ones."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, step, steps in snapshot.running[: len(COLOURS)]:
        row = last.get(name)
        loss = f"{row[1]:.5f}" if row else ""
        done = Text(bar(step / steps, 16), style=colours.get(name, ""))
        table.add_row(Text(name), done, f"{100 * step / steps:.0f} %", f"{step:,} / {steps:,} steps", loss)
    if len(snapshot.running) > len(COLOURS):
        table.add_row(f"and {len(snapshot.running) - len(COLOURS)} more")
    return table


def best_line(best: Best, metric: str) -> str:
    """One line on the best model so far, against the baseline."""
    if best.name == "baseline":
        return f"nothing is better than the baseline yet: {best.loss:.5f} {UNITS[metric]}"
    interval = "" if best.low is None else f" ({best.low:+.1f} to {best.high:+.1f})"
    against = f"baseline {best.baseline:.5f} {UNITS[metric]}, gain {best.gain:+.1f} %{interval}"
    return f"best so far: {best.name} {best.loss:.5f}, {against}"


def _end(snapshot: Snapshot) -> str:
    return f", ends {end_in(snapshot.remaining)}" if snapshot.remaining is not None and not snapshot.then else ""
