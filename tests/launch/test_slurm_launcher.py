from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="submitit is not installed")

from neptuner.errors import InputError
from neptuner.launch import queued
from neptuner.launch.base import Finished, Job
from neptuner.launch.notes import first_note, read_alive, read_note, write_note
from neptuner.launch.queued import QueuedLauncher, Timing
from neptuner.launch.slurm import SlurmLauncher, SlurmOptions, SlurmScheduler
from neptuner.launch.testing import WAITING, LastingSuite, python_job, until, up, wait

QUICK = Timing(look=0.05, ask=0.1, grace=0.5, again=0.2, cancel=30.0)
FAKE = Path(__file__).with_name("fake_slurm.py")


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Slurm without daemons; the folder of its state."""
    state, programs = tmp_path / "slurm", tmp_path / "bin"
    state.mkdir()
    programs.mkdir()
    for name in ("sbatch", "squeue", "scancel", "scontrol", "srun"):
        (programs / name).write_text(f'#!/bin/bash\nexec "{sys.executable}" -IS "{FAKE}" {name} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(state))
    return state


def make(folder: Path, jobs: int, *, retries: int = 0, options: SlurmOptions | None = None) -> QueuedLauncher:
    return SlurmLauncher(
        jobs, folder / "a study" / "launch", options or SlurmOptions(60), retries=retries, timing=QUICK
    )


class TestSlurmLauncher(LastingSuite):
    @pytest.fixture(autouse=True)
    def _slurm(self, slurm: Path, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make(self, jobs: int) -> QueuedLauncher:
        return make(self.folder, jobs)


def calls(state: Path, program: str) -> list[list[str]]:
    lines = (state / "calls").read_text().splitlines() if (state / "calls").exists() else []
    return [words[1:] for words in map(json.loads, lines) if words[0] == program]


def kill(job: Job) -> None:
    """Kill a job as a node that crashes does: nothing can be noted."""
    alive = read_alive(job.log.parent)
    assert alive is not None
    os.kill(alive.pid, signal.SIGKILL)


def begun(job: Job) -> bool:
    return up(job) and read_alive(job.log.parent) is not None


def test_what_comes_between_two_polls_is_one_array(slurm: Path, tmp_path: Path) -> None:
    options = SlurmOptions(30, partition="long", gpus=1, cpus=4, memory_gb=2.5, setup=("export FOO='a b'",),
                           extra={"qos": "high", "exclusive": True}, max_array=3, parallelism=2)  # fmt: skip
    launcher = make(tmp_path, 5, options=options)
    code = "import os; print(os.environ['SLURM_ARRAY_TASK_ID'], os.environ['FOO'])"
    jobs = [python_job(tmp_path, code, name=f"job{n}") for n in range(4)]
    for job in jobs:
        launcher.submit(job)
    assert calls(slurm, "sbatch") == []
    finished: list[Finished] = []
    while len(finished) < len(jobs):
        finished += wait(launcher)
    assert len(calls(slurm, "sbatch")) == 2
    assert sorted(f.last_line for f in finished if not f.failed) == ["0 a b", "1 a b", "2 a b"]
    (alone,) = [f for f in finished if f.failed]
    assert alone.last_line == "KeyError: 'SLURM_ARRAY_TASK_ID'"
    script = next((tmp_path / "a study" / "launch").glob("101_submission.sh")).read_text()
    for line in ("partition=long", "gpus-per-node=1", "cpus-per-task=4", "mem=2560MB", "time=30", "array=0-2%2",
                 "signal=USR2@90", "requeue", "qos=high", "exclusive"):  # fmt: skip
        assert f"#SBATCH --{line}\n" in script


def test_squeue_is_asked_once_for_all_and_seldom(slurm: Path, tmp_path: Path) -> None:
    launcher = SlurmLauncher(3, tmp_path / "launch", SlurmOptions(60), timing=Timing(look=0.01, ask=600.0))
    jobs = [python_job(tmp_path, WAITING, name=f"job{n}") for n in range(3)]
    for job in jobs:
        launcher.submit(job)
    until(lambda: launcher.poll() == [] and all(up(job) for job in jobs))
    assert len(calls(slurm, "squeue")) == 1
    assert len(launcher.cancel()) == 3
    assert calls(slurm, "scancel")[0] == ["101_0", "101_1", "101_2"]


def test_time_limit_begins_again_and_goes_on(slurm: Path, tmp_path: Path) -> None:
    """The first attempt is warned, ends politely with its state saved, and the second one goes on."""
    launcher = make(tmp_path, 1)
    code = (
        "import pathlib, signal, sys, time; folder = pathlib.Path(sys.argv[1])\n"
        "if (folder / 'state').exists(): print('went on'); sys.exit()\n"
        "signal.signal(15, lambda *_: ((folder / 'state').touch(), print('saved'), sys.exit(3)))\n"
        "(folder / 'up').touch(); time.sleep(600)"
    )
    job = python_job(tmp_path, code)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    alive = read_alive(job.log.parent)
    assert alive is not None and alive.id == "101"
    os.kill(alive.pid, signal.SIGUSR2)
    (finished,) = wait(launcher)
    assert (finished.exit_code, job.log.read_text().split("\n")[:2]) == (0, ["saved", "went on"])
    assert calls(slurm, "scontrol") == [["requeue", "101"]]
    assert len(calls(slurm, "sbatch")) == 1


def test_time_limit_too_often(slurm: Path, tmp_path: Path) -> None:
    launcher = make(tmp_path, 1, retries=5, options=SlurmOptions(1, requeues=0))
    job = python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    alive = read_alive(job.log.parent)
    assert alive is not None
    os.kill(alive.pid, signal.SIGUSR2)
    (finished,) = wait(launcher)
    assert finished.exit_code == -15 and "too many times" in finished.last_line
    assert calls(slurm, "scontrol") == [] and len(calls(slurm, "sbatch")) == 1


def test_lost_job_is_submitted_again(slurm: Path, tmp_path: Path) -> None:
    launcher, job = make(tmp_path, 1, retries=1), python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    kill(job)
    (job.log.parent / "go").touch()
    (finished,) = wait(launcher)
    assert finished.exit_code == 0 and len(calls(slurm, "sbatch")) == 2


def test_lost_too_often(slurm: Path, tmp_path: Path) -> None:
    launcher, job = make(tmp_path, 1), python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    kill(job)
    with (tmp_path / "a study" / "launch" / "101_0_log.err").open("a") as log:
        log.write("slurmstepd: error: *** STEP 101.0 CANCELLED DUE TO NODE FAILURE ***\n")
    (finished,) = wait(launcher)
    assert finished.exit_code == -9
    assert finished.reason.startswith("job 101 disappeared from the queue") and "NODE FAILURE" in finished.reason
    assert read_note(job.log.parent) is None and make(tmp_path, 1).adopt([job]) == []


def test_cancelled_by_somebody_else_is_submitted_again(slurm: Path, tmp_path: Path) -> None:
    launcher, job = make(tmp_path, 1, retries=1), python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    SlurmScheduler(tmp_path / "launch", SlurmOptions(60)).kill(["101"])
    (job.log.parent / "go").touch()
    (finished,) = wait(launcher)
    assert finished.exit_code == 0 and len(calls(slurm, "sbatch")) == 2


def test_a_silent_slurm_loses_nothing(slurm: Path, tmp_path: Path) -> None:
    launcher, job = make(tmp_path, 1), python_job(tmp_path, WAITING)
    (slurm / "broken").write_text("sbatch: error: Batch job submission failed: Unable to contact slurm controller")
    launcher.submit(job)
    assert launcher.poll() == [] == launcher.poll()
    assert len(calls(slurm, "sbatch")) == 1  # it waits before it asks again
    (slurm / "broken").unlink()
    until(lambda: launcher.poll() == [] and begun(job))
    (slurm / "broken").write_text("squeue: error: Unable to contact slurm controller")
    number = len(calls(slurm, "squeue"))
    until(lambda: launcher.poll() == [] and len(calls(slurm, "squeue")) > number + 3)
    (job.log.parent / "go").touch()
    (finished,) = wait(launcher)
    assert finished.exit_code == 0


def test_wrong_request_fails_at_once(slurm: Path, tmp_path: Path) -> None:
    launcher, job = make(tmp_path, 1), python_job(tmp_path, "")
    text = "sbatch: error: invalid partition specified: nowhere"
    (slurm / "broken").write_text(text)
    launcher.submit(job)
    (finished,) = launcher.poll()
    assert finished.failed and finished.reason == text and launcher.free == 1


def test_refused_too_often(slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "TRIES", 2)
    launcher = make(tmp_path, 1)
    (slurm / "broken").write_text("sbatch: error: busy")
    launcher.submit(python_job(tmp_path, ""))
    (finished,) = wait(launcher)
    assert finished.reason == "sbatch: error: busy"


def test_waiting_job_is_cancelled_and_never_begins(slurm: Path, tmp_path: Path) -> None:
    (slurm / "held").touch()
    launcher, job = make(tmp_path, 1), python_job(tmp_path, "")
    launcher.submit(job)
    launcher.poll()
    (finished,) = launcher.cancel()
    assert finished.failed and read_note(job.log.parent) is None and not job.log.exists()


def test_session_killed_while_it_submitted(slurm: Path, tmp_path: Path) -> None:
    """Jobs that got no number in time are known by the one they tell themselves, if they have begun."""
    launcher, job = make(tmp_path, 1), python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    note = read_note(job.log.parent)
    assert note is not None
    write_note(job.log.parent, replace(note, id=None))
    waiting = python_job(tmp_path, WAITING, name="waiting")
    write_note(waiting.log.parent, first_note("slurm", waiting))
    later = make(tmp_path, 2)
    assert later.adopt([waiting, job]) == ["job"]
    assert read_note(waiting.log.parent) is None
    assert len(later.cancel()) == 1


def test_files_of_jobs_that_ended_well_are_removed(slurm: Path, tmp_path: Path) -> None:
    launcher = make(tmp_path, 1)
    launcher.submit(python_job(tmp_path, ""))
    wait(launcher)
    left = {path.name for path in (tmp_path / "a study" / "launch").iterdir()}
    assert not {name for name in left if name.endswith("submitted.pkl")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SlurmOptions(5, partition="main\nrm"), "launcher.partition"),
        (SlurmOptions(5, extra={"comment": "a\nrm -rf"}), "launcher.comment"),
        (SlurmOptions(5, extra={"qos=x\nrm": 1}), "launcher.extra has the key"),
    ],
)
def test_nothing_breaks_out_of_a_script(slurm: Path, tmp_path: Path, options: SlurmOptions, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(tmp_path, 1, options=options)


def test_path_that_slurm_would_read_as_a_pattern(slurm: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a %"):
        SlurmScheduler(tmp_path / "50%j", SlurmOptions(5))


def test_no_slurm_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no srun here"):
        make(tmp_path, 1)


def test_no_submitit(slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit.slurm.slurm", None)
    with pytest.raises(InputError, match=r"neptuner\[slurm\]"):
        make(tmp_path, 1)
