"""Training and prediction in directories laid out as for GPUMD."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines_data import NEP_IN, labelled, training_folder
from models import random_frame, random_model
from neptuner.engines.embedded import train
from neptuner.engines.prediction import predict
from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames, write_frames
from neptuner.files.loss_out import read_loss_out, read_validation_out
from neptuner.files.predictions import read_predictions
from neptuner.kernels.prediction import predict as predict_frames
from neptuner.potential.model import Model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A training directory."""
    return training_folder(tmp_path)


def test_training_leaves_gpumds_files_and_a_summary(folder: Path) -> None:
    summary = train(folder, steps=60, threads=1)
    assert json.loads((folder / "train.json").read_text()) == summary
    assert summary["steps"] == 60
    assert (summary["train"]["frames"], summary["validation"]["frames"], summary["test"]["frames"]) == (27, 3, 6)
    loss, validation = read_loss_out(folder / "loss.out"), read_validation_out(folder / "validation.out")
    assert loss.steps.tolist() == validation.steps.tolist() == [20, 40, 60]
    best = loss.steps.tolist().index(summary["best_step"])
    assert loss.force_test[best] == pytest.approx(summary["test"]["rmse_force"], abs=1e-5)
    assert validation.force[best] == pytest.approx(summary["validation"]["rmse_force"], abs=1e-5)
    rows = read_predictions(folder, "train")
    assert len(rows.energy) == 30
    assert rows.energy_reference[3] == pytest.approx(labelled(4, 0)[3].energy / labelled(4, 0)[3].n_atoms, rel=1e-5)


def test_written_model_predicts_what_the_training_said(folder: Path) -> None:
    """Offsets are folded in: total energies of nep.txt have the errors of the summary, for every quantity."""
    summary = train(folder, steps=60, threads=1)
    assert max(summary["energy_offsets"]["by_type"]) > 1.0
    result = predict(folder / "nep.txt", folder / "test.xyz", out=folder / "out")
    for name in ("rmse_energy", "rmse_force", "rmse_virial"):
        assert result[name] == pytest.approx(summary["test"][name], rel=1e-3)
    assert (folder / "out" / "force_test.out").read_text() == (folder / "force_test.out").read_text()


def test_valid_xyz_is_used_where_present(folder: Path) -> None:
    write_frames(folder / "valid.xyz", labelled(5, 200))
    summary = train(folder, steps=20, threads=1)
    assert (summary["train"]["frames"], summary["validation"]["frames"]) == (30, 5)
    assert "valid.xyz" in summary["sha256"]


def test_missing_shear_is_masked_and_can_be_believed(folder: Path) -> None:
    frames = read_frames(folder / "test.xyz")
    frames = [replace(frame, virial=np.array([*frame.virial[:3], 0.0, 0.0, 0.0])) for frame in frames]
    write_frames(folder / "zeros.xyz", frames)
    random_model().write(folder / "model.txt")
    masked = predict(folder / "model.txt", folder / "zeros.xyz")
    believed = predict(folder / "model.txt", folder / "zeros.xyz", keep_zero_shear=True)
    assert masked["masked_shear_frames"] == 6
    assert believed["masked_shear_frames"] == 0
    outputs = predict_frames(Model.read(folder / "model.txt"), frames)
    error = np.array([(w - f.virial) / f.n_atoms for w, f in zip(outputs.virial, frames, strict=True)])
    assert masked["rmse_virial"] == pytest.approx(np.sqrt((error[:, :3] ** 2).mean()), rel=1e-6)
    assert believed["rmse_virial"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-6)


def test_frames_without_labels_can_be_predicted(folder: Path) -> None:
    random_model().write(folder / "model.txt")
    write_frames(folder / "bare.xyz", [random_frame(1), random_frame(2, labels=True)])
    result = predict(folder / "model.txt", folder / "bare.xyz")
    assert result["frames"] == 2
    assert result["rmse_force"] > 0
    write_frames(folder / "bare.xyz", [random_frame(1)])
    assert predict(folder / "model.txt", folder / "bare.xyz")["rmse_force"] is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda folder: (folder / "train.xyz").unlink(), "train.xyz: there is no such file"),
        (lambda folder: (folder / "train.xyz").write_text(""), "train.xyz"),
        (lambda folder: (folder / "nep.in").write_text("type 1 Mg\n"), "has O, which `type` of nep.in lacks"),
        (lambda folder: (folder / "nep.in").write_text(NEP_IN + "nmax 4 4\n"), "line 9.*nmax"),
        (lambda folder: (folder / "nep.in").write_text(NEP_IN + "lambda_e -1\n"), "line 9.*lambda_e"),
        (lambda folder: write_frames(folder / "train.xyz", [random_frame()]), "no energy"),
        (lambda folder: _test_with(folder, "Mg ", "Xx "), "test.xyz, frame 1, line 3.*Xx"),
        (lambda folder: _test_with(folder, "Mg ", "Fe "), "test.xyz, frame 1.*Fe"),
        (lambda folder: (folder / "train.xyz").write_text((folder / "train.xyz").read_text()[:-200]), "frame 30"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(folder: Path, change, expected: str) -> None:
    change(folder)
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(InputError, match=expected) as caught:
        train(folder, steps=20)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in folder.iterdir()) == before


def _test_with(folder: Path, old: str, new: str) -> None:
    text = (folder / "test.xyz").read_text()
    (folder / "test.xyz").write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"steps": 0}, "steps"), ({"optimizer": "sgd"}, "soap, adamw or snes"), ({"threads": -1}, "threads"),
     ({"time_limit": -3.0}, "time limit"), ({"validation_fraction": 1.5}, "fraction")],
)  # fmt: skip
def test_bad_options_are_told(folder: Path, options: dict, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        train(folder, **options)


def test_calorine_reads_the_model_and_agrees(folder: Path) -> None:
    """CPUNEP, an independent implementation, gives the same energies and forces for the nep.txt we write."""
    calculators = pytest.importorskip("calorine.calculators", reason="calorine is not installed")
    from ase import Atoms

    train(folder, steps=40, threads=1)
    frames = read_frames(folder / "test.xyz")
    ours = predict_frames(Model.read(folder / "nep.txt"), frames)
    first = 0
    for s, frame in enumerate(frames):
        atoms = Atoms(frame.species, frame.positions, cell=frame.cell, pbc=True)
        atoms.calc = calculators.CPUNEP(str(folder / "nep.txt"))
        assert atoms.get_potential_energy() == pytest.approx(ours.energy[s], abs=1e-4)
        np.testing.assert_allclose(atoms.get_forces(), ours.forces[first : first + frame.n_atoms], atol=1e-4)
        first += frame.n_atoms
