# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""How long `neptuner train` takes to reach given force errors on a data set.

    python benchmarks/time_to_accuracy.py TRAIN.xyz TEST.xyz NEP.in --threads 2 --seconds 90 --seeds 1 2 3

Prints, for each seed, the seconds until the test force RMSE (training, where TEST.xyz is ``-``) first lies below each
target, and the errors of the kept model; writes all of it to time_to_accuracy.json. Seconds are those of the training,
without start-up and compilation.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from neptuner.engines.embedded import train
from neptuner.engines.observer import Silent
from neptuner.training.records import Row


class Recorder(Silent):
    def __init__(self) -> None:
        self.rows: list[tuple[float, float]] = []

    def row(self, row: Row) -> None:
        self.rows.append((row.seconds, (row.test or row.train).force))

    def first_below(self, target: float) -> float | None:
        return next((seconds for seconds, force in self.rows if force < target), None)


def measure(arguments: argparse.Namespace, seed: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        for source, name in (
            (arguments.train, "train.xyz"),
            (arguments.test, "test.xyz"),
            (arguments.nep_in, "nep.in"),
        ):
            if str(source) != "-":
                shutil.copy(source, Path(folder) / name)
        recorder = Recorder()
        summary = train(
            folder,
            threads=arguments.threads,
            time_limit=arguments.seconds,
            seed=seed,
            validation_fraction=arguments.validation,
            observer=recorder,
        )
    return {
        "seed": seed,
        "seconds_to": {str(target): recorder.first_below(target) for target in arguments.targets},
        **{key: summary[key] for key in ("steps", "seconds", "ms_per_step", "threads", "train", "test")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("nep_in", type=Path)
    parser.add_argument("--validation", type=float, help="share of the training frames to hold out (default: a tenth)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=90.0, help="for a whole training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--targets", type=float, nargs="+", default=[0.147, 0.125], help="eV/angstrom")
    arguments = parser.parse_args()
    results = [measure(arguments, seed) for seed in arguments.seeds]
    for result in results:
        reached = ", ".join(f"{k} eV/A: {v and round(v, 1)} s" for k, v in result["seconds_to"].items())
        print(f"seed {result['seed']}: {reached}; {result['seconds']:.1f} s in all ->", end=" ")
        errors = result["test"] or result["train"]
        print({name: round(value, 4) for name, value in errors.items() if value and "rmse" in name})
    Path("time_to_accuracy.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
