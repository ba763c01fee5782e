"""Jobs as processes of this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterable, Sequence

from neptuner.launch.base import Finished, Handle, Job
from neptuner.launch.notes import withdraw
from neptuner.launch.orphans import end_orphans

TAIL_BYTES = 4096


class LocalLauncher:
    """Runs up to ``jobs`` commands at a time, each in a session of its own, so that all of it can be ended.

    Parameters
    ----------
    jobs
        Number of commands that may run at the same time.
    grace
        Seconds between the polite signal (SIGTERM) and the one that cannot be refused (SIGKILL) on cancel.
    """

    def __init__(self, jobs: int, *, grace: float = 3.0) -> None:
        self._jobs = jobs
        self._grace = grace
        self._running: dict[str, tuple[Job, subprocess.Popen[bytes]]] = {}

    @property
    def free(self) -> int:
        """How many jobs may be submitted now."""
        return self._jobs - len(self._running)

    def submit(self, job: Job) -> Handle:
        """Start a job; see :meth:`neptuner.launch.base.Launcher.submit`."""
        if self.free < 1:
            raise RuntimeError(f"{self._jobs} jobs are running already; poll before submitting {job.name}")
        if job.name in self._running:
            raise RuntimeError(f"a job named {job.name} is running already")
        process = _start(job)
        self._running[job.name] = (job, process)
        return Handle(job, process.pid)

    def poll(self) -> list[Finished]:
        """Jobs that ended since the last call, each reported once."""
        return self._collect(list(self._running))

    def cancel(self, names: Collection[str] | None = None) -> list[Finished]:
        """End running jobs with their children: SIGTERM, then SIGKILL for what is left after the grace."""
        chosen = self._running if names is None else {n: self._running[n] for n in names if n in self._running}
        processes = [process for _, process in chosen.values()]
        _signal(processes, signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
            time.sleep(0.02)
        _signal(processes, signal.SIGKILL)  # to all groups: a child may outlive a leader that ended politely
        for process in processes:
            process.wait()
        return self._collect(list(chosen))

    def adopt(self, jobs: Sequence[Job]) -> list[str]:
        """End whatever a killed session left behind, so that no two processes write in the same directory."""
        withdraw(job.log.parent for job in jobs)  # a study that went from a scheduler to this machine
        end_orphans(job.command for job in jobs)
        return []

    def leave(self) -> list[Finished]:
        """End all: nobody would tell the next session how its processes ended."""
        return self.cancel()

    def _collect(self, names: Iterable[str]) -> list[Finished]:
        ended = [(name, code) for name in names if (code := self._running[name][1].poll()) is not None]
        jobs = [(self._running.pop(name)[0], code) for name, code in ended]
        return [Finished(job, code, last_line(job)) for job, code in jobs]


def last_line(job: Job) -> str:
    """Last line of a job's log that is not empty, at most 500 characters of it."""
    try:
        with job.log.open("rb") as file:
            file.seek(max(0, job.log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "")


def _signal(processes: list[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
            os.killpg(process.pid, number)


def _start(job: Job) -> subprocess.Popen[bytes]:
    # Python holds back standard output that goes to a file; unbuffered, the log keeps the order of events
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **job.environment}
    with job.log.open("wb") as log:
        return subprocess.Popen(
            job.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
