"""Slurm's commands as far as the launcher uses them, without daemons: each call works on files in $FAKE_SLURM.

A job is a folder with ``script``, ``environment``, and ``pid`` of its session while it runs. Every call is noted in
``calls``. A file ``broken`` makes sbatch and squeue fail with its text; ``held`` keeps jobs from beginning.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

STATE = Path(os.environ["FAKE_SLURM"])


def main() -> int:
    program, words = Path(sys.argv[1]).name, sys.argv[2:]
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps([program, *words]) + "\n")
    if program in ("sbatch", "squeue") and (STATE / "broken").exists():
        print((STATE / "broken").read_text(), file=sys.stderr)
        return 1
    return {"sbatch": sbatch, "squeue": squeue, "scancel": scancel, "scontrol": scontrol, "srun": srun}[program](words)


def sbatch(words: list[str]) -> int:
    script = Path(words[-1]).read_text()
    number = 1 + max((int(p.name.split("_")[0]) for p in jobs()), default=100)
    array = re.search(r"^#SBATCH --array=0-(\d+)", script, re.M)
    for task in range(int(array.group(1)) + 1) if array else [None]:
        folder = STATE / "jobs" / (str(number) if task is None else f"{number}_{task}")
        folder.mkdir(parents=True)
        (folder / "script").write_text(script)
        variables = {"SLURM_JOB_ID": str(number if task is None else number + 1000 + task)}
        if task is not None:
            variables |= {"SLURM_ARRAY_JOB_ID": str(number), "SLURM_ARRAY_TASK_ID": str(task)}
        (folder / "environment").write_text(json.dumps(variables))
        if not (STATE / "held").exists():
            begin(folder)
    print(f"Submitted batch job {number}")
    return 0


def jobs() -> list[Path]:
    return sorted((STATE / "jobs").glob("*"))


def begin(folder: Path) -> None:
    environment = {**os.environ, **json.loads((folder / "environment").read_text())}
    process = subprocess.Popen(
        ["/bin/bash", str(folder / "script")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment, start_new_session=True,
    )  # fmt: skip
    (folder / "pid").write_text(str(process.pid))


def alive(folder: Path) -> bool:
    """Whether a job waits or runs."""
    if (folder / "gone").exists():
        return False
    if not (folder / "pid").exists():
        return True
    leader = (folder / "pid").read_text()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, session = (process / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            if session == leader and state != "Z":
                return True
    return False


def squeue(words: list[str]) -> int:
    assert words == ["--noheader", "--array", "--user", str(os.getuid()), "--format", "%i"]
    print("\n".join(folder.name for folder in jobs() if alive(folder)))
    return 0


def chosen(numbers: list[str]) -> list[Path]:
    return [f for f in jobs() if f.name in numbers or f.name.split("_")[0] in numbers]


def scancel(words: list[str]) -> int:
    for folder in chosen(words):
        end(folder, signal.SIGTERM)
        (folder / "gone").touch()
    return 0


def end(folder: Path, number: int) -> None:
    if not (folder / "pid").exists():
        return
    leader = int((folder / "pid").read_text())
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
    deadline = time.monotonic() + 20
    while alive(folder) and time.monotonic() < deadline:
        time.sleep(0.02)


def scontrol(words: list[str]) -> int:
    """``requeue`` of a job that ends itself."""
    assert words[0] == "requeue"
    (folder,) = chosen([words[1]])
    later = f"while kill -0 {(folder / 'pid').read_text()} 2>/dev/null; do sleep 0.05; done"
    (folder / "pid").unlink()
    again = [sys.executable, __file__, "begin", str(folder)]
    subprocess.Popen(
        ["/bin/bash", "-c", f"{later}; exec {' '.join(again)}"],
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return 0


def srun(words: list[str]) -> int:
    """Run the command with its outputs in files, as the very process that the signals go to."""
    paths = {}
    while words[0].startswith("--"):
        option = words.pop(0)
        if option in ("--output", "--error"):
            paths[option] = words.pop(0)
    for option, stream in (("--output", 1), ("--error", 2)):
        name = paths[option]
        for mark, variable in (("%A", "SLURM_ARRAY_JOB_ID"), ("%a", "SLURM_ARRAY_TASK_ID"), ("%j", "SLURM_JOB_ID")):
            name = name.replace(mark, os.environ.get(variable, mark))
        os.dup2(os.open(name.replace("%t", "0"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.environ |= {"SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_NODEID": "0", "SLURM_PROCID": "0"}
    os.execvp(words[0], words)


if __name__ == "__main__":
    if sys.argv[1] == "begin":
        begin(Path(sys.argv[2]))
        sys.exit(0)
    sys.exit(main())
