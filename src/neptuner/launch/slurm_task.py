"""What submitit runs on a node: the command of a trial, and once more when the time limit has come."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from submitit.core.utils import DelayedSubmission, UncompletedJobError

from neptuner.launch.exit_note import run_noted


class SlurmTask:
    """A job as submitit stores it: nothing but where to find its note.

    Parameters
    ----------
    folder
        Directory of the trial.
    token
        Of the submission.
    """

    def __init__(self, folder: str, token: str) -> None:
        self.folder, self.token = folder, token

    def __call__(self) -> int:
        """Run the command; see :func:`neptuner.launch.exit_note.run_noted`."""
        requeue: Any = signal.getsignal(signal.SIGUSR2)  # submitit's, to be called when the command has stopped

        def warned() -> str:
            try:
                requeue(signal.SIGUSR2, None)
            except UncompletedJobError:
                return "the time limit of the job was reached too many times; raise launcher.time_limit_minutes"
            return ""

        return run_noted(Path(self.folder), self.token, job_id=_number(), warned=warned)

    def checkpoint(self) -> DelayedSubmission:
        """Tell submitit what to run next time: the same, for a training goes on by itself."""
        return DelayedSubmission(self)


def _number() -> str | None:
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")
