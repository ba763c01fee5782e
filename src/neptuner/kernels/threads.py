"""Threads over blocks: serial kernels that release the GIL, run by a small pool."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="neptuner")


# threads do not survive a fork, so a child must make a pool of its own
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def run_all(tasks: Sequence[Callable[[], None]], threads: int) -> None:
    """Run every task, the calling thread taking its share.

    Tasks are dealt out in a fixed order; they must write to different places, so that the result does not depend on
    the number of threads.
    """
    threads = min(threads, len(tasks))
    if threads <= 1:
        _run_each(tasks)
        return
    others = [_pool(threads - 1).submit(_run_each, tasks[k::threads]) for k in range(1, threads)]
    _run_each(tasks[::threads])
    for other in others:
        other.result()


def _run_each(tasks: Sequence[Callable[[], None]]) -> None:
    for task in tasks:
        task()
