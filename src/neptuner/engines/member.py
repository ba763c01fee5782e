"""One training in one folder: its process, its files as they come, its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.engines.beginning import Beginning
from neptuner.engines.inputs import Inputs
from neptuner.engines.observer import Observer
from neptuner.engines.options import SNES, TrainOptions
from neptuner.engines.outputs import append_row, go_on_with_outputs, last_step, start_outputs
from neptuner.files.digest import file_hash
from neptuner.files.nep_in import as_settings
from neptuner.files.nep_restart import read_nep_restart, write_nep_restart
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.signals import StopWish
from neptuner.training.checkpoint import check_identity, load, save
from neptuner.training.descent import Descent, DescentSettings
from neptuner.training.evolution import Evolution
from neptuner.training.loop import LoopSettings, Standing, Trained, run
from neptuner.training.offsets import Offsets, fold
from neptuner.training.process import Process, Snapshot
from neptuner.training.records import DataSets, Row
from neptuner.training.schedule import Schedule
from neptuner.training.snes import SnesSettings

Floats = NDArray[np.float64]

CHECKPOINT = "checkpoint.npz"
"""There while a training is unfinished."""

RESTART = "nep.restart"

FINE_TUNING_RATE = 0.01
"""Highest learning rate where training begins with a model: a third of the usual."""


@dataclass
class Member:
    """A training and its folder."""

    folder: Path
    inputs: Inputs
    loop: LoopSettings
    options: TrainOptions
    observer: Observer
    wish: StopWish
    said: list[str] = field(default_factory=list)
    """Remarks of the training itself."""


def train_member(member: Member, sets: DataSets, beginning: Beginning | None) -> tuple[Trained, Offsets]:
    """Train, or go on with a training, writing rows, models and checkpoints as they come.

    Parameters
    ----------
    member
        What to train, where.
    sets
        Prepared data, energies without the beginning's offsets.
    beginning
        Where a gradient training begins; None for SNES, which needs none.
    """
    folder, options = member.folder, member.options
    settings = sets.train.prepared.settings
    offsets = Offsets(0.0, np.zeros(settings.n_types)) if beginning is None else beginning.offsets
    identity = _identity(member)
    resumed = options.resume and (folder / CHECKPOINT).exists()
    restart = None if resumed else _restart(member, settings)
    process = _process(member, sets, beginning, restart)
    if resumed:
        standing, first_step = _go_on(folder, process, offsets, settings, identity)
    else:
        standing, first_step = None, 0 if restart is None else last_step(folder)
        start_outputs(folder, validation=sets.validation is not None, keep_rows=first_step > 0)
    files = _Files(member, offsets, process, identity | {"first_step": first_step})
    return run(process, sets, member.loop, files, standing, judge_start=options.start is not None), offsets


def _go_on(
    folder: Path, process: Process, offsets: Offsets, settings: Settings, identity: dict[str, Any]
) -> tuple[Standing, int]:
    """Bring process and folder back to the checkpoint; returns the standing and the step the rows count from."""
    found = load(folder / CHECKPOINT, settings)
    check_identity(folder / CHECKPOINT, found.identity, identity)
    process.restore(found.process)
    standing, first_step = found.standing, int(found.identity["first_step"])
    best = None if standing.best is None else fold(standing.best[0], offsets)
    go_on_with_outputs(folder, -1 if standing.last is None else first_step + standing.last.step, best)
    return standing, first_step


class _Files:
    """The listener that keeps the folder up to date."""

    def __init__(self, member: Member, offsets: Offsets, process: Process, identity: dict[str, Any]) -> None:
        self._member, self._offsets, self._process, self._identity = member, offsets, process, identity

    def row(self, row: Row, model: Model, better: bool) -> None:
        folder = self._member.folder
        append_row(folder, row, self._identity["first_step"])
        if better:
            fold(model, self._offsets).write(folder / "nep.txt")
        if isinstance(self._process, Evolution):
            write_nep_restart(folder / RESTART, self._process.mu, self._process.sigma)
        self._member.observer.row(row)

    def step(self, step: int, progress: float) -> None:
        self._member.observer.step(step, self._member.loop.steps, progress)

    def remark(self, sentence: str) -> None:
        self._member.said.append(sentence)
        self._member.observer.remark(sentence)

    def checkpoint(self, process: Snapshot, standing: Standing) -> None:
        save(self._member.folder / CHECKPOINT, process, standing, self._identity)

    def should_stop(self) -> bool:
        return self._member.wish.number is not None


def _identity(member: Member) -> dict[str, Any]:
    """What a checkpoint and the training that goes on from it must have in common."""
    start = member.options.start
    return member.options.identity() | {
        "steps": member.loop.steps,
        "start": None if start is None else file_hash(start),
        "settings": as_settings(member.inputs.nep_in),
        "sha256": {name: value for name, value in member.inputs.sha256.items() if name != "nep.in"},
    }


def _process(
    member: Member,
    sets: DataSets,
    beginning: Beginning | None,
    restart: tuple[Floats, Floats] | None,
) -> Process:
    nep_in, options, loop = member.inputs.nep_in, member.options, member.loop
    if beginning is None:
        snes = SnesSettings(nep_in.population, lambda_1=nep_in.lambda_1, lambda_2=nep_in.lambda_2)
        return Evolution(
            sets.train, snes, loop.loss, batch=nep_in.batch, seed=options.seed, threads=loop.threads, start=restart
        )
    settings = DescentSettings(
        nep_in.batch,
        options.seed,
        loop.threads,
        loop.loss,
        nep_in.lambda_1 or 0.0,
        nep_in.lambda_2 or 0.0,
        options.optimizer,
        Schedule() if options.start is None else Schedule(FINE_TUNING_RATE),
    )
    return Descent(beginning.model, sets.train, settings, beginning.frozen)


def _restart(member: Member, settings: Settings) -> tuple[Floats, Floats] | None:
    """Read nep.restart for SNES where there is one, as GPUMD does."""
    path = member.folder / RESTART
    if member.options.optimizer != SNES or not path.exists():
        return None
    member.observer.remark("the search goes on from nep.restart (delete it to begin anew)")
    return read_nep_restart(path, parameter_count(settings))
