"""Train here: neptuner's own trainers and kernels on a directory in GPUMD's layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from neptuner.engines.beginning import begin, without_offsets
from neptuner.engines.committee import choose_best, member_folder
from neptuner.engines.inputs import Inputs, read_inputs
from neptuner.engines.member import CHECKPOINT, Member, train_member
from neptuner.engines.observer import Observer, Silent
from neptuner.engines.options import SNES, TrainOptions
from neptuner.engines.outputs import read_summary, write_outputs, write_summary
from neptuner.engines.summary import summarise
from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.kernels.prediction import predict as predict_frames
from neptuner.machine import usable_cpus
from neptuner.potential.model import Model
from neptuner.potential.settings import Settings
from neptuner.signals import StopWish, stop_wish
from neptuner.training.dataset import Dataset, make_dataset
from neptuner.training.defaults import default_steps, remarks, snes_remarks
from neptuner.training.judging import whole_set_errors
from neptuner.training.loop import LoopSettings
from neptuner.training.loss import LossWeights
from neptuner.training.records import DataSets


def train(
    folder: str | Path = ".",
    *,
    optimizer: str = "soap",
    steps: int | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    seed: int = 1,
    validation_fraction: float | None = None,
    keep_zero_shear: bool = False,
    start: str | Path | None = None,
    resume: bool = False,
    committee: int = 1,
    patience: int | None = None,
    checkpoint_interval: float = 60.0,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Train a NEP in a directory laid out as for GPUMD's ``nep``.

    Reads nep.in, train.xyz and, where present, valid.xyz and test.xyz. Writes nep.txt (best on validation), loss.out,
    validation.out, the prediction files of train.xyz and test.xyz and, at the very end, train.json; until then
    checkpoint.npz.

    Parameters
    ----------
    folder
        The directory.
    optimizer
        ``soap``, ``adamw``, or ``snes``: GPUMD's evolution strategy, which goes on from a nep.restart and writes one.
    steps
        Optimiser steps or generations; None takes ``generation`` of nep.in if it is meant so, else a default.
    time_limit
        Seconds for the whole call; the learning rate is made to fall within them.
    threads
        Number of threads; None takes every processor.
    seed
        Of the split, the starting model and the order of mini-batches.
    validation_fraction
        Share of train.xyz to hold out where there is no valid.xyz; None: a tenth, nothing with ``snes``.
    keep_zero_shear
        Believe shear virials of exactly zero where the forces say that they are missing.
    start
        A nep.txt to start from; it may be smaller than nep.in asks, and know fewer species.
    resume
        Go on from checkpoint.npz, if there is one, as if the training had never been stopped.
    committee
        Number of models, from as many seeds; beyond one each has a folder ``member-K``, and the best is copied.
    patience
        Steps without a better model after which training ends; None: never.
    checkpoint_interval
        Seconds between two checkpoints.
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
    start = None if start is None else Path(start)
    options = TrainOptions(
        optimizer, steps, time_limit, threads, seed, validation_fraction, keep_zero_shear, start, resume, committee,
        patience, checkpoint_interval,
    )  # fmt: skip
    options.check()
    return _train(Path(folder), options, observer or Silent())


def _train(folder: Path, options: TrainOptions, observer: Observer) -> dict[str, Any]:
    called = perf_counter()
    inputs = read_inputs(folder, options)
    folders = _folders(folder, options)
    if not options.resume:
        _refuse_to_overwrite(folders)
    snes, timed = options.optimizer == SNES, options.time_limit is not None
    steps = options.steps or default_steps(inputs.nep_in, snes=snes, timed=timed)
    said = [*_keyword_remarks(inputs, steps, options), *_data_remarks(inputs, snes=snes)]
    for sentence in said:
        observer.remark(sentence)
    loop = _loop_settings(inputs, steps, options)
    sets = _prepare(inputs, loop.threads)
    with stop_wish() as wish:
        members: list[dict[str, Any]] = []
        for number, where in enumerate(folders):
            mine = replace(options, seed=options.seed + number)
            share = _share_of_time(loop, perf_counter() - called, number, options)
            where.mkdir(exist_ok=True)
            members.append(_train_one(where, inputs, sets, share, mine, observer, said, wish))
            if members[-1]["stopped"]:
                return members[-1]
    return members[0] if options.committee == 1 else choose_best(folder, members)


def _train_one(
    folder: Path,
    inputs: Inputs,
    sets: DataSets,
    loop: LoopSettings,
    options: TrainOptions,
    observer: Observer,
    said: list[str],
    wish: StopWish,
) -> dict[str, Any]:
    """Train one model in a folder; a finished one is only read when resuming."""
    if options.resume and (finished := read_summary(folder)) is not None:
        return finished
    member = Member(folder, inputs, loop, options, observer, wish)
    if options.optimizer == SNES:
        trained, offsets = train_member(member, sets, None)
        whole = whole_set_errors(trained.model, sets.train, loop.threads)  # the rows were of single batches
        trained = replace(trained, best=replace(trained.best, train=whole))
    else:
        beginning = begin(inputs, sets.train, options.seed, options.start)
        trained, offsets = train_member(member, without_offsets(sets, beginning.offsets), beginning)
    _write_predictions(folder, inputs, loop.threads)
    summary = summarise(folder, inputs, sets, options, loop, trained, offsets, [*said, *member.said])
    if not summary["stopped"]:
        write_summary(folder, summary)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return summary


def _folders(folder: Path, options: TrainOptions) -> list[Path]:
    """Where each model is trained."""
    if options.committee == 1:
        return [folder]
    return [member_folder(folder, number) for number in range(options.committee)]


def _refuse_to_overwrite(folders: list[Path]) -> None:
    for folder in folders:
        if (folder / CHECKPOINT).exists():
            raise InputError(
                "an unfinished training stands here; go on with it (--resume), or delete the file to begin anew",
                path=folder / CHECKPOINT,
            )


def _loop_settings(inputs: Inputs, steps: int, options: TrainOptions) -> LoopSettings:
    return LoopSettings(
        steps=steps,
        output_interval=inputs.nep_in.output_interval,
        time_limit=options.time_limit,
        patience=options.patience,
        checkpoint_interval=options.checkpoint_interval,
        threads=options.threads or usable_cpus(),
        loss=LossWeights.from_nep_in(inputs.nep_in),
        keep_last=options.optimizer == SNES,
    )


def _share_of_time(loop: LoopSettings, spent: float, number: int, options: TrainOptions) -> LoopSettings:
    """Give each member of a committee the same share of the time that is left."""
    if options.time_limit is None:
        return loop
    left = (options.time_limit - spent) / (options.committee - number)
    return replace(loop, time_limit=max(1e-3, left))


def _keyword_remarks(inputs: Inputs, steps: int, options: TrainOptions) -> list[str]:
    return snes_remarks(inputs.nep_in) if options.optimizer == SNES else remarks(inputs.nep_in, steps)


def _data_remarks(inputs: Inputs, *, snes: bool) -> list[str]:
    said = []
    if inputs.masked:
        said.append(
            f"{inputs.masked} frames have shear virials of exactly zero that their forces do not allow: they are taken"
            " for missing (--keep-zero-shear to believe them)"
        )
    if not inputs.validation:
        kept = "the best individual of the last generation" if snes else "the model with the lowest training loss"
        said.append(f"no frames are held out for validation; {kept} is kept")
    absent = [one for one in inputs.nep_in.type if not any(one in frame.species for frame in inputs.train)]
    if absent:
        said.append(f"no training frame has {' or '.join(absent)}: what the model says of them is arbitrary")
    return said


def _prepare(inputs: Inputs, threads: int) -> DataSets:
    settings, nep_in = Settings.from_nep_in(inputs.nep_in), inputs.nep_in

    def dataset(frames: list[Frame]) -> Dataset:
        return make_dataset(
            frames, settings, type_weight=nep_in.type_weight, force_delta=nep_in.force_delta, threads=threads
        )

    validation, test = (dataset(frames) if frames else None for frames in (inputs.validation, inputs.test))
    return DataSets(dataset(inputs.train), validation, test)


def _write_predictions(folder: Path, inputs: Inputs, threads: int) -> None:
    nep = Model.read(folder / "nep.txt")
    for name, frames in (("train", inputs.all_train), ("test", inputs.test)):
        if frames:
            write_outputs(folder, name, frames, predict_frames(nep, frames, threads=threads))
