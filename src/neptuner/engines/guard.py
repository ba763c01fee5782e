"""Become another program that is killed as soon as the process that asked for it has ended, however it ended.

Run as a script, without the package: ``python guard.py PARENT PROGRAM [ARGUMENT ...]``. Linux alone can do this;
elsewhere the program is run all the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Of ``linux/prctl.h``: the signal that a process gets when its parent ends."""


def main() -> None:
    """Ask for the signal, then become the program."""
    parent, *command = sys.argv[1:]
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the process that asked for this program has ended")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
