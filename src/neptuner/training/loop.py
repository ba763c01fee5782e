"""The loop around a trainer: rows of errors, the best model, roll-back, early stopping, checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal, Protocol

import numpy as np

from neptuner.errors import NeptunerError
from neptuner.potential.model import Model
from neptuner.training.judging import whole_set_errors
from neptuner.training.loss import Errors, LossWeights
from neptuner.training.process import DivergenceError, Process, Snapshot
from neptuner.training.records import DataSets, Row

FAR_ABOVE = 5.0
"""A training loss this many times that of the best row counts as divergence."""

MOST_ROLLBACKS = 12
"""As many in a row end the training: the steps are then four thousand times shorter than at first."""

Ending = Literal["steps", "time limit", "early stopping", "signal"]


@dataclass(frozen=True)
class LoopSettings:
    """How long to train, and what to do on the way."""

    steps: int
    output_interval: int = 100
    """Steps between two rows of errors."""
    time_limit: float | None = None
    """Seconds, those before a resumption included; the learning rate has fallen when they end."""
    patience: int | None = None
    """Steps without a better row after which training ends; None: never."""
    checkpoint_interval: float = 60.0
    """Seconds between two checkpoints."""
    threads: int = 1
    loss: LossWeights = field(default_factory=LossWeights)
    """What models are compared by."""
    keep_last: bool = False
    """Without validation, keep the model of the last row, as GPUMD does, not that of the lowest training loss."""


@dataclass
class Standing:
    """Where a training stands, besides the state of its process."""

    best: tuple[Model, Row] | None = None
    last: Row | None = None
    good: Snapshot = field(default_factory=dict)
    """State after the last row, to go back to."""
    rollbacks: int = 0
    """Since that row."""
    seconds: float = 0.0
    judging: float = 0.0
    """Seconds of those spent on rows of errors."""


class Listener(Protocol):
    """Is told what happens in a training and says when to stop."""

    def row(self, row: Row, model: Model, better: bool) -> None:
        """Take a row of errors, its model, and whether it is the best so far."""

    def step(self, step: int, progress: float) -> None:
        """Take the number of steps and the share of the training done."""

    def remark(self, sentence: str) -> None:
        """Take a sentence worth knowing."""

    def checkpoint(self, process: Snapshot, standing: Standing) -> None:
        """Save all of it."""

    def should_stop(self) -> bool:
        """Tell whether to stop after this step."""


@dataclass(frozen=True)
class Trained:
    """The outcome of a training."""

    model: Model
    """Model of the best row, without energy offsets."""
    best: Row
    last: Row
    ended: Ending
    seconds: float
    step_seconds: float
    """Time of all steps, without judging."""


def run(
    process: Process,
    sets: DataSets,
    settings: LoopSettings,
    listener: Listener,
    standing: Standing | None = None,
    *,
    judge_start: bool = False,
) -> Trained:
    """Take a process forward until its steps or its time are up, patience ends or the listener says stop.

    Parameters
    ----------
    process
        The trainer; after a resumption restored to its checkpoint.
    sets
        Prepared data; the labels' energies have their offsets removed.
    settings
        How long to train.
    listener
        Is told of everything.
    standing
        Where the training stood at the checkpoint; None for a new one.
    judge_start
        Let the model before the first step, too, be a row.

    Raises
    ------
    NeptunerError
        If the training diverges again and again.
    """
    process.warm_up()
    loop = _Loop(process, sets, settings, listener, standing or Standing())
    if standing is None and judge_start:
        loop.take_row()
    if not loop.standing.good:
        loop.stand_here()
    ended = loop.ended()
    while ended is None:
        loop.step()
        ended = loop.ended()
    return loop.conclude(ended)


class _Loop:
    """The parts of ``run``, which share its clock."""

    def __init__(
        self, process: Process, sets: DataSets, settings: LoopSettings, listener: Listener, standing: Standing
    ) -> None:
        self.process, self.sets, self.settings, self.listener = process, sets, settings, listener
        self.standing = standing
        self._begin = perf_counter() - standing.seconds
        self._next_checkpoint = standing.seconds + settings.checkpoint_interval

    def progress(self) -> float:
        settings, seconds = self.settings, perf_counter() - self._begin
        by_time = seconds / settings.time_limit if settings.time_limit else 0.0
        return min(1.0, max(self.process.steps_done / settings.steps, by_time))

    def ended(self) -> Ending | None:
        if self.process.steps_done >= self.settings.steps:
            return "steps"
        if self.progress() >= 1.0:
            return "time limit"
        best, last = self.standing.best, self.standing.last
        if self.settings.patience and best and last and last.step - best[1].step >= self.settings.patience:
            return "early stopping"
        return "signal" if self.listener.should_stop() else None

    def step(self) -> None:
        try:
            self.process.advance(self.progress())
            if self.process.steps_done % self.settings.output_interval == 0 or self.progress() >= 1.0:
                self.take_row()
                self.stand_here()
        except DivergenceError:
            self._roll_back()
        self.listener.step(self.process.steps_done, self.progress())
        if perf_counter() - self._begin >= self._next_checkpoint:
            self.save()

    def take_row(self) -> None:
        """Judge the present model on all sets."""
        before, standing, settings = perf_counter(), self.standing, self.settings
        report = self.process.report()
        self._check(report.train)
        model = report.model
        validation, test = (
            None if data is None else whole_set_errors(model, data, settings.threads)
            for data in (self.sets.validation, self.sets.test)
        )
        seconds = before - self._begin - standing.judging
        row = Row(self.process.steps_done, report.total, report.l1, report.l2, report.train, validation, test, seconds)
        newest = settings.keep_last and validation is None
        better = standing.best is None or newest or self._score(row) < self._score(standing.best[1])
        standing.best = (model, row) if better else standing.best
        standing.last = row
        self.listener.row(row, model, better)
        standing.judging += perf_counter() - before

    def stand_here(self) -> None:
        """Remember the present state as a good one."""
        self.standing.good = self.process.snapshot()
        self.standing.rollbacks = 0

    def save(self) -> None:
        self.standing.seconds = perf_counter() - self._begin
        self.listener.checkpoint(self.process.snapshot(), self.standing)
        self._next_checkpoint = self.standing.seconds + self.settings.checkpoint_interval

    def conclude(self, ended: Ending) -> Trained:
        if ended == "signal":
            self.save()
        if self.standing.last is None:
            self.take_row()
        best, last = self.standing.best, self.standing.last
        assert best is not None
        assert last is not None
        seconds = perf_counter() - self._begin
        return Trained(best[0], best[1], last, ended, seconds, seconds - self.standing.judging)

    def _score(self, row: Row) -> float:
        """What the best model has least of: the validation loss, or the training loss without a validation set."""
        chosen = row.train if row.validation is None else row.validation
        return chosen.weighted(self.settings.loss)

    def _check(self, train: Errors) -> None:
        loss, best = train.weighted(self.settings.loss), self.standing.best
        if not np.isfinite([train.energy, train.force, loss]).all():
            raise DivergenceError
        if best is not None and loss > FAR_ABOVE * best[1].train.weighted(self.settings.loss):
            raise DivergenceError

    def _roll_back(self) -> None:
        step, standing = self.process.steps_done, self.standing
        standing.rollbacks += 1
        self.process.restore(standing.good)
        if standing.rollbacks > MOST_ROLLBACKS or not self.process.slow_down():
            raise NeptunerError(
                f"the training diverged at step {step} for the {standing.rollbacks}th time since step"
                f" {self.process.steps_done}, although its steps were shortened; check the data for outliers, or"
                " weigh them down (weight, force_delta)"
            )
        standing.good = self.process.snapshot()
        self.listener.remark(
            f"the training diverged at step {step}: back to step {self.process.steps_done} with shorter steps"
        )
