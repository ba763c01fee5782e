# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner[search]"]
# ///
"""Does the search of a study beat random search at equal budget? Real trainings, replayed many times.

    python benchmarks/search_against_random.py train examples/j14 --table search_table.json
    python benchmarks/search_against_random.py replay --table benchmarks/results/search_table.json

`train` trains every point of a small space once (432 short trainings of some seconds, on part of the frames) and writes
their losses; it goes on where it was stopped. `replay` lets the sampler of a study and random search draw from that
table without training anything, each with many seeds, as a study would: the same space, the same history, points that
were tried are not tried again. Prints the best loss after so many trials, and how often and by how much TPE is better.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import tempfile
from pathlib import Path

import numpy as np
from provenance import machine

from neptuner.files.extxyz import read_frames, write_frames
from neptuner.files.loss_out import read_validation_out
from neptuner.files.nep_in import parse_nep_in
from neptuner.study.search.sampler import Point, key_of, propose
from neptuner.study.search.space import Space, make_space
from neptuner.study.search.spec import SearchTable, make_search_spec

ELEMENTS = "Mg Ni Zn Co Cu O"
FIXED = {"l_max": [4, 2, 0], "batch": [8], "output_interval": [10]}
SPACE = {
    "cutoff": [[5.0, 3.5], [6.0, 4.0]],
    "n_max": [[i, j] for i in (2, 4, 6) for j in (2, 4, 6)],
    "basis_size": [[4, 4], [8, 8]],
    "neuron": [[5], [15], [40], [80]],
    "lambda_f": [[0.3], [1.0], [3.0]],
}
BASELINE = {"cutoff": [6.0, 4.0], "n_max": [4, 4], "basis_size": [4, 4], "neuron": [15], "lambda_f": [1.0]}
STEPS, LAST_ROWS = 150, 5


def key(values: dict[str, list]) -> str:
    return json.dumps(values, sort_keys=True)


def points() -> list[dict[str, list]]:
    return [dict(zip(SPACE, values, strict=True)) for values in itertools.product(*SPACE.values())]


def train_all(arguments: argparse.Namespace) -> None:
    table = json.loads(arguments.table.read_text()) if arguments.table.exists() else {}
    frames = read_frames(arguments.data / "train.xyz")
    with tempfile.TemporaryDirectory() as folder:
        write_frames(Path(folder) / "train.xyz", frames[:180:3])
        write_frames(Path(folder) / "valid.xyz", frames[1:180:6])
        for number, point in enumerate(points()):
            if key(point) not in table:
                table[key(point)] = train_one(Path(folder), point)
                temporary = arguments.table.with_suffix(".part")
                temporary.write_text(json.dumps(table, indent=0, sort_keys=True) + "\n")
                temporary.replace(arguments.table)
                print(number, key(point), table[key(point)], flush=True)


def train_one(folder: Path, point: dict[str, list]) -> float:
    """Mean validation loss of the forces over the last rows, in eV/angstrom."""
    from neptuner.engines.embedded import train

    for name in ("loss.out", "validation.out", "train.json", "checkpoint.npz", "nep.txt"):
        (folder / name).unlink(missing_ok=True)
    lines = [f"{name} {' '.join(map(str, values))}\n" for name, values in {**FIXED, **point}.items()]
    (folder / "nep.in").write_text(f"type 6 {ELEMENTS}\n" + "".join(lines))
    train(folder, steps=STEPS, threads=1, seed=1)
    return round(float(np.mean(read_validation_out(folder / "validation.out").force[-LAST_ROWS:])), 6)


def make_search() -> Space:
    """The space as study.toml would have it."""
    space = {
        "cutoff": SPACE["cutoff"],
        "n_max": {"low": [2, 2], "high": [6, 6], "step": 2},
        "basis_size": SPACE["basis_size"],
        "neuron": [5, 15, 40, 80],
        "lambda_f": [0.3, 1.0, 3.0],
    }
    spec = make_search_spec(SearchTable.model_validate({"trials": 1, "space": space}), 1, Path("study.toml"))
    lines = [f"{name} {' '.join(map(str, values))}\n" for name, values in {**FIXED, **BASELINE}.items()]
    return make_space(spec, parse_nep_in(f"type 6 {ELEMENTS}\n" + "".join(lines)), Path("study.toml"))


def sweep() -> list[dict[str, list]]:
    """The baseline, and one keyword at a time."""
    varied = [{**BASELINE, keyword: value} for keyword, values in SPACE.items() for value in values]
    return list({key(point): point for point in [BASELINE, *varied]}.values())


def replay(space: Space, table: dict[str, float], kind: str, seed: int, trials: int, known: list[dict]) -> list[float]:
    """Lowest loss so far after each trial."""
    values = [{keyword: tuple(value) for keyword, value in point.items()} for point in known]
    history = [Point(v, (math.log(look_up(table, v)),), {}) for v in values]
    best = [min((math.exp(p.objectives[0]) for p in history), default=math.inf)]
    for number in range(trials):
        drawn = propose(space, kind, history, {key_of(p.values) for p in history}, seed, number)
        history.append(Point(drawn, (math.log(look_up(table, drawn)),), {}))
        best.append(min(best[-1], look_up(table, drawn)))
    return best[1:]


def look_up(table: dict[str, float], values: dict[str, tuple]) -> float:
    words = {k: [float(v) if k in ("cutoff", "lambda_f") else int(v) for v in values[k]] for k in SPACE}
    return table[key(words)]


def replay_all(arguments: argparse.Namespace) -> None:
    table = json.loads(arguments.table.read_text())
    missing = [point for point in points() if key(point) not in table]
    if missing:
        raise SystemExit(f"the table lacks {len(missing)} of {len(points())} points; run `train` first")
    losses = np.sort([table[key(point)] for point in points()])
    print(f"{len(losses)} real trainings: losses {1e3 * losses[0]:.1f} to {1e3 * losses[-1]:.1f} meV/angstrom, "
          f"median {1e3 * np.median(losses):.1f}\n")  # fmt: skip
    space, curves = make_search(), {}
    for start, known in {"from nothing": [], "from the sweep": sweep()}.items():
        curves[start] = {
            kind: np.array([replay(space, table, kind, s, arguments.trials, known) for s in range(arguments.seeds)])
            for kind in ("random", "tpe")
        }
        print(f"{start} ({len(known)} known), {arguments.seeds} seeds\n")
        print_table(curves[start], losses)
    if arguments.output is not None:
        plain = {start: {kind: c.tolist() for kind, c in found.items()} for start, found in curves.items()}
        arguments.output.write_text(json.dumps({"machine": machine(), "curves": plain}) + "\n")
    if arguments.figure is not None:
        draw(curves, float(losses[0]), arguments.figure)


def draw(curves: dict[str, dict[str, np.ndarray]], lowest: float, path: Path) -> None:
    """Best loss so far against trials: median and quartiles over seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True)
    for axes, (start, found) in zip(panels, curves.items(), strict=True):
        for (kind, curve), color in zip(found.items(), ("#9ca3af", "#0072B2"), strict=True):
            low, middle, high = np.percentile(100 * (curve / lowest - 1), [25, 50, 75], axis=0)
            trials = np.arange(1, curve.shape[1] + 1)
            axes.fill_between(trials, low, high, color=color, alpha=0.2, step="post", linewidth=0)
            axes.step(trials, middle, color=color, where="post", label={"tpe": "TPE"}.get(kind, kind))
        axes.set_title(start, fontsize=10)
        axes.set_xlabel("trials")
        axes.set_ylim(0, 40)
    panels[0].set_ylabel("best loss so far, above the lowest of all (%)")
    panels[0].legend(frameon=False)
    figure.savefig(path, dpi=120)


def print_table(curves: dict[str, np.ndarray], losses: np.ndarray) -> None:
    """Distance to the best of all, in per cent: median over seeds and how TPE compares."""
    print("| trials | random | TPE | gain of TPE, median (95 % interval) | TPE better / equal / worse |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    excess = {kind: 100 * (curve / losses[0] - 1) for kind, curve in curves.items()}
    trials = curves["tpe"].shape[1]
    for n in [n for n in (5, 10, 15, 20, 30, 40, 60, 80) if n <= trials]:
        random, tpe = excess["random"][:, n - 1], excess["tpe"][:, n - 1]
        gain, low, high = difference(random, tpe)
        better, equal, worse = (tpe < random).sum(), (tpe == random).sum(), (tpe > random).sum()
        print(f"| {n} | {np.median(random):.1f} % | {np.median(tpe):.1f} % | {gain:+.1f} % ({low:+.1f} to {high:+.1f}) "
              f"| {better} / {equal} / {worse} |")  # fmt: skip
    print()


def difference(random: np.ndarray, tpe: np.ndarray) -> tuple[float, float, float]:
    """Median of random search minus that of TPE, and its interval by a bootstrap over seeds; both are independent."""
    generator, count = np.random.default_rng(1), len(random)
    draws = [
        np.median(random[generator.integers(0, count, count)]) - np.median(tpe[generator.integers(0, count, count)])
        for _ in range(2000)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(np.median(random) - np.median(tpe)), float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("train")
    make.add_argument("data", type=Path, help="examples/j14")
    again = commands.add_parser("replay")
    again.add_argument("--trials", type=int, default=40)
    again.add_argument("--seeds", type=int, default=20)
    again.add_argument("--output", type=Path, help="JSON file for the curves")
    again.add_argument("--figure", type=Path, help="picture of the best loss so far")
    for command in (make, again):
        command.add_argument("--table", type=Path, required=True)
    arguments = parser.parse_args()
    os.nice(19)
    {"train": train_all, "replay": replay_all}[arguments.command](arguments)


if __name__ == "__main__":
    main()
