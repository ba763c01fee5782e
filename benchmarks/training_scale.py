# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""Memory and time of preparing, and time of a training step over all frames, against the number of atoms.

    python benchmarks/training_scale.py FRAMES.xyz [FRAMES.xyz ...] --atoms 15000 40000 80000 166000

The frames are repeated until there are so many atoms; each size is measured in a process of its own. Prints a table and
a straight-line fit of each quantity (value at no atoms, slope by atom, largest deviation); writes training_scale.json.
The model is the largest of the J14 study: cutoff 8.4 3.9, n_max 10 9, basis_size 12 12, l_max 4 2 0, two layers of 30.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from neptuner.files.extxyz import read_frames
from neptuner.kernels.engine import evaluate, gradient
from neptuner.kernels.weights import weights_of
from neptuner.potential.settings import Settings
from neptuner.training.dataset import make_dataset
from neptuner.training.initial import initial_model
from neptuner.training.loss import LossWeights, loss_gradient

ELEMENTS = ("Mg", "Ni", "Zn", "Co", "Cu", "O")
SETTINGS = Settings(ELEMENTS, 4, (8.4, 3.9), (10, 9), (12, 12), (4, 1, 0, 0, 0, 0, 0), (30, 30))


@dataclass(frozen=True)
class Measured:
    frames: int
    atoms: int
    prepare: float
    """Seconds."""
    step: float
    """Seconds of energies, forces, virials and gradient of all frames, the best of three."""
    peak: float
    """Largest resident memory of the process so far, GB."""
    kept: float
    """GB that the prepared data take."""


def measure(paths: list[Path], atoms: int, threads: int) -> Measured:
    unit = [frame for path in paths for frame in read_frames(path)]
    frames, total = [], 0
    while total < atoms:
        frames.append(unit[len(frames) % len(unit)])
        total += frames[-1].n_atoms
    begin = perf_counter()
    data = make_dataset(frames, SETTINGS, threads=threads)
    prepare = perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    model = initial_model(data.prepared, np.random.default_rng(1))
    weights, (batch, labels) = weights_of(model, data.prepared.dtype), data.batch()
    times = []
    for _ in range(4):  # the first compiles
        begin = perf_counter()
        outputs = evaluate(data.prepared, weights, batch, threads)
        loss = loss_gradient(outputs, labels, batch, LossWeights())
        gradient(data.prepared, weights, batch, loss.by_energy, loss.by_forces, loss.by_virial, threads)
        times.append(perf_counter() - begin)
    return Measured(len(frames), total, prepare, min(times[1:]), peak, data.prepared.nbytes / 1e9)


def fit(atoms: np.ndarray, values: np.ndarray) -> str:
    slope, start = np.polyfit(atoms, values, 1)
    off = np.abs(values - start - slope * atoms).max() / values.max()
    return f"{start:.3g} + {1e6 * slope:.3g}e-6 an atom, at most {100 * off:.1f} % of the largest off"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+")
    parser.add_argument("--atoms", type=int, nargs="+", default=[15_000, 40_000, 80_000, 166_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(asdict(measure(arguments.frames, arguments.atoms[0], arguments.threads))))
        return
    rows = []
    for atoms in arguments.atoms:
        command = [sys.executable, __file__, *map(str, arguments.frames), "--threads", str(arguments.threads)]
        done = subprocess.run([*command, "--one", "--atoms", str(atoms)], capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(", ".join(f"{name} {value:.4g}" for name, value in rows[-1].items()), flush=True)
    sizes = np.array([row["atoms"] for row in rows], dtype=float)
    for name in ("prepare", "step", "peak", "kept"):
        print(f"{name}: {fit(sizes, np.array([row[name] for row in rows]))}")
    Path("training_scale.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
