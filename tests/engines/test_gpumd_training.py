"""Trainings by a program named ``nep``: see tests/fake_nep.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neptuner
from engines_data import labelled, training_folder
from fake_nep import install_nep, install_replay
from neptuner.engines import embedded, gpumd_training
from neptuner.engines.gpumd_training import find_nep, nep_version, train_with_gpumd
from neptuner.engines.prediction import predict
from neptuner.errors import InputError, Interrupted, NeptunerError
from neptuner.files.extxyz import read_frames, write_frames
from neptuner.files.gpumd_version import GpumdVersion
from neptuner.files.loss_out import read_loss_out, read_validation_out
from neptuner.files.nep_in import read_nep_in
from neptuner.files.nep_restart import read_nep_restart
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.study.outcome import read_outcome

QUICK = "population 10\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Training, validation and test frames."""
    path = tmp_path / "run"
    path.mkdir()
    training_folder(path)
    write_frames(path / "valid.xyz", labelled(5, 50))
    with (path / "nep.in").open("a") as file:
        file.write(QUICK)
    return path


def replay(folder: Path, tmp_path: Path, **options: Any) -> Path:
    """A program that trains nothing, for the settings of a folder."""
    settings = Settings.from_nep_in(read_nep_in(folder / "nep.in"))
    count, path = parameter_count(settings), tmp_path / "model.txt"
    Model(settings, np.linspace(-0.5, 0.5, count), np.full(settings.dim, 0.1), (50, 30)).write(path)
    return install_replay(tmp_path, path, count, **options)


def interrupt_at(folder: Path, rows: int, number: int = signal.SIGTERM, pid: int | None = None) -> None:
    """Send a signal when loss.out has so many rows."""

    def wait() -> None:
        while not (folder / "loss.out").exists() or len((folder / "loss.out").read_text().splitlines()) < rows:
            time.sleep(0.01)
        os.kill(os.getpid() if pid is None else pid, number)

    threading.Thread(target=wait, daemon=True).start()


def test_finds_the_program_and_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = install_nep(tmp_path, version="4.9.1")
    monkeypatch.delenv(gpumd_training.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_nep() == find_nep(program) == program
    assert nep_version(program) == GpumdVersion(4, 9, 1)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match=r"there is no program `nep`; give the path of GPUMD's nep, .*\$NEPTUNER_NEP"):
        find_nep()
    monkeypatch.setenv(gpumd_training.VARIABLE, str(program))
    assert find_nep() == program


def test_gpumd_is_not_taken_for_nep(tmp_path: Path) -> None:
    program = install_nep(tmp_path)
    program.write_text(program.read_text().replace("nep executable", "gpumd executable"))
    with pytest.raises(InputError, match=r"printed no banner with a version; is it GPUMD's nep?"):
        nep_version(program)


def test_leaves_what_our_own_trainer_leaves(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    rows: list[int] = []
    summary = train_with_gpumd(folder, install_nep(tmp_path), steps=290, threads=1, observer=Recorder(said, rows))
    assert json.loads((folder / "train.json").read_text()) == summary
    assert (summary["engine"], summary["steps"], summary["ended"]) == ("gpumd 5.6", 290, "steps")
    assert (summary["restarts"], summary["seeded_from"], summary["seed"]) == (0, "clock", 1)
    assert any("seeds its search from the clock" in sentence for sentence in said)
    assert rows == list(range(20, 281, 20))
    assert sorted(path.name for path in (folder / "gpumd").iterdir()) == ["loss.out", "nep.in", "nep.log"]
    assert not (folder / "checkpoint.npz").exists()
    read_nep_restart(folder / "nep.restart", summary["parameters"])
    outcome = read_outcome(folder, summary, 10)
    assert outcome.parameters == summary["parameters"]

    own = tmp_path / "own"
    own.mkdir()
    training_folder(own)
    write_frames(own / "valid.xyz", labelled(5, 50))
    expected = embedded.train(own, optimizer="snes", steps=20, threads=1)
    assert expected.keys() <= summary.keys()
    assert {path.name for path in own.iterdir()} - {path.name for path in folder.iterdir()} == set()
    for name in ("train", "validation", "test"):
        assert summary[name].keys() == expected[name].keys()
        assert summary[name]["frames"] == expected[name]["frames"]


def test_rows_hold_the_errors_of_their_models(folder: Path, tmp_path: Path) -> None:
    summary = train_with_gpumd(folder, install_nep(tmp_path), steps=280, threads=1)
    loss, validation = read_loss_out(folder / "loss.out"), read_validation_out(folder / "validation.out")
    theirs = read_loss_out(folder / "gpumd" / "loss.out")
    np.testing.assert_array_equal(loss.force_train, theirs.force_train)
    np.testing.assert_allclose(validation.force, theirs.force_test, atol=1.1e-5)
    np.testing.assert_allclose(validation.energy, theirs.energy_test, atol=1.1e-5)
    np.testing.assert_allclose(validation.virial, theirs.virial_test, atol=1.1e-5)
    assert np.count_nonzero(loss.force_test) == np.count_nonzero(loss.virial_test) == 10
    assert (loss.force_test[-10:] > 0).all()

    score = validation.energy + validation.force + 0.1 * validation.virial
    best = int(np.argmin(score))
    assert score[loss.steps.tolist().index(summary["best_step"])] == pytest.approx(score[best], abs=3e-5)
    for name, curve in (("test", loss.force_test), ("valid", validation.force)):
        found = predict(folder / "nep.txt", folder / f"{name}.xyz", threads=1)
        at_best = curve[loss.steps.tolist().index(summary["best_step"])]
        if name == "valid" or at_best > 0:
            assert found["rmse_force"] == pytest.approx(at_best, abs=1.1e-5)
    assert summary["test"]["rmse_force"] == pytest.approx(
        predict(folder / "nep.txt", folder / "test.xyz", threads=1)["rmse_force"]
    )


def test_what_nep_gets(folder: Path, tmp_path: Path) -> None:
    with (folder / "nep.in").open("a") as file:
        file.write("sigma0 0.05\nsave_potential 7 1 1\n")
    said: list[str] = []
    train_with_gpumd(folder, install_nep(tmp_path), steps=20, threads=1, observer=Recorder(said, []))
    text = (folder / "gpumd" / "nep.in").read_text()
    assert "sigma0          0.05\n" in text
    assert "save_potential  20 0 1\n" in text
    assert read_nep_in(folder / "gpumd" / "nep.in").generation == 20
    assert "save_potential is ignored" in said


def test_frames_may_be_held_out_of_train_xyz(folder: Path, tmp_path: Path) -> None:
    (folder / "valid.xyz").unlink()
    summary = train_with_gpumd(folder, install_nep(tmp_path), steps=40, threads=1, validation_fraction=0.2)
    assert summary["train"]["frames"] + summary["validation"]["frames"] == 30
    assert summary["validation"]["frames"] == 6
    assert len((folder / "energy_train.out").read_text().splitlines()) == 30


def test_without_validation_and_test_the_last_model_is_kept(folder: Path, tmp_path: Path) -> None:
    for name in ("valid.xyz", "test.xyz"):
        (folder / name).unlink()
    summary = train_with_gpumd(folder, install_nep(tmp_path), steps=100, threads=1)
    assert (summary["best_step"], summary["validation"], summary["test"]) == (100, None, None)
    assert not read_loss_out(folder / "loss.out").force_test.any()
    assert not (folder / "validation.out").exists()


def test_a_signal_ends_it_and_it_goes_on(folder: Path, tmp_path: Path) -> None:
    program = replay(folder, tmp_path, nap=0.1)
    interrupt_at(folder, 4)
    with pytest.raises(Interrupted, match=r"stopped by SIGTERM, .* of 400; .*--resume goes on"):
        train_with_gpumd(folder, program, steps=400, threads=1)
    assert not (folder / "train.json").exists()
    with np.load(folder / "checkpoint.npz") as file:
        mu, done = file["process/mu"], json.loads(str(file["meta"]))["last"]["step"]
    assert 60 <= done < 400
    assert set(mu) == {done}
    with pytest.raises(InputError, match=r"an unfinished training stands here; go on with it \(--resume\)"):
        train_with_gpumd(folder, program, steps=400, threads=1)
    with pytest.raises(InputError, match="belongs to another training: steps was 400, now it is 440"):
        train_with_gpumd(folder, program, steps=440, threads=1, resume=True)
    with pytest.raises(InputError, match="belongs to another training: optimizer was snes of GPUMD"):
        embedded.train(folder, optimizer="snes", steps=400, threads=1, resume=True, validation_fraction=0.0)

    summary = train_with_gpumd(folder, replay(folder, tmp_path), steps=400, threads=1, resume=True)
    assert set(read_nep_restart(folder / "nep.restart", len(mu))[0]) == {400}
    assert read_nep_in(folder / "gpumd" / "nep.in").generation == 400 - done
    assert read_loss_out(folder / "loss.out").raw_steps.tolist() == list(range(20, 401, 20))
    assert read_validation_out(folder / "validation.out").raw_steps.tolist() == list(range(20, 401, 20))
    assert np.count_nonzero(read_loss_out(folder / "loss.out").force_test) == 10
    assert (summary["steps"], summary["restarts"]) == (400, 1)
    assert any("each restart spends its first generation" in sentence for sentence in summary["remarks"])
    assert train_with_gpumd(folder, "/not/needed/any/more", steps=400, resume=True) == summary


def test_nep_does_not_outlive_a_killed_neptuner(folder: Path, tmp_path: Path) -> None:
    program = replay(folder, tmp_path, nap=0.5)
    words = ["train", str(folder), "--engine", "gpumd", "--nep", str(program), "--steps", "400", "--threads", "1"]
    words += ["--checkpoint-interval", "0.01", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(neptuner.__file__).parents[1])}
    command = [sys.executable, "-m", "neptuner", *words]
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    interrupt_at(folder, 3, signal.SIGKILL, first.pid)
    assert first.wait(120) == -signal.SIGKILL
    nep = Path("/proc", (folder / "gpumd" / "pid").read_text(), "exe")
    deadline = time.monotonic() + 4
    while nep.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not nep.exists()

    replay(folder, tmp_path)
    ended = subprocess.run([*command, "--resume"], env=environment, capture_output=True, text=True, check=True)
    summary = json.loads(ended.stdout)
    assert (summary["steps"], summary["restarts"]) == (400, 1)
    assert set(read_nep_restart(folder / "nep.restart", summary["parameters"])[0]) == {400}
    assert read_loss_out(folder / "loss.out").raw_steps.tolist() == list(range(20, 401, 20))


def test_a_time_limit_ends_it(folder: Path, tmp_path: Path) -> None:
    program = replay(folder, tmp_path, nap=0.1)
    summary = train_with_gpumd(folder, program, steps=20_000, threads=1, time_limit=2)
    assert (summary["ended"], summary["stopped"]) == ("time limit", False)
    assert summary["steps"] == read_loss_out(folder / "loss.out").steps[-1]
    assert 20 <= summary["steps"] < 20_000
    assert 1 < summary["seconds"] < 10
    assert not (folder / "checkpoint.npz").exists()


def test_a_time_limit_counts_what_came_before_a_resumption(folder: Path, tmp_path: Path) -> None:
    program = replay(folder, tmp_path, nap=0.5)
    interrupt_at(folder, 2)
    with pytest.raises(Interrupted):
        train_with_gpumd(folder, program, steps=20_000, threads=1, time_limit=100)
    program.write_text(program.read_text().replace("open(", "sys.exit('is not to run again') or open(", 2))
    summary = train_with_gpumd(folder, program, steps=20_000, threads=1, time_limit=0.5, resume=True)
    assert (summary["ended"], summary["steps"]) == ("time limit", 40)


def test_a_time_limit_before_the_first_row_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NeptunerError, match=r"the time limit came before the first row of loss.out"):
        train_with_gpumd(folder, replay(folder, tmp_path, nap=30), threads=1, time_limit=0.5)


def test_errors_of_gpumd_are_shown_as_they_are(folder: Path, tmp_path: Path) -> None:
    error = "sys.stderr.write('Input Error:\\n    Error Text:  cutoff is odd.\\n'); sys.exit(1)"
    with pytest.raises(NeptunerError, match="ended with exit code 1") as caught:
        train_with_gpumd(folder, install_nep(tmp_path, at_start=error), threads=1)
    assert str(caught.value).endswith("Input Error:\n    Error Text:  cutoff is odd.")
    assert "cutoff is odd" in (folder / "gpumd" / "nep.log").read_text()
    assert not (folder / "checkpoint.npz").exists()


def test_it_goes_on_after_a_crash(folder: Path, tmp_path: Path) -> None:
    crash = "step == 60 and os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(NeptunerError, match="was ended by signal 9"):
        train_with_gpumd(folder, replay(folder, tmp_path, at_row=crash), steps=100, threads=1)
    assert read_loss_out(folder / "loss.out").steps.tolist() == [20, 40, 60]
    summary = train_with_gpumd(folder, replay(folder, tmp_path), steps=100, threads=1, resume=True)
    assert (summary["steps"], summary["restarts"]) == (100, 1)
    assert set(read_nep_restart(folder / "nep.restart", summary["parameters"])[0]) == {100}
    assert read_loss_out(folder / "loss.out").raw_steps.tolist() == [20, 40, 60, 80, 100]


def test_a_state_that_a_kill_cut_short_is_not_gone_on_from(folder: Path, tmp_path: Path) -> None:
    crash = "step == 60 and (os.truncate('nep_gen60.restart', 320), os.kill(os.getpid(), signal.SIGKILL))"
    with pytest.raises(NeptunerError, match="was ended by signal 9"):
        train_with_gpumd(folder, replay(folder, tmp_path, nap=0.2, at_row=crash), steps=100, threads=1)
    summary = train_with_gpumd(folder, replay(folder, tmp_path), steps=100, threads=1, resume=True)
    assert read_nep_in(folder / "gpumd" / "nep.in").generation == 60
    assert set(read_nep_restart(folder / "nep.restart", summary["parameters"])[0]) == {100}
    assert read_loss_out(folder / "loss.out").raw_steps.tolist() == [20, 40, 60, 80, 100]


def test_an_early_end_is_no_success(folder: Path, tmp_path: Path) -> None:
    program = replay(folder, tmp_path, at_row="step == 40 and os._exit(0)")
    with pytest.raises(NeptunerError, match=r"GPUMD ended after generation 40 of 100; see .*nep.log"):
        train_with_gpumd(folder, program, steps=100, threads=1)


def test_a_search_is_gone_on_with(folder: Path, tmp_path: Path) -> None:
    program, said = install_nep(tmp_path), []
    train_with_gpumd(folder, program, steps=40, threads=1)
    train_with_gpumd(folder, program, steps=40, threads=1, observer=Recorder(said, []))
    assert read_loss_out(folder / "loss.out").raw_steps.tolist() == [20, 40, 60, 80]
    assert "the search goes on from nep.restart (delete it to begin anew)" in said


def test_an_older_version_that_keeps_no_copies(folder: Path, tmp_path: Path) -> None:
    text = (folder / "nep.in").read_text().replace("output_interval 20\n", "")
    (folder / "nep.in").write_text(text)
    program = replay(folder, tmp_path, version="4.0", nap=0.2)
    interrupt_at(folder, 2)
    with pytest.raises(Interrupted):
        train_with_gpumd(folder, program, steps=600, threads=1)
    summary = train_with_gpumd(folder, program, steps=600, threads=1, resume=True)
    assert (summary["engine"], summary["steps"], summary["restarts"]) == ("gpumd 4.0", 600, 1)
    assert "save_potential" not in (folder / "gpumd" / "nep.in").read_text()
    assert set(read_nep_restart(folder / "nep.restart", summary["parameters"])[0]) == {600}
    loss = read_loss_out(folder / "loss.out")
    assert loss.raw_steps[-1] == 600
    assert (loss.force_test > 0).all()


def test_rows_without_a_model_are_left_out(folder: Path, tmp_path: Path) -> None:
    train_with_gpumd(folder, replay(folder, tmp_path, lost=(60,)), steps=100, threads=1, last_rows=3)
    loss = read_loss_out(folder / "loss.out")
    assert loss.raw_steps.tolist() == [20, 40, 80, 100]
    assert (loss.force_test > 0).tolist() == [False, True, True, True]
    assert read_validation_out(folder / "validation.out").raw_steps.tolist() == [20, 40, 80, 100]


def test_shear_virials_that_are_missing_everywhere(folder: Path, tmp_path: Path) -> None:
    for name in ("train.xyz", "valid.xyz"):
        frames = [replace(f, virial=f.virial * [1, 1, 1, 0, 0, 0]) for f in read_frames(folder / name)]
        write_frames(folder / name, frames)
    program = install_nep(tmp_path, at_start="import shutil; shutil.copytree('.', '../seen')")
    summary = train_with_gpumd(folder, program, steps=40, threads=1)
    assert "lambda_shear    0\n" in (folder / "gpumd" / "nep.in").read_text()
    assert summary["settings"]["lambda_shear"] == [1.0]
    assert summary["masked_shear_frames"] == 35
    assert any("GPUMD trains with lambda_shear 0" in sentence for sentence in summary["remarks"])
    assert all(frame.virial is not None for frame in read_frames(folder / "seen" / "train.xyz"))
    assert all(frame.virial is None for frame in read_frames(folder / "seen" / "test.xyz"))
    validation = read_validation_out(folder / "validation.out")
    assert validation.virial[-1] > 0  # ours, of the diagonal
    assert summary["validation"]["rmse_virial"] > 0


def test_shear_virials_that_are_missing_in_some_frames(folder: Path, tmp_path: Path) -> None:
    frames = read_frames(folder / "train.xyz")
    frames[:3] = [replace(frame, virial=frame.virial * [1, 1, 1, 0, 0, 0]) for frame in frames[:3]]
    write_frames(folder / "train.xyz", frames)
    program = install_nep(tmp_path, at_start="import shutil; shutil.copytree('.', '../seen')")
    summary = train_with_gpumd(folder, program, steps=20, threads=1)
    assert summary["masked_shear_frames"] == 3
    assert [frame.virial is None for frame in read_frames(folder / "seen" / "train.xyz")] == [True] * 3 + [False] * 27
    assert "lambda_shear    1\n" in (folder / "gpumd" / "nep.in").read_text()


def test_what_is_refused_before_anything_starts(folder: Path, tmp_path: Path) -> None:
    program = install_nep(tmp_path, version="5.5")
    with pytest.raises(InputError, match=r"nep.in: GPUMD 5.5 does not take `output_interval 20`"):
        train_with_gpumd(folder, program, threads=1)
    with pytest.raises(InputError, match="10 generations are fewer than output_interval 20"):
        train_with_gpumd(folder, install_nep(tmp_path), steps=10, threads=1)
    frames = read_frames(folder / "train.xyz")
    write_frames(folder / "train.xyz", [frames[0], replace(frames[1], energy_weight=0.5), *frames[2:]])
    text = (folder / "nep.in").read_text()
    (folder / "nep.in").write_text(text.replace("output_interval 20\n", "").replace("l_max 2 1", "l_max 4 2"))
    with pytest.raises(InputError, match=r"train.xyz, frame 2, .* energy_weight, which GPUMD 3.9.5 does not know"):
        train_with_gpumd(folder, install_nep(tmp_path, version="3.9.5"), threads=1)
    assert not (folder / "gpumd").exists()
    assert not (folder / "loss.out").exists()


def test_a_folder_that_is_in_the_way_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (folder / "gpumd").mkdir()
    (folder / "gpumd" / "mine").touch()
    with pytest.raises(InputError, match=r"gpumd: is in the way, .* rename it"):
        train_with_gpumd(folder, install_nep(tmp_path), threads=1)
    assert (folder / "gpumd" / "mine").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--optimizer", "adamw"], "--optimizer adamw is for our own trainers, not for --engine gpumd"),
        (["--committee", "2"], "--committee is for our own trainers"),
        (["--patience", "5"], "--patience is for our own trainers"),
        (["--start", "nep.txt"], "--start is for our own trainers"),
        (["--engine", "other"], "the engine is other, expected embedded or gpumd"),
        (["--nep", "nothing_here"], "there is no program `nothing_here`"),
        (["--last-rows", "0"], "the number of last rows is 0, expected 1 or more"),
    ],
)
def test_the_command_refuses(folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    from neptuner.cli import main

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as caught:
        patch.setattr(sys, "argv", ["neptuner", "train", str(folder), "--engine", "gpumd", *words])
        main()
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


class Recorder:
    """An observer that notes remarks and rows."""

    def __init__(self, said: list[str], rows: list[int]) -> None:
        self.said, self.rows = said, rows

    def remark(self, sentence: str) -> None:
        self.said.append(sentence)

    def step(self, step: int, steps: int, progress: float) -> None:
        assert 0 < progress <= 1

    def row(self, row) -> None:
        self.rows.append(row.step)
