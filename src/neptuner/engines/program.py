"""GPUMD's programs as child processes: found, asked for their version, started, ended, and their last words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from neptuner.errors import InputError
from neptuner.files.gpumd_version import GpumdVersion

_GUARD = Path(__file__).with_name("guard.py")
_SHOWN_LINES = 8
_GRACE = 5.0


def find_program(name: str, variable: str, given: str | Path | None = None) -> Path:
    """Where a program is: as given, as an environment variable says, or on the search path.

    Parameters
    ----------
    name
        ``gpumd`` or ``nep``.
    variable
        Environment variable that names the executable.
    given
        Path or name that goes before both.

    Raises
    ------
    InputError
        If there is no such program.
    """
    wanted = str(given or os.environ.get(variable) or name)
    found = shutil.which(wanted)
    if found is None:
        raise InputError(f"there is no program `{wanted}`; give the path of GPUMD's {name}, or name it in ${variable}")
    return Path(found).absolute()


def printed_alone(executable: Path) -> str:
    """What a program prints in an empty folder.

    Raises
    ------
    InputError
        If it cannot be started or does not end within a minute.
    """
    with tempfile.TemporaryDirectory() as empty:
        try:
            ended = subprocess.run(
                [executable], cwd=empty, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"cannot be run as GPUMD ({error})", path=executable) from None
    return ended.stdout.decode(errors="replace")


def printed_version(executable: Path, banner: re.Pattern[str], name: str) -> GpumdVersion:
    """Version in the banner that a program prints before it looks for its input.

    Raises
    ------
    InputError
        If it cannot be started or prints no such banner.
    """
    match = banner.search(printed_alone(executable))
    if match is None:
        raise InputError(f"printed no banner with a version; is it GPUMD's {name}?", path=executable)
    return GpumdVersion.parse(match[1])


def start(executable: Path, directory: Path, log: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program in a folder; it is killed if this process ends before it.

    Its errors have a file of their own: buffered output would follow them in a common one.
    """
    command = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), str(executable)]
    return subprocess.Popen(
        command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=errors, start_new_session=True
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program, politely at first; return when it has ended."""
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def how_it_failed(code: int, complaint: bytes, log: Path) -> str:
    """Say how a program ended and show its last lines: those of its errors, or of its log if there are none."""
    reason = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    printed = complaint if complaint.strip() else log.read_bytes()
    lines = [line.rstrip() for line in printed.decode(errors="replace").splitlines() if line.strip()]
    return f"GPUMD {reason} in {log.parent}; its last lines:\n" + "\n".join(lines[-_SHOWN_LINES:])
