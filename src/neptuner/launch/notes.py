"""What a launcher and its jobs tell each other: three small files in the directory of a trial.

``job.json``
    The launcher's: what to run, and the number the scheduler gave it. Each submission has a token of its own; a job
    that finds another token there, a revoked one or none has been given up and ends itself.
``alive.json``
    The job's, once it has begun; touched every few seconds.
``exit.json``
    The job's last word: how its command ended.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from neptuner.files.atomic import write_text
from neptuner.launch.base import Job

JOB, ALIVE, EXIT = "job.json", "alive.json", "exit.json"


@dataclass(frozen=True)
class JobNote:
    """Content of ``job.json``."""

    kind: str
    """Of the launcher."""
    token: str
    name: str
    command: tuple[str, ...]
    log: str
    """Name of a file in the same directory."""
    environment: dict[str, str]
    directory: str
    """Where the command runs."""
    touch: float = 10.0
    """Seconds between two touches of ``alive.json``."""
    attempt: int = 0
    """How often it was submitted before, because it was lost or killed."""
    id: str | None = None
    """Number that the scheduler gave it; None until it has."""
    revoked: bool = False
    """Whether it shall not run, or stop if it does."""


@dataclass(frozen=True)
class AliveNote:
    """Content of ``alive.json``."""

    token: str
    id: str | None
    """Number by which the scheduler knows the job, as the job itself sees it."""
    host: str
    pid: int


@dataclass(frozen=True)
class ExitNote:
    """Content of ``exit.json``."""

    token: str
    exit_code: int
    """Of the command; ``-n`` if signal n killed it."""
    stopped_by: str | None
    """Signal that the job got and passed on, or ``"revoked"``; None if the command ended by itself."""
    remark: str = ""
    """Why, where the log does not say it."""


def first_note(kind: str, job: Job, *, touch: float = 10.0) -> JobNote:
    """Note for a job that is about to be submitted for the first time."""
    return JobNote(
        kind=kind,
        token=secrets.token_hex(8),
        name=job.name,
        command=tuple(job.command),
        log=job.log.name,
        environment=dict(job.environment),
        directory=str(Path.cwd()),
        touch=touch,
    )


def next_note(note: JobNote) -> JobNote:
    """Note for submitting it once more."""
    return replace(note, token=secrets.token_hex(8), attempt=note.attempt + 1, id=None)


def write_note(folder: Path, note: JobNote) -> None:
    """Write ``job.json`` atomically."""
    write_text(folder / JOB, _text(asdict(note)))


def write_alive(folder: Path, note: AliveNote) -> None:
    """Write ``alive.json`` atomically."""
    write_text(folder / ALIVE, _text(asdict(note)))


def write_exit(folder: Path, note: ExitNote) -> None:
    """Write ``exit.json`` atomically; it survives a power cut."""
    write_text(folder / EXIT, _text(asdict(note)), sync=True)


def read_note(folder: Path) -> JobNote | None:
    """Read ``job.json``; None if there is none, or it is damaged.

    Raises
    ------
    OSError
        If the directory cannot be read just now.
    """
    content = _read(folder / JOB)
    try:
        return None if content is None else JobNote(**{**content, "command": tuple(content["command"])})
    except (KeyError, TypeError):
        return None


def read_alive(folder: Path) -> AliveNote | None:
    """Read ``alive.json``; see :func:`read_note`."""
    content = _read(folder / ALIVE)
    try:
        return None if content is None else AliveNote(**content)
    except TypeError:
        return None


def read_exit(folder: Path) -> ExitNote | None:
    """Read ``exit.json``; see :func:`read_note`."""
    content = _read(folder / EXIT)
    try:
        return None if content is None else ExitNote(**content)
    except TypeError:
        return None


def touched(folder: Path) -> float | None:
    """When ``alive.json`` was touched last, by the clock of the file system; None if there is none."""
    try:
        return (folder / ALIVE).stat().st_mtime
    except OSError:
        return None


def remove_notes(folder: Path, *names: str) -> None:
    """Remove files of this module that are there."""
    for name in names:
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def withdraw(folders: Iterable[Path], *, patience: float = 90.0) -> None:
    """Give up the jobs of these directories, whatever launcher submitted them, and wait for those that run.

    A waiting job ends as soon as it begins. One whose machine has died says nothing any more; it is waited for until
    it has been silent for half of the patience.

    Parameters
    ----------
    folders
        Directories of trials; those without ``job.json`` are left alone.
    patience
        Seconds to wait at most.
    """
    noted = [(folder, note) for folder in folders if (note := read_note(folder)) is not None]
    for folder, note in noted:
        write_note(folder, replace(note, revoked=True))
    start = time.monotonic()
    beats = {folder: (touched(folder), start) for folder, note in noted if runs(folder, note.token)}
    while beats and (now := time.monotonic()) < start + patience:
        for folder, note in noted:
            if folder in beats and (beat := touched(folder)) != beats[folder][0]:
                beats[folder] = (beat, now)
            if folder in beats and (not runs(folder, note.token) or now - beats[folder][1] > patience / 2):
                del beats[folder]
        time.sleep(0.1)
    for folder, _ in noted:
        remove_notes(folder, JOB, ALIVE)


def runs(folder: Path, token: str) -> bool:
    """Whether the submission has begun and not told that it ended."""
    alive, end = read_alive(folder), read_exit(folder)
    return alive is not None and alive.token == token and (end is None or end.token != token)


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return content if isinstance(content, dict) else None
