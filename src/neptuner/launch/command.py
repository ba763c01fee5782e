"""Jobs in the queue of any scheduler, by commands that the user gives: PBS, LSF, SGE and others."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neptuner.errors import InputError
from neptuner.files.atomic import write_text
from neptuner.launch.notes import JobNote
from neptuner.launch.queued import PERMANENT, QueuedLauncher, SubmissionError, Timing

SCRIPT = "script.sh"
NUMBER = r"\w*\d[\w.\[\]-]*"
"""The first word with a digit, without brackets around it, as in ``1234.host`` and ``Job <1234> is submitted``."""

ENDED = re.compile(r"\b(DONE|EXIT)\b")
"""States that bjobs tells of jobs that are over."""

PLACES = ("script", "name", "folder", "id")
PASSED_ON = re.compile(r"(PYTHONPATH|(NEPTUNER|NUMBA)_\w+)")
"""Variables that a job gets from the session's own environment; most schedulers pass on none."""

SECONDS_PER_CALL = 120.0
PATIENT = Timing(look=2.0, ask=60.0, grace=300.0)
"""A failing status command may mean that the scheduler is away, so that the grace is longer."""


@dataclass(frozen=True)
class CommandOptions:
    """Commands of a scheduler; no shell reads them, and ``{script}`` and the like are put into single words."""

    submit: str
    """Such as ``qsub -q long {script}``; it prints the number of the job."""
    cancel: str | None = None
    """Such as ``qdel {id}``; without it a job ends a few seconds after it has been given up."""
    status: str | None = None
    """Such as ``qstat {id}``, failing for a job that is over, or ``qstat``, with a line for each that is not."""
    id: str = NUMBER
    """Regular expression for the number in what ``submit`` prints; its first group, if it has one."""
    setup: tuple[str, ...] = ()
    """Lines of shell after the first one of the script: ``#PBS ...``, ``module load ...``; they stand as they are."""


class CommandScheduler:
    """A scheduler behind commands, as a :class:`neptuner.launch.queued.Scheduler`.

    Parameters
    ----------
    options
        The commands.

    Raises
    ------
    InputError
        If a command or the regular expression cannot be read.
    """

    kind = "command"
    chunk = 1

    def __init__(self, options: CommandOptions) -> None:
        self._setup, self.can_tell = options.setup, options.status is not None
        self._submit = _words("submit", options.submit, {"script", "name", "folder"})
        self._cancel = None if options.cancel is None else _words("cancel", options.cancel, {"id"})
        self._status = None if options.status is None else _words("status", options.status, {"id"})
        if not any("{script}" in word for word in self._submit):
            raise InputError('launcher.submit has no {script}; expected a command such as "qsub {script}"')
        if self._cancel is not None and not any("{id}" in word for word in self._cancel):
            raise InputError('launcher.cancel has no {id}; expected a command such as "qdel {id}"')
        if shutil.which(self._submit[0]) is None:
            raise InputError(f"launcher.submit begins with {self._submit[0]}, and there is no such program here")
        try:
            self._number = re.compile(options.id)
        except re.error as error:
            raise InputError(f"launcher.id is not a regular expression: {error}") from None

    def send(self, jobs: Sequence[tuple[Path, JobNote]]) -> list[str]:
        """Submit a job; see :class:`neptuner.launch.queued.Scheduler`."""
        return [self._send(folder, note) for folder, note in jobs]

    def known(self, numbers: Sequence[str]) -> set[str] | None:
        """Ask for each job, or for all at once; see :class:`neptuner.launch.queued.Scheduler`."""
        if self._status is None:
            return None
        if any("{id}" in word for word in self._status):
            return {number for number in numbers if self._listed(number)}
        listing = _run(self._status)
        if listing is None or listing.returncode != 0:
            return None
        return {number for number in numbers if re.search(rf"^\s*{_digits(number)}(?!\d)", listing.stdout, re.M)}

    def kill(self, numbers: Sequence[str]) -> None:
        """Cancel jobs one by one; see :class:`neptuner.launch.queued.Scheduler`."""
        for number in numbers if self._cancel is not None else ():
            _run(_filled(self._cancel or [], id=number))

    def last_words(self, number: str) -> str:  # noqa: ARG002 - each scheduler keeps them elsewhere
        """Return nothing; see :class:`neptuner.launch.queued.Scheduler`."""
        return ""

    def forget(self, number: str) -> None:
        """Do nothing: what the scheduler printed stays in the directory of the trial."""

    def _send(self, folder: Path, note: JobNote) -> str:
        script = folder / SCRIPT
        write_text(script, script_text(folder, note, self._setup))
        script.chmod(0o755)
        name = re.sub(r"[^A-Za-z0-9_]", "_", f"n{note.name}")[:60]
        words = _filled(self._submit, script=str(script), name=name, folder=str(folder))
        answer = _run(words, folder)
        if answer is None:
            raise SubmissionError(f"{words[0]} cannot be run or does not answer", permanent=False)
        if answer.returncode != 0:
            message = _said(words[0], answer)
            raise SubmissionError(message, permanent=bool(PERMANENT.search(message)))
        found = self._number.search(answer.stdout)
        if found is None:
            raise SubmissionError(f"{words[0]} printed no job number: {answer.stdout[:200]!r}", permanent=True)
        return (found.group(1) if found.groups() else None) or found.group(0)

    def _listed(self, number: str) -> bool:
        answer = _run(_filled(self._status or [], id=number))
        return answer is not None and answer.returncode == 0 and not ENDED.search(answer.stdout)


class CommandLauncher(QueuedLauncher):
    """Launcher for a scheduler behind commands.

    Parameters
    ----------
    jobs
        Number of jobs that may wait or run at the same time.
    options
        The commands.
    retries
        How often a job is submitted again that was lost, or stopped by the scheduler, at its time limit for example.
    timing
        How often to look.
    """

    def __init__(self, jobs: int, options: CommandOptions, *, retries: int = 2, timing: Timing = PATIENT) -> None:
        super().__init__(jobs, CommandScheduler(options), retries=retries, timing=timing)


def script_text(folder: Path, note: JobNote, setup: Sequence[str] = ()) -> str:
    """Text of the script that runs a job; what is not the user's own line of shell is quoted."""
    passed_on = {name: value for name, value in sorted(os.environ.items()) if PASSED_ON.fullmatch(name)}
    if "PYTHONPATH" in passed_on:  # the job begins elsewhere
        paths = passed_on["PYTHONPATH"].split(os.pathsep)
        passed_on["PYTHONPATH"] = os.pathsep.join(str(Path(path).absolute()) for path in paths if path)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in passed_on.items()]
    command = [sys.executable, "-m", "neptuner.launch.exit_note", str(folder.absolute()), note.token]
    return "\n".join(["#!/bin/bash", *setup, *exports, f"exec {shlex.join(command)}", ""])


def _words(key: str, template: str, places: set[str]) -> list[str]:
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise InputError(f"launcher.{key} is {template!r}, with unbalanced quotes ({error})") from None
    unknown = set(re.findall(r"\{(\w*)\}", template)) - places
    if not words or unknown:
        found = f"the unknown {{{min(unknown)}}}" if unknown else "no words"
        known = " and ".join(f"{{{place}}}" for place in PLACES if place in places)
        raise InputError(f"launcher.{key} has {found}; expected a command with {known}")
    return words


def _filled(words: Sequence[str], **values: str) -> list[str]:
    pattern = re.compile(r"\{(" + "|".join(values) + r")\}")
    return [pattern.sub(lambda match: values[match.group(1)], word) for word in words]


def _run(words: Sequence[str], folder: Path | None = None) -> subprocess.CompletedProcess[str] | None:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(
            words, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS_PER_CALL
        )
    return None


def _said(program: str, answer: subprocess.CompletedProcess[str]) -> str:
    said = " ".join((answer.stderr or answer.stdout).split())[:400]
    return f"{program} failed with exit code {answer.returncode}" + (f": {said}" if said else "")


def _digits(number: str) -> str:
    """What listings show of a number at least: they cut host names."""
    return re.escape(number.split(".")[0])
