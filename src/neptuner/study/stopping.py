"""SIGINT and SIGTERM as a wish to stop, granted when it suits."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class StopWish:
    """Whether a signal asked to stop."""

    number: int | None = None

    @property
    def signal(self) -> str | None:
        """Name of the signal; None if there was none."""
        return None if self.number is None else signal.Signals(self.number).name


@contextmanager
def stop_wish() -> Iterator[StopWish]:
    """Note signals instead of obeying them; afterwards they act as before. For the main thread only."""
    wish = StopWish()

    def note(number: int, _: FrameType | None) -> None:
        wish.number = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
