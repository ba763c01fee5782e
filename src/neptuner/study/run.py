"""Running a study, or going on with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neptuner.launch.base import Launcher
from neptuner.launch.local import LocalLauncher
from neptuner.machine import usable_cpus
from neptuner.study.controller import Controller
from neptuner.study.md_control import MdCommand, md_command
from neptuner.study.plan import Run
from neptuner.study.prepare import install, prepare
from neptuner.study.progress import Observer, Silent
from neptuner.study.spec import StudySpec
from neptuner.study.store import open_store
from neptuner.study.training_control import Command


def train_command(spec: StudySpec, run: Run, folder: Path) -> list[str]:
    """Command of neptuner's own trainer."""
    words = [sys.executable, "-m", "neptuner", "train", folder, "--steps", run.configuration.steps]
    words += ["--seed", run.seed, "--threads", spec.threads, "--resume", "--json"]
    words += [] if spec.time_limit is None else ["--time-limit", spec.time_limit]
    return [str(word) for word in words]


def run_study(
    spec: StudySpec,
    folder: Path,
    *,
    jobs: int | None = None,
    launcher: Launcher | None = None,
    command: Command = train_command,
    dynamics: MdCommand = md_command,
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
    places = jobs or spec.jobs or max(1, usable_cpus() // spec.threads)
    with open_store(folder) as store:
        facts, changed = install(study, store)
        launcher = launcher or LocalLauncher(places)
        commands = (command, dynamics)
        controller = Controller(study, store, facts, launcher, commands, observer or Silent(), on_phase)
        if changed:
            controller.observer.log("study.toml has changed: going on with the new plan")
        return controller.run()
