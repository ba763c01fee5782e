"""Runs the command of a trial where a scheduler put it, and notes how it ended.

::

    python -m neptuner.launch.exit_note TRIAL_DIRECTORY TOKEN

What to run stands in ``job.json``; see :mod:`neptuner.launch.notes`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from neptuner.files.locks import take_within
from neptuner.launch.notes import (
    ALIVE,
    EXIT,
    AliveNote,
    ExitNote,
    JobNote,
    read_alive,
    read_note,
    write_alive,
    write_exit,
)

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
"""By these schedulers announce that a job must end; the command gets SIGTERM for each of them."""

GRACE = {signal.SIGUSR1: 60.0, signal.SIGUSR2: 60.0}
"""Seconds that the command has to save its state; a warning comes earlier before the end than SIGTERM does."""

SHORT_GRACE = 25.0
"""The same for every other signal: Slurm kills 30 s after SIGTERM."""

LOOK_SECONDS = 2.0
"""Time between two looks at ``job.json``."""

TURN_SECONDS = 120.0
"""How long a job waits for an earlier one of the same trial, which ends within a minute of being given up."""

GIVEN_UP = 75
"""Exit code of a job that was not to run any more."""

ID_VARIABLES = ("PBS_JOBID", "LSB_JOBID", "JOB_ID", "SLURM_JOB_ID")

Warned = Callable[[], str]
"""Called when the time limit is near and the command has stopped; does not return if the job will begin again, and
otherwise says why it does not."""


class Caught:
    """The last signal that came."""

    number: int | None = None

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Note a signal."""
        self.number = number


def run_noted(folder: Path, token: str, *, job_id: str | None = None, warned: Warned | None = None) -> int:
    """Run the command that ``job.json`` names, in a session of its own, and write ``exit.json``. For the main thread.

    Parameters
    ----------
    folder
        Directory of the trial.
    token
        Of the submission; where ``job.json`` has another one, nothing is run.
    job_id
        What the scheduler calls this job.
    warned
        Asks the scheduler to begin again later, when SIGUSR2 said that the time is over; nothing is noted then.

    Returns
    -------
    Exit code of the command.
    """
    with _signals() as caught, _turn(folder, caught):
        note = _wanted(folder, token)
        if note is None:
            print("this job was given up: there is nothing to do", file=sys.stderr)
            return GIVEN_UP
        restarted = _begin(folder, token, job_id)
        remark, stopped_by = "", None
        try:
            code, stopped_by = _run(folder, note, caught, append=restarted or note.attempt > 0)
        except OSError as error:
            code, remark = 127, f"cannot be started: {error}"
        if stopped_by == signal.SIGUSR2.name and code != 0 and warned is not None:
            remark = warned()
        if stopped_by != "revoked" or read_note(folder) is not None:
            write_exit(folder, ExitNote(token, code, stopped_by, remark))
        return code


def main(words: Sequence[str]) -> int:
    """Run from the command line, with the directory and the token."""
    folder, token = words
    job_id = next((os.environ[name] for name in ID_VARIABLES if name in os.environ), None)
    code = run_noted(Path(folder), token, job_id=job_id)
    return code if code >= 0 else 128 - code


def _begin(folder: Path, token: str, job_id: str | None) -> bool:
    """Tell that the job is there; return whether it was before."""
    before = read_alive(folder)
    (folder / EXIT).unlink(missing_ok=True)
    write_alive(folder, AliveNote(token, job_id, socket.gethostname(), os.getpid()))
    return before is not None and before.token == token


def _run(folder: Path, note: JobNote, caught: Caught, *, append: bool) -> tuple[int, str | None]:
    """Run the command to its end, or until it has to stop; return its exit code and what stopped it."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **note.environment}
    with (folder / note.log).open("ab" if append else "wb") as log:
        child = subprocess.Popen(
            note.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=note.directory if Path(note.directory).is_dir() else folder,
            start_new_session=True,
            preexec_fn=_prepare(),
        )
    stopped_by = _watch(child, folder, note, caught)
    if stopped_by is not None:
        _stop(child, GRACE.get(signal.Signals(caught.number), SHORT_GRACE) if caught.number else SHORT_GRACE)
    return child.wait(), stopped_by


def _watch(child: subprocess.Popen[bytes], folder: Path, note: JobNote, caught: Caught) -> str | None:
    """Wait for the command, and touch ``alive.json``; return early, with the reason, if it has to stop."""
    look = touch = time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            if child.wait(timeout=0.25) != 0 and caught.number is None:
                time.sleep(0.5)  # schedulers signal the command too, which may then end before this process hears
            return None if caught.number is None else signal.Signals(caught.number).name
        now = time.monotonic()
        if caught.number is not None:
            return signal.Signals(caught.number).name
        if now >= look + LOOK_SECONDS:
            look = now
            if _wanted(folder, note.token) is None:
                return "revoked"
        if now >= touch + note.touch:
            touch = now
            with contextlib.suppress(OSError):
                os.utime(folder / ALIVE)


def _wanted(folder: Path, token: str) -> JobNote | None:
    """Read the note of the job; None if it has been given up."""
    for _ in range(5):
        with contextlib.suppress(OSError):  # a file server may hiccup
            note = read_note(folder)
            return note if note is not None and note.token == token and not note.revoked else None
        time.sleep(1.0)
    return None


def _stop(child: subprocess.Popen[bytes], grace: float) -> None:
    """End the command and what it started: SIGTERM, then SIGKILL for what is left after the grace."""
    _signal_group(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    _signal_group(child, signal.SIGKILL)
    child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _prepare() -> Callable[[], None]:
    """What the process of the command does before anything else.

    Warnings that schedulers send to every process are for this one alone. And Linux is asked to kill the command if
    this process is killed, for then the job may be submitted again at once.
    """
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
    set_parent_death_signal = 1

    def prepare() -> None:
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        if libc is not None:
            libc.prctl(set_parent_death_signal, signal.SIGKILL)

    return prepare


@contextlib.contextmanager
def _signals() -> Iterator[Caught]:
    caught = Caught()
    before = {number: signal.signal(number, caught) for number in SIGNALS}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _turn(folder: Path, caught: Caught) -> Iterator[None]:
    """Wait until no other job works on the trial: one that was given up needs a moment to end."""
    try:
        lock = (folder / ".job.lock").open("a")
    except OSError:  # the directory is gone, and then the note is too
        yield
        return
    with lock:
        take_within(lock.fileno(), TURN_SECONDS, given_up=lambda: caught.number is not None)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
