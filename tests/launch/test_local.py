from __future__ import annotations

import sys
from pathlib import Path

import pytest

from neptuner.launch.base import Finished, Job, Launcher
from neptuner.launch.local import LocalLauncher, last_line
from neptuner.launch.orphans import _alive
from neptuner.launch.testing import LauncherSuite, until


class TestLocalLauncher(LauncherSuite):
    def make(self, jobs: int) -> Launcher:
        return LocalLauncher(jobs, grace=5.0)


def test_cancel_kills_what_refuses_to_end(tmp_path: Path) -> None:
    launcher = LocalLauncher(1, grace=0.1)
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready'); time.sleep(600)"
    job = Job("stubborn", (sys.executable, "-c", code), tmp_path / "log.txt")
    launcher.submit(job)
    until(lambda: last_line(job) == "ready")
    (finished,) = launcher.cancel()
    assert finished.exit_code == -9


def test_cancel_kills_a_child_that_outlives_its_parent(tmp_path: Path) -> None:
    launcher = LocalLauncher(1, grace=5.0)
    child = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid()); time.sleep(600)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(600)"
    job = Job("family", (sys.executable, "-c", parent), tmp_path / "log.txt")
    launcher.submit(job)
    until(lambda: bool(last_line(job)))
    pid = int(last_line(job))
    launcher.cancel()
    until(lambda: not _alive(pid))


def test_same_name_twice_is_refused(tmp_path: Path) -> None:
    launcher = LocalLauncher(2)
    job = Job("job", (sys.executable, "-c", "import time; time.sleep(600)"), tmp_path / "log.txt")
    launcher.submit(job)
    with pytest.raises(RuntimeError, match="named job is running"):
        launcher.submit(job)
    launcher.cancel()


def test_missing_program_is_an_os_error(tmp_path: Path) -> None:
    launcher = LocalLauncher(1)
    with pytest.raises(FileNotFoundError):
        launcher.submit(Job("job", (str(tmp_path / "absent"),), tmp_path / "log.txt"))
    assert launcher.free == 1


def test_reason_without_output(tmp_path: Path) -> None:
    job = Job("job", ("x",), tmp_path / "log.txt")
    assert Finished(job, 7).reason == "ended with exit code 7 and printed nothing"
    assert last_line(job) == ""


def test_last_line_is_cut_and_skips_blank_lines(tmp_path: Path) -> None:
    job = Job("job", ("x",), tmp_path / "log.txt")
    job.log.write_text("first\n" * 3000 + "x" * 700 + "\n  \n\n")
    assert last_line(job) == "x" * 500
