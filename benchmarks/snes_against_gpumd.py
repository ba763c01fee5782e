# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""Our SNES against GPUMD's own run of its training example, the PbTe set: training force errors at equal generations.

    python benchmarks/snes_against_gpumd.py ../shared/data/pbte --generations 300 --seeds 1

The folder holds train.xyz, and nep.in, nep.txt and loss.out of a run of GPUMD; the shape of the model is taken from the
header of nep.txt, where the defaults of that version stand. Prints our force column beside that of loss.out with their
ratio, its median over seeds, and microseconds of this process per atom and individual.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

from neptuner.files.extxyz import read_frames
from neptuner.files.loss_out import Loss, read_loss_out
from neptuner.files.nep_in import NepIn, read_nep_in
from neptuner.potential.model import Model
from neptuner.training.dataset import Dataset, make_dataset
from neptuner.training.evolution import Evolution
from neptuner.training.loss import LossWeights
from neptuner.training.snes import SnesSettings


def search(data: Dataset, nep_in: NepIn, threads: int, seed: int) -> Evolution:
    snes = SnesSettings(nep_in.population, lambda_1=nep_in.lambda_1, lambda_2=nep_in.lambda_2)
    weights = LossWeights.from_nep_in(nep_in)
    return Evolution(data, snes, weights, batch=nep_in.batch, seed=seed, threads=threads)


def compare(evolution: Evolution, theirs: Loss) -> dict:
    generation, report = evolution.steps_done, evolution.report()
    row = int(np.searchsorted(theirs.steps, generation))
    pairs = {
        "force": (report.train.force, float(theirs.force_train[row])),
        "total": (report.total, float(theirs.total[row])),
        "l1": (report.l1, float(theirs.l1[row])),
        "l2": (report.l2, float(theirs.l2[row])),
        "energy": (report.train.energy, float(theirs.energy_train[row])),
    }
    text = ", ".join(f"{name} {ours:.5f} ({gpumd:.5f})" for name, (ours, gpumd) in pairs.items())
    print(f"  {generation}: ratio of forces {ratio(pairs):.3f}; {text}", flush=True)
    return pairs


def ratio(row: dict) -> float:
    ours, gpumd = row["force"]
    return ours / gpumd


def measure(arguments: argparse.Namespace, data: Dataset, nep_in: NepIn, theirs: Loss, seed: int) -> dict:
    evolution, rows = search(data, nep_in, arguments.threads, seed), {}
    evolution.advance(0.0)
    evolution.advance(0.0)  # compiles
    begin, last = time.process_time(), max(arguments.generations)
    while evolution.steps_done < last:
        evolution.advance(evolution.steps_done / last)
        if evolution.steps_done in arguments.generations:
            rows[evolution.steps_done] = compare(evolution, theirs)
    evaluations = (last - 2) * data.n_atoms * nep_in.population
    return {"seed": seed, "microseconds": (time.process_time() - begin) / evaluations * 1e6, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--generations", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    nep_in = read_nep_in(arguments.folder / "nep.in")
    shape = Model.read(arguments.folder / "nep.txt").settings
    data = make_dataset(
        read_frames(arguments.folder / "train.xyz"),
        shape,
        type_weight=nep_in.type_weight,
        force_delta=nep_in.force_delta,
        threads=arguments.threads,
    )
    theirs = read_loss_out(arguments.folder / "loss.out")
    results = []
    for seed in arguments.seeds:
        print(f"seed {seed}, ours (GPUMD's):")
        result = measure(arguments, data, nep_in, theirs, seed)
        results.append(result)
        print(f"  {result['microseconds']:.2f} us an atom and individual", flush=True)
    for generation in arguments.generations:
        ratios = [ratio(each["rows"][generation]) for each in results]
        print(f"{generation}: median ratio {statistics.median(ratios):.3f} of {len(ratios)}")
    Path("snes_against_gpumd.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
