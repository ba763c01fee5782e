from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import random_frame, random_model
from neptuner.engines.nep_folder import NepFolder, write_gpumd_frames
from neptuner.errors import NeptunerError
from neptuner.files.extxyz import read_frames
from neptuner.files.nep_restart import write_nep_restart

ROW = "{:<8d}" + "0.50000    " * 3 + "0.10000      " * 6 + "\n"


def append(folder: Path, text: str) -> None:
    with (folder / "loss.out").open("a") as file:
        file.write(text)


def test_rows_are_told_once_and_only_when_complete(tmp_path: Path) -> None:
    append(tmp_path, ROW.format(900) + "1000    0.5")
    folder = NepFolder(tmp_path, 3, saves_every_row=True)
    assert folder.rows() == []
    append(tmp_path, ROW.format(100) + ROW.format(200)[:40])
    assert folder.rows() == [(100, [0.5] * 3 + [0.1] * 6)]
    assert folder.rows() == []
    append(tmp_path, ROW.format(200)[40:] + ROW.format(300))
    assert [generation for generation, _ in folder.rows()] == [200, 300]


def test_columns_that_run_together_are_told_apart(tmp_path: Path) -> None:
    folder = NepFolder(tmp_path, 3, saves_every_row=True)
    append(tmp_path, "10000000" + "12345.67890123456.00000-nan       0.10000" + "1234567.12345" * 4 + "inf\n")
    ((generation, numbers),) = folder.rows()
    assert generation == 10_000_000
    assert numbers[:2] == [12345.6789, 123456.0]
    assert np.isnan(numbers[2])
    assert numbers[3:] == [0.1, *[1234567.12345] * 4, np.inf]


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    folder = NepFolder(tmp_path, 3, saves_every_row=True)
    append(tmp_path, "100     0.50000\n")
    with pytest.raises(NeptunerError, match=r"loss.out: found `100     0.50000`, expected a generation and nine"):
        folder.rows()


def test_copies_that_nep_makes_are_taken(tmp_path: Path) -> None:
    folder, target = NepFolder(tmp_path, 3, saves_every_row=True), tmp_path / "kept.txt"
    model = random_model()
    model.write(tmp_path / "nep_gen100.txt")
    taken = folder.take_model(100, target)
    assert taken is not None
    np.testing.assert_allclose(taken.values, model.values, rtol=1e-6)
    assert not (tmp_path / "nep_gen100.txt").exists()
    assert folder.take_model(200, target) is None
    write_nep_restart(tmp_path / "nep_gen100.restart", np.arange(3.0), np.ones(3))
    found = folder.search(100)
    assert found is not None
    assert found[0].tolist() == [0, 1, 2]
    folder.forget(100)
    assert folder.search(100) is None


@pytest.mark.parametrize("cut", [1, 10, 33])
def test_a_state_of_the_search_must_be_complete(tmp_path: Path, cut: int) -> None:
    folder, path = NepFolder(tmp_path, 3, saves_every_row=True), tmp_path / "nep_gen100.restart"
    write_nep_restart(path, np.arange(3.0), np.ones(3))
    path.write_text(path.read_text()[:-cut])
    assert folder.search(100) is None


def test_a_model_with_numbers_that_are_not_finite_is_not_taken(tmp_path: Path) -> None:
    folder, target = NepFolder(tmp_path, 3, saves_every_row=True), tmp_path / "kept.txt"
    random_model().write(tmp_path / "nep_gen100.txt")
    lines = (tmp_path / "nep_gen100.txt").read_text().splitlines()
    (tmp_path / "nep_gen100.txt").write_text("\n".join([*lines[:-1], "            nan"]) + "\n")
    assert folder.take_model(100, target) is None
    assert not target.exists()


def test_files_of_older_versions_are_taken_while_the_rows_stand_still(tmp_path: Path) -> None:
    folder, target = NepFolder(tmp_path, 3, saves_every_row=False), tmp_path / "kept.txt"
    random_model().write(tmp_path / "nep.txt")
    append(tmp_path, ROW.format(100))
    write_nep_restart(tmp_path / "nep.restart", np.arange(3.0), np.ones(3))
    set_times(tmp_path, model=1, row=2, search=3)
    assert [generation for generation, _ in folder.rows()] == [100]
    assert folder.take_model(100, target) is not None
    assert folder.search(100) is not None
    assert folder.search(0) is None
    set_times(tmp_path, model=3, row=2, search=1)
    assert folder.take_model(100, target) is None
    assert folder.search(100) is None
    append(tmp_path, ROW.format(200) + ROW.format(300))
    set_times(tmp_path, model=1, row=2, search=3)
    assert folder.take_model(100, target) is None
    assert [generation for generation, _ in folder.rows()] == [200, 300]
    assert folder.take_model(200, target) is None
    assert folder.take_model(300, target) is not None


def set_times(folder: Path, *, model: int, row: int, search: int) -> None:
    for name, second in (("nep.txt", model), ("loss.out", row), ("nep.restart", search)):
        os.utime(folder / name, (second, second))


def test_frames_for_gpumd(tmp_path: Path) -> None:
    whole = replace(random_frame(1, labels=True), info={"config": "a"})
    masked = replace(random_frame(2, labels=True), virial=np.array([1.0, 2, 3, np.nan, np.nan, np.nan]))
    write_gpumd_frames(tmp_path / "a.xyz", [whole, masked], keep_masked=False)
    first, second = read_frames(tmp_path / "a.xyz")
    assert (first.info, second.virial) == ({}, None)
    np.testing.assert_array_equal(first.virial, whole.virial)
    write_gpumd_frames(tmp_path / "a.xyz", [masked], keep_masked=True)
    assert read_frames(tmp_path / "a.xyz")[0].virial.tolist() == [1, 2, 3, 0, 0, 0]
