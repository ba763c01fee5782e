"""What a launcher is: something that runs a few commands at a time and tells when they end."""

from __future__ import annotations

import signal
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Job:
    """One command to run."""

    name: str
    """Unique among the jobs that are running."""
    command: tuple[str, ...]
    """Program and arguments; no shell is involved."""
    log: Path
    """File that takes all that the command prints, errors too; an old one is replaced."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables set besides those of this process."""


@dataclass(frozen=True)
class Handle:
    """A job that was submitted."""

    job: Job
    pid: int | None = None
    """Process (and process group) on this machine, where the launcher runs it here."""


@dataclass(frozen=True)
class Finished:
    """A job that ended."""

    job: Job
    exit_code: int
    """As the shell knows it; ``-n`` if signal n killed it."""
    last_line: str = ""
    """Last line it printed that is not empty."""

    @property
    def failed(self) -> bool:
        """Whether it ended in any other way than with exit code 0."""
        return self.exit_code != 0

    @property
    def reason(self) -> str:
        """Why it failed, in one sentence."""
        if self.exit_code < 0:
            return f"killed by signal {-self.exit_code} ({_signal_name(-self.exit_code)})"
        return self.last_line or f"ended with exit code {self.exit_code} and printed nothing"


class Launcher(Protocol):
    """Runs jobs; :class:`neptuner.launch.testing.LauncherSuite` says in tests what is expected of it."""

    @property
    def free(self) -> int:
        """How many jobs may be submitted now."""

    def submit(self, job: Job) -> Handle:
        """Start a job and return at once.

        Raises
        ------
        RuntimeError
            If no place is free.
        OSError
            If the command cannot be started.
        """

    def poll(self) -> list[Finished]:
        """Jobs that ended since the last call, each reported once; returns at once."""

    def cancel(self, names: Collection[str] | None = None) -> list[Finished]:
        """End running jobs and all that they started; return when they have ended, with what they left.

        Parameters
        ----------
        names
            Of the jobs to end; None: all. One that is not running is no error.
        """

    def adopt(self, jobs: Sequence[Job]) -> list[str]:
        """Settle what an earlier session left of jobs that it submitted, before any is submitted here.

        Returns
        -------
        Names of the jobs that are taken over: they still run or have ended meanwhile, and :meth:`poll` will tell. All
        others are ended if they run, so that they can be submitted again.
        """

    def leave(self) -> list[Finished]:
        """Settle the running jobs when the session stops: those that the next one can take over go on.

        Returns
        -------
        The jobs that had to be ended.
        """


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
