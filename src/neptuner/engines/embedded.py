"""Train here: neptuner's own trainer and kernels on a directory in GPUMD's layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from neptuner import __version__
from neptuner.engines.inputs import Inputs, read_inputs
from neptuner.engines.outputs import append_row, start_outputs, write_outputs, write_summary
from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.files.nep_in import NepIn, as_settings
from neptuner.kernels.prediction import predict as predict_frames
from neptuner.machine import usable_cpus
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.signals import stop_wish
from neptuner.training.dataset import Dataset, make_dataset
from neptuner.training.defaults import default_steps, remarks
from neptuner.training.loss import Errors, LossWeights
from neptuner.training.offsets import Offsets, fit_offsets, fold
from neptuner.training.records import DataSets, Row
from neptuner.training.trainer import Trained, TrainerSettings
from neptuner.training.trainer import train as train_model

OPTIMIZERS = ("adamw",)


class Observer(Protocol):
    """Is told how a training goes."""

    def remark(self, sentence: str) -> None:
        """Take a sentence worth knowing before training starts."""

    def step(self, step: int, steps: int, progress: float) -> None:
        """Take the share of the training done."""

    def row(self, row: Row) -> None:
        """Take a row of errors."""


class Silent:
    """An observer that tells nobody."""

    def remark(self, sentence: str) -> None:
        """Drop a sentence."""

    def step(self, step: int, steps: int, progress: float) -> None:
        """Do nothing."""

    def row(self, row: Row) -> None:
        """Drop a row."""


def train(
    folder: str | Path = ".",
    *,
    optimizer: str = "adamw",
    steps: int | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    seed: int = 1,
    validation_fraction: float = 0.1,
    keep_zero_shear: bool = False,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Train a NEP in a directory laid out as for GPUMD's ``nep``.

    Reads nep.in, train.xyz and, where present, valid.xyz and test.xyz. Writes nep.txt (best on validation), loss.out,
    validation.out, the prediction files of train.xyz and test.xyz and, at the very end, train.json.

    Parameters
    ----------
    folder
        The directory.
    optimizer
        ``adamw``.
    steps
        Optimiser steps; None takes ``generation`` of nep.in if it is meant for gradients, else a default.
    time_limit
        Seconds for the whole call; the learning rate is made to fall within them.
    threads
        Number of threads; None takes every processor.
    seed
        Of the split, the starting model and the order of mini-batches.
    validation_fraction
        Share of train.xyz to hold out where there is no valid.xyz.
    keep_zero_shear
        Believe shear virials of exactly zero where the forces say that they are missing.
    observer
        Is told how the training goes.

    Returns
    -------
    The content of train.json; ``"stopped": true`` if a signal ended the training early.

    Raises
    ------
    InputError
        For bad input, before training starts.
    """
    begin, observer, folder = perf_counter(), observer or Silent(), Path(folder)
    _check_options(optimizer, steps, time_limit, threads)
    inputs = read_inputs(folder, seed=seed, validation_fraction=validation_fraction, keep_zero_shear=keep_zero_shear)
    steps = steps or default_steps(inputs.nep_in)
    said = [*remarks(inputs.nep_in, steps), *_data_remarks(inputs)]
    for sentence in said:
        observer.remark(sentence)
    threads = threads or usable_cpus()
    settings = Settings.from_nep_in(inputs.nep_in)
    offsets = fit_offsets(inputs.train, settings)
    sets = _datasets(inputs, settings, offsets, threads)
    spent = perf_counter() - begin
    left = None if time_limit is None else max(1e-3, time_limit - spent)
    trainer = _trainer_settings(inputs.nep_in, steps=steps, seed=seed, threads=threads, time_limit=left)
    with stop_wish() as wish:
        trained = _train(folder, sets, trainer, offsets, observer, lambda: wish.number is not None)
        _write_predictions(folder, inputs, threads)
        summary = _summary(inputs, sets, trainer, trained, offsets, said, optimizer)
        if not trained.stopped:
            write_summary(folder, summary)
    return summary


def _trainer_settings(
    nep_in: NepIn, *, steps: int, seed: int, threads: int, time_limit: float | None
) -> TrainerSettings:
    return TrainerSettings(
        steps=steps,
        batch=nep_in.batch,
        seed=seed,
        threads=threads,
        output_interval=nep_in.output_interval,
        time_limit=time_limit,
        loss=LossWeights.from_nep_in(nep_in),
        lambda_1=nep_in.lambda_1 or 0.0,
        lambda_2=nep_in.lambda_2 or 0.0,
    )


def _train(
    folder: Path,
    sets: DataSets,
    trainer: TrainerSettings,
    offsets: Offsets,
    observer: Observer,
    should_stop: Callable[[], bool],
) -> Trained:
    """Train, writing rows and the best model as they come."""
    start_outputs(folder, validation=sets.validation is not None)
    settings = sets.train.prepared.settings

    def on_row(row: Row, nep: Model, best: bool) -> None:
        append_row(folder, row)
        if best:
            fold(nep, offsets).write(folder / "nep.txt")
        observer.row(row)

    return train_model(
        sets,
        trainer,
        keep_neuron=offsets.takes_neuron and settings.version == 4,
        on_row=on_row,
        on_step=lambda step, progress: observer.step(step, trainer.steps, progress),
        should_stop=should_stop,
    )


def _check_options(optimizer: str, steps: int | None, time_limit: float | None, threads: int | None) -> None:
    if optimizer not in OPTIMIZERS:
        raise InputError(f"the optimizer is {optimizer}, expected {' or '.join(OPTIMIZERS)}")
    for name, value in (("steps", steps), ("threads", threads), ("time limit", time_limit)):
        if value is not None and not value > 0:
            raise InputError(f"the number of {name} is {value}, expected more than 0")


def _data_remarks(inputs: Inputs) -> list[str]:
    said = []
    if inputs.masked:
        said.append(
            f"{inputs.masked} frames have shear virials of exactly zero that their forces do not allow: they are taken"
            " for missing (--keep-zero-shear to believe them)"
        )
    if not inputs.validation:
        said.append("no frames are held out for validation; the model with the lowest training loss is kept")
    return said


def _datasets(inputs: Inputs, settings: Settings, offsets: Offsets, threads: int) -> DataSets:
    def dataset(frames: list[Frame]) -> Dataset | None:
        if not frames:
            return None
        nep_in = inputs.nep_in
        data = make_dataset(
            frames,
            settings,
            type_weight=nep_in.type_weight,
            force_delta=nep_in.force_delta,
            threads=threads,
        )
        geometry, labels = data.prepared.geometry, data.labels
        energy = labels.energy - offsets.of(geometry.types, geometry.frame_start)
        return Dataset(data.prepared, replace(labels, energy=energy))

    train = dataset(inputs.train)
    assert train is not None
    return DataSets(train, dataset(inputs.validation), dataset(inputs.test))


def _write_predictions(folder: Path, inputs: Inputs, threads: int) -> None:
    nep = Model.read(folder / "nep.txt")
    for name, frames in (("train", inputs.all_train), ("test", inputs.test)):
        if frames:
            write_outputs(folder, name, frames, predict_frames(nep, frames, threads=threads))


def _summary(
    inputs: Inputs,
    sets: DataSets,
    trainer: TrainerSettings,
    trained: Trained,
    offsets: Offsets,
    said: list[str],
    optimizer: str,
) -> dict[str, Any]:
    best = trained.best
    ms_per_step = 1e3 * trained.step_seconds / max(1, trained.timed_steps)
    frames_per_step = sets.train.n_frames / -(-sets.train.n_frames // trainer.batch)
    return {
        "schema": 1,
        "neptuner": __version__,
        "optimizer": optimizer,
        "steps": trained.last.step,
        "best_step": best.step,
        "seconds": trained.seconds,
        "ms_per_step": ms_per_step,
        "frames_per_s": 1e3 * frames_per_step / ms_per_step if ms_per_step else None,
        "seed": trainer.seed,
        "threads": trainer.threads,
        "stopped": trained.stopped,
        "time_limit": trainer.time_limit,
        "parameters": parameter_count(trained.nep.settings),
        "settings": as_settings(inputs.nep_in),
        "energy_offsets": {"common": offsets.common, "by_type": offsets.by_type.tolist()},
        "masked_shear_frames": inputs.masked,
        "remarks": said,
        "sha256": inputs.sha256,
        "train": _set_summary(sets.train, best.train),
        "validation": _set_summary(sets.validation, best.validation),
        "test": _set_summary(sets.test, best.test),
    }


def _set_summary(data: Dataset | None, errors: Errors | None) -> dict[str, Any] | None:
    if data is None or errors is None:
        return None
    return {"frames": data.n_frames, "atoms": data.n_atoms, **_rmse_summary(errors)}


def _rmse_summary(errors: Errors) -> dict[str, float | None]:
    pairs = (("energy", errors.energy), ("force", errors.force), ("virial", errors.virial))
    return {f"rmse_{name}": None if np.isnan(value) else value for name, value in pairs}
