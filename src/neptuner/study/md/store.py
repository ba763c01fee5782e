"""Directories of molecular dynamics in a study: ``md/<model>-r<replicate>-<hash>``, readable without neptuner."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neptuner.engines.md_summary import SUMMARY
from neptuner.files.atomic import write_bytes, write_text
from neptuner.files.run_in import format_script
from neptuner.files.structure import Structure, format_structure
from neptuner.launch.base import Job
from neptuner.study.md.models import MdRun
from neptuner.study.md.script import POTENTIAL
from neptuner.study.plan import SCHEMA
from neptuner.study.store import Store, read_json

NOTE = "md-run.json"


class MdStore:
    """The part of a study directory that molecular dynamics is run in.

    Parameters
    ----------
    store
        The study directory.
    """

    def __init__(self, store: Store) -> None:
        self.folder = store.folder

    def directory(self, run: MdRun) -> Path:
        """Directory of a run."""
        return self.folder / run.id

    def known(self) -> dict[str, str]:
        """Name of each run that has a directory, by its digest: the same run has one name only."""
        return {note["digest"]: f"md/{name}" for name, note in self._notes().items()}

    def prepare(self, run: MdRun, structure: Structure, command: Sequence[str]) -> Path:
        """Make the directory of a run with everything that it reads.

        What an earlier session left of the same run stays, so that it goes on from its checkpoint.
        """
        folder = self.directory(run)
        note = read_json(folder / NOTE)
        if folder.exists() and (note is None or note.get("digest") != run.digest):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # first of all: by the command a later controller recognises a run that outlived this one
        write_text(folder / NOTE, json.dumps(_note(run, command), indent=1) + "\n")
        inputs = {
            "run.in": format_script(run.script).encode(),
            "model.xyz": format_structure(structure).encode(),
            POTENTIAL: run.model.path.read_bytes(),
        }
        for name, content in inputs.items():
            if not (folder / name).exists():
                write_bytes(folder / name, content)
        return folder

    def summary(self, run: MdRun) -> dict[str, Any] | None:
        """Content of the ``md.json`` that ends a run, well or by an explosion; None if none belongs to this run."""
        folder = self.directory(run)
        content, note = read_json(folder / SUMMARY), read_json(folder / NOTE)
        if content is None or note is None or note.get("digest") != run.digest:
            return None
        return content if _is_end(content) else None

    def unfinished_jobs(self) -> list[Job]:
        """Jobs of an earlier session that left no result; they may still run."""
        folder = self.folder / "md"
        notes = {name: note for name, note in self._notes().items() if not _has_ended(folder / name)}
        return [Job(f"md/{name}", tuple(note["command"]), folder / name / "log.txt") for name, note in notes.items()]

    def _notes(self) -> dict[str, Mapping[str, Any]]:
        folders = sorted((self.folder / "md").iterdir()) if (self.folder / "md").is_dir() else []
        notes = {folder.name: read_json(folder / NOTE) for folder in folders}
        return {name: note for name, note in notes.items() if note and "digest" in note and "command" in note}


def _has_ended(folder: Path) -> bool:
    return _is_end(read_json(folder / SUMMARY) or {})


def _is_end(summary: Mapping[str, Any]) -> bool:
    return bool(summary.get("finished") or summary.get("exploded"))


def _note(run: MdRun, command: Sequence[str]) -> dict[str, Any]:
    """Content of ``md-run.json``."""
    return {
        "schema": SCHEMA,
        "id": run.id,
        "digest": run.digest,
        "kind": run.kind,
        "model": run.model.key,
        "configuration": run.model.configuration.name,
        "trial": run.model.record.run.id,
        "potential_sha256": run.model.sha256,
        "replicate": run.replicate,
        "seed": run.seed,
        "fe_per_angstrom": run.fe,
        "steps": run.steps,
        "command": list(command),
    }
