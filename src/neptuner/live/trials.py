"""The trainings of a study with their loss curves, and which of them have changed since somebody looked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neptuner.live.curves import LossCurve
from neptuner.report.reading import text
from neptuner.study.records import FAILED, PENDING, RUNNING
from neptuner.study.status import state_of

Row = dict[str, Any]
PATIENCE = 0.3
"""Seconds that curves are read for at a time; those of a thousand trainings come in little by little."""


@dataclass
class _Trial:
    row: Row
    curve: LossCurve
    changed: int
    unread: bool = True
    """Whether there may be rows to read although it does not run."""


class Trials:
    """The trainings of a study; each change gets the next number, so that a reader can ask for what is new.

    Parameters
    ----------
    folder
        The study directory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trials: dict[str, _Trial] = {}
        # later than the numbers of an earlier server, so that its readers begin anew
        self.revision = self.complete = round(1000 * time.time())
        """Numbers of the last change, and of the last that took a training away."""

    @property
    def rows(self) -> list[Row]:
        """What is known of each training but its curve."""
        return [trial.row for trial in self._trials.values()]

    @property
    def open(self) -> bool:
        """Whether any training waits or runs."""
        return any(row["state"] in (PENDING, RUNNING) for row in self.rows)

    def step(self, name: str) -> int:
        """Last step that a training tells of."""
        return self._trials[name].curve.step

    def take(self, results: dict[str, Any], active: bool) -> None:
        """Take up the content of ``results.json``."""
        found = [(_row(raw, results, state_of(raw, active)), raw["directory"]) for raw in results["trials"]]
        self.revision += 1
        before = self._trials
        self._trials = {
            row["id"]: self._taken_up(before.get(row["id"]), row, self._folder / directory, results["metric"])
            for row, directory in found
        }
        if before.keys() - self._trials.keys():
            self.complete = self.revision

    def read_curves(self) -> None:
        """Read on in the curves of what runs, then in those that have not been read yet."""
        end = time.monotonic() + PATIENCE
        self.revision += 1
        waiting = [t for t in self._trials.values() if t.row["state"] == RUNNING or t.unread]
        for trial in sorted(waiting, key=lambda t: t.row["state"] != RUNNING):
            if time.monotonic() > end:
                break
            trial.unread = trial.curve.advance()
            if trial.unread:
                trial.changed = self.revision

    def whole(self, revision: int) -> bool:
        """Whether a reader with this number must begin anew: it is another server's, or a training has gone since."""
        return not self.complete <= revision <= self.revision

    def since(self, revision: int) -> list[Row]:
        """Rows with curves of what has changed after a number, or of everything."""
        every = self.whole(revision)
        return [_with_curve(trial) for trial in self._trials.values() if every or trial.changed > revision]

    def _taken_up(self, trial: _Trial | None, row: Row, folder: Path, metric: str) -> _Trial:
        if trial is None:
            return _Trial(row, LossCurve(folder, metric), self.revision)
        if trial.row != row:
            trial.row, trial.changed, trial.unread = row, self.revision, True
        return trial


def _row(raw: dict[str, Any], results: dict[str, Any], state: str) -> Row:
    metric, strategy = results["metric"], results["strategy"]
    loss, reduction = (((raw[key] or {}).get(metric) or {}).get("validation") for key in ("loss", "reduction"))
    comparable = raw["steps"] == results["steps"] and raw.get("fraction", 1.0) == 1.0
    return {
        "id": raw["id"],
        "name": raw["name"],
        "phase": raw["phase"],
        "change": _change(raw, results["baseline"]["settings"]),
        "seed": raw["seed"],
        "state": state,
        "error": raw["error"] if state == FAILED else None,
        "steps": raw["steps"],
        "loss": loss and loss[strategy],
        "gain": reduction[strategy] if reduction and comparable else None,
        "seconds": raw["seconds"],
        "parameters": raw["parameters"],
    }


def _change(raw: dict[str, Any], baseline: dict[str, Any]) -> str:
    """How a training differs from the baseline, its length apart."""
    kept = {"generation", "output_interval"}
    changed = [
        f"{key} {text(value)}" for key, value in raw["settings"].items() if {key} - kept and value != baseline.get(key)
    ]
    part = raw.get("fraction", 1.0)
    return ", ".join([*changed, *([f"{100 * part:g} % of the frames"] if part < 1.0 else [])])


def _with_curve(trial: _Trial) -> Row:
    points = trial.curve.points
    shown = [[step for step, _ in points], [float(f"{loss:.5g}") for _, loss in points]]
    return {**trial.row, "step": trial.curve.step, "points": shown}
