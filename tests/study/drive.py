"""Runs a study with the fake trainer in a process of its own: ``drive.py TOML FOLDER JOBS``."""

from __future__ import annotations

import sys
from pathlib import Path

from neptuner.errors import NeptunerError
from neptuner.study.run import run_study
from neptuner.study.spec import read_spec


def fake_command(spec, run, folder):
    trainer = Path(__file__).with_name("fake_trainer.py")
    return [sys.executable, str(trainer), str(folder), "--steps", str(run.configuration.steps), "--seed", str(run.seed)]


if __name__ == "__main__":
    try:
        run_study(read_spec(sys.argv[1]), Path(sys.argv[2]), jobs=int(sys.argv[3]), command=fake_command)
    except NeptunerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
