"""A study directory as it is while the study runs: some trainings done, one failed, two running, the rest pending."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent / "report"))  # where the synthetic study lives

from synthetic_study import make_study

LOG = "note: a line of the log\nstep     24      0.3 s  force RMSE (meV/A): train 241.0\n"


class RunningStudy:
    """A synthetic study whose last trainings have not ended; the test moves them on."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_study(folder, failing=("neuron=10",), noise=0.02)
        self.results: dict[str, Any] = json.loads((folder / "results.json").read_text())
        self.results |= {"finished": False, "search": None, "cost": None}
        for trial in self.results["trials"]:
            (folder / trial["directory"]).mkdir(parents=True, exist_ok=True)
            (folder / trial["directory"] / "log.txt").write_text(LOG)
        self.rows: dict[str, list[str]] = {}
        for number, trial in enumerate(self.results["trials"][-4:]):
            self._begin_anew(trial, "running" if number < 2 else "pending")
        self.running = [trial["id"] for trial in self.results["trials"] if trial["state"] == "running"]
        self.failed = [trial["id"] for trial in self.results["trials"] if trial["state"] == "failed"]
        (folder / "journal.jsonl").write_text(
            '{"time": "2026-11-23T05:54:27.105+00:00", "event": "started", "id": "baseline-r0"}\n'
            '{"time": "2026-11-23T05:54:40.837+00:00", "event": "finished", "id": "baseline-r0", "seconds": 11.9}\n'
        )
        self.write()

    def _begin_anew(self, trial: dict[str, Any], state: str) -> None:
        path = self.folder / trial["directory"] / "validation.out"
        self.rows[trial["id"]] = path.read_text().splitlines(keepends=True)
        path.unlink()
        (path.parent / "loss.out").unlink()
        trial |= dict.fromkeys(("loss", "reduction", "seconds", "ms_per_step", "rmse")) | {"state": state}

    def write(self) -> None:
        """Write results.json anew."""
        (self.folder / "results.json").write_text(json.dumps(self.results))

    def grow(self, name: str, rows: int) -> None:
        """Add rows to the curve of a training."""
        new, self.rows[name] = self.rows[name][:rows], self.rows[name][rows:]
        with (self.folder / "trials" / name / "validation.out").open("a") as file:
            file.write("".join(new))
