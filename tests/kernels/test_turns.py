"""Processes that start together on an empty cache compile each kernel once, not once each."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select

import pytest

from neptuner.kernels import turns
from neptuner.kernels.turns import turn

COMPILES = """
import sys, time
from pathlib import Path
import numpy as np
from numba.core import event
from neptuner.kernels.linear import contract

class Count(event.Listener):
    names = []
    def on_start(self, happening):
        if happening.kind == "numba:compile":
            self.names.append(happening.data["dispatcher"].py_func.__name__)
    def on_end(self, happening):
        pass

event.register("numba:compile", Count())
me, other = map(Path, sys.argv[1:])
me.touch()
while not other.exists():
    time.sleep(0.001)
ones, out = np.ones((2, 8), np.float32), np.zeros((3, 8), np.float32)
contract(np.ones((3, 2), np.float32), ones, 8, out)
assert (out == 2).all()
print(*Count.names)
"""

HOLDS = """
import sys, time
from neptuner.kernels.turns import turn
with turn(sys.argv[1], sys.argv[2]):
    print("mine", flush=True)
    time.sleep(600)
"""


@contextmanager
def started(script: str, *arguments: object, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive the test."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **variables}
    env.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def says_mine(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "mine\n"


def test_two_processes_compile_once(tmp_path: Path) -> None:
    here, there, cache = tmp_path / "here", tmp_path / "there", str(tmp_path)
    with (
        started(COMPILES, here, there, XDG_CACHE_HOME=cache) as one,
        started(COMPILES, there, here, XDG_CACHE_HOME=cache) as other,
    ):
        compiled = sorted(process.communicate(timeout=300)[0].split() for process in (one, other))
        assert (one.returncode, other.returncode) == (0, 0)
    assert compiled == [[], ["contract"]]


def test_the_next_waits_until_the_holder_of_a_turn_is_gone(tmp_path: Path) -> None:
    with started(HOLDS, tmp_path, "a kernel") as holder:
        assert says_mine(holder)
        with turn(str(tmp_path), "another kernel"), started(HOLDS, tmp_path, "a kernel") as waiting:
            assert waiting.stdout is not None
            assert not select([waiting.stdout], [], [], 2.0)[0]
            holder.kill()
            assert says_mine(waiting)


def test_work_goes_on_beside_a_holder_that_has_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST", 0.2)
    with started(HOLDS, tmp_path, "a kernel") as holder:
        assert says_mine(holder)
        begin = time.monotonic()
        with turn(str(tmp_path), "a kernel"):
            assert time.monotonic() - begin >= 0.2


def test_work_goes_on_where_nothing_can_be_locked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with turn(str(tmp_path / "file" / "inside"), "a kernel"):
        assert not (tmp_path / "file").is_dir()
