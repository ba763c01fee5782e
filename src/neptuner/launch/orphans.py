"""Commands that outlived the controller which started them: recognised by their arguments, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

PROC = Path("/proc")


def end_orphans(commands: Iterable[Sequence[str]], *, timeout: float = 10.0) -> list[int]:
    """Kill whatever still runs one of the commands, with all that it started.

    Only a process of this user that leads a session of its own, as a launcher starts every job, and that has
    exactly the arguments of one of the commands is touched.

    Parameters
    ----------
    commands
        Program and arguments, as they were submitted; the arguments should be as good as unique.
    timeout
        Seconds to wait until the killed processes are gone.

    Returns
    -------
    The processes that were killed.
    """
    endings = tuple(" " + " ".join(command[1:]) for command in commands if len(command) > 1)
    orphans = [pid for pid, line in _sessions() if line.endswith(endings)]
    for pid in orphans:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + timeout
    while any(_alive(pid) for pid in orphans) and time.monotonic() < deadline:
        time.sleep(0.02)
    return orphans


def _sessions() -> Iterator[tuple[int, str]]:
    """Process and command line of each session leader, this process's own session left out."""
    listing = _from_proc() if (PROC / "self" / "cmdline").exists() else _from_ps()
    for pid, line in listing:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == pid != os.getsid(0):
                yield pid, line


def _from_proc() -> Iterator[tuple[int, str]]:
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            words = (folder / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            yield int(folder.name), " ".join(words)


def _from_ps() -> Iterator[tuple[int, str]]:
    """Where there is no /proc, as on macOS."""
    try:
        listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return
    for row in listing.stdout.splitlines():
        pid, _, line = row.strip().partition(" ")
        yield int(pid), line.strip()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    """Whether it has ended and only waits to be collected by its parent, which is not for us to do."""
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return False
