"""A folder run by a program named gpumd: a script that greets as GPUMD does and lets neptuner do the work."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from models import random_model
from neptuner.engines.dynamics import DynamicsOptions, run_dynamics
from neptuner.engines.gpumd_dynamics import KEPT, run_with_gpumd
from neptuner.errors import InputError, NeptunerError
from neptuner.files.structure import Structure, write_structure

PROGRAM = f"""#!{sys.executable}
import os, sys
print("*                 Welcome to use GPUMD                        *")
print("*                     version {{version}}                             *", flush=True)
if not os.path.exists("run.in"):
    sys.exit("Failed to open run.in.")
os.execv(sys.executable, [sys.executable, "-m", "neptuner", "md", ".", "--threads", "1"])
"""
RUN_IN = """\
potential nep.txt   # a comment
velocity 100 seed 1
ensemble nvt_bdp 100 100 10
dump_thermo 5
{dump}
run 20
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "gpumd"
    path.write_text(PROGRAM.format(version="5.4"))
    path.chmod(0o755)
    return path


def folder(path: Path, dump: str = "") -> Path:
    path.mkdir()
    model = random_model(neuron=(4,), l_max=(2, 0, 0, 0, 0, 0, 0))
    model.write(path / "nep.txt")
    rng, edge = np.random.default_rng(3), 9.0
    sites = np.array(list(np.ndindex(3, 3, 3))) * 3.0 + rng.normal(0.0, 0.1, (27, 3))
    species = np.array([model.settings.elements[k % 2] for k in range(27)])
    none = np.zeros((0, 27), np.int64)
    write_structure(
        path / "model.xyz", Structure(species, sites, edge * np.eye(3), (True,) * 3, np.full(27, 20.0), None, none)
    )
    (path / "run.in").write_text(RUN_IN.format(dump=dump))
    return path


def test_results_and_summary(tmp_path: Path, program: Path) -> None:
    here, there = folder(tmp_path / "here"), folder(tmp_path / "there")
    own = run_dynamics(here, DynamicsOptions(threads=1))
    summary = run_with_gpumd(there, program)
    assert (there / "thermo.out").read_bytes() == (here / "thermo.out").read_bytes()
    assert json.loads((there / "md.json").read_text()) == summary
    assert summary["engine"] == "gpumd 5.4"
    for key in ("finished", "atoms", "steps", "time_ps", "sha256"):
        assert summary[key] == pytest.approx(own[key]) if key == "time_ps" else summary[key] == own[key]
    assert summary["ns_per_day"] > 0
    assert (there / "run.in").read_text() == (here / "run.in").read_text()
    assert not (there / KEPT).exists()


def test_a_trajectory_is_asked_for_in_the_words_of_the_version(tmp_path: Path, program: Path) -> None:
    there, said = folder(tmp_path / "there", "dump_xyz 10 frames.xyz force"), []
    run_with_gpumd(there, program, remark=said.append)
    assert "dump_xyz -1 0 10 frames.xyz force" in (there / "run.in").read_text()
    assert "dump_xyz 10 frames.xyz force" in (there / KEPT).read_text()
    assert len(said) == 1 and KEPT in said[0]
    assert (there / "frames.xyz").read_text().count("Lattice") == 2


def test_a_finished_run_is_only_reported(tmp_path: Path, program: Path) -> None:
    there = folder(tmp_path / "there")
    first = run_with_gpumd(there, program)
    program.unlink()
    assert run_with_gpumd(there, program, resume=True) == first
    with pytest.raises(InputError, match="there is no program"):
        run_with_gpumd(there, program)


def test_an_unfinished_run_is_begun_anew(tmp_path: Path, program: Path) -> None:
    there = folder(tmp_path / "there")
    (there / "thermo.out").write_text("half a line")
    with pytest.raises(InputError, match="earlier run"):
        run_with_gpumd(there, program)
    run_with_gpumd(there, program, resume=True)
    assert len((there / "thermo.out").read_text().splitlines()) == 4


def test_an_error_of_gpumd_is_shown(tmp_path: Path, program: Path) -> None:
    there = folder(tmp_path / "there")
    text = program.read_text()
    program.write_text(text[: text.index("os.execv")] + "sys.exit('    Error: no GPU is left.')\n")
    with pytest.raises(NeptunerError, match="no GPU is left"):
        run_with_gpumd(there, program)
    assert not (there / "md.json").exists()
