# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""A step of `neptuner train` against one of neppo and TorchNEP: same nep.in, batch and frames, one thread each.

    python benchmarks/trainers.py TRAIN.xyz NEP.in --neppo NEPPO/bin/neppo [--torchnep PYTHON] [--repeats 3]

Each program runs twice, with few and with more steps; a step is the difference of the wall times over the difference of
the steps, so that start-up, compilation and the predictions at the end do not count. Rows of errors are put off to the
last step. Prints milliseconds a step (median, best) and the ratios; writes trainers.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from neptuner.files.extxyz import read_frames
from neptuner.files.nep_in import read_nep_in

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
FEW, MORE = 10, 50

TORCHNEP = """
from torchnep import train_nep
train_nep("nep.in", "train.xyz", output_dir="output")
"""


def folder_of(arguments: argparse.Namespace, place: Path, steps: int, epochs: int = 0) -> Path:
    place.mkdir()
    shutil.copy(arguments.train, place / "train.xyz")
    own = ("generation", "output_interval", *(("population", "version") if epochs else ()))
    kept = [line for line in arguments.nep_in.read_text().splitlines() if line.split() and line.split()[0] not in own]
    length = f"epoch {epochs}" if epochs else f"generation {steps}\noutput_interval {steps}"
    text = "\n".join([*kept, length, ""])
    (place / "nep.in").write_text(text)
    return place


def wall(command: Callable[[Path], list[str]], arguments: argparse.Namespace, steps: int, epochs: int = 0) -> float:
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder_of(arguments, Path(temporary) / "run", steps, epochs)
        begin = time.perf_counter()
        done = subprocess.run(
            command(folder), cwd=folder, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{command(folder)}: {done.stderr[-2000:]}")
        return time.perf_counter() - begin


def programs(arguments: argparse.Namespace) -> dict[str, Callable[[Path], list[str]]]:
    ours = [sys.executable, "-m", "neptuner", "train", "--threads", "1", "--validation", "0"]
    found: dict[str, Callable[[Path], list[str]]] = {"neptuner": lambda folder: [*ours, str(folder)]}
    if arguments.neppo:
        found["neppo"] = lambda folder: [arguments.neppo, "train", "--device", "cpu", str(folder)]
    if arguments.torchnep:
        found["torchnep"] = lambda folder: [arguments.torchnep, "-c", TORCHNEP, str(folder)]
    return found


def step_seconds(name: str, command: Callable[[Path], list[str]], arguments: argparse.Namespace) -> float:
    if name == "torchnep":  # counts epochs
        frames = len(read_frames(arguments.train))
        each = -(-frames // read_nep_in(arguments.nep_in).batch)
        few, more = 1, 1 + -(-MORE // each)
        return (wall(command, arguments, 1, more) - wall(command, arguments, 1, few)) / ((more - few) * each)
    # our steps are short: more of them, for the same precision
    few, more = (FEW, MORE) if name != "neptuner" else (10 * FEW, 10 * MORE)
    return (wall(command, arguments, more) - wall(command, arguments, few)) / (more - few)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("nep_in", type=Path)
    parser.add_argument("--neppo", help="its command")
    parser.add_argument("--torchnep", help="a Python that has it")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    steps = {name: [] for name in programs(arguments)}
    for _ in range(arguments.repeats):
        for name, command in programs(arguments).items():
            steps[name].append(1e3 * step_seconds(name, command, arguments))
    for name, found in steps.items():
        median, best = statistics.median(found), min(found)
        ratio = median / statistics.median(steps["neptuner"])
        print(f"{name:10s} {median:8.2f} ms a step (best {best:.2f}), {ratio:.1f} x neptuner's")
    Path("trainers.json").write_text(json.dumps(steps, indent=1) + "\n")


if __name__ == "__main__":
    main()
