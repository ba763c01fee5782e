"""Running a study, or going on with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neptuner.errors import NeptunerError
from neptuner.launch.base import Launcher
from neptuner.machine import usable_cpus
from neptuner.study.controller import Controller, thread_variables
from neptuner.study.cost.record import CostRecord, predicted
from neptuner.study.launch_spec import make_launcher
from neptuner.study.md.control import MdCommand, md_command
from neptuner.study.plan import Run
from neptuner.study.prepare import PreparedStudy, install, prepare
from neptuner.study.progress import Observer, Silent
from neptuner.study.search.speed import SpeedCommand, speed_command
from neptuner.study.spec import StudySpec
from neptuner.study.store import Store, open_store
from neptuner.study.training_control import Command


def train_command(spec: StudySpec, run: Run, folder: Path) -> list[str]:
    """Command of neptuner's own trainer."""
    words = [sys.executable, "-m", "neptuner", "train", folder, "--steps", run.configuration.steps]
    words += ["--seed", run.seed, "--threads", spec.threads, "--resume", "--json"]
    words += [] if spec.time_limit is None else ["--time-limit", spec.time_limit]
    words += ["--engine", "gpumd", "--last-rows", spec.last_rows] if spec.engine == "gpumd" else []
    return [str(word) for word in words]


def places_of(spec: StudySpec, jobs: int | None) -> int:
    """Runs at a time: as asked for, else as the study says, else as many as there are processors for."""
    return jobs or spec.launcher.jobs or spec.jobs or max(1, usable_cpus() // spec.threads)


def run_study(
    spec: StudySpec,
    folder: Path,
    *,
    jobs: int | None = None,
    launcher: Launcher | None = None,
    command: Command = train_command,
    dynamics: MdCommand = md_command,
    measure: SpeedCommand = speed_command,
    observer: Observer | None = None,
    on_phase: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run a study, or go on with it.

    Parameters
    ----------
    spec
        The study.
    folder
        Study directory; made if it is missing.
    jobs
        Runs at a time, in place of the study's own number.
    launcher
        Runs the commands; without one they are processes of this machine.
    command
        Makes the command of a training.
    dynamics
        Makes the command of a run of molecular dynamics.
    measure
        Makes the command that measures how fast a model is.
    observer
        Is told what happens.
    on_phase
        Called with the name of a phase when it is complete and ``results.json`` is written.

    Returns
    -------
    Content of ``results.json``.

    Raises
    ------
    InputError
        If anything in the input is wrong; nothing has been written or started then.
    NeptunerError
        If every run of the baseline failed.
    Interrupted
        If a signal, or a disk that cannot be written, stopped the study; the same call goes on.
    """
    study = prepare(spec)
    places = places_of(spec, jobs)
    with open_store(folder) as store:
        facts, changed = install(study, store)
        launcher = launcher or make_launcher(spec.launcher, places, store.folder, threads=spec.threads)
        commands = (command, dynamics)
        observer = observer or Silent()
        for remark in study.remarks:
            observer.log(remark)
        predict = spec.calibrate and command is train_command and spec.engine == "embedded"
        here = spec.launcher.kind == "local"  # other machines have another pace
        cost = _cost(study, store, launcher, observer) if predict and here else None
        controller = Controller(study, store, facts, launcher, commands, observer, on_phase, measure, cost)
        if changed:
            controller.observer.log("study.toml has changed: going on with the new plan")
        return controller.run()


def _cost(study: PreparedStudy, store: Store, launcher: Launcher, observer: Observer) -> CostRecord | None:
    """Predict what the study will cost and say it; a study whose cost cannot be told runs all the same."""
    try:
        prediction = predicted(study, store, launcher, thread_variables(study.spec.threads))
    except (NeptunerError, OSError) as error:
        observer.log(f"the cost cannot be predicted: {error}")
        return None
    observer.log(prediction.sentence)
    return CostRecord(prediction, store)
