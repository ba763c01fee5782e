from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from neptuner.launch import orphans
from neptuner.launch.orphans import end_orphans


def _sleeper(folder: Path, *, session: bool) -> tuple[tuple[str, ...], subprocess.Popen[bytes]]:
    command = (
        sys.executable,
        "-c",
        "import time; print('up', flush=True); time.sleep(600)",
        str(folder / "trial"),
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=session)
    assert process.stdout is not None and process.stdout.readline() == b"up\n"
    return command, process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("proc", [orphans.PROC, Path("/nonexistent")], ids=["proc", "ps"])
def test_only_the_command_itself_is_ended(tmp_path: Path, proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not proc.exists() and not any(Path(d, "ps").exists() for d in ("/bin", "/usr/bin")):
        pytest.skip("there is no ps here")
    monkeypatch.setattr(orphans, "PROC", proc)
    (tmp_path / "a b").mkdir()
    command, orphan = _sleeper(tmp_path / "a b", session=True)
    _, other = _sleeper(tmp_path, session=True)
    _, child = _sleeper(tmp_path / "a b", session=False)
    try:
        assert end_orphans([], timeout=0.1) == []
        assert end_orphans([command, ("nothing",)], timeout=0.5) == [orphan.pid]
        assert orphan.wait(10) == -9
        assert other.poll() is None and child.poll() is None
    finally:
        for process in (orphan, other, child):
            _end(process)


def test_nothing_to_end(tmp_path: Path) -> None:
    assert end_orphans([(sys.executable, "-c", "pass", str(tmp_path))]) == []
