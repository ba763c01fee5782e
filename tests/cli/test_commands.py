"""The commands as a user calls them, in their own processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines_data import training_folder
from models import random_frame, random_model
from neptuner.files.extxyz import write_frames
from neptuner.potential.model import Model


def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """Run ``neptuner``."""
    command = [sys.executable, "-m", "neptuner", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def test_train_ends_with_one_json_object(tmp_path: Path) -> None:
    training_folder(tmp_path)
    done = run("train", tmp_path, "--steps", 30, "--threads", 1, "--seed", 5, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["steps"], summary["seed"]) == (30, 5)
    for name in ("seconds", "ms_per_step", "frames_per_s"):
        assert summary[name] > 0
    for split in ("train", "validation", "test"):
        assert summary[split]["rmse_force"] > 0
    assert "validation" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_usable_model(tmp_path: Path, number: int) -> None:
    training_folder(tmp_path)
    command = [sys.executable, "-m", "neptuner", "train", str(tmp_path), "--steps", "1000000", "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    while not (tmp_path / "nep.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "nep.txt is the best model so far" in stderr
    assert Model.read(tmp_path / "nep.txt").settings.elements == ("Mg", "O")
    assert (tmp_path / "force_test.out").exists()
    assert not (tmp_path / "train.json").exists()


def test_predict_prints_json_or_a_table(tmp_path: Path) -> None:
    random_model().write(tmp_path / "nep.txt")
    write_frames(tmp_path / "data.xyz", [random_frame(seed, labels=True) for seed in range(3)])
    done = run("predict", tmp_path / "nep.txt", tmp_path / "data.xyz", "--json", "--out", tmp_path / "out")
    result = json.loads(done.stdout)
    assert (result["frames"], result["atoms"]) == (3, 21)
    assert {"rmse_energy", "rmse_force", "rmse_virial"} <= result.keys()
    assert len((tmp_path / "out" / "force_test.out").read_text().splitlines()) == 21
    table = run("predict", tmp_path / "nep.txt", tmp_path / "data.xyz").stdout
    assert f"{1e3 * result['rmse_force']:.2f}" in table


def test_bad_input_ends_with_one_sentence_and_code_2(tmp_path: Path) -> None:
    training_folder(tmp_path)
    text = (tmp_path / "train.xyz").read_text().splitlines()
    text[4] = text[4].rsplit(maxsplit=1)[0] + " nan"
    (tmp_path / "train.xyz").write_text("\n".join(text) + "\n")
    done = run("train", tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "frame 1, line 5" in done.stderr
    assert not (tmp_path / "loss.out").exists()


def test_a_missing_file_and_a_wrong_option_end_with_code_2(tmp_path: Path) -> None:
    assert run("predict", tmp_path / "nep.txt", tmp_path / "x.xyz").returncode == 2
    assert run("train", tmp_path, "--step", 3).returncode == 2


def test_importing_neptuner_is_fast_and_light() -> None:
    code = (
        "import time; t = time.perf_counter(); import neptuner, sys; print(time.perf_counter() - t);"
        "print([name for name in ('numba', 'numpy', 'ase', 'matplotlib', 'typer') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, heavy = done.stdout.splitlines()
    assert float(seconds) < 0.3
    assert heavy == "[]"


def test_help_and_version() -> None:
    for command in ("train", "predict", "study", "status", "report"):
        assert command in run("--help").stdout
    assert run("--version").stdout.startswith("neptuner ")


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    training_folder(tmp_path)
    tmp_path.chmod(0o500)
    done = run("train", tmp_path, "--steps", 3)
    tmp_path.chmod(0o700)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
