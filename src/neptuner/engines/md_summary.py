"""``md.json``, which ends a simulation by whichever engine: what both write, and reading it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from neptuner import __version__
from neptuner.files.atomic import write_text
from neptuner.files.digest import file_hash
from neptuner.files.script import Script
from neptuner.machine import machine_facts

SUMMARY = "md.json"
OUTPUTS = ("thermo.out", "kappa.out", "hac.out", "shc.out", "msd.out", "rdf.out")
"""Files that either engine may write, trajectories and restart.xyz apart."""


def input_hashes(folder: Path, script: Script) -> dict[str, str]:
    """SHA-256 of everything that a simulation reads."""
    files = {"run.in": folder / "run.in", "model.xyz": folder / "model.xyz", "potential": folder / script.potential}
    return {name: file_hash(path) for name, path in files.items()}


def summary_head(*, finished: bool, hashes: dict[str, str]) -> dict[str, Any]:
    """What every md.json says."""
    return {
        "schema": 1,
        "neptuner": __version__,
        "machine": machine_facts(),
        "finished": finished,
        "exploded": None,
        "sha256": hashes,
    }


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write md.json."""
    write_text(folder / SUMMARY, json.dumps(summary, indent=1) + "\n")


def read_finished(folder: Path, hashes: dict[str, str]) -> dict[str, Any] | None:
    """Read the md.json of a simulation of the same inputs that came to its end; None without a sound one."""
    try:
        found: dict[str, Any] = json.loads((folder / SUMMARY).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found if found.get("finished") and found.get("sha256") == hashes else None
