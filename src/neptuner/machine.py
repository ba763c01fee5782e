"""What this process may use of the machine."""

from __future__ import annotations

import os


def usable_cpus() -> int:
    """Number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
