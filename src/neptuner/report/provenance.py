"""Where the numbers come from: versions, hashes, and the commands that give them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from shlex import join

from neptuner.files.digest import file_hash
from neptuner.report import numbers
from neptuner.report.data import Configuration, Results
from neptuner.report.tables import Cell, Row, Table


@dataclass(frozen=True)
class Provenance:
    """What a reader needs to make the study again."""

    versions: Table
    files: Table
    commands: tuple[str, ...]
    note: str


def provenance(results: Results) -> Provenance:
    """Collect versions, hashes and commands of a study."""
    return Provenance(
        versions_table(results),
        files_table(results),
        tuple(_commands(results)),
        "Equal data, settings, seeds and version give equal models on one machine; another processor rounds "
        "differently, so there the numbers agree only as far as replicates do.",
    )


def versions_table(results: Results) -> Table:
    """Tabulate the programs and the machine."""
    machine = results.machine
    names = {"python": "Python", "numpy": "NumPy", "numba": "Numba", "platform": "Platform", "cpus": "Processors"}
    rows = [("neptuner", results.version), *((names[key], machine[key]) for key in names if key in machine)]
    return Table((Cell("What"), Cell("Version")), tuple(Row((Cell(a), Cell(b))) for a, b in rows), "ll")


def files_table(results: Results) -> Table:
    """Tabulate the SHA-256 of the study, its data and the potentials of the models that are compared."""
    rows = [(results.folder / "study.toml", "the study"), *((results.folder / d.path, d.split) for d in results.data)]
    known = {results.folder / d.path: d.sha256 for d in results.data}
    for configuration in results.phases:
        rows += [
            (folder / "nep.txt", _model_words(results, folder, configuration))
            for folder in _folders(results, configuration)
        ]
    cells = [
        (words, str(path.relative_to(results.folder)) if path.is_relative_to(results.folder) else str(path), digest)
        for path, words in rows
        if (digest := known.get(path) or _hash(path))
    ]
    header = (Cell("File"), Cell("Path"), Cell("SHA-256"))
    return Table(header, tuple(Row(tuple(Cell(text) for text in row)) for row in cells), "lll")


def _commands(results: Results) -> list[str]:
    name = results.folder.name
    commands = [f"pip install neptuner=={results.version}", join(["neptuner", "study", "study.toml", "--out", name])]
    final = results.final or results.baseline
    if final is not None and final.done:
        commands += [command for folder in _folders(results, final)[:1] if (command := _training(results, folder))]
    return [*commands, join(["neptuner", "report", name])]


def _training(results: Results, folder: Path) -> str:
    """Return the command of one training as its trial remembers it, with paths from the study directory."""
    try:
        words = json.loads((folder / "trial.json").read_text(encoding="utf-8"))["command"]
    except (OSError, ValueError, KeyError):
        return ""
    kept = list(map(str, words[words.index("train") :])) if "train" in words else []
    place = f"{results.folder.name}/{folder.relative_to(results.folder)}"
    return join(["neptuner", "train", place, *(w for w in kept[2:] if w not in ("--resume", "--json"))]) if kept else ""


def _folders(results: Results, configuration: Configuration) -> list[Path]:
    return results.folders(configuration)


def _model_words(results: Results, folder: Path, configuration: Configuration) -> str:
    replicate = next(
        (r.replicate for r in results.runs if r.directory and results.folder / r.directory == folder), None
    )
    return f"{configuration.name}, replicate {numbers.NOTHING if replicate is None else replicate}"


def _hash(path: Path) -> str:
    try:
        return file_hash(path)
    except OSError:
        return ""
