"""A program named ``nep`` that does what GPUMD's does, with neptuner's own SNES doing the work.

It greets as GPUMD's does, takes no arguments, reads nep.in, train.xyz, test.xyz and nep.restart from where it is
started, writes nep.txt, a row of loss.out and nep.restart in this order, keeps copies as `save_potential` says, seeds
itself from the clock and dies at once of a signal.
"""

from __future__ import annotations

import sys
from pathlib import Path

import neptuner

CLOCK = "time.time_ns() % 2**31"

PROGRAM = """#!{python}
import contextlib, os, shutil, signal, sys, time
from pathlib import Path

print("*                 Welcome to use GPUMD                        *")
print("*                     version {version}                             *")
print("*              This is the nep executable                     *", flush=True)
if not os.path.exists("nep.in"):
    print("Failed to open nep.in.")
    sys.exit(1)
{at_start}
sys.path.insert(0, {source!r})
from neptuner.engines import embedded
from neptuner.engines.observer import Silent
from neptuner.files.loss_out import format_loss_row
from neptuner.signals import StopWish

embedded.stop_wish = lambda: contextlib.nullcontext(StopWish())
words = {{line.split()[0]: line.split()[1:] for line in open("nep.in") if line.strip()}}
interval = int(words.get("output_interval", ["100"])[0])
every, _, with_search = map(int, words.get("save_potential", ["100000", "1", "0"]))
work = Path("work")
shutil.rmtree(work, ignore_errors=True)
work.mkdir()
for name in ("nep.in", "train.xyz", "test.xyz", "nep.restart"):
    if os.path.exists(name):
        shutil.copy(name, work)


class Nep(Silent):
    def row(self, row):
        if row.step % interval:  # our trainer adds one at the end
            return
        shutil.copy(work / "nep.txt", "nep.txt")
        if row.step % every == 0:
            shutil.copy(work / "nep.txt", f"nep_gen{{row.step}}.txt")
        sets = [[0.0 if x != x else x for x in (e.energy, e.force, e.virial)] if e else [0.0] * 3
                for e in (row.train, row.test)]
        with open("loss.out", "a") as file:
            file.write(format_loss_row(row.step, row.total, row.l1, row.l2, *sets[0], *sets[1]))
        shutil.copy(work / "nep.restart", "nep.restart")
        if row.step % every == 0 and with_search:
            shutil.copy(work / "nep.restart", f"nep_gen{{row.step}}.restart")
        {at_row}


embedded.train(work, optimizer="snes", seed={seed}, threads=1, observer=Nep())
shutil.rmtree(work)
print("Finished running nep.")
"""


REPLAY = """#!{python}
import os, shutil, signal, sys, time

print("*                 Welcome to use GPUMD                        *")
print("*                     version {version}                             *")
print("*              This is the nep executable                     *", flush=True)
if not os.path.exists("nep.in"):
    print("Failed to open nep.in.")
    sys.exit(1)
open("pid", "w").write(str(os.getpid()))
words = {{line.split()[0]: line.split()[1:] for line in open("nep.in") if line.strip()}}
interval = int(words.get("output_interval", ["100"])[0])
copies = "save_potential" in words
before = 0.0
if os.path.exists("nep.restart"):
    before = float(open("nep.restart").readline().split()[0])
for step in range(interval, int(words["generation"][0]) + 1, interval):
    time.sleep({nap})
    shutil.copy({model!r}, "nep.txt")
    if copies and step not in {lost}:
        shutil.copy({model!r}, f"nep_gen{{step}}.txt")
    with open("loss.out", "a") as file:
        file.write(f"{{step:<8d}}" + "0.50000    " * 3 + "0.10000      " * 6 + "\\n")
    search = f"{{before + step:15.7e}} {{0.1:15.7e}}\\n" * {count}
    for name in ["nep.restart"] + [f"nep_gen{{step}}.restart"] * copies:
        with open(name, "w") as file:
            file.write(search)
    {at_row}
"""
"""Says the same in every row, but counts its generations in the means of nep.restart."""


def install_nep(
    folder: Path,
    *,
    version: str = "5.6",
    at_start: str = "",
    at_row: str = "pass",
    seed: str = "time.time_ns() % 2**31",
) -> Path:
    """Write the program into a folder; ``at_start`` and ``at_row`` are lines of Python that it runs besides."""
    path = folder / "nep"
    source = str(Path(neptuner.__file__).parents[1])
    text = PROGRAM.format(
        python=sys.executable, version=version, source=source, at_start=at_start, at_row=at_row, seed=seed
    )
    path.write_text(text)
    path.chmod(0o755)
    return path


def install_replay(
    folder: Path,
    model: Path,
    count: int,
    *,
    version: str = "5.6",
    nap: float = 0.0,
    at_row: str = "pass",
    lost: tuple[int, ...] = (),
) -> Path:
    """Write a program that trains nothing into a folder; it is there to be stopped.

    Parameters
    ----------
    folder
        Where to write it.
    model, count
        The nep.txt of every row, and its number of parameters.
    version
        What it calls itself.
    nap
        Seconds that a row takes.
    at_row
        A line of Python that it runs after a row.
    lost
        Generations whose copy of nep.txt is not made.
    """
    path = folder / "nep"
    text = REPLAY.format(
        python=sys.executable, version=version, model=str(model), count=count, nap=nap, at_row=at_row, lost=lost
    )
    path.write_text(text)
    path.chmod(0o755)
    return path
