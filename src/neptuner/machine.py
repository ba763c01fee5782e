"""What this process may use of the machine, and what the machine is."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
"""Programs that can print a page without a window."""


def usable_cpus() -> int:
    """Number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def peak_memory() -> int | None:
    """Most memory in bytes that this process has had so far; None where the system does not tell."""
    try:
        # getrusage would count the process that this one was started by, too
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        return 1024 * int(found[1]) if found else None
    except OSError:  # not Linux
        return _peak_of_usage()


def _peak_of_usage() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def machine_facts() -> dict[str, Any]:
    """Versions of what computes, and the machine."""
    return {
        "python": platform.python_version(),
        "numpy": _version("numpy"),
        "numba": _version("numba"),
        "platform": platform.platform(),
        "cpus": usable_cpus(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def find_browser() -> str | None:
    """Return the path of a browser that can print without a window; None if there is none on PATH."""
    return next((path for name in BROWSERS if (path := shutil.which(name)) is not None), None)
