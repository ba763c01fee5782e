"""`neptuner prune` as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from models import random_frame, random_model
from neptuner.files.extxyz import write_frames
from neptuner.potential.model import Model


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``neptuner prune``."""
    command = [sys.executable, "-m", "neptuner", "prune", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def write_files(folder: Path) -> tuple[Path, Path]:
    """A potential and labelled frames."""
    random_model().write(folder / "nep.txt")
    write_frames(folder / "data.xyz", [random_frame(seed, n_atoms=6, labels=True) for seed in range(6)])
    return folder / "nep.txt", folder / "data.xyz"


def test_text_and_json_tell_the_same(tmp_path: Path) -> None:
    files, small = write_files(tmp_path), tmp_path / "small.txt"
    call = (*files, "--keep", "neuron 5", "--keep", "n_max 2 2", "--threads", 1)
    result, text = json.loads(run(*call, "--json").stdout), run(*call, "--out", small)
    assert text.returncode == 0, text.stderr
    rows = {line[:18].strip(): line[18:].split() for line in text.stdout.splitlines()}
    before, after = result["before"], result["after"]
    assert rows["neuron"][-2:] == ["7", "5"]
    assert rows["n_max"] == ["3", "2", "2", "2"]
    assert rows["parameters"] == [f"{before['parameters']:,}", f"{after['parameters']:,}"]
    assert rows["operations"][1] == f"{result['operations_ratio']:.3f}"
    assert rows["force (meV/Å)"][:2] == [f"{1e3 * part['rmse_force']:.2f}" for part in (before, after)]
    least = next(row["least"] for row in result["analysis"]["sizes"] if row["part"] == "q222")
    assert rows["q222"] == ["1", str(least["1"]), str(least["5"])]
    assert Model.read(small).settings.neuron == (5,)
    assert "neptuner train DIR --start" in text.stdout


def test_without_data_the_file_alone_is_looked_at(tmp_path: Path) -> None:
    nep, _ = write_files(tmp_path)
    done = run(nep, "--out", tmp_path / "small.txt")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "small.txt").read_text() == nep.read_text()
    assert "errors" not in done.stdout


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    nep, data = write_files(tmp_path)
    for call, expected in (
        ((nep, "--tolerance", 1), "give the data set"),
        ((nep, data, "--out", tmp_path / "no" / "nep.txt"), "cannot be written"),
        ((nep, data, "--out", data), "holds the frames"),
    ):
        done = run(*call)
        assert done.returncode == 2
        assert expected in done.stderr
        assert done.stderr.count("\n") == 1
