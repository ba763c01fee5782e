"""The life of a training in a folder: killed and gone on with, started from a model, several at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engines_data import labelled, training_folder
from models import random_frame
from neptuner.engines.embedded import train
from neptuner.engines.observer import Silent
from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames, write_frames
from neptuner.files.loss_out import read_loss_out
from neptuner.files.predictions import read_predictions
from neptuner.kernels.prediction import predict
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate

TIMES = ("seconds", "ms_per_step", "frames_per_s", "threads")


class Killed(BaseException):
    """As SIGKILL: nothing is written after it."""


class KilledAt(Silent):
    """An observer that ends the process's work at some step."""

    def __init__(self, step: int) -> None:
        self.at = step

    def step(self, step: int, steps: int, progress: float) -> None:
        if step == self.at:
            raise Killed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return training_folder(tmp_path)


def content(folder: Path) -> dict[str, str]:
    """Everything a training leaves, without times."""
    files = {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.suffix in (".out", ".txt")}
    summary = json.loads((folder / "train.json").read_text())
    return files | {"train.json": json.dumps({name: summary[name] for name in summary if name not in TIMES})}


@pytest.mark.parametrize("optimizer", ["soap", "snes"])
@pytest.mark.parametrize("kills", [(13,), (20, 33, 34)])
def test_killed_is_never_killed(folder: Path, tmp_path_factory, optimizer: str, kills: tuple[int, ...]) -> None:
    """Killed without notice after some step, with a checkpoint of some step before: the same files to the byte."""
    other = training_folder(tmp_path_factory.mktemp("undisturbed"))
    wish = {"optimizer": optimizer, "steps": 50, "seed": 2, "checkpoint_interval": 0.002}
    train(other, **wish)
    for kill in kills:
        with pytest.raises(Killed):
            train(folder, **wish, resume=kill != kills[0], observer=KilledAt(kill))
        assert (folder / "checkpoint.npz").exists()
    train(folder, **wish, resume=True)
    assert content(folder) == content(other)
    assert not (folder / "checkpoint.npz").exists()


def test_an_unfinished_training_is_not_thrown_away(folder: Path) -> None:
    with pytest.raises(Killed):
        train(folder, steps=50, checkpoint_interval=0.001, observer=KilledAt(10))
    with pytest.raises(InputError, match="--resume"):
        train(folder, steps=50)
    with pytest.raises(InputError, match="steps was 50, now it is 60"):
        train(folder, steps=60, resume=True)
    write_frames(folder / "test.xyz", labelled(3, 300))
    with pytest.raises(InputError, match=r"checkpoint.npz: belongs to another training: sha256"):
        train(folder, steps=50, resume=True)


def test_resume_of_a_finished_training_is_its_summary(folder: Path) -> None:
    summary = train(folder, steps=20)
    before = (folder / "nep.txt").stat().st_mtime_ns
    assert train(folder, steps=20, resume=True) == json.loads(json.dumps(summary))
    assert (folder / "nep.txt").stat().st_mtime_ns == before


def test_resume_without_checkpoint_begins(folder: Path) -> None:
    assert train(folder, steps=20, resume=True)["steps"] == 20


def start_command(folder: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "neptuner", "train", str(folder), "--steps", "100000", "--threads", "1", *more]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"})


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not path.exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


def test_sigterm_ends_cleanly_and_kill_loses_little(folder: Path) -> None:
    process = start_command(folder)
    wait_for(folder / "nep.txt", process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "--resume goes on" in said
    assert not (folder / "train.json").exists()
    stopped_at = int(re.search(r"stopped after step (\d+)", said)[1])
    process = start_command(folder, "--resume", "--checkpoint-interval", "0.01")
    before = (folder / "checkpoint.npz").stat().st_mtime_ns
    deadline = time.monotonic() + 300
    while (folder / "checkpoint.npz").stat().st_mtime_ns == before and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    steps = read_loss_out(folder / "loss.out").steps
    assert steps.tolist() == list(range(20, 20 * len(steps) + 1, 20))
    assert steps[-1] >= stopped_at - 20


def test_a_committee_shares_the_data_and_keeps_the_best(folder: Path) -> None:
    summary = train(folder, steps=20, committee=3, seed=5)
    members = summary["committee"]
    assert [member["seed"] for member in members] == [5, 6, 7]
    models = [Model.read(folder / member["folder"] / "nep.txt") for member in members]
    assert len({model.values.tobytes() for model in models}) == 3
    best = min(members, key=lambda member: member["score"])
    assert (folder / "nep.txt").read_text() == (folder / best["folder"] / "nep.txt").read_text()
    assert summary["best_member"] == members.index(best) + 1
    assert {member["validation"]["frames"] for member in members} == {3}
    assert (folder / "force_test.out").exists()
    (folder / "member-2" / "checkpoint.npz").write_bytes(b"half a training")
    with pytest.raises(InputError, match=r"member-2/checkpoint.npz.*--resume"):
        train(folder, steps=20, committee=3, seed=5)
    alone = training_folder(folder / "alone" if (folder / "alone").mkdir() is None else folder)
    train(alone, steps=20, seed=5)
    assert (alone / "nep.txt").read_text() == (folder / "member-1" / "nep.txt").read_text()


GROWN = """type 3 O Ni Mg
cutoff 5 4
n_max 3 4
basis_size 6 5
l_max 3 1 1
neuron 9
batch 10
output_interval 20
"""


def test_a_model_given_more_room_starts_as_the_same_function(folder: Path, tmp_path_factory) -> None:
    """n_max, basis_size, l_max, neuron and species grow at once; row 0 has the old model's errors."""
    train(folder, steps=40)
    old = Model.read(folder / "nep.txt")
    other = tmp_path_factory.mktemp("grown")
    (other / "nep.in").write_text(GROWN)
    for name in ("train.xyz", "test.xyz"):
        shutil.copy(folder / name, other / name)
    grown = train(other, steps=20, start=folder / "nep.txt", time_limit=1e-6)
    rows = read_loss_out(other / "loss.out")
    assert rows.steps[0] == 0
    frames = read_frames(other / "test.xyz")
    error = predict(old, frames).forces - np.concatenate([frame.forces for frame in frames])
    assert rows.force_test[0] == pytest.approx(np.sqrt((error**2).mean()), abs=2e-5)
    if grown["best_step"] == 0:
        assert_same_function(old, Model.read(other / "nep.txt"), labelled(3, 500))
    trained = train(other, steps=300, start=folder / "nep.txt")
    assert trained["start"].endswith("nep.txt")
    after = read_loss_out(other / "loss.out")
    assert after.steps.tolist() == list(range(0, 301, 20))
    assert after.force_train[-1] < after.force_train[0]


def assert_same_function(old: Model, new: Model, frames: list) -> None:
    """Forces equal; energies, too, but for the common bias, which a row of errors fits to the training frames."""
    shifts = []
    for frame in frames:
        a, b = evaluate(old, frame), evaluate(new, frame)
        np.testing.assert_allclose(b.forces, a.forces, atol=1e-5)
        shifts.append((b.energy - a.energy) / frame.n_atoms)
    assert np.ptp(shifts) < 1e-5


def test_a_start_that_does_not_fit_is_told(folder: Path) -> None:
    train(folder, steps=20)
    text = (folder / "nep.in").read_text()
    (folder / "nep.in").write_text(text.replace("n_max 2 2", "n_max 1 2"))
    with pytest.raises(InputError, match=r"nep.txt.*n_max"):
        train(folder, steps=20, start=folder / "nep.txt")
    with pytest.raises(InputError, match=r"nep\.restart"):
        train(folder, steps=20, start=folder / "nep.txt", optimizer="snes")


def test_snes_goes_on_from_nep_restart_with_one_step_column(folder: Path) -> None:
    first = train(folder, steps=40, optimizer="snes")
    assert first["validation"] is None
    rows = read_predictions(folder, "train")
    error = rows.force - rows.force_reference
    assert first["train"]["rmse_force"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-3)
    restart = (folder / "nep.restart").read_text()
    train(folder, steps=40, optimizer="snes")
    assert read_loss_out(folder / "loss.out").raw_steps.tolist() == [20, 40, 60, 80]
    assert (folder / "nep.restart").read_text() != restart
    (folder / "nep.restart").write_text("1.0 0.1\n")
    with pytest.raises(InputError, match=r"nep.restart.*1 row"):
        train(folder, steps=40, optimizer="snes")


@pytest.mark.parametrize("optimizer", ["soap", "snes"])
@pytest.mark.parametrize(
    ("frames", "elements"),
    [
        (labelled(1, 0), "2 Mg O"),
        ([labelled(1, 0)[0]] * 12, "2 Mg O"),
        (labelled(12, 0), "7 Mg O Ni Cu Zn Co Fe"),
    ],
    ids=["a single frame", "identical frames", "species missing from train"],
)
def test_odd_data_sets_train(tmp_path: Path, optimizer: str, frames: list, elements: str) -> None:
    folder = training_folder(tmp_path)
    (folder / "nep.in").write_text((folder / "nep.in").read_text().replace("2 Mg O", elements))
    write_frames(folder / "train.xyz", frames)
    summary = train(folder, steps=40, optimizer=optimizer)
    assert np.isfinite([summary["train"]["rmse_energy"], summary["train"]["rmse_force"]]).all()
    assert np.isfinite(Model.read(folder / "nep.txt").values).all()
    absent = [said for said in summary["remarks"] if "no training frame has" in said]
    assert len(absent) == (elements.startswith("7"))


@pytest.mark.parametrize("optimizer", ["soap", "snes"])
def test_atoms_that_feel_nothing_train(tmp_path: Path, optimizer: str) -> None:
    """One atom a cell, always the same: every descriptor has the range zero and every force is zero."""
    folder = training_folder(tmp_path)
    one = random_frame(n_atoms=1, labels=True)
    from dataclasses import replace

    frames = [replace(one, forces=np.zeros((1, 3)), energy=-3.0, virial=np.zeros(6))] * 12
    write_frames(folder / "train.xyz", frames)
    (folder / "test.xyz").unlink()
    summary = train(folder, steps=60, optimizer=optimizer, keep_zero_shear=True)
    assert summary["train"]["rmse_energy"] < 0.1
    model = Model.read(folder / "nep.txt")
    assert np.isfinite(model.q_scaler).all()
    assert predict(model, frames[:1]).energy[0] == pytest.approx(-3.0, abs=0.1)
