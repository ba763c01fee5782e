"""The contract of a launcher as tests: subclass :class:`LauncherSuite` and give it the launcher to try."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from neptuner.launch.base import Finished, Job, Launcher

PATIENCE = 60.0
"""Seconds to wait for something that takes a fraction of one."""


class LauncherSuite:
    """Tests that every launcher passes (pytest collects them in a subclass named ``Test...``)."""

    def make(self, jobs: int) -> Launcher:
        """Return a new launcher with ``jobs`` places; the subclass overrides this."""
        raise NotImplementedError

    def test_success_is_reported_once(self, tmp_path: Path) -> None:
        """A job that ends well is reported once, with exit code 0."""
        launcher = self.make(1)
        launcher.submit(_python(tmp_path, "print('hello')"))
        (finished,) = wait(launcher)
        assert (finished.job.name, finished.exit_code, finished.failed) == ("job", 0, False)
        assert launcher.poll() == []

    def test_log_takes_both_streams(self, tmp_path: Path) -> None:
        """The log has standard output and standard error in order."""
        launcher = self.make(1)
        job = _python(tmp_path, "import sys; print('one'); print('two', file=sys.stderr)")
        launcher.submit(job)
        wait(launcher)
        assert job.log.read_text().split() == ["one", "two"]

    def test_failure_carries_last_line(self, tmp_path: Path) -> None:
        """The reason of a failure is the last line printed."""
        launcher = self.make(1)
        launcher.submit(_python(tmp_path, "import sys; print('working'); sys.exit('nep.in, line 3: no such keyword')"))
        (finished,) = wait(launcher)
        assert finished.failed and finished.exit_code == 1
        assert finished.reason == "nep.in, line 3: no such keyword"

    def test_signal_is_told(self, tmp_path: Path) -> None:
        """A killed job has a negative exit code and a reason that names the signal."""
        launcher = self.make(1)
        launcher.submit(_python(tmp_path, "import os; os.kill(os.getpid(), 9)"))
        (finished,) = wait(launcher)
        assert finished.exit_code == -9
        assert finished.reason == "killed by signal 9 (SIGKILL)"

    def test_environment_reaches_the_job(self, tmp_path: Path) -> None:
        """Variables of the job are added to those of this process."""
        launcher = self.make(1)
        code = "import os; print(os.environ['OMP_NUM_THREADS'], 'PATH' in os.environ)"
        launcher.submit(_python(tmp_path, code, environment={"OMP_NUM_THREADS": "3"}))
        (finished,) = wait(launcher)
        assert finished.last_line == "3 True"

    def test_places_are_counted(self, tmp_path: Path) -> None:
        """There are as many places as asked for, and a full launcher refuses a job."""
        launcher = self.make(2)
        assert launcher.free == 2
        launcher.submit(_python(tmp_path, "import time; time.sleep(600)", name="slow"))
        launcher.submit(_python(tmp_path, "", name="quick"))
        assert launcher.free == 0
        try:
            launcher.submit(_python(tmp_path, "", name="too many"))
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
        launcher.submit(_python(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"))
        until(beat.exists)
        (finished,) = launcher.cancel()
        assert finished.failed and launcher.free == 1
        time.sleep(0.1)
        last = beat.read_text()
        time.sleep(0.2)
        assert beat.read_text() == last

    def test_cancel_with_nothing_running(self) -> None:
        """Cancelling an idle launcher does nothing."""
        assert self.make(1).cancel() == []


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


def _python(folder: Path, code: str, *, name: str = "job", environment: dict[str, str] | None = None) -> Job:
    return Job(name, (sys.executable, "-c", code), folder / f"{name}.txt", environment or {})
