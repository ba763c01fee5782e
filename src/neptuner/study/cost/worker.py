"""A process that takes the time of short trainings: ``python -m neptuner.study.cost.worker``.

It reads requests from standard input, one JSON object a line, and answers each with a line of standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from neptuner.engines import embedded
from neptuner.engines.inputs import in_full_periodicity
from neptuner.engines.observer import Silent
from neptuner.engines.speed import SpeedSettings, speed
from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames
from neptuner.files.nep_in import parse_nep_in
from neptuner.kernels.geometry import build_geometry
from neptuner.machine import peak_memory
from neptuner.potential.model import Model
from neptuner.potential.settings import Settings

COMMAND_LINE = ("typer", "rich.progress")
"""What a training loads besides, for its options and its progress."""

EAGER = 20
"""First steps, in which the optimiser does more than in later ones."""
PERIOD = 10
"""Steps after which its work repeats."""


class Clock(Silent):
    """Notes the time after each step of a training."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def step(self, step: int, steps: int, progress: float) -> None:  # noqa: ARG002
        """Note the time."""
        self.ticks.append(perf_counter())

    def seconds(self) -> float | None:
        """Time of a step; that of the last, with its row of errors, does not count."""
        ticks = np.array(self.ticks[:-1])
        if len(ticks) > EAGER + PERIOD:
            ticks = ticks[EAGER:]
            ticks = ticks[: PERIOD * ((len(ticks) - 1) // PERIOD) + 1]
        return float((ticks[-1] - ticks[0]) / (len(ticks) - 1)) if len(ticks) > 1 else None


def train(folder: Path, steps: int, threads: int) -> dict[str, Any]:
    """Train in a folder for a few steps and tell where the time went, and what it takes of memory and disk."""
    clock, begin, before = Clock(), perf_counter(), process_time()
    summary = embedded.train(folder, steps=steps, threads=threads, observer=clock)
    total, cpu = perf_counter() - begin, process_time() - before
    model, begin = Model.read(folder / "nep.txt"), perf_counter()
    model.write(folder / "nep.txt")
    return {
        "step": clock.seconds(),
        "row": max(0.0, summary["seconds"] - steps * summary["ms_per_step"] / 1e3),
        "outside": total - summary["seconds"],
        "write": perf_counter() - begin,
        "share": min(1.0, cpu / total),
        "peak_bytes": peak_memory(),
        "model_bytes": (folder / "nep.txt").stat().st_size,
        "prediction_bytes": sum(path.stat().st_size for path in folder.glob("*_*.out")),
    }


def neighbors(data: Path, texts: list[str], threads: int) -> list[list[float]]:
    """Count the neighbours of an atom within the two cutoffs of each nep.in."""
    frames = in_full_periodicity(read_frames(data))
    counts = []
    for text in texts:
        geometry = build_geometry(frames, Settings.from_nep_in(parse_nep_in(text)), np.float32, threads)
        pairs = [int(part.start[-1, -1]) / geometry.n_atoms for part in (geometry.radial, geometry.angular)]
        counts.append(pairs)
    return counts


def atom_step(model: Path, structure: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Take the time of a few steps of molecular dynamics, for each atom, and of what comes before."""
    copies = settings["copies"]
    found = speed(
        model,
        structure,
        SpeedSettings(settings["threads"], settings["steps"], 2, replicate=tuple(copies), virials=True),
    )
    return {"atom_step": 1.0 / found["atom_steps_per_s"], "warm_up": found["warm_up_s"]}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks."""
    try:
        if "count" in request:
            return {"neighbors": neighbors(Path(request["data"]), request["count"], request["threads"])}
        if "structure" in request:
            return atom_step(Path(request["folder"]) / "nep.txt", Path(request["structure"]), request)
        return train(Path(request["folder"]), request["steps"], request["threads"])
    except InputError as error:
        return {"error": str(error)}


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for module in COMMAND_LINE:
        importlib.import_module(module)
    answers.write("{}\n")
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
