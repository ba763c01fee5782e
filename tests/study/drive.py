"""Runs a study with the fake trainer in a process of its own: ``drive.py TOML FOLDER JOBS``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from fake_md import run_md
from fake_trainer import train

from neptuner.errors import NeptunerError
from neptuner.launch.base import Finished, Handle, Job
from neptuner.launch.local import LocalLauncher
from neptuner.study.run import run_study
from neptuner.study.spec import read_spec


def fake_command(spec, run, folder):
    trainer = Path(__file__).with_name("fake_trainer.py")
    return [sys.executable, str(trainer), str(folder), "--steps", str(run.configuration.steps), "--seed", str(run.seed)]


def fake_md_command(spec, run, folder):
    return [sys.executable, str(Path(__file__).with_name("fake_md.py")), str(folder)]


class InlineLauncher:
    """Calls the fake programs at once in this process; tells its end at the next poll."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._ended: list[Finished] = []

    @property
    def free(self) -> int:
        return self._jobs - len(self._ended)

    def submit(self, job: Job) -> Handle:
        wish = json.loads(os.environ.get("NEPTUNER_FAKE", "{}"))
        if len(job.command) == 3:
            self._ended.append(Finished(job, *run_md(Path(job.command[2]), wish)))
            return Handle(job)
        *_, folder, _, steps, _, seed = job.command
        self._ended.append(Finished(job, *train(Path(folder), int(steps), int(seed), wish)))
        return Handle(job)

    def poll(self) -> list[Finished]:
        ended, self._ended = self._ended, []
        return ended

    def cancel(self, names=None) -> list[Finished]:
        return self.poll()

    leave = cancel

    def adopt(self, jobs: list[Job]) -> list[str]:
        return LocalLauncher(1).adopt(jobs)


if __name__ == "__main__":
    try:
        commands = {"command": fake_command, "dynamics": fake_md_command}
        run_study(read_spec(sys.argv[1]), Path(sys.argv[2]), jobs=int(sys.argv[3]), **commands)
    except NeptunerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
