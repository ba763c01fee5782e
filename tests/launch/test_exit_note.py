from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from neptuner.launch import notes
from neptuner.launch.exit_note import main
from neptuner.launch.notes import (
    ALIVE,
    EXIT,
    JOB,
    AliveNote,
    ExitNote,
    JobNote,
    first_note,
    next_note,
    read_alive,
    read_exit,
    read_note,
    touched,
    withdraw,
    write_alive,
    write_exit,
    write_note,
)
from neptuner.launch.testing import WAITING, python_job, until, up


def noted(folder: Path, code: str) -> tuple[Path, JobNote]:
    """Directory and note of a job as a launcher leaves them."""
    job = python_job(folder, code)
    note = replace(first_note("command", job), touch=0.1)
    write_note(job.log.parent, note)
    return job.log.parent, note


def start(folder: Path, note: JobNote) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "neptuner.launch.exit_note", str(folder), note.token])


def test_notes_survive_the_disk(tmp_path: Path) -> None:
    job = python_job(tmp_path, "'ä \"\n", environment={"A": "b"})
    note = replace(first_note("slurm", job), id="12_3")
    write_note(tmp_path, note)
    assert read_note(tmp_path) == note and note.environment == {"A": "b"}
    write_exit(tmp_path, end := ExitNote(note.token, -9, "SIGTERM", "why"))
    write_alive(tmp_path, alive := AliveNote(note.token, None, "host", 7))
    assert (read_exit(tmp_path), read_alive(tmp_path)) == (end, alive)
    again = next_note(note)
    assert again.token != note.token and (again.attempt, again.id, again.command) == (1, None, note.command)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"token": 1}', "\xff\xfe"])
def test_damaged_notes_are_none(tmp_path: Path, text: str) -> None:
    for name in (JOB, ALIVE, EXIT):
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    assert read_note(tmp_path) is read_alive(tmp_path) is read_exit(tmp_path) is None
    assert read_note(tmp_path / "absent") is None and touched(tmp_path / "absent") is None


def test_end_is_noted(tmp_path: Path) -> None:
    folder, note = noted(tmp_path, "print('out'); raise SystemExit(7)")
    assert main([str(folder), note.token]) == 7
    assert read_exit(folder) == ExitNote(note.token, 7, None)
    assert (folder / "log.txt").read_text() == "out\n"


def test_exit_code_of_a_killed_command(tmp_path: Path) -> None:
    """To the scheduler it looks as to a shell."""
    folder, note = noted(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert main([str(folder), note.token]) == 128 + 9
    end = read_exit(folder)
    assert end is not None and end.exit_code == -9


@pytest.mark.parametrize("change", [{"token": "another"}, {"revoked": True}])
def test_given_up_while_it_runs(tmp_path: Path, change: dict[str, str | bool]) -> None:
    """The command ends when its note says so, and a note of another session is left alone."""
    folder, note = noted(tmp_path, WAITING)
    process = start(folder, note)
    until((folder / "up").exists)
    write_note(folder, replace(note, **change))  # type: ignore[arg-type]
    assert process.wait(30) == 128 + 15
    assert "done" not in (folder / "log.txt").read_text()
    end = read_exit(folder)
    assert end is not None and (end.token, end.stopped_by) == (note.token, "revoked")


def test_deleted_directory_ends_the_job(tmp_path: Path) -> None:
    folder, note = noted(tmp_path, WAITING)
    process = start(folder, note)
    until((folder / "up").exists)
    folder.rename(tmp_path / "elsewhere")
    assert process.wait(30) == 128 + 15
    assert not folder.exists()


def test_two_jobs_of_a_trial_take_turns(tmp_path: Path) -> None:
    """The second one begins when the first one, which was given up, has ended."""
    code = (
        "import pathlib, sys, time, signal; folder = pathlib.Path(sys.argv[1])\n"
        "def stop(*_): time.sleep(1); print('first ends', flush=True); sys.exit(3)\n"
        "if (folder / 'up').exists(): print('second'); sys.exit()\n"
        "signal.signal(15, stop); (folder / 'up').touch(); time.sleep(600)"
    )
    folder, note = noted(tmp_path, code)
    first = start(folder, note)
    until((folder / "up").exists)
    later = next_note(note)
    write_note(folder, later)
    second = start(folder, later)
    assert (first.wait(30), second.wait(30)) == (3, 0)
    assert (folder / "log.txt").read_text() == "first ends\nsecond\n"
    assert read_exit(folder) == ExitNote(later.token, 0, None)


def test_signs_of_life(tmp_path: Path) -> None:
    folder, note = noted(tmp_path, WAITING)
    process = start(folder, note)
    until((folder / "up").exists)
    before = touched(folder)
    until(lambda: touched(folder) != before)
    (folder / "go").touch()
    assert process.wait(30) == 0


def test_withdraw_waits_for_what_runs(tmp_path: Path) -> None:
    folder, note = noted(tmp_path, WAITING)
    waiting, _ = noted(tmp_path / "job", "")
    process = start(folder, note)
    until((folder / "up").exists)
    withdraw([folder, waiting, tmp_path])
    assert process.wait(5) == 128 + 15
    assert not any((f / name).exists() for f in (folder, waiting) for name in (JOB, ALIVE))


def test_withdraw_does_not_wait_for_a_dead_machine(tmp_path: Path) -> None:
    folder, note = noted(tmp_path, "")
    write_alive(folder, AliveNote(note.token, "1", "gone", 1))
    begin = time.monotonic()
    withdraw([folder], patience=1.0)
    assert 0.4 < time.monotonic() - begin < 5.0
    assert not (folder / JOB).exists()


def test_notes_are_json_for_people(tmp_path: Path) -> None:
    folder, note = noted(tmp_path, "")
    assert json.loads((folder / "job.json").read_text())["token"] == note.token
    assert not notes.runs(folder, note.token) and not up(python_job(tmp_path, ""))
    assert os.listdir(folder) == ["job.json"]  # noqa: PTH208
