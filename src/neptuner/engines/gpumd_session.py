"""One run of GPUMD's ``nep``, and what it completes taken over as it comes: rows, models, the state of its search."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from neptuner.engines.inputs import Inputs
from neptuner.engines.member import CHECKPOINT, RESTART
from neptuner.engines.nep_folder import Floats, NepFolder, has_masked_virial, write_gpumd_frames
from neptuner.engines.observer import Observer
from neptuner.engines.options import TrainOptions
from neptuner.engines.outputs import append_row, go_on_with_outputs, last_step, start_outputs
from neptuner.engines.program import end, how_it_failed, start
from neptuner.errors import InputError, Interrupted, NeptunerError
from neptuner.files.atomic import write_bytes, write_text
from neptuner.files.gpumd_version import GpumdVersion
from neptuner.files.nep_in import NepIn, as_settings
from neptuner.files.nep_in_gpumd import format_for_gpumd, saves_every_row
from neptuner.files.nep_in_keywords import Value
from neptuner.files.nep_restart import read_nep_restart, write_nep_restart
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.signals import StopWish
from neptuner.training.checkpoint import check_identity, load, save
from neptuner.training.loop import Standing
from neptuner.training.loss import Errors, LossWeights
from neptuner.training.records import Row

LOG = "nep.log"
"""What ``nep`` prints goes to this file; a sub-folder without it was not made here."""

Ended = Literal["steps", "time limit"]

_NAP = 0.05
_KEPT_STATES = 2


@dataclass(frozen=True)
class Task:
    """What ``nep`` is to train, checked."""

    folder: Path
    program: Path
    version: GpumdVersion
    inputs: Inputs
    options: TrainOptions
    steps: int
    last_rows: int
    """Models that are kept at the end."""
    nep_in: NepIn
    """As GPUMD gets it."""
    search: Mapping[str, tuple[Value, ...]]
    """Keywords of the evolution strategy besides."""
    keep_masked: bool
    """Whether training frames keep the zeros of missing shear virials."""
    remarks: tuple[str, ...]

    @property
    def where(self) -> Path:
        """Where ``nep`` runs."""
        return self.folder / "gpumd"

    @property
    def kept(self) -> Path:
        """Where the models of the last rows are, each named by its step."""
        return self.where / "kept"

    @cached_property
    def settings(self) -> Settings:
        """Shape of the potential."""
        return Settings.from_nep_in(self.nep_in)

    @cached_property
    def has_virials(self) -> tuple[bool, bool]:
        """Whether ``nep`` gets virials of training and of validation frames."""
        train, validation = self.inputs.train, self.inputs.validation
        return (
            any(f.virial is not None and (self.keep_masked or not has_masked_virial(f)) for f in train),
            any(f.virial is not None and not has_masked_virial(f) for f in validation),
        )


class Session:
    """A training, new or gone on with, and where it stands.

    Parameters
    ----------
    task
        What to train.
    observer
        Is told of rows and remarks.
    spent
        Seconds of the time limit that are gone already.
    """

    def __init__(self, task: Task, observer: Observer, spent: float = 0.0) -> None:
        self.task, self.observer, self._spent = task, observer, spent
        self.standing = Standing()
        self.restarts = 0
        self.first_step = 0
        """Step that the rows in the folder count from."""
        self.search: tuple[Floats, Floats] | None = None
        """Mean and spread of the search, where they were last complete."""
        self.remarks = list(task.remarks)
        self._loss = LossWeights.from_nep_in(task.inputs.nep_in)
        self._states: deque[tuple[int, Standing]] = deque(maxlen=_KEPT_STATES)
        for sentence in task.remarks:
            observer.remark(sentence)
        if task.options.resume and (task.folder / CHECKPOINT).exists():
            self._go_on()
        else:
            self._begin()
        self._write_frames()

    @property
    def done(self) -> int:
        """Generations done, as far as rows tell."""
        return 0 if self.standing.last is None else self.standing.last.step

    def run(self, wish: StopWish) -> Ended:
        """Run ``nep`` until its generations or the time are up.

        Raises
        ------
        NeptunerError
            If it ends with an error.
        Interrupted
            If a signal asked to stop.
        """
        left, interval = self.task.steps - self.done, self.task.nep_in.output_interval
        rows = left // interval
        if rows == 0:
            return "steps"
        if self._is_time_up():
            return "time limit"
        self._write_inputs(left)
        before = self.done
        ended = self._follow(wish)
        if ended is None and self.done < before + rows * interval:
            raise NeptunerError(
                f"GPUMD ended after generation {self.done} of {self.task.steps}; see {self.task.where / LOG}"
            )
        return ended or "steps"

    def _say(self, sentence: str) -> None:
        self.remarks.append(sentence)
        self.observer.remark(sentence)

    def _begin(self) -> None:
        task = self.task
        path = task.folder / RESTART
        if path.exists():
            self._say("the search goes on from nep.restart (delete it to begin anew)")
            self.search = read_nep_restart(path, parameter_count(task.settings))
            self.first_step = last_step(task.folder)
        if task.where.exists() and not (task.where / LOG).exists():
            raise InputError("is in the way, for GPUMD is to run in a folder of this name; rename it", path=task.where)
        shutil.rmtree(task.where, ignore_errors=True)
        start_outputs(task.folder, validation=bool(task.inputs.validation), keep_rows=self.first_step > 0)

    def _go_on(self) -> None:
        """Bring everything back to the checkpoint."""
        task, path = self.task, self.task.folder / CHECKPOINT
        found = load(path, task.settings)
        check_identity(path, found.identity, self._identity())
        self.standing = found.standing
        self.search = found.process["mu"].astype(float), found.process["sigma"].astype(float)
        self.first_step, self.restarts = found.identity["first_step"], found.identity["restarts"] + 1
        self._say(
            f"GPUMD goes on from generation {self.done} (restart {self.restarts}); each restart spends its first"
            " generation on regularisation alone"
        )
        best = self.standing.best
        go_on_with_outputs(task.folder, self.first_step + self.done, None if best is None else best[0])
        for model in task.kept.glob("*.txt"):
            if int(model.stem) > self.done:
                model.unlink()

    def _write_frames(self) -> None:
        task = self.task
        task.kept.mkdir(parents=True, exist_ok=True)
        (task.where / LOG).touch()
        if not (task.where / "train.xyz").exists():
            write_gpumd_frames(task.where / "train.xyz", task.inputs.train, keep_masked=task.keep_masked)
        if task.inputs.validation and not (task.where / "test.xyz").exists():
            write_gpumd_frames(task.where / "test.xyz", task.inputs.validation, keep_masked=False)

    def _write_inputs(self, generations: int) -> None:
        task = self.task
        nep_in = replace(task.nep_in, generation=generations)
        write_text(task.where / "nep.in", format_for_gpumd(nep_in, task.version, task.search))
        for name in ("nep.txt", RESTART):  # a development version compares what it finds with nep.in
            (task.where / name).unlink(missing_ok=True)
        if self.search is not None:
            write_nep_restart(task.where / RESTART, *self.search)

    def _follow(self, wish: StopWish) -> Ended | None:
        """Take over what ``nep`` completes until it ends; None if it ended by itself."""
        task = self.task
        nep = NepFolder(task.where, parameter_count(task.settings), saves_every_row=saves_every_row(task.version))
        clock = _Clock(self.standing.seconds, task.options.checkpoint_interval)
        before, ended = self.done, None
        with tempfile.TemporaryFile() as errors, (task.where / LOG).open("ab") as log:
            process = start(task.program, task.where, log, errors)
            try:
                while process.poll() is None and wish.signal is None and ended is None:
                    self._collect(nep, before, clock)
                    if clock.is_due():
                        self._save(nep)
                    ended = "time limit" if self._is_time_up() else None
                    time.sleep(_NAP)
            finally:
                stopped = process.poll() is None
                end(process)
            self._collect(nep, before, clock)
            self._save(nep)
            errors.seek(0)
            complaint = errors.read()
            log.write(complaint)
        if wish.signal is not None and stopped:
            raise Interrupted(self._interrupted(str(wish.signal)))
        if process.returncode and not stopped:
            raise NeptunerError(how_it_failed(process.returncode, complaint, task.where / LOG))
        return "time limit" if stopped else None

    def _collect(self, nep: NepFolder, before: int, clock: _Clock) -> None:
        for generation, numbers in nep.rows():
            row = self._row(before + generation, numbers, clock.seconds())
            self._take(row, nep.take_model(generation, self.task.kept / f"{row.step}.txt"))
            if len(self._states) == _KEPT_STATES:
                nep.forget(self._states[0][0])
            self._states.append((generation, replace(self.standing)))
        self.standing.seconds = clock.seconds()

    def _row(self, step: int, numbers: list[float], seconds: float) -> Row:
        """A row of loss.out; what ``nep`` writes as 0 because there are no labels is nan."""
        total, l1, l2, *errors = numbers
        train, validation = (
            Errors(energy, force, virial if known else float("nan"))
            for (energy, force, virial), known in zip((errors[:3], errors[3:]), self.task.has_virials, strict=True)
        )
        return Row(step, total, l1, l2, train, validation if self.task.inputs.validation else None, None, seconds)

    def _take(self, row: Row, model: Model | None) -> None:
        task, standing = self.task, self.standing
        standing.last = row
        if model is not None and self._is_better(row):
            standing.best = (model, row)
            write_bytes(task.folder / "nep.txt", (task.kept / f"{row.step}.txt").read_bytes())
        for old in kept_steps(task)[: -task.last_rows]:
            (task.kept / f"{old}.txt").unlink()
        append_row(task.folder, row, self.first_step)
        self.observer.row(row)
        self.observer.step(row.step, task.steps, row.step / task.steps)

    def _is_better(self, row: Row) -> bool:
        best = self.standing.best
        if best is None or row.validation is None or best[1].validation is None:
            return True
        return row.validation.weighted(self._loss) < best[1].validation.weighted(self._loss)

    def _save(self, nep: NepFolder) -> None:
        """Write a checkpoint of the newest row whose state of the search is complete."""
        for generation, standing in reversed(self._states):
            found = nep.search(generation)
            if found is not None:
                self.search = found
                standing.seconds = self.standing.seconds
                identity = self._identity() | {"first_step": self.first_step, "restarts": self.restarts}
                save(self.task.folder / CHECKPOINT, dict(zip(("mu", "sigma"), found, strict=True)), standing, identity)
                return

    def _identity(self) -> dict[str, Any]:
        """What a training and the one that goes on with it have in common."""
        inputs = self.task.inputs
        return self.task.options.identity() | {
            "optimizer": "snes of GPUMD",
            "steps": self.task.steps,
            "settings": as_settings(inputs.nep_in) | {name: list(value) for name, value in self.task.search.items()},
            "sha256": {name: value for name, value in inputs.sha256.items() if name != "nep.in"},
        }

    def _is_time_up(self) -> bool:
        limit = self.task.options.time_limit
        return limit is not None and self.standing.seconds + self._spent >= limit

    def _interrupted(self, signal: str) -> str:
        after = f"stopped by {signal}, and GPUMD with it, after generation {self.done} of {self.task.steps}"
        if not (self.task.folder / CHECKPOINT).exists():
            return f"{after}, before anything could be kept"
        return f"{after}; {self.task.folder / 'nep.txt'} is the best model so far, --resume goes on"


class _Clock:
    """Seconds of the whole training, and when the next checkpoint is due."""

    def __init__(self, before: float, interval: float) -> None:
        self._begin, self._interval = perf_counter() - before, interval
        self._next = before + interval

    def seconds(self) -> float:
        return perf_counter() - self._begin

    def is_due(self) -> bool:
        if self.seconds() < self._next:
            return False
        self._next = self.seconds() + self._interval
        return True


def kept_steps(task: Task) -> list[int]:
    """Steps whose models are kept, in order."""
    return sorted(int(model.stem) for model in task.kept.glob("*.txt"))
