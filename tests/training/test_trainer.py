"""Trainings of seconds: they learn, repeat themselves and stop when told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import random_frame, random_model
from neptuner.errors import NeptunerError
from neptuner.files.nep_in import parse_nep_in
from neptuner.kernels.prediction import predict
from neptuner.training.dataset import Dataset, make_dataset
from neptuner.training.defaults import DEFAULT_STEPS, default_batch, default_steps, remarks, resolve
from neptuner.training.records import DataSets
from neptuner.training.split import validation_mask
from neptuner.training.trainer import TrainerSettings, regularisation, train


def taught(n_frames: int, first_seed: int) -> list:
    """Frames labelled by a random potential, so that a perfect model exists."""
    teacher = random_model(neuron=(4,), l_max=(2, 0, 0, 0, 0, 0, 0), seed=5)
    frames = [random_frame(first_seed + seed, n_atoms=4 + seed % 3) for seed in range(n_frames)]
    outputs = predict(teacher, frames, dtype=np.float64)
    ends = np.cumsum([frame.n_atoms for frame in frames])
    return [
        replace(
            frame,
            energy=float(outputs.energy[s]),
            forces=outputs.forces[ends[s] - frame.n_atoms : ends[s]],
            virial=outputs.virial[s],
        )
        for s, frame in enumerate(frames)
    ]


@pytest.fixture(scope="module")
def sets() -> DataSets:
    settings = random_model(neuron=(8,), l_max=(2, 0, 0, 0, 0, 0, 0)).settings
    parts = (taught(24, 0), taught(6, 100), taught(6, 200))
    return DataSets(*(make_dataset(frames, settings) for frames in parts))


SHORT = TrainerSettings(steps=60, batch=8, output_interval=20, seed=3)


def test_training_lowers_every_error(sets) -> None:
    rows = []
    trained = train(sets, replace(SHORT, steps=400, output_interval=50), on_row=lambda row, nep, best: rows.append(row))
    assert [row.step for row in rows] == list(range(50, 401, 50))
    assert trained.best.test.force < 0.5 * rows[0].test.force
    assert trained.best.train.energy < 0.5 * rows[0].train.energy
    assert trained.best.train.virial < rows[0].train.virial
    scores = [row.validation.weighted(SHORT.loss) for row in rows]
    assert trained.best.step == rows[int(np.argmin(scores))].step


def test_same_seed_same_model_whatever_the_threads(sets) -> None:
    one, again, other = (
        train(sets, settings).nep.values for settings in (SHORT, replace(SHORT, threads=3), replace(SHORT, seed=4))
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_stop_ends_after_the_step_with_a_model(sets) -> None:
    steps = []
    trained = train(sets, SHORT, on_step=lambda step, progress: steps.append(step), should_stop=lambda: len(steps) > 6)
    assert trained.stopped
    assert trained.last.step == 7
    assert np.isfinite(trained.nep.values).all()


def test_time_limit_ends_with_a_fallen_rate(sets) -> None:
    train(sets, replace(SHORT, steps=1))
    trained = train(sets, replace(SHORT, steps=10**6, time_limit=2.0))
    assert not trained.stopped
    assert 1.5 < trained.seconds < 6.0


def test_a_kept_neuron_stays_zero(sets) -> None:
    parameters = train(sets, SHORT, keep_neuron=True).nep.parameters
    assert not parameters.hidden[-1].weight[:, -1].any()
    assert not parameters.hidden[-1].bias[:, -1].any()
    assert not parameters.output[:, -1].any()
    assert parameters.output[:, :-1].all()


def test_without_validation_the_training_loss_chooses(sets) -> None:
    trained = train(DataSets(sets.train), SHORT)
    assert trained.best.validation is None
    assert trained.best.test is None


def test_divergence_is_told(sets) -> None:
    labels = replace(sets.train.labels, energy=np.full(sets.train.n_frames, np.inf))
    with pytest.raises(NeptunerError, match="diverged"):
        train(DataSets(Dataset(sets.train.prepared, labels)), SHORT)


def test_regularisation_is_gpumds() -> None:
    settings = replace(SHORT, lambda_1=0.1, lambda_2=0.2)
    assert regularisation(np.array([3.0, -4.0, 0.0, 0.0]), settings) == pytest.approx((0.1 * 7 / 4, 0.2 * 2.5))


def test_split_keeps_the_share_of_every_size() -> None:
    frames = [random_frame(n_atoms=n) for n in [3] * 40 + [5] * 20]
    mask = validation_mask(frames, 0.1, seed=1)
    assert mask[:40].sum() == 4
    assert mask[40:].sum() == 2
    np.testing.assert_array_equal(mask, validation_mask(frames, 0.1, seed=1))
    assert not np.array_equal(mask, validation_mask(frames, 0.1, seed=2))
    assert not validation_mask(frames[:9], 0.1, seed=1).any()


def test_groups_are_held_out_whole() -> None:
    frames = [replace(random_frame(n_atoms=4 + i % 2), info={"run": f"{i // 6}"}) for i in range(60)]
    mask = validation_mask(frames, 0.2, seed=1, group="run")
    assert 12 <= mask.sum() < 18
    for size in (4, 5):
        sides = {}
        for frame, held in zip(frames, mask, strict=True):
            if frame.n_atoms == size:
                sides.setdefault(frame.info["run"], set()).add(bool(held))
        assert all(len(side) == 1 for side in sides.values())


def test_keywords_meant_for_snes_do_not_make_hours() -> None:
    snes = parse_nep_in("type 2 Mg O\ngeneration 100000\npopulation 50\n")
    assert default_steps(snes) == DEFAULT_STEPS
    said = remarks(snes, DEFAULT_STEPS)
    assert "100000" in said[0]
    assert any(sentence.startswith("population") for sentence in said)
    assert default_steps(parse_nep_in("type 2 Mg O\ngeneration 700\n")) == 700


def test_default_batch_holds_about_800_atoms() -> None:
    frames = [random_frame(n_atoms=8)] * 300
    assert default_batch(frames) == 100
    assert default_batch(frames[:5]) == 5
    assert resolve(parse_nep_in("type 2 Mg O\n"), frames).batch == 100
    assert resolve(parse_nep_in("type 2 Mg O\nbatch 7\n"), frames).batch == 7
