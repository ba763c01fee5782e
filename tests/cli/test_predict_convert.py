"""`neptuner predict` and `neptuner convert` as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import random_frame, random_model
from neptuner.files.extxyz import write_frames
from neptuner.potential.model import Model


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``neptuner``."""
    command = [sys.executable, "-m", "neptuner", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def cells(text: str) -> dict[str, list[str]]:
    """Rows of printed tables by their first column."""
    return {line[:18].strip(): line[18:].split() for line in text.splitlines()}


def test_predict_prints_tables_of_the_numbers_in_its_json(tmp_path: Path) -> None:
    random_model().write(tmp_path / "nep.txt")
    frames = [random_frame(seed, n_atoms=5 + seed % 2, labels=True) for seed in range(4)]
    write_frames(tmp_path / "data.xyz", frames)
    call = ("predict", tmp_path / "nep.txt", tmp_path / "data.xyz", "--threads", 1, "--worst", 2)
    result, text = json.loads(run(*call, "--json").stdout), run(*call).stdout
    whole, worst_part = text.split("worst frames")
    rows = cells(whole)
    force = [f"{1e3 * result['rmse_force']:.2f}", f"{1e3 * result['mae_force']:.2f}", f"{result['r2_force']:.5f}"]
    assert rows["force (meV/Å)"] == force
    assert rows["energy (meV/atom)"][0] == f"{1e3 * result['rmse_energy']:.2f}"
    assert rows["Mg"][0] == f"{1e3 * result['by_element']['Mg']['rmse_force']:.2f}"
    assert rows["5 atoms"][1] == f"{1e3 * result['by_size'][0]['rmse_force']:.2f}"
    worst = result["worst_frames"]["energy"][0]
    expected = [f"{1e3 * worst['error']:+.2f}", str(worst["frame"]), str(worst["atoms"])]
    assert cells(worst_part)["energy (meV/atom)"] == expected


def test_predict_without_labels_prints_what_there_is(tmp_path: Path) -> None:
    random_model().write(tmp_path / "nep.txt")
    write_frames(tmp_path / "data.xyz", [random_frame()])
    done = run("predict", tmp_path / "nep.txt", tmp_path / "data.xyz", "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert "1 frames, 7 atoms" in done.stdout
    assert "worst" not in done.stdout


def test_convert_writes_nep4_and_says_so(tmp_path: Path) -> None:
    random_model(3, elements=("O", "Mg")).write(tmp_path / "nep3.txt")
    done = run("convert", tmp_path / "nep3.txt", tmp_path / "nep4.txt", "--sort-species")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "NEP3 -> NEP4" in done.stdout
    assert "species now Mg O" in done.stdout
    assert done.stderr == ""
    assert (tmp_path / "nep4.txt").read_text().startswith("nep4 2 Mg O ")


def test_convert_of_two_hidden_layers_warns_of_gpumd(tmp_path: Path) -> None:
    random_model(5, (6, 5)).write(tmp_path / "nep.txt")
    done = run("convert", tmp_path / "nep.txt", tmp_path / "nep.txt", "--order", "O Mg", "--json")
    converted = Model.read(tmp_path / "nep.txt")
    assert json.loads(done.stdout) == {
        "version_from": 5, "elements": ["O", "Mg"], "parameters": len(converted.values)
    }  # fmt: skip
    assert (converted.settings.version, converted.settings.elements) == (4, ("O", "Mg"))
    assert "gpumd ignores the second" in done.stderr


def test_convert_tells_of_factors_that_later_versions_do_not_read(tmp_path: Path) -> None:
    model = random_model()
    replace(model, settings=replace(model.settings, typewise_cutoff=(2.5, 2.0))).write(tmp_path / "nep.txt")
    done = run("convert", tmp_path / "nep.txt", tmp_path / "out.txt")
    assert "type-wise factors of GPUMD 3.9.5 to 4.6" in done.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--order", "O Fe"), "`O Fe`, expected each species"),
        (("--order", "O Mg", "--sort-species"), "choose one"),
    ],
)
def test_convert_refuses_bad_orders_and_writes_nothing(tmp_path: Path, options, expected: str) -> None:
    random_model().write(tmp_path / "nep.txt")
    done = run("convert", tmp_path / "nep.txt", tmp_path / "out.txt", *options)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize("target", ["", "no/such/nep.txt"])
def test_convert_refuses_a_target_that_cannot_be_written(tmp_path: Path, target: str) -> None:
    random_model().write(tmp_path / "nep.txt")
    done = run("convert", tmp_path / "nep.txt", tmp_path / target)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_convert_of_a_nep4_keeps_its_numbers(tmp_path: Path) -> None:
    random_model(4).write(tmp_path / "nep.txt")
    done = run("convert", tmp_path / "nep.txt", tmp_path / "out.txt")
    assert "was NEP4 already" in done.stdout
    np.testing.assert_array_equal(Model.read(tmp_path / "out.txt").values, Model.read(tmp_path / "nep.txt").values)
