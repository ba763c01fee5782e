"""Where a study stands, read from its directory without disturbing who works on it."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from neptuner.errors import InputError
from neptuner.files.run_in import read_script
from neptuner.study.damage import refuse_damage
from neptuner.study.plan import MD_PHASE, PHASES, SCHEMA
from neptuner.study.progress import last_row, last_thermo_step
from neptuner.study.records import DONE, FAILED, PENDING, RUNNING
from neptuner.study.store import is_open, read_json


def read_status(folder: Path) -> dict[str, Any]:
    """Counts of runs by state, the phase, and the last row of ``loss.out`` of each run in progress.

    Raises
    ------
    InputError
        If the folder is not a study directory, one of another version, or one whose ``results.json`` is damaged.
    """
    results = read_results(folder)
    with refuse_damage(folder / "results.json"):
        return _status(folder, results)


def _status(folder: Path, results: dict[str, Any]) -> dict[str, Any]:
    active, trials, dynamics = is_open(folder), results["trials"], dynamics_of(results)
    states = Counter(state_of(run, active) for run in (*trials, *dynamics))
    running = [_progress(folder, trial) for trial in trials if state_of(trial, active) == RUNNING]
    running += [_md_progress(folder, run) for run in dynamics if state_of(run, active) == RUNNING]
    return {
        "name": results["name"],
        "directory": str(folder),
        "active": active,
        "finished": results["finished"],
        "phase": phase_of(results),
        "runs": {state: states[state] for state in (PENDING, RUNNING, DONE, FAILED)},
        "running": running,
        "failed": [{"id": str(run["id"]), "error": str(run["error"])} for run in results["failed"]],
    }


def read_results(folder: Path) -> dict[str, Any]:
    """Content of the ``results.json`` of a study directory.

    Raises
    ------
    InputError
        If there is none, or one of another version.
    """
    results = read_json(folder / "results.json")
    if results is None:
        raise InputError("has no results.json, expected a study directory as `neptuner study` makes", path=folder)
    if results.get("schema") != SCHEMA:
        raise InputError(f"has schema {results.get('schema')}, expected {SCHEMA}", path=folder / "results.json")
    return results


def state_of(run: dict[str, Any], active: bool) -> str:
    """State of a run; what ran in a session that was killed is pending again."""
    return PENDING if run["state"] == RUNNING and not active else str(run["state"])


def phase_of(results: dict[str, Any]) -> str:
    """Phase that a study is in."""
    if results["finished"]:
        return DONE
    open_phases = {trial["phase"] for trial in results["trials"] if trial["state"] in (PENDING, RUNNING)}
    phase = next((phase for phase in PHASES if phase in open_phases), PHASES[0])
    return MD_PHASE if not open_phases and dynamics_of(results) else phase


def dynamics_of(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs of molecular dynamics."""
    return (results.get("md") or {}).get("runs") or []


def _progress(folder: Path, trial: dict[str, Any]) -> dict[str, Any]:
    row = last_row(folder / trial["directory"])
    finite = [number if math.isfinite(number) else None for number in row] if row else None
    return {"id": trial["id"], "step": int(row[0]) if row else 0, "steps": trial["steps"], "last_row": finite}


def _md_progress(folder: Path, run: dict[str, Any]) -> dict[str, Any]:
    return {"id": run["id"], "step": md_step(folder / run["directory"]), "steps": run["steps"], "last_row": None}


def md_step(folder: Path) -> int:
    """Last time step that the directory of a run of molecular dynamics tells of."""
    try:
        return last_thermo_step(folder, read_script(folder / "run.in"))
    except InputError:  # it is being made
        return 0
