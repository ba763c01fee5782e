"""What stays in view at the bottom of a terminal while a command works, and the lines above it."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live

REFRESH_SECONDS = 1.0


class Screen:
    """Lines one after the other and, where somebody watches, a view below them that is drawn anew every second.

    Parameters
    ----------
    console
        Where to.
    live
        Whether somebody watches; a file gets the lines alone.
    """

    def __init__(self, console: Console, live: bool) -> None:
        self.console, self.live = console, live
        self._view = Live(console=console, auto_refresh=False, transient=True)
        self._next = 0.0

    def __enter__(self) -> Screen:
        if self.live:
            self._view.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._view.stop()

    def print(self, line: str) -> None:
        """Print a line, however long, as it is."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, draw: Callable[[], RenderableType]) -> None:
        """Draw the view anew, at most once a second."""
        now = time.monotonic()
        if self.live and now >= self._next:
            self._next = now + REFRESH_SECONDS
            self._view.update(draw(), refresh=True)


def bar(share: float, width: int = 24) -> str:
    """A share of 1 as a bar of characters."""
    full = round(width * min(1.0, max(0.0, share)))
    return "━" * full + "╌" * (width - full)


def duration(seconds: float) -> str:
    """A time as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def end_in(seconds: float) -> str:
    """When it will be in so many seconds: ``14:32``, with the day if that is not today."""
    now, end = time.localtime(), time.localtime(time.time() + seconds)
    return time.strftime("%H:%M" if now[:3] == end[:3] else "%a %d %b %H:%M", end)
