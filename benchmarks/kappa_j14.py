"""Thermal conductivity of J14 at 900 K by HNEMD and by Green-Kubo, against GPUMD's own runs of the same potential.

    python benchmarks/kappa_j14.py prepare ../shared/data/j14-hnemd-900K WORK
    python benchmarks/kappa_j14.py run WORK --jobs 2          (hours; killed at any time, the same command goes on)
    neptuner kappa WORK/fe-4e-4/*

The eight octants of GPUMD's cell of 8000 atoms, each a cell of 1000 with its own order of the cations, are the
replicates; lattice parameter, time step, thermostat and driving force are those of GPUMD's run.in.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from neptuner.files.structure import Structure, read_structure, write_structure

RUN = """\
potential     nep.txt
velocity      900 seed {seed}

time_step     1
ensemble      nvt_nhc 900 900 100
dump_thermo   1000
run           {equilibration}

ensemble      nvt_nhc 900 900 100
compute_hnemd 1000 0 {force} 0
compute_hac   10 1000 10
compute_shc   2 250 1 1000 400
dump_thermo   1000
run           {production}
"""


def octants(structure: Structure) -> list[Structure]:
    """Cut a cell of 10 x 10 x 10 rock-salt cells into eight of 5 x 5 x 5."""
    edge = structure.cell[0, 0]
    shifted = (structure.positions + edge / 40.0) % edge  # atoms sit on faces of the octants
    place = np.minimum((shifted / (0.5 * edge)).astype(int), 1)
    cuts = []
    for corner in np.ndindex(2, 2, 2):
        mine = (place == corner).all(axis=1)
        groups = np.zeros((0, int(mine.sum())), int)
        cuts.append(
            Structure(
                structure.species[mine], shifted[mine] - 0.5 * edge * np.array(corner), 0.5 * structure.cell,
                (True, True, True), structure.masses[mine], None, groups,
            )
        )  # fmt: skip
    return cuts


def prepare(source: Path, work: Path, force: str, equilibration: int, production: int) -> None:
    """Write a folder for each octant."""
    for number, cell in enumerate(octants(read_structure(source / "model.xyz"))):
        folder = work / f"fe-{force}" / f"octant{number}"
        folder.mkdir(parents=True, exist_ok=True)
        write_structure(folder / "model.xyz", cell)
        shutil.copyfile(source / "nep.txt", folder / "nep.txt")
        text = RUN.format(seed=number + 1, force=force, equilibration=equilibration, production=production)
        (folder / "run.in").write_text(text)
        print(folder, cell.n_atoms, "atoms")


def run(work: Path, jobs: int) -> None:
    """Run or go on with every folder, some at a time, one thread each."""

    def one(folder: Path) -> int:
        command = [sys.executable, "-m", "neptuner", "md", folder, "--threads", "1", "--resume"]
        with (folder / "log.txt").open("a") as log:
            return subprocess.run(list(map(str, command)), stdout=log, stderr=log, check=False).returncode

    folders = sorted(path.parent for path in work.glob("*/*/run.in"))
    with ThreadPoolExecutor(jobs) as pool:
        for folder, code in zip(folders, pool.map(one, folders), strict=True):
            print(folder, "done" if code == 0 else f"exit code {code}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("prepare")
    first.add_argument("source", type=Path)
    first.add_argument("work", type=Path)
    first.add_argument("--force", default="4e-4", help="driving force in 1/angstrom")
    first.add_argument("--equilibration", type=int, default=20_000)
    first.add_argument("--production", type=int, default=250_000)
    second = commands.add_parser("run")
    second.add_argument("work", type=Path)
    second.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.command == "run":
        run(options.work, options.jobs)
    else:
        prepare(options.source, options.work, options.force, options.equilibration, options.production)


if __name__ == "__main__":
    main()
