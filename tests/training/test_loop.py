"""Trainings of seconds: they learn, repeat themselves, stop when told, roll back and go on to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError, NeptunerError
from neptuner.training.checkpoint import check_identity, load, save
from neptuner.training.dataset import Dataset
from neptuner.training.loop import LoopSettings, run
from neptuner.training.process import DivergenceError
from neptuner.training.records import DataSets, Report
from neptuner.training.regularisation import regularisation, regularisation_gradient
from taught import BATCHES, SHAPE, SHORT, Recorder, descent, taught_sets, train


@pytest.fixture(scope="module")
def sets() -> DataSets:
    return taught_sets()


@pytest.mark.parametrize("optimizer", ["soap", "adamw"])
def test_training_lowers_every_error(sets, optimizer: str) -> None:
    recorder, loop = Recorder(), LoopSettings(steps=400, output_interval=50)
    process = descent(sets.train, replace(BATCHES, optimizer=optimizer))
    trained = run(process, sets, loop, recorder)
    rows = recorder.rows
    assert [row.step for row in rows] == list(range(50, 401, 50))
    assert trained.best.test.force < 0.6 * rows[0].test.force
    assert trained.best.train.energy < 0.6 * rows[0].train.energy
    assert trained.best.train.virial < rows[0].train.virial
    scores = [row.validation.weighted(loop.loss) for row in rows]
    assert trained.best.step == rows[int(np.argmin(scores))].step
    assert trained.ended == "steps"


def test_same_seed_same_model_whatever_the_threads(sets) -> None:
    one, again, other = (
        train(sets, SHORT, replace(BATCHES, **change)).model.values for change in ({}, {"threads": 3}, {"seed": 4})
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_stop_ends_after_the_step_with_a_model_and_a_checkpoint(sets) -> None:
    recorder = Recorder(most=7)
    trained = run(descent(sets.train), sets, SHORT, recorder)
    assert trained.ended == "signal"
    assert trained.last.step == 7
    assert len(recorder.checkpoints) == 1
    assert np.isfinite(trained.model.values).all()


def test_time_limit_ends_with_a_fallen_rate(sets) -> None:
    train(sets, replace(SHORT, steps=1))
    trained = train(sets, replace(SHORT, steps=10**6, time_limit=2.0))
    assert trained.ended == "time limit"
    assert 1.5 < trained.seconds < 6.0


def test_patience_ends_a_training_that_no_longer_learns(sets) -> None:
    process = descent(sets.train)
    process.slow_down = lambda: False  # type: ignore[method-assign]
    process._rate_factor = 0.0
    recorder = Recorder()
    trained = run(process, sets, replace(SHORT, steps=1000, patience=60), recorder)
    assert trained.ended == "early stopping"
    assert trained.last.step <= 20 + 60 + 20


def test_a_frozen_neuron_stays_zero(sets) -> None:
    from neptuner.training.descent import Descent
    from neptuner.training.offsets import Offsets, neuron_of_offsets

    start = descent(sets.train).report().model
    frozen = neuron_of_offsets(SHAPE, Offsets(0.0, np.array([1.0, 2.0])))
    start.values[frozen] = 0.0
    process = Descent(start, sets.train, BATCHES, frozen)
    parameters = run(process, sets, SHORT, Recorder()).model.parameters
    assert not parameters.hidden[-1].weight[:, -1].any()
    assert not parameters.hidden[-1].bias[:, -1].any()
    assert not parameters.output[:, -1].any()
    assert parameters.output[:, :-1].all()


def test_without_validation_the_training_loss_chooses(sets) -> None:
    trained = train(DataSets(sets.train))
    assert trained.best.validation is None
    assert trained.best.test is None


def test_data_that_are_not_numbers_are_told(sets) -> None:
    labels = replace(sets.train.labels, energy=np.full(sets.train.n_frames, np.inf))
    with pytest.raises(NeptunerError, match="diverged at step 0 for the 13th time"):
        train(DataSets(Dataset(sets.train.prepared, labels)))


@pytest.mark.parametrize("harm", ["not a number", "far above", "raised"])
def test_divergence_is_rolled_back_with_shorter_steps_and_told(sets, harm: str) -> None:
    """At step 30 the parameters are spoilt once: noticed by the row at 40, back to 20, and on to the end."""
    process, recorder, spoilt = descent(sets.train), Recorder(), []
    advance = process.advance

    def spoil(progress: float) -> None:
        if process.steps_done == 30 and not spoilt:
            spoilt.append(True)
            if harm == "raised":
                raise DivergenceError
            factor = np.nan if harm == "not a number" else 50.0
            process._model = replace(process._model, values=process._model.values * factor)
            if harm == "far above":
                process.steps_done = 39  # so that the row comes before training can mend it
        advance(progress)

    process.advance = spoil  # type: ignore[method-assign]
    trained = run(process, sets, SHORT, recorder)
    assert [row.step for row in recorder.rows] == [20, 40, 60]
    assert len(recorder.remarks) == 1
    assert "back to step 20" in recorder.remarks[0]
    assert process._rate_factor == 0.5
    assert trained.ended == "steps"
    assert all(np.isfinite(row.train.force) for row in recorder.rows)


def test_the_last_row_is_judged_again_after_a_divergence_at_the_very_end(sets) -> None:
    process, recorder = descent(sets.train), Recorder()
    report = process.report

    def spoilt_once() -> Report:
        found = report()
        if process.steps_done == 10 and not recorder.remarks:
            return replace(found, train=replace(found.train, force=float("nan")))
        return found

    process.report = spoilt_once  # type: ignore[method-assign]
    trained = run(process, sets, LoopSettings(steps=10, output_interval=100), recorder)
    assert np.isfinite(trained.last.train.force)
    assert len(recorder.remarks) == 1
    assert [row.step for row in recorder.rows] == [10]


def test_regularisation_is_gpumds() -> None:
    assert regularisation(np.array([3.0, -4.0, 0.0, 0.0]), 0.1, 0.2) == pytest.approx((0.1 * 7 / 4, 0.2 * 2.5))


def test_regularisation_gradient_is_its_derivative() -> None:
    values, step = np.array([3.0, -4.0, 0.5, 0.1]), 1e-6
    found = regularisation_gradient(values, 0.1, 0.2)
    for number in range(4):
        change = step * np.eye(4)[number]
        up, down = (sum(regularisation(values + sign * change, 0.1, 0.2)) for sign in (1, -1))
        assert found[number] == pytest.approx((up - down) / (2 * step), rel=1e-6)


def run_with_break(sets: DataSets, path: Path, stop: int | None, optimizer: str) -> tuple:
    """Train to the end; with ``stop``, by way of a checkpoint on disk and new objects."""
    batches = replace(BATCHES, optimizer=optimizer)
    if stop is None:
        recorder = Recorder()
        return run(descent(sets.train, batches), sets, SHORT, recorder), recorder.rows
    first = Recorder(most=stop)
    run(descent(sets.train, batches), sets, SHORT, first)
    save(path, *first.checkpoints[-1], {"seed": 3})
    found = load(path, SHAPE)
    process = descent(sets.train, batches)
    process.restore(found.process)
    second = Recorder()
    kept = [row for row in first.rows if found.standing.last and row.step <= found.standing.last.step]
    return run(process, sets, SHORT, second, found.standing), [*kept, *second.rows]


@pytest.fixture(scope="module")
def undisturbed(sets, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("undisturbed")
    return {name: run_with_break(sets, folder / "c.npz", None, name) for name in ("soap", "adamw")}


@pytest.mark.parametrize("optimizer", ["soap", "adamw"])
@pytest.mark.parametrize("stop", [1, 7, 19, 20, 21, 37, 58])
def test_stopped_and_gone_on_is_never_stopped(sets, undisturbed, tmp_path: Path, stop: int, optimizer: str) -> None:
    path = tmp_path / "checkpoint.npz"
    trained, rows = run_with_break(sets, path, stop, optimizer)
    expected, expected_rows = undisturbed[optimizer]
    np.testing.assert_array_equal(trained.model.values, expected.model.values)
    assert [replace(row, seconds=0.0) for row in rows] == [replace(row, seconds=0.0) for row in expected_rows]
    assert trained.best.step == expected.best.step


def test_a_roll_back_after_resumption_goes_to_the_same_state(sets, tmp_path: Path) -> None:
    """What a divergence would go back to is in the checkpoint, too."""
    first = Recorder(most=27)
    run(descent(sets.train), sets, SHORT, first)
    save(tmp_path / "checkpoint.npz", *first.checkpoints[-1], {})
    found = load(tmp_path / "checkpoint.npz", SHAPE)
    assert int(found.process["steps"]) == 27
    assert int(found.standing.good["steps"]) == 20
    assert found.standing.last.step == 20


def test_another_trainings_checkpoint_is_refused(tmp_path: Path) -> None:
    check_identity(tmp_path, {"seed": 1, "steps": 2, "more": 3}, {"seed": 1, "steps": 2})
    with pytest.raises(InputError, match="steps was 2, now it is 5"):
        check_identity(tmp_path, {"seed": 1, "steps": 2}, {"seed": 1, "steps": 5})


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a file"])
def test_a_damaged_checkpoint_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        load(path, SHAPE)
