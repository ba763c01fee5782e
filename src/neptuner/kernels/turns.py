"""Turns of processes that share a folder: whoever does a piece of work first does it for the others, too."""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

LONGEST = 120.0
"""Seconds after which a process no longer waits for another, which may be stopped or on a host that is gone."""
_PAUSE = 0.01


@contextmanager
def turn(folder: str, name: str) -> Iterator[None]:
    """Hold the turn for a piece of work; wait while another process does.

    A process that dies gives its turns back. Where files cannot be locked, and after :data:`LONGEST` seconds, work goes
    on without: turns save work, nothing depends on them. Threads of one process do not wait for each other.
    """
    place = zlib.crc32(name.encode())
    descriptor = _open(folder)
    held = descriptor is not None and _wait(descriptor, place)
    try:
        yield
    finally:
        if held and descriptor is not None:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, place)


@cache
def _open(folder: str) -> int | None:
    """Open the file whose bytes stand for pieces of work; never closed, because that would end all turns."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return os.open(Path(folder) / "turns", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return None


def _wait(descriptor: int, place: int) -> bool:
    """Take a byte of the file; whether that came off in time."""
    end = time.monotonic() + LONGEST
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE)
        except OSError:
            return False
        else:
            return True
