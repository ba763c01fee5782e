# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner", "ase", "calorine>=4"]
# ///
"""What `neptuner prune` gains in speed and loses in accuracy on a model of the J14 frames.

    python benchmarks/prune_j14.py --data ../shared/data/j14-dft --tolerances 3 10 30 100 [--model nep.txt]

Without --model one is trained first (n_max 6 6, basis_size 8 8, l_max 4 2 1, 40 neurons). Each tolerance is pruned to
on train.xyz; errors are those of test.xyz, of the pruned model, after some more training of it (`neptuner train
--start`), and of a model that is trained at these sizes from the start with as many steps as the whole one. Speeds are
ratios of processor times for energy and forces of a step of molecular dynamics on one thread, all models in turns, the
best of the repeats: ours, and calorine's CPUNEP, which does what GPUMD does (and looks for neighbours every time).
Prints a table and writes all numbers to a JSON file.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"  # before NumPy is imported

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from provenance import machine, versions

from neptuner.engines.embedded import train
from neptuner.engines.potential import NEP, evaluate, make_evaluator
from neptuner.engines.prediction import predict
from neptuner.engines.pruning import prune
from neptuner.engines.speed import replicated
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame

SIZES = {"n_max": [6, 6], "basis_size": [8, 8], "l_max": [4, 2, 1], "neuron": [40]}
COPIES = (2, 2, 2)

Evaluation = Callable[[NDArray[np.float64]], object]
"""Computes energy and forces of atoms at some positions."""


def nep_in(sizes: dict[str, list[int]]) -> str:
    lines = [f"{name} {' '.join(map(str, sizes[name]))}" for name in SIZES]
    return "\n".join(["type 6 Mg Ni Zn Co Cu O", "cutoff 6 3.9", *lines, ""])


def trained(
    folder: Path, data: Path, sizes: dict[str, list[int]], steps: int, seed: int, start: Path | None = None
) -> Path:
    folder.mkdir()
    for name in ("train.xyz", "test.xyz"):
        shutil.copy(data / name, folder / name)
    (folder / "nep.in").write_text(nep_in(sizes))
    train(folder, steps=steps, seed=seed, threads=1, start=start)
    return folder / "nep.txt"


def errors(model: Path, data: Path) -> dict[str, float]:
    result = predict(model, data / "test.xyz", threads=1, worst=0)
    return {name: 1e3 * result[f"rmse_{name}"] for name in ("energy", "force", "virial")}


def neptuner_evaluation(model: Path, frame: Frame) -> Evaluation:
    evaluator = make_evaluator(NEP.read(model), frame, precision="single", threads=1, skin=1.0, virials=False)
    return lambda positions: evaluate(evaluator, positions, frame.cell)


def calorine_evaluation(model: Path, frame: Frame) -> Evaluation | None:
    try:
        from ase import Atoms
        from calorine.calculators import CPUNEP
    except ImportError:
        return None
    atoms = Atoms(frame.species.tolist(), positions=frame.positions, cell=frame.cell, pbc=True)
    atoms.calc = CPUNEP(str(model))

    def run(positions: NDArray[np.float64]) -> None:
        atoms.positions = positions
        atoms.get_forces()

    return run


def microseconds(models: dict[str, Path], frame: Frame, repeats: int) -> dict[str, dict[str, float]]:
    """Time for energy and forces of an atom, by model and program; the best of all repeats, models in turns."""
    best: dict[str, dict[str, float]] = {name: {} for name in models}
    rng = np.random.default_rng(0)
    for program, make, calls in (("neptuner", neptuner_evaluation, 8), ("calorine", calorine_evaluation, 1)):
        runs = {name: run for name, model in models.items() if (run := make(model, frame)) is not None}
        for turn in range(repeats + 1):
            for name, run in runs.items():
                begin = process_time()
                for _ in range(calls):
                    run(frame.positions + 0.01 * rng.normal(size=frame.positions.shape))
                spent = 1e6 * (process_time() - begin) / calls / frame.n_atoms
                if turn:  # the first makes neighbour lists
                    best[name][program] = min(spent, best[name].get(program, spent))
    return best


def study(arguments: argparse.Namespace, place: Path) -> dict[str, Any]:
    data = arguments.data
    largest = max(read_frames(data / "test.xyz"), key=lambda frame: frame.n_atoms)
    whole = arguments.model or trained(place / "whole", data, SIZES, arguments.steps, 1)
    models, rows = {"whole": whole}, [{"name": "whole", "errors": errors(whole, data)}]
    for tolerance in arguments.tolerances:
        name = f"{tolerance:g} %"
        models[name] = place / f"nep-{tolerance:g}.txt"
        begin = perf_counter()
        result = prune(whole, data / "train.xyz", tolerance=tolerance, out=models[name], threads=1)
        seconds = perf_counter() - begin
        sizes = {key: result["after"][key] for key in SIZES}
        on = trained(place / f"on-{tolerance:g}", data, sizes, arguments.more_steps, 1, models[name])
        anew = trained(place / f"anew-{tolerance:g}", data, sizes, arguments.steps, 1)
        rows[0] |= {"sizes": {key: result["before"][key] for key in SIZES}, "operations": 1.0}
        rows[0]["parameters"] = result["before"]["parameters"]
        rows.append(
            {
                "name": name,
                "sizes": sizes,
                "parameters": result["after"]["parameters"],
                "operations": result["operations_ratio"],
                "prune_seconds": seconds,
                "errors": errors(models[name], data),
                "errors_trained_on": errors(on, data),
                "errors_trained_anew": errors(anew, data),
            }
        )
        print(f"{name}: {sizes}", flush=True)
    spent = microseconds(models, replicated(largest, COPIES), arguments.repeats)
    return {"rows": [row | {"us_per_atom": spent[row["name"]]} for row in rows]}


def table(rows: list[dict[str, Any]]) -> str:
    head = ("tolerance", "sizes", "parameters", "operations", "speed: neptuner", "calorine")
    head += ("force, meV/Å", "trained on", "trained anew", "energy, meV/atom", "virial, meV/atom")
    lines = [" | ".join(head)]
    for row in rows:
        sizes = "; ".join(" ".join(map(str, row["sizes"][name])) for name in SIZES)
        gains = [_gain(row, rows[0], program) for program in ("neptuner", "calorine")]
        more = [
            f"{row[key]['force']:.1f}" if key in row else "" for key in ("errors_trained_on", "errors_trained_anew")
        ]
        found = (
            f"{row['errors']['force']:.1f}",
            *more,
            *(f"{row['errors'][name]:.2f}" for name in ("energy", "virial")),
        )
        cells = (row["name"], sizes, f"{row['parameters']:,}", f"{row['operations']:.2f}", *gains, *found)
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def _gain(row: dict[str, Any], whole: dict[str, Any], program: str) -> str:
    spent, before = (part["us_per_atom"].get(program) for part in (row, whole))
    return f"{before / spent:.2f}" if spent and before else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/j14-dft"))
    parser.add_argument("--model", type=Path, help="a nep.txt to prune")
    parser.add_argument("--tolerances", type=float, nargs="+", default=[3.0, 10.0, 30.0, 100.0])
    parser.add_argument("--steps", type=int, default=2000, help="of a whole training")
    parser.add_argument("--more-steps", type=int, default=500, help="of training on after pruning")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path, default=Path("prune_j14.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = study(arguments, Path(folder))
    print(table(report["rows"]))
    report |= {"machine": machine(), "versions": versions("numpy", "numba", "calorine")}
    report |= {"steps": arguments.steps, "more_steps": arguments.more_steps}
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
