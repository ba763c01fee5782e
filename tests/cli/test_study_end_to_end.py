"""A whole study with the real trainer, killed in the middle and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from engines_data import training_folder

STUDY = """[study]
train = "train.xyz"
test = "test.xyz"
baseline = "nep.in"
replicates = 2
last_rows = 3
steps = 150
jobs = 1

[sweep]
n_max = [[1, 1], [3, 2]]
neuron = [[10]]

[final]
steps_factor = 2
"""


def events(folder: Path) -> list[dict]:
    """Read the journal; a torn last line does not count."""
    path = folder / "journal.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def test_a_study_killed_in_a_trial_ends_with_the_same_trials(tmp_path: Path) -> None:
    training_folder(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    command = [sys.executable, "-m", "neptuner", "study", str(tmp_path / "study.toml")]
    folder = tmp_path / "study"
    controller = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        before = Counter(event["event"] for event in events(folder))
        if before["finished"] >= 3 and before["started"] > before["finished"]:
            break
        time.sleep(0.05)
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait()
    finished_before = {event["id"] for event in events(folder) if event["event"] == "finished"}
    assert 3 <= len(finished_before) < 10

    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    counts = Counter((event["id"], event["event"]) for event in events(folder) if "id" in event)
    assert all(counts[run, "started"] == counts[run, "finished"] == 1 for run in finished_before)
    results = json.loads((folder / "results.json").read_text())
    assert results["finished"]
    cost = results["cost"]  # predicted by the session that was killed, compared by the one after it
    assert cost["actual"]["trials"] == len(results["trials"]) and cost["predicted"]["least"]["trials"] == 10
    assert all(0.1 < cost["ratio"][key] < 10 for key in ("seconds", "memory", "disk", "training"))
    assert "Cost of the trainings, predicted before the first" in (folder / "report.md").read_text()
    assert not results["failed"]
    ids = [run["id"] for run in results["trials"]]
    assert len(ids) == len(set(ids))
    assert all(counts[run, "finished"] == 1 for run in ids)
    assert len([run for run in results["trials"] if run["phase"] in ("baseline", "sweep")]) == 8
    assert results["extended"]["baseline"]["loss"]["force"]["test"]["avg"] > 0
    assert results["baseline"]["rmse"]["test"]["rmse_force"] > 0
    for name in ("report.html", "report.md", "figures/force-parity.png", "figures/cost.svg"):
        assert (folder / name).stat().st_size > 1000
