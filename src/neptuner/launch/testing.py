"""The contract of a launcher as tests: subclass :class:`LauncherSuite` and give it the launcher to try."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from neptuner.launch.base import Finished, Job, Launcher

PATIENCE = 60.0
"""Seconds to wait for something that takes a fraction of one."""

WAITING = (
    "import pathlib, sys, time; folder = pathlib.Path(sys.argv[1]); (folder / 'up').touch()\n"
    "while not (folder / 'go').exists(): time.sleep(0.01)\n"
    "print('done')"
)
"""A job that says when it is up, and ends when there is a file ``go`` in its directory."""


class LauncherSuite:
    """Tests that every launcher passes (pytest collects them in a subclass named ``Test...``)."""

    def make(self, jobs: int) -> Launcher:
        """Return a new launcher with ``jobs`` places; the subclass overrides this."""
        raise NotImplementedError

    def test_success_is_reported_once(self, tmp_path: Path) -> None:
        """A job that ends well is reported once, with exit code 0."""
        launcher = self.make(1)
        launcher.submit(python_job(tmp_path, "print('hello')"))
        (finished,) = wait(launcher)
        assert (finished.job.name, finished.exit_code, finished.failed) == ("job", 0, False)
        assert launcher.poll() == []

    def test_log_takes_both_streams(self, tmp_path: Path) -> None:
        """The log has standard output and standard error in order."""
        launcher = self.make(1)
        job = python_job(tmp_path, "import sys; print('one'); print('two', file=sys.stderr)")
        launcher.submit(job)
        wait(launcher)
        assert job.log.read_text().split() == ["one", "two"]

    def test_failure_carries_last_line(self, tmp_path: Path) -> None:
        """The reason of a failure is the last line printed."""
        launcher = self.make(1)
        launcher.submit(
            python_job(tmp_path, "import sys; print('working'); sys.exit('nep.in, line 3: no such keyword')")
        )
        (finished,) = wait(launcher)
        assert finished.failed and finished.exit_code == 1
        assert finished.reason == "nep.in, line 3: no such keyword"

    def test_signal_is_told(self, tmp_path: Path) -> None:
        """A killed job has a negative exit code and a reason that names the signal."""
        launcher = self.make(1)
        launcher.submit(python_job(tmp_path, "import os; os.kill(os.getpid(), 9)"))
        (finished,) = wait(launcher)
        assert finished.exit_code == -9
        assert finished.reason == "killed by signal 9 (SIGKILL)"

    def test_environment_reaches_the_job(self, tmp_path: Path) -> None:
        """Variables of the job are added to those of this process."""
        launcher = self.make(1)
        code = "import os; print(os.environ['OMP_NUM_THREADS'], 'PATH' in os.environ)"
        launcher.submit(python_job(tmp_path, code, environment={"OMP_NUM_THREADS": "3"}))
        (finished,) = wait(launcher)
        assert finished.last_line == "3 True"

    def test_places_are_counted(self, tmp_path: Path) -> None:
        """There are as many places as asked for, and a full launcher refuses a job."""
        launcher = self.make(2)
        assert launcher.free == 2
        launcher.submit(python_job(tmp_path, "import time; time.sleep(600)", name="slow"))
        launcher.submit(python_job(tmp_path, "", name="quick"))
        assert launcher.free == 0
        try:
            launcher.submit(python_job(tmp_path, "", name="too many"))
        except RuntimeError as error:
            assert "too many" in str(error)
        else:
            raise AssertionError("a third job was accepted in two places")
        (finished,) = wait(launcher)
        assert finished.job.name == "quick" and launcher.free == 1
        launcher.cancel()

    def test_cancel_ends_children_too(self, tmp_path: Path) -> None:
        """Cancelling ends what a job started as well."""
        launcher = self.make(1)
        beat = tmp_path / "beat"
        write = f"pathlib.Path({str(beat)!r}).write_text(str(time.time()))"
        child = f"import time, pathlib\nwhile True: {write}; time.sleep(0.01)"
        launcher.submit(
            python_job(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
        )
        until(lambda: launcher.poll() == [] and beat.exists())
        (finished,) = launcher.cancel()
        assert finished.failed and launcher.free == 1
        time.sleep(0.1)
        last = beat.read_text()
        time.sleep(0.2)
        assert beat.read_text() == last

    def test_cancel_with_nothing_running(self) -> None:
        """Cancelling an idle launcher does nothing, and so does leaving it."""
        launcher = self.make(1)
        assert launcher.cancel() == launcher.cancel(["unknown"]) == launcher.leave() == []

    def test_cancel_by_name(self, tmp_path: Path) -> None:
        """Only the jobs that are named are ended, and they are not reported again."""
        launcher = self.make(2)
        jobs = [python_job(tmp_path, WAITING, name=name) for name in ("first", "second")]
        for job in jobs:
            launcher.submit(job)
        until(lambda: launcher.poll() == [] and all(up(job) for job in jobs))
        (finished,) = launcher.cancel(["second", "unknown"])
        assert finished.job.name == "second" and finished.failed
        assert launcher.poll() == [] and launcher.free == 1
        (jobs[0].log.parent / "go").touch()
        (finished,) = wait(launcher)
        assert (finished.job.name, finished.exit_code) == ("first", 0)

    def test_adopt_without_earlier_jobs(self, tmp_path: Path) -> None:
        """A job that was never submitted is not taken over."""
        launcher = self.make(1)
        assert launcher.adopt([python_job(tmp_path, WAITING)]) == []
        assert launcher.free == 1 and launcher.poll() == []

    def test_adopted_or_ended(self, tmp_path: Path) -> None:
        """After a killed session each of its jobs is either taken over or ended, so that nothing runs twice."""
        launcher, job = self.make(1), python_job(tmp_path, WAITING)
        launcher.submit(job)
        until(lambda: launcher.poll() == [] and up(job))
        later = self.make(1)
        adopted = later.adopt([job])
        (job.log.parent / "go").touch()
        if adopted:
            (finished,) = wait(later)
            assert (adopted, finished.job, finished.exit_code) == (["job"], job, 0)
        else:
            (finished,) = wait(launcher)
            assert finished.failed


class LastingSuite(LauncherSuite):
    """Tests for a launcher whose jobs outlive it; each ``make`` must find the jobs of the ones before."""

    def test_leave_and_adopt(self, tmp_path: Path) -> None:
        """Jobs go on when the session ends, take a place of the next one, and are told by it."""
        launcher, job = self.make(2), python_job(tmp_path, WAITING)
        launcher.submit(job)
        until(lambda: launcher.poll() == [] and up(job))
        assert launcher.leave() == []
        later = self.make(2)
        assert later.adopt([job, python_job(tmp_path, "", name="other")]) == ["job"]
        assert later.free == 1 and later.poll() == []
        (job.log.parent / "go").touch()
        (finished,) = wait(later)
        assert (finished.job, finished.exit_code, finished.last_line) == (job, 0, "done")
        assert later.free == 2 and self.make(2).adopt([job]) == []

    def test_what_was_not_submitted_does_not_go_on(self, tmp_path: Path) -> None:
        """A job that still waits for the next poll never begins when the session ends."""
        launcher, job = self.make(1), python_job(tmp_path, WAITING)
        launcher.submit(job)
        (finished,) = launcher.leave()
        assert finished.job == job and finished.failed
        assert self.make(1).adopt([job]) == []

    def test_end_between_sessions(self, tmp_path: Path) -> None:
        """A job that ended while nobody looked is told by the next session, with its exit code."""
        launcher, job = self.make(1), python_job(tmp_path, f"{WAITING}; raise SystemExit('too bad')")
        launcher.submit(job)
        until(lambda: launcher.poll() == [] and up(job))
        (job.log.parent / "go").touch()
        until(lambda: "too bad" in job.log.read_text())
        later = self.make(1)  # the first launcher was not left: its session was killed
        assert later.adopt([job]) == ["job"]
        (finished,) = wait(later)
        assert (finished.exit_code, finished.reason) == (1, "too bad")

    def test_cancel_after_adopting(self, tmp_path: Path) -> None:
        """An adopted job can be ended."""
        launcher, job = self.make(1), python_job(tmp_path, WAITING)
        launcher.submit(job)
        until(lambda: launcher.poll() == [] and up(job))
        later = self.make(1)
        later.adopt([job])
        (finished,) = later.cancel()
        assert finished.failed and "done" not in job.log.read_text()
        assert later.free == 1 and self.make(1).adopt([job]) == []


def wait(launcher: Launcher) -> list[Finished]:
    """Poll until something has ended."""
    finished: list[Finished] = []

    def something_ended() -> bool:
        finished.extend(launcher.poll())
        return bool(finished)

    until(something_ended)
    return finished


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened within {PATIENCE:.0f} s"
        time.sleep(0.01)


def up(job: Job) -> bool:
    """Whether a job of :data:`WAITING` runs."""
    return (job.log.parent / "up").exists()


def python_job(folder: Path, code: str, *, name: str = "job", environment: dict[str, str] | None = None) -> Job:
    """Make a job in a directory of its own, ``folder / name``, that runs code with this directory as argument."""
    own = folder / name
    own.mkdir(exist_ok=True)
    return Job(name, (sys.executable, "-c", code, str(own)), own / "log.txt", environment or {})
