"""What the live page shows of a study, read from its directory without disturbing who works on it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from neptuner.errors import InputError, NeptunerError
from neptuner.live.best import best_so_far
from neptuner.live.cost import cost_now
from neptuner.live.summary import summary
from neptuner.live.tails import last_events, tail
from neptuner.live.trials import Trials
from neptuner.report.style import UNITS
from neptuner.study.damage import refuse_damage
from neptuner.study.records import DONE, FAILED, PENDING, RUNNING
from neptuner.study.status import dynamics_of, md_step, phase_of, read_results, state_of
from neptuner.study.store import is_open

SHORTEST = 0.5
"""Seconds between two looks at the directory, however many readers ask."""
LOG_TAIL = 65_536
"""Bytes from the end of a log."""


class LiveStudy:
    """A study directory as it changes; each file is read again only where it has changed.

    Parameters
    ----------
    folder
        The study directory, finished, unfinished or just begun.

    Raises
    ------
    InputError
        If it is no study directory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if not any((folder / name).exists() for name in ("results.json", "manifest.json")):
            raise InputError("is no study directory as `neptuner study` makes (there is no results.json)", path=folder)
        self._lock = threading.Lock()
        self._trials = Trials(self.folder)
        self._results: dict[str, Any] | None = None
        self._summary, self._problem = "", ""
        self._summarised, self._written = 0, 0.0
        self._signature: tuple[Any, ...] = ()
        self._looked = float("-inf")

    def state(self, since: int = 0) -> dict[str, Any]:
        """Everything to show now; of trainings and the summary only what has changed.

        Parameters
        ----------
        since
            ``revision`` of the last state that the reader got.
        """
        with self._lock:
            self._look()
            try:
                with refuse_damage(self.folder / "results.json"):
                    return self._state(since)
            except InputError as error:
                self._results, self._problem = None, str(error)
                return self._state(since)

    def log(self, name: str) -> str | None:
        """End of the log of a training or a run of molecular dynamics of this study; None if it has none."""
        with self._lock:
            self._look()
            runs = [] if self._results is None else [*self._results["trials"], *dynamics_of(self._results)]
        directory = next((run["directory"] for run in runs if run["id"] == name), None)
        path = None if directory is None else (self.folder / directory / "log.txt").resolve()
        if path is None or not path.is_relative_to(self.folder) or not path.is_file():
            return None
        return tail(path, LOG_TAIL)

    def _look(self) -> None:
        """Read what has changed, unless somebody asked a moment ago."""
        now = time.monotonic()
        if now - self._looked < SHORTEST:
            return
        active = is_open(self.folder)
        signature = (*_signature(self.folder / "results.json"), active)
        if signature != self._signature:
            self._signature = signature
            self._take(active)
        self._trials.read_curves()
        self._looked = time.monotonic()

    def _take(self, active: bool) -> None:
        """Take up a new ``results.json``; a damaged one leaves what was there before."""
        try:
            if len(self._signature) == 1:  # there is no such file yet
                return
            self._written = 1e-9 * self._signature[1]
            with refuse_damage(self.folder / "results.json"):
                results, said = read_results(self.folder), summary(self.folder)
                self._trials.take(results, active)
            self._results, self._summary, self._problem = results, said, ""
        except NeptunerError as error:
            self._problem = str(error)
        self._summarised = self._trials.revision

    def _state(self, since: int) -> dict[str, Any]:
        active = self._signature[-1]
        head = {"revision": self._trials.revision, "active": active, "problem": self._problem}
        if self._results is None:
            return {**head, "name": self.folder.name, "finished": False, "phase": "preparation", "trials": []}
        results, whole = self._results, self._trials.whole(since)
        unit, factor = UNITS[results["metric"]]
        best = best_so_far(results)
        states = Counter(state_of(run, active) for run in (*results["trials"], *dynamics_of(results)))
        return {
            **head,
            "name": results["name"],
            "finished": results["finished"],
            "phase": phase_of(results),
            "metric": results["metric"],
            "split": "validation" if results["data"].get("validation") else "train",
            "unit": unit,
            "factor": factor,
            "runs": {state: states[state] for state in (PENDING, RUNNING, DONE, FAILED)},
            "best": None if best is None else vars(best),
            "cost": cost_now(results, self._trials, self._written if active else None),
            "md": [_dynamics(self.folder, run, active) for run in dynamics_of(results)],
            "events": last_events(self.folder / "journal.jsonl"),
            "whole": whole,
            "trials": self._trials.since(since),
            **({"summary": self._summary} if whole or since < self._summarised else {}),
        }


def _dynamics(folder: Path, run: dict[str, Any], active: bool) -> dict[str, Any]:
    state = state_of(run, active)
    step = run["steps"] if state == DONE else md_step(folder / run["directory"]) if state == RUNNING else 0
    names = ("id", "kind", "model", "seed", "steps", "error", "kappa", "blocked_error", "seconds")
    return {**{name: run[name] for name in names}, "state": state, "step": step}


def _signature(path: Path) -> tuple[int, ...]:
    """What differs when a file has been written again."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
