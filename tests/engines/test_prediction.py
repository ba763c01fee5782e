"""Prediction of a file: labels, options and provenance."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import neptuner
from models import random_frame, random_model
from neptuner.engines.prediction import predict
from neptuner.errors import InputError
from neptuner.files.extxyz import write_frames
from neptuner.files.predictions import read_predictions
from neptuner.potential.reference import evaluate

FRAMES = [random_frame(seed, n_atoms=4 + seed % 2, labels=True) for seed in range(4)]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A potential and four labelled frames."""
    random_model().write(tmp_path / "nep.txt")
    write_frames(tmp_path / "data.xyz", FRAMES)
    return tmp_path / "nep.txt", tmp_path / "data.xyz"


def test_errors_are_those_of_the_reference_implementation(files: tuple[Path, Path]) -> None:
    result = predict(*files, threads=1)
    found = [evaluate(random_model(), frame) for frame in FRAMES]
    atoms = np.array([frame.n_atoms for frame in FRAMES])
    energy = np.array([e.energy - f.energy for e, f in zip(found, FRAMES, strict=True)]) / atoms
    force = np.concatenate([e.forces - f.forces for e, f in zip(found, FRAMES, strict=True)])
    virial = np.array([e.virial - f.virial for e, f in zip(found, FRAMES, strict=True)]) / atoms[:, None]
    for name, errors in (("energy", energy), ("force", force), ("virial", virial)):
        assert result[f"rmse_{name}"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-4)
        assert result[f"mae_{name}"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-4)
    assert result["worst_frames"]["energy"][0]["frame"] == 1 + np.argmax(np.abs(energy))
    assert [row["atoms_per_frame"] for row in result["by_size"]] == [4, 5]
    assert {symbol: row["atoms"] for symbol, row in result["by_element"].items()} == {"Mg": 10, "O": 8}


def test_provenance_names_both_files(files: tuple[Path, Path]) -> None:
    result = predict(*files, threads=1)
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert result["provenance"] == {
        "neptuner": neptuner.__version__,
        "sha256": dict(zip(("model", "data"), hashes, strict=True)),
        "precision": "float32",
    }
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert neptuner.predict is predict


def test_number_of_worst_frames(files: tuple[Path, Path]) -> None:
    for worst, expected in ((0, 0), (2, 2), (9, 4)):
        result = predict(*files, threads=1, worst=worst)
        assert [len(rows) for rows in result["worst_frames"].values()] == [expected] * 3


@pytest.mark.parametrize(("options", "expected"), [({"worst": -1}, "worst frames"), ({"threads": 0}, "threads")])
def test_bad_options_are_told(files: tuple[Path, Path], options: dict, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        predict(*files, **options)


def test_a_species_the_potential_lacks_is_told(files: tuple[Path, Path]) -> None:
    stranger = replace(FRAMES[1], species=np.array(["Fe", *FRAMES[1].species[1:]]))
    write_frames(files[1], [FRAMES[0], stranger])
    with pytest.raises(InputError, match=r"data.xyz, frame 2.*has Fe, which the potential lacks \(Mg O\)"):
        predict(*files)


def test_numbers_that_are_not_finite_are_told(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model, frames, threads):
        outputs = evaluation(model, frames, threads)
        return replace(outputs, virial=np.where(np.arange(4)[:, None] == 2, np.nan, outputs.virial))

    evaluation = neptuner.engines.prediction._evaluate
    monkeypatch.setattr("neptuner.engines.prediction._evaluate", broken)
    with pytest.raises(InputError, match=r"frame 3.*not finite"):
        predict(*files)


def test_j14_errors_are_those_that_gpumd_wrote(shared_data: Path) -> None:
    """The same model and frames through GPUMD's nep: RMSE, MAE and R2 of its *_test.out."""
    ours = predict(shared_data / "j14-default-run" / "nep.txt", shared_data / "j14-dft" / "test.xyz", threads=1)
    theirs = read_predictions(shared_data / "j14-default-run", "test")
    errors = theirs.force - theirs.force_reference
    assert ours["rmse_force"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-4)
    assert ours["mae_force"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-4)
    assert ours["r2_force"] == pytest.approx(1 - np.mean(errors**2) / np.var(theirs.force_reference), abs=1e-5)
    assert ours["mae_energy"] == pytest.approx(np.mean(np.abs(theirs.energy - theirs.energy_reference)), rel=1e-2)
