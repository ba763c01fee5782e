"""The study directory: who may write it, where each file stands, and how trials come and go."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from neptuner.errors import InputError
from neptuner.files.atomic import write_text
from neptuner.files.locks import take, take_within
from neptuner.files.nep_in import format_nep_in
from neptuner.launch.base import Job
from neptuner.study.journal import Journal
from neptuner.study.plan import OPTIMIZER, SCHEMA, Run, subset_name

SPLIT_FILES = {"train": "train.xyz", "validation": "valid.xyz", "test": "test.xyz"}
"""Name of the frames of each split, in ``data/`` and in a trial."""


CHECKPOINT = "checkpoint.npz"
"""There while a trainer has not finished."""

_PATIENCE = 0.5
"""Seconds to try for a study directory: `neptuner status` looks at its lock too."""


class Store:
    """A study directory that this process may write; made by :func:`open_store`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trials = folder / "trials"
        self.data = folder / "data"
        self.trials.mkdir(exist_ok=True)
        self.journal = Journal(folder / "journal.jsonl")

    def directory(self, run: Run) -> Path:
        """Trial directory of a run."""
        return self.trials / run.id

    def known(self) -> dict[str, str]:
        """Name of each run that had a directory when this was opened, by its digest."""
        return dict(self._found[0])

    def unfinished_jobs(self) -> list[Job]:
        """Jobs of an earlier session whose trainings had not finished when this was opened; they may still run."""
        return self._found[1]

    def prepare(self, run: Run, command: Sequence[str]) -> Path:
        """Make the directory of a run, with everything that the trainer reads.

        What an earlier trainer left of the same run stays if there is a checkpoint to go on from.
        """
        folder = self.directory(run)
        if folder.exists() and not _resumable(folder, run):
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        # first of all: by the command a later controller recognises a trainer that outlived this one
        write_text(folder / "trial.json", json.dumps(_note(run, command), indent=1) + "\n")
        write_text(folder / "nep.in", format_nep_in(run.configuration.nep_in))
        for split, name in SPLIT_FILES.items():
            part = split == "train" and run.configuration.fraction < 1.0
            source = self.data / (f"{subset_name(run.configuration.fraction)}.xyz" if part else name)
            if source.exists() and not (folder / name).exists():
                _link(source, folder / name)
        return folder

    def summary(self, run: Run) -> dict[str, Any] | None:
        """Content of the ``train.json`` that ends a training; None if none belongs to this run."""
        content = read_json(self.directory(run) / "train.json")
        note = read_json(self.directory(run) / "trial.json")
        if content is None or note is None or note.get("digest") != run.digest:
            return None
        limited = run.configuration.time_limit is not None  # such a run may end well before its last step
        complete = content.get("steps") == run.configuration.steps or limited
        return content if complete and (content.get("schema"), content.get("seed")) == (1, run.seed) else None

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file of the study, atomically."""
        write_text(self.folder / name, format_json(content))

    @cached_property
    def _found(self) -> tuple[dict[str, str], list[Job]]:
        """Read every ``trial.json`` once; what is kept of it is little, however many there are."""
        known, jobs = {}, []
        for name in sorted(folder.name for folder in self.trials.iterdir()):
            note = read_json(self.trials / name / "trial.json") or {}
            digest, command = note.get("digest"), note.get("command")
            if not isinstance(digest, str) or not isinstance(command, list):
                continue
            known[digest] = name
            # the command of a copy names the original's directory: its process is not ours
            if str(self.trials / name) in command and not (self.trials / name / "train.json").exists():
                jobs.append(Job(name, tuple(command), self.trials / name / "log.txt"))
        return known, jobs


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Take a study directory for this process, made if it is missing.

    Raises
    ------
    InputError
        If another process works on it, or it cannot be made.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made a study directory ({error.strerror}); choose another", path=folder) from None
    with (folder / ".lock").open("a+") as lock:
        if not take_within(lock.fileno(), _PATIENCE):
            raise InputError(
                "another neptuner is working on this study; wait for it, or stop it and try again",
                path=folder,
            )
        yield Store(folder)


def is_open(folder: Path) -> bool:
    """Whether some process is working on a study directory."""
    try:
        with (folder / ".lock").open() as lock:
            return not take(lock.fileno(), shared=True)
    except FileNotFoundError:
        return False


def _note(run: Run, command: Sequence[str]) -> dict[str, Any]:
    """Content of ``trial.json``."""
    configuration = run.configuration
    return {
        "schema": SCHEMA,
        "id": run.id,
        "digest": run.digest,
        "name": configuration.name,
        "phase": configuration.phase,
        "parameter": configuration.parameter,
        "value": configuration.value,
        "replicate": run.replicate,
        "seed": run.seed,
        "steps": configuration.steps,
        "optimizer": OPTIMIZER,
        "settings": configuration.settings,
        "fraction": configuration.fraction,
        "command": list(command),
    }


def _resumable(folder: Path, run: Run) -> bool:
    note = read_json(folder / "trial.json")
    return note is not None and note.get("digest") == run.digest and (folder / CHECKPOINT).exists()


def _link(target: Path, link: Path) -> None:
    """Point to a file by a relative path, so that the study can be moved; copy where links cannot be."""
    try:
        link.symlink_to(os.path.relpath(target, link.parent))
    except OSError:
        shutil.copy2(target, link)


def format_json(content: Mapping[str, Any]) -> str:
    """Write an object with each entry of its tables and lists on a line of its own, a thousand trials in a moment."""
    return "{\n" + ",\n".join(f" {json.dumps(key)}: {_block(value)}" for key, value in content.items()) + "\n}\n"


def _block(value: Any) -> str:
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f"  {json.dumps(key)}: {_line(item)}" for key, item in value.items()) + "\n }"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"  {_line(item)}" for item in value) + "\n ]"
    return _line(value)


def _line(value: Any) -> str:
    # json.dumps with indent= is Python's own slow writer, twenty times the time of this one
    return json.dumps(value, allow_nan=False)


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None if there is none, or a damaged one."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return content if isinstance(content, dict) else None
