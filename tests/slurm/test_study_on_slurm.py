"""A whole study on a real Slurm: its controller and jobs die, one reaches its time limit, every trial ends once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("submitit", reason="submitit is not installed")

from engines_data import training_folder
from neptuner.launch import testing
from neptuner.launch.notes import read_alive, read_note
from neptuner.launch.testing import until

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm_version")]

STUDY = """\
[study]
train = "train.xyz"
test = "test.xyz"
baseline = "nep.in"
replicates = 2
last_rows = 3
steps = {steps}
calibrate = false

[sweep]
n_max = [[3, 2]]
neuron = [4]

[launcher]
kind = "slurm"
jobs = 2
time_limit_minutes = 10
retries = 3
"""


def make_study(folder: Path, steps: int) -> Path:
    training_folder(folder)
    (folder / "study.toml").write_text(STUDY.format(steps=steps))
    return folder


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start a study whose output pytest captures, and shows where the test fails."""
    return subprocess.Popen([sys.executable, "-m", "neptuner", "study", str(folder / "study.toml")])


def running(folder: Path) -> list[Path]:
    """Directories of trials that a job works on and that have begun to write."""
    trials = (folder / "study" / "trials").glob("*")
    return [
        trial
        for trial in trials
        if (trial / "loss.out").exists() and not (trial / "train.json").exists() and read_alive(trial) is not None
    ]


def events(folder: Path, kind: str) -> list[str]:
    lines = (folder / "study" / "journal.jsonl").read_text().splitlines()
    return [event["id"] for event in map(json.loads, lines) if event["event"] == kind]


def tables(folder: Path) -> dict[str, Any]:
    """Results without what depends on time and place."""
    results = json.loads((folder / "study" / "results.json").read_text())
    kept = ("baseline", "sweep", "combined", "ablation", "extended", "statistics", "winners")
    return json.loads(json.dumps({key: results[key] for key in kept}), object_hook=_without_times)


def _without_times(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in ("seconds", "ms_per_step")}


def test_study_survives_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "PATIENCE", 400.0)
    for name in ("disturbed", "calm"):
        (tmp_path / name).mkdir()
    folder, calm = (make_study(tmp_path / name, 1200) for name in ("disturbed", "calm"))

    controller = start(folder)
    until(lambda: (folder / "study" / "trials").is_dir() and len(running(folder)) == 2)
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait()
    first, second = running(folder)
    print("controller killed; jobs", read_note(first).id, read_note(second).id, "run on")  # type: ignore[union-attr]
    alive = read_alive(first)
    assert alive is not None
    os.kill(alive.pid, signal.SIGKILL)  # as a node that kills a job does
    warned = read_note(second)
    assert warned is not None and warned.id is not None
    subprocess.run(["scancel", "--signal=USR2", warned.id], check=True)  # as Slurm does before the time limit

    assert start(folder).wait(timeout=400) == 0
    finished = Counter(events(folder, "finished"))
    assert set(finished.values()) == {1} and first.name in finished and second.name in finished
    assert json.loads((folder / "study" / "results.json").read_text())["finished"]

    assert start(calm).wait(timeout=400) == 0
    assert tables(folder) == tables(calm)
    assert set(finished) == set(events(calm, "finished"))
