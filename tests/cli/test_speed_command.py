"""`neptuner speed` as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models import random_frame, random_model
from neptuner.files.extxyz import write_frames

QUICK = ("--threads", 1, "--steps", 4, "--repeats", 3, "--timestep", 0.1)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``neptuner``."""
    command = [sys.executable, "-m", "neptuner", "speed", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    random_model(zbl="universal").write(tmp_path / "nep.txt")
    write_frames(tmp_path / "model.xyz", [random_frame()])
    return tmp_path / "nep.txt", tmp_path / "model.xyz"


def test_json_has_rates_conditions_counts_and_versions(files) -> None:
    done = run(*files, *QUICK, "--replicate", 2, 1, 1, "--temperature", 100, "--virials", "--skin", 0.5, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {key: result[key] for key in ("atoms", "threads", "steps", "repeats", "replicate", "virials")} == {
        "atoms": 14, "threads": 1, "steps": 4, "repeats": 3, "replicate": [2, 1, 1], "virials": True
    }  # fmt: skip
    assert (result["timestep_fs"], result["temperature_k"], result["skin_angstrom"]) == (0.1, 100.0, 0.5)
    assert 0 < result["atom_steps_per_s"] <= result["atom_steps_per_s_best"]
    assert result["ns_per_day"] > 0
    assert set(result["neighbors"]["angular"]) == {"mean", "max", "listed_mean", "listed_max"}
    assert {"neptuner", "numpy", "numba", "processor", "sha256"} <= set(result["provenance"])


def test_it_prints_the_rate_and_what_it_was_measured_with(files) -> None:
    done = run(*files, *QUICK)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("model.xyz: 7 atoms, 1 thread, single precision, 0.1 fs")
    rows = {line[:20].strip(): line[20:] for line in lines[1:-1]}
    assert "median of 3 times 4 steps; best" in rows["atom_steps_per_s"]
    assert float(rows["us_per_atom_step"]) > 0
    assert float(rows["ns_per_day"]) > 0
    assert rows["radial neighbours"].startswith("mean ")
    assert rows["energy drift"].endswith("meV/atom/ps")
    assert lines[-1].startswith("neptuner 0.")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--threads", 0), "the number of threads is 0, expected 1 or more"),
        (("--replicate", 1, 1, 0), "the number of copies along a lattice vector is 0"),
        (("--timestep", -1), "the time step is -1 fs"),
        (("--precision", "half"), "the precision is half, expected single or double"),
    ],
)
def test_bad_options_end_with_one_sentence_and_exit_code_2(files, options, expected: str) -> None:
    done = run(*files, *options)
    assert done.returncode == 2
    assert done.stderr.startswith("neptuner: ")
    assert expected in done.stderr
    assert (done.stderr.count("\n"), done.stdout) == (1, "")


def test_bad_files_end_with_one_sentence_and_exit_code_2(files, tmp_path: Path) -> None:
    random_model(elements=("Fe", "Ni")).write(tmp_path / "other.txt")
    for model, structure, expected in (
        (tmp_path / "none.txt", files[1], "none.txt"),
        (files[0], tmp_path / "none.xyz", "none.xyz"),
        (
            tmp_path / "other.txt",
            files[1],
            "model.xyz, frame 1, line 1: the structure has Mg O, which the potential lacks",
        ),
    ):
        done = run(model, structure)
        assert done.returncode == 2
        assert expected in done.stderr
        assert done.stderr.count("\n") == 1
