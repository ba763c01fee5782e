"""Locks on open files: who holds one has a folder to himself, and gives it back when he dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable

_PAUSE = 0.05


def take(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file without waiting; whether no other process holds it.

    Where the file system has no locks everybody gets one: they guard against mistakes, nothing else rests on them.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def take_within(descriptor: int, seconds: float, given_up: Callable[[], bool] = lambda: False) -> bool:
    """Lock an open file, waiting that long for another process unless `given_up`; whether it came off."""
    end = time.monotonic() + seconds
    while not take(descriptor):
        if time.monotonic() >= end or given_up():
            return False
        time.sleep(_PAUSE)
    return True
