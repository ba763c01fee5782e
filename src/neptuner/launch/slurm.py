"""Jobs in the queue of Slurm, as arrays; submitit writes and submits the scripts."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neptuner.errors import InputError
from neptuner.launch.notes import JobNote, remove_notes
from neptuner.launch.queued import PERMANENT, QueuedLauncher, SubmissionError, Timing

WARNING_SECONDS = 90
"""How long before the time limit a job is told."""

SECONDS_PER_CALL = 120.0
WORDS_PER_CALL = 200


@dataclass(frozen=True)
class SlurmOptions:
    """What each job asks Slurm for."""

    time_limit_minutes: int
    """Of a job; a training that is not finished then goes on in the next one."""
    partition: str | None = None
    account: str | None = None
    gpus: int | None = None
    """Graphics processors of a job."""
    cpus: int = 1
    """Processors of a job."""
    memory_gb: float | None = None
    """Memory of a job in gigabytes; None: as the site says."""
    setup: tuple[str, ...] = ()
    """Lines of shell before the command, such as ``module load cuda``; they run as they are."""
    extra: Mapping[str, str | int | bool] = field(default_factory=dict)
    """Further options of sbatch by their long names; true for one without a value."""
    max_array: int = 500
    """Most jobs in one array."""
    parallelism: int | None = None
    """Most jobs of an array that run at a time; None: all."""
    requeues: int = 20
    """How often a job may reach its time limit and go on."""


class SlurmScheduler:
    """Slurm as a :class:`neptuner.launch.queued.Scheduler`.

    Parameters
    ----------
    folder
        Directory, seen by every machine, for submitit's scripts, its pickled jobs and what Slurm prints.
    options
        What each job asks for.

    Raises
    ------
    InputError
        If submitit or Slurm is missing, or something in the options or the path cannot stand in a script.
    """

    kind = "slurm"
    can_tell = True

    def __init__(self, folder: Path, options: SlurmOptions) -> None:
        self.chunk, self._folder, self._options = options.max_array, folder.absolute(), options
        _check(self._folder, options)
        self._make_executor()

    def send(self, jobs: Sequence[tuple[Path, JobNote]]) -> list[str]:
        """Submit jobs as one array; see :class:`neptuner.launch.queued.Scheduler`."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        from neptuner.launch.slurm_task import SlurmTask

        executor = self._make_executor()
        try:
            with contextlib.redirect_stderr(io.StringIO()), executor.batch():
                sent = [executor.submit(SlurmTask(str(folder), note.token)) for folder, note in jobs]
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            message = _said(str(error))
            raise SubmissionError(message, permanent=bool(PERMANENT.search(message))) from None
        return [job.job_id for job in sent]

    def known(self, numbers: Sequence[str]) -> set[str] | None:
        """Ask squeue once for all jobs of this user; see :class:`neptuner.launch.queued.Scheduler`."""
        command = ["squeue", "--noheader", "--array", "--user", str(os.getuid()), "--format", "%i"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            listing = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS_PER_CALL)
            return set(numbers) & set(listing.stdout.split())
        return None

    def kill(self, numbers: Sequence[str]) -> None:
        """Cancel jobs; see :class:`neptuner.launch.queued.Scheduler`."""
        for part in _parts(numbers):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(["scancel", *part], capture_output=True, timeout=SECONDS_PER_CALL)

    def last_words(self, number: str) -> str:
        """Return the last line of what Slurm printed; see :class:`neptuner.launch.queued.Scheduler`."""
        try:
            lines = (self._folder / f"{number}_0_log.err").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        said = [line.strip() for line in lines if line.startswith(("slurm", "srun"))] or [""]
        return said[-1][:500]

    def forget(self, number: str) -> None:
        """Remove what submitit and Slurm kept of a job."""
        names = ("submitted.pkl", "0_result.pkl", "0_log.out", "0_log.err")
        remove_notes(self._folder, *(f"{number}_{name}" for name in names))

    def _make_executor(self) -> Any:
        try:
            from submitit.slurm.slurm import SlurmExecutor
        except ImportError:
            raise InputError(
                "the launcher slurm needs the package submitit; install it with `pip install 'neptuner[slurm]'`"
            ) from None
        try:
            executor = SlurmExecutor(folder=self._folder, max_num_timeout=self._options.requeues)
        except RuntimeError:
            raise InputError("the launcher slurm finds no srun here; start the study on a login node") from None
        executor.update_parameters(**_parameters(self._options, self._folder))
        return executor


class SlurmLauncher(QueuedLauncher):
    """Launcher for Slurm.

    Parameters
    ----------
    jobs
        Number of jobs that may wait or run at the same time.
    folder
        For the files of submitit and Slurm; see :class:`SlurmScheduler`.
    options
        What each job asks for.
    retries
        How often a job is submitted again that was lost or killed from outside.
    timing
        How often to look.
    """

    def __init__(
        self, jobs: int, folder: Path, options: SlurmOptions, *, retries: int = 2, timing: Timing | None = None
    ) -> None:
        super().__init__(jobs, SlurmScheduler(folder, options), retries=retries, timing=timing)


def _parameters(options: SlurmOptions, folder: Path) -> dict[str, Any]:
    """Parameters of submitit's executor."""
    seconds = 60 * options.time_limit_minutes
    chosen = {
        "job_name": re.sub(r"[^A-Za-z0-9._-]", "-", f"neptuner-{folder.parent.name}"),
        "partition": options.partition,
        "account": options.account,
        "gpus_per_node": options.gpus,
        "cpus_per_task": options.cpus,
        "mem": None if options.memory_gb is None else f"{round(1024 * options.memory_gb)}MB",
        "setup": list(options.setup) or None,
        "array_parallelism": options.parallelism or options.max_array,
        "time": options.time_limit_minutes,
        "signal_delay_s": min(WARNING_SECONDS, seconds // 5),
        "additional_parameters": {"requeue": True, **options.extra},
        "srun_args": [f"--cpus-per-task={options.cpus}"],  # srun does not take it from the job since Slurm 22.05
    }
    return {key: value for key, value in chosen.items() if value is not None}


def _check(folder: Path, options: SlurmOptions) -> None:
    if re.search(r"[%\n\r]", str(folder)):
        raise InputError(r"this path has a % or a line break, which Slurm reads as more than a name", path=folder)
    named = {"partition": options.partition, "account": options.account, **options.extra}
    for name, value in named.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
            raise InputError(f'launcher.extra has the key "{name}"; expected a long option of sbatch, such as qos')
        if isinstance(value, str) and not value.isprintable():
            raise InputError(f"launcher.{name} is {shlex.quote(value)!a}; expected printable characters")


def _said(message: str) -> str:
    """What sbatch said, in one line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("sbatch")] or lines[-1:] or ["sbatch failed"]
    return " ".join(said)[:500]


def _parts(numbers: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(numbers), WORDS_PER_CALL):
        yield numbers[first : first + WORDS_PER_CALL]
