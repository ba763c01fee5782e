"""Runs a study with the fake trainer in a process of its own: ``drive.py TOML FOLDER JOBS``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from fake_trainer import train

from neptuner.errors import NeptunerError
from neptuner.launch.base import Finished, Handle, Job
from neptuner.study.run import run_study
from neptuner.study.spec import read_spec


def fake_command(spec, run, folder):
    trainer = Path(__file__).with_name("fake_trainer.py")
    return [sys.executable, str(trainer), str(folder), "--steps", str(run.configuration.steps), "--seed", str(run.seed)]


class InlineLauncher:
    """Calls the fake trainer at once in this process; tells its end at the next poll."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._ended: list[Finished] = []

    @property
    def free(self) -> int:
        return self._jobs - len(self._ended)

    def submit(self, job: Job) -> Handle:
        *_, folder, _, steps, _, seed = job.command
        wish = json.loads(os.environ.get("NEPTUNER_FAKE", "{}"))
        self._ended.append(Finished(job, *train(Path(folder), int(steps), int(seed), wish)))
        return Handle(job)

    def poll(self) -> list[Finished]:
        ended, self._ended = self._ended, []
        return ended

    def cancel(self) -> list[Finished]:
        return self.poll()


if __name__ == "__main__":
    try:
        run_study(read_spec(sys.argv[1]), Path(sys.argv[2]), jobs=int(sys.argv[3]), command=fake_command)
    except NeptunerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
