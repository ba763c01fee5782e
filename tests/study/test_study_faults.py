"""A study with the real trainer whose processes are killed at random, again and again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_driver import noted

from engines_data import training_folder

KILLS = 20
PATIENCE = 300.0
STUDY = """\
[study]
train = "train.xyz"
test = "test.xyz"
baseline = "nep.in"
replicates = 2
last_rows = 3
steps = 60
ablation = false

[sweep]
n_max = [[1, 1], [3, 2]]
neuron = [4, 10]
basis_size = [[3, 3], [5, 4]]
batch = [5, 30]
lambda_v = [0.3, 1.0]
lambda_f = [2.0]

[final]
steps_factor = 1.5
"""


class Warm:
    """The process that controllers and trainers are forked from."""

    def __init__(self, folder: Path) -> None:
        script = Path(__file__).with_name("fault_driver.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._line() == "warm"

    def start(self, toml: Path, folder: Path) -> int:
        """Start a session of a study; process of its controller."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{toml} {folder}\n")
        self._process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        """Wait for the end of the session; its exit code."""
        return int(self._line())

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    (tmp_path / "warm").mkdir()
    process = Warm(training_folder(tmp_path / "warm"))
    yield process
    process.close()


def events(folder: Path) -> list[dict[str, Any]]:
    """The journal; a last line that is not complete does not count."""
    path = folder / "journal.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def lives(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def kill_at_random(folder: Path, controller: int, chance: random.Random) -> str | None:
    """Wait for a few events and a moment, then kill a trainer or the controller; None if the session ended first."""
    goal, deadline = len(events(folder)) + chance.randint(1, 2), time.monotonic() + PATIENCE
    moment, of_controller = chance.uniform(0, 0.1), chance.random() < 0.5
    while len(events(folder)) < goal and lives(controller):
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.005)
    time.sleep(moment)
    while lives(controller):
        targets = [controller] if of_controller else sorted(pid for pid, _ in noted(Path(f"{folder}.pids")))
        with contextlib.suppress(ProcessLookupError, IndexError):  # none is running, or it ended just now
            os.kill(chance.choice(targets), signal.SIGKILL)
            return "controller" if of_controller else "trainer"
        time.sleep(0.005)
    return None


def without_times(value: Any) -> Any:
    """results.json as far as it must not depend on how often the study was killed."""
    if isinstance(value, dict):
        timed = ("seconds", "ms_per_step", "machine", "faster")
        return {k: without_times(v) for k, v in value.items() if k not in timed}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def results_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return content


def models(folder: Path) -> dict[str, str]:
    """Hash of the model of every run of the results."""
    paths = {t["id"]: folder / t["directory"] / "nep.txt" for t in results_of(folder)["trials"]}
    return {run: hashlib.sha256(path.read_bytes()).hexdigest() for run, path in paths.items()}


def test_twenty_kills_change_nothing(tmp_path: Path, warm: Warm) -> None:
    """Nothing is lost, nothing runs twice to its end, and every model is that of an undisturbed study, bit by bit."""
    training_folder(tmp_path)
    toml, killed, calm = tmp_path / "study.toml", tmp_path / "killed", tmp_path / "calm"
    toml.write_text(STUDY)
    chance, kills = random.Random(1), Counter[str]()
    code, sessions, half_done = -1, 0, 0
    while code or results_of(killed)["failed"]:
        controller = warm.start(toml, killed)
        sessions += 1
        assert sessions < 100
        while kills.total() < KILLS and (target := kill_at_random(killed, controller, chance)) is not None:
            kills[target] += 1
            half_done += any(killed.glob("trials/*/checkpoint.npz"))
            if target == "controller":
                break
        code = warm.end()
    assert kills.total() == KILLS and min(kills.values()) > 3 and half_done

    warm.start(toml, calm)
    assert warm.end() == 0
    assert len(results_of(calm)["trials"]) >= 30
    assert without_times(results_of(killed)) == without_times(results_of(calm))
    assert models(killed) == models(calm)
    told = Counter((event["event"], event["id"]) for event in events(killed) if "id" in event)
    assert {told["finished", run["id"]] for run in results_of(calm)["trials"]} == {1}
    assert max(count for (event, _), count in told.items() if event == "finished") == 1
    assert any(count > 1 for (event, _), count in told.items() if event == "started")
