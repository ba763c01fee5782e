"""A running study on the terminal: one live table, or plain lines where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from neptuner.study.progress import Observer, Snapshot

REFRESH_SECONDS = 1.0


class PlainLines:
    """Prints what happens, a line each, and nothing in between."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def log(self, line: str) -> None:
        """Print a line with the time."""
        self._console.print(f"{time.strftime('%H:%M:%S')}  {line}", markup=False, highlight=False, soft_wrap=True)

    def tick(self, snapshot: Callable[[], Snapshot]) -> None:
        """Do nothing."""


class LiveTable(PlainLines):
    """Keeps a table of the running trials below the lines."""

    def __init__(self, console: Console, live: Live) -> None:
        super().__init__(console)
        self._live = live
        self._next = 0.0

    def tick(self, snapshot: Callable[[], Snapshot]) -> None:
        """Draw the table anew, at most once a second."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REFRESH_SECONDS
            self._live.update(draw(snapshot()), refresh=True)


@contextmanager
def observer(console: Console) -> Iterator[Observer]:
    """Show a study in the way that suits the console."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield LiveTable(console, live)


def draw(snapshot: Snapshot) -> Group:
    """Table of the running trials below one line on the whole study."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    for name, step, steps in snapshot.running:
        table.add_row(name, f"{step:,} / {steps:,} steps", f"{100 * step / steps:.0f} %")
    return Group(Text(headline(snapshot), style="bold"), table)


def headline(snapshot: Snapshot) -> str:
    """One line: phase, runs, time gone and time left."""
    words = [f"phase {snapshot.phase}", f"{snapshot.done} of {snapshot.total} runs done"]
    words += [f"{snapshot.failed} failed"] if snapshot.failed else []
    words += [f"{duration(snapshot.elapsed)} gone"]
    words += [f"about {duration(snapshot.remaining)} left"] if snapshot.remaining is not None else []
    words += [f"then {snapshot.then}"] if snapshot.then else []
    return ", ".join(words)


def duration(seconds: float) -> str:
    """A time as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
