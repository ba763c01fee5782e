"""The launcher on a real Slurm: what a fake one cannot show, its signals, time limits and dying nodes."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="submitit is not installed")

from neptuner.launch import testing
from neptuner.launch.base import Finished, Job
from neptuner.launch.notes import read_alive, read_note
from neptuner.launch.queued import QueuedLauncher, Timing
from neptuner.launch.slurm import SlurmLauncher, SlurmOptions
from neptuner.launch.testing import WAITING, LastingSuite, python_job, until, up, wait

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm_version")]

TIMING = Timing(look=0.2, ask=1.0, grace=5.0, again=2.0, cancel=60.0, touch=1.0)

SAVES_AND_GOES_ON = (
    "import os, pathlib, signal, sys, time; folder = pathlib.Path(sys.argv[1])\n"
    "if (folder / 'state').exists(): print('went on after', os.environ['SLURM_RESTART_COUNT']); sys.exit()\n"
    "signal.signal(15, lambda *_: ((folder / 'state').touch(), print('saved'), sys.exit(3)))\n"
    "(folder / 'up').touch(); time.sleep(600)"
)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "PATIENCE", 300.0)


def make(folder: Path, jobs: int, *, retries: int = 0, **options: int) -> QueuedLauncher:
    wanted = SlurmOptions(**{"time_limit_minutes": 10, **options})  # type: ignore[arg-type]
    return SlurmLauncher(jobs, folder / "launch", wanted, retries=retries, timing=TIMING)


class TestRealSlurm(LastingSuite):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make(self, jobs: int) -> QueuedLauncher:
        return make(self.folder, jobs)


def begun(job: Job) -> bool:
    return up(job) and read_alive(job.log.parent) is not None


def number(job: Job) -> str:
    note = read_note(job.log.parent)
    assert note is not None and note.id is not None
    return note.id


def test_array(tmp_path: Path) -> None:
    launcher = make(tmp_path, 4)
    code = "import os; print(os.environ['SLURM_ARRAY_JOB_ID'], os.environ['SLURM_ARRAY_TASK_ID'])"
    for n in range(4):
        launcher.submit(python_job(tmp_path, code, name=f"job{n}"))
    finished: list[Finished] = []
    while len(finished) < 4:
        finished += wait(launcher)
    arrays, tasks = zip(*(f.last_line.split() for f in finished), strict=True)
    assert len(set(arrays)) == 1 and sorted(tasks) == ["0", "1", "2", "3"]


def test_time_limit_requeues_and_goes_on(tmp_path: Path) -> None:
    """Slurm warns a job of one minute, it saves its state, waits in the queue again, and goes on: one job number."""
    launcher, job = make(tmp_path, 1, time_limit_minutes=1, requeues=1), python_job(tmp_path, SAVES_AND_GOES_ON)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    before = number(job)
    until(lambda: launcher.poll() == [] and (job.log.parent / "state").exists())
    assert number(job) == before
    (finished,) = wait(launcher)
    assert (finished.exit_code, job.log.read_text().split("\n")[:2]) == (0, ["saved", "went on after 1"])


def test_time_limit_too_often(tmp_path: Path) -> None:
    launcher, job = make(tmp_path, 1, time_limit_minutes=1, requeues=0), python_job(tmp_path, SAVES_AND_GOES_ON)
    launcher.submit(job)
    (finished,) = wait(launcher)
    assert finished.exit_code == 3 and "too many times" in finished.last_line


def test_killed_job_is_submitted_again(tmp_path: Path) -> None:
    """Slurm sees a dead process; what the job started is dead too before it begins again."""
    launcher, job = make(tmp_path, 1, retries=1), python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    before, alive = number(job), read_alive(job.log.parent)
    assert alive is not None and alive.id == before
    os.kill(alive.pid, signal.SIGKILL)
    until(lambda: launcher.poll() == [] and read_note(job.log.parent).attempt == 1)  # type: ignore[union-attr]
    (job.log.parent / "go").touch()
    (finished,) = wait(launcher)
    assert finished.exit_code == 0 and finished.last_line == "done"


def test_cancelled_by_somebody_else(tmp_path: Path) -> None:
    launcher = make(tmp_path, 1, retries=1)
    job = python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    subprocess.run(["scancel", number(job)], check=True)
    until(lambda: launcher.poll() == [] and read_note(job.log.parent).attempt == 1)  # type: ignore[union-attr]
    (job.log.parent / "go").touch()
    (finished,) = wait(launcher)
    assert finished.exit_code == 0


def test_node_that_dies(tmp_path: Path) -> None:
    """Slurm itself puts the job back into the queue; to the launcher it is the same job all the time."""
    launcher, job = make(tmp_path, 1), python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    before, host = number(job), os.uname().nodename.split(".")[0]
    subprocess.run(["scontrol", "update", f"nodename={host}", "state=down", "reason=test"], check=True)
    (job.log.parent / "up").unlink()
    subprocess.run(["scontrol", "update", f"nodename={host}", "state=resume"], check=False)  # it may be back already
    until(lambda: launcher.poll() == [] and begun(job))
    assert number(job) == before
    (job.log.parent / "go").touch()
    (finished,) = wait(launcher)
    assert finished.exit_code == 0


def test_wrong_partition(tmp_path: Path) -> None:
    options = SlurmOptions(10, partition="nowhere")
    launcher = SlurmLauncher(1, tmp_path / "launch", options, timing=TIMING)
    launcher.submit(python_job(tmp_path, ""))
    (finished,) = launcher.poll()
    assert finished.failed and "invalid partition specified: nowhere" in finished.reason
