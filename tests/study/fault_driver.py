"""Runs studies with the real trainer, in forks of one warm process: ``fault_driver.py WARM_UP_FOLDER``.

Each line of standard input is ``STUDY.toml FOLDER``: a controller is forked for it, its process number is printed,
and at its end its exit code. Its launcher forks the trainers, with the arguments, the session, the log and the closed
files that a program started anew would have, but without the seconds that each start would take. A trainer notes its
command line in ``FOLDER.pids``, where the next controller looks for orphans, as it would look in /proc.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from neptuner import cli
from neptuner.engines import embedded
from neptuner.errors import NeptunerError
from neptuner.launch import local, orphans
from neptuner.launch.base import Job
from neptuner.study.run import run_study, train_command
from neptuner.study.spec import read_spec


def often_saved(spec, run, folder: Path) -> list[str]:
    """The command of a study, with a checkpoint after every few steps."""
    return [*train_command(spec, run, folder), "--checkpoint-interval", "0.05"]


class Forked:
    """As much of a ``Popen`` as a launcher uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        return self._collect(os.WNOHANG)

    def wait(self) -> int | None:
        return self._collect(0)

    def _collect(self, how: int) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, how)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


def fork_job(job: Job, notes: Path) -> Forked:
    pid = os.fork()
    if pid:
        return Forked(pid)
    os.setsid()
    os.closerange(3, 4096)  # above all the lock of the study
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    draft = notes / f".{os.getpid()}"
    draft.write_text(" ".join(job.command))
    draft.rename(notes / str(os.getpid()))
    os.environ.update(job.environment)
    sys.argv = ["neptuner", *job.command[3:]]
    os._exit(exit_code(cli.main))


def exit_code(call) -> int:
    """Exit code of a program, and what it would have printed at its end."""
    try:
        call()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except NeptunerError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def noted(notes: Path) -> Iterator[tuple[int, str]]:
    """Trainers that live, with their command lines."""
    for path in notes.glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(path.name)) == int(path.name):
                yield int(path.name), path.read_text()


def control(toml: str, folder: str) -> None:
    """One session of a study."""
    notes = Path(f"{folder}.pids")
    notes.mkdir(exist_ok=True)
    local._start = lambda job: fork_job(job, notes)
    orphans._sessions = lambda: noted(notes)
    run_study(read_spec(toml), Path(folder), jobs=2, command=often_saved)


def main() -> None:
    embedded.train(Path(sys.argv[1]), steps=20, threads=1)
    print("warm", flush=True)
    for line in sys.stdin:
        toml, folder = line.split()
        pid = os.fork()
        if not pid:
            os.setsid()
            os._exit(exit_code(partial(control, toml, folder)))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
