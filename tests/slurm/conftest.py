"""A real Slurm for these tests, started and stopped by them unless one runs already."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def slurm_version(request: pytest.FixtureRequest) -> Iterator[str]:
    """Version of a Slurm that answers."""
    if request.config.option.markexpr != "slurm":
        pytest.skip("starts a real Slurm on this machine; only run with `pytest -m slurm`")
    running = _answers()
    if not running:
        _start()
    yield subprocess.run(["sinfo", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if not running:
        subprocess.run([HERE / "stop.sh"], check=False)


def _answers() -> bool:
    try:
        return subprocess.run(["sinfo"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _start() -> None:
    if os.getuid() != 0:
        pytest.skip("no Slurm answers here, and only root can start one (tests/slurm/start.sh)")
    started = subprocess.run([HERE / "start.sh"], capture_output=True, text=True)
    if started.returncode != 0:
        said = (started.stderr.strip() or "nothing").splitlines()[-1]
        pytest.skip(f"no Slurm answers here, and none can be installed and started: {said}")
