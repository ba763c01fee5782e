# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner", "ase>=3.26", "calorine>=4"]
# ///
"""Molecular dynamics as a user runs it: ``neptuner md`` beside ASE with calorine's CPUNEP, the same thermostat.

    python benchmarks/md_speed.py --data ../shared/data [--example examples/j14-study/nep.txt] [--repeats 5]

Both take Bussi's stochastic velocity rescaling with a time step of 1 fs from the same positions and velocities, one
thread each, in turns. neptuner makes new neighbour lists when it must, and that time counts. The third column is what
neptuner's steps take beyond the evaluation of the potential: integration, thermostat, checks, measuring.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from provenance import machine, versions

from neptuner.engines.potential import species_index
from neptuner.files.script import Ensemble, Run
from neptuner.files.structure import Structure, read_structure, replicate
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_weights import site_weights
from neptuner.md.simulation import first_state, what_is_wrong
from neptuner.md.state import State, System
from neptuner.md.steps import make_stepper
from neptuner.md.velocities import first_velocities
from neptuner.potential.convert import to_nep4
from neptuner.potential.model import Model
from neptuner.units import FEMTOSECONDS_PER_UNIT

RELAXATION = 100
"""Steps, or femtoseconds, of the thermostat."""


@dataclass(frozen=True)
class Case:
    """Atoms and a potential."""

    name: str
    model: Path
    structure: Structure
    temperature: float
    steps: int


def cases(data: Path, example: Path | None, folder: Path) -> list[Case]:
    """The systems to measure, models as NEP4."""

    def model(name: str, path: Path) -> Path:
        to_nep4(Model.read(path)).write(folder / f"{name}.txt")
        return folder / f"{name}.txt"

    j14 = read_structure(data / "j14-hnemd-900K/model.xyz")
    edge = j14.cell[0, 0]
    shifted = (j14.positions + edge / 40.0) % edge
    octant = (shifted < 0.5 * edge).all(axis=1)
    none = np.zeros((0, int(octant.sum())), int)
    part = Structure(
        j14.species[octant], shifted[octant], 0.5 * j14.cell, j14.pbc, j14.masses[octant], None, none
    )  # fmt: skip
    pbte = first_frame(data / "pbte/train.xyz")
    found = [
        Case("J14, 1000 atoms", model("j14", data / "j14-hnemd-900K/nep.txt"), part, 900.0, 60),
        Case("PbTe, 250 atoms", model("pbte", data / "pbte/nep.txt"), pbte, 300.0, 200),
        Case("PbTe, 2000 atoms", model("pbte8", data / "pbte/nep.txt"), replicate(pbte, (2, 2, 2)), 300.0, 60),
    ]
    if example is not None:
        found.append(Case("example's model, 1000 atoms", model("example", example), part, 300.0, 100))
    return found


def first_frame(path: Path) -> Structure:
    """First frame of a training set, as a structure with the usual masses."""
    from ase.data import atomic_masses, atomic_numbers

    from neptuner.files.extxyz import read_frames

    frame = read_frames(path)[0]
    masses = np.array([atomic_masses[atomic_numbers[symbol]] for symbol in frame.species])
    none = np.zeros((0, frame.n_atoms), int)
    return Structure(frame.species, frame.positions, frame.cell, (True, True, True), masses, None, none)


class Ours:
    """neptuner's integrator."""

    def __init__(self, case: Case, *, virials: bool) -> None:
        model, structure = Model.read(case.model), case.structure
        types = species_index(structure.species, model.settings.elements)
        self.evaluator = Evaluator(site_weights(model, np.float32), types, structure.pbc, virials=virials)
        system = System(structure.species, types, structure.masses, structure.pbc, structure.groups)
        state = first_state(system, structure.positions, structure.cell, None, self.evaluator, 1)
        velocities = first_velocities(system.masses, structure.positions, case.temperature, 1)
        run = Run(case.steps, ensemble=Ensemble("nvt_bdp", case.temperature, case.temperature, RELAXATION))
        self.inside = 0.0
        self.stepper = make_stepper(run, system, self._evaluate, None)
        self.state: State = self.stepper.begin(replace(state, velocities=velocities))

    def _evaluate(self, positions: np.ndarray, cell: np.ndarray) -> object:
        begin = perf_counter()
        outputs = self.evaluator.evaluate(positions, cell)
        self.inside += perf_counter() - begin
        return outputs

    def seconds(self, steps: int) -> tuple[float, float]:
        """Seconds a step, and of it outside the evaluation."""
        begin, self.inside = perf_counter(), 0.0
        for number in range(steps):
            self.state = self.stepper.advance(self.state, number)
            assert what_is_wrong(self.state, 1.0) is None
        spent = perf_counter() - begin
        return spent / steps, (spent - self.inside) / steps


class Ase:
    """ASE's integrator with calorine's calculator."""

    def __init__(self, case: Case) -> None:
        from ase import Atoms, units
        from ase.md.bussi import Bussi
        from calorine.calculators import CPUNEP

        structure = case.structure
        atoms = Atoms(
            structure.species.tolist(), structure.positions, cell=structure.cell, pbc=True, masses=structure.masses
        )
        velocities = first_velocities(structure.masses, structure.positions, case.temperature, 1)
        atoms.set_velocities(velocities / FEMTOSECONDS_PER_UNIT / units.fs)
        atoms.calc = CPUNEP(str(case.model))
        self.dynamics = Bussi(atoms, units.fs, case.temperature, RELAXATION * units.fs, rng=np.random.default_rng(1))

    def seconds(self, steps: int) -> float:
        """Seconds a step."""
        begin = perf_counter()
        self.dynamics.run(steps)
        return (perf_counter() - begin) / steps


def measure(case: Case, repeats: int) -> dict[str, object]:
    """Let both take turns."""
    plain, heat, ase = Ours(case, virials=False), Ours(case, virials=True), Ase(case)
    plain.seconds(5), heat.seconds(5), ase.seconds(1)
    peer_steps = max(3, case.steps // 20)
    rows = [(*plain.seconds(case.steps), *heat.seconds(case.steps), ase.seconds(peer_steps)) for _ in range(repeats)]
    return {"atoms": case.structure.n_atoms, "rows": rows}


def line(name: str, result: dict[str, object]) -> str:
    """Medians of one case."""
    ours, beyond, heat, _, ase = np.median(np.array(result["rows"]), axis=0)

    def per_day(seconds: float) -> float:
        return 86400.0 / seconds * 1e-6

    return (
        f"{name:30}{per_day(ours):10.2f}{per_day(heat):12.2f}{per_day(ase):10.3f}{ase / ours:9.1f}"
        f"{ase / heat:9.1f}{100.0 * beyond / (ours - beyond):11.1f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--example", type=Path, help="nep.txt of the example's elements")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("md_speed.json"))
    options = parser.parse_args()
    heads = f"{'neptuner':>10}{'+ virials':>12}{'calorine':>10}{'ratio':>9}{'':9}{'beyond':>12}"
    print(f"{'ns a day at 1 fs, one thread':30}{heads}")
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(options.data, options.example, Path(folder)):
            results[case.name] = measure(case, options.repeats)
            print(line(case.name, results[case.name]), flush=True)
    content = {"machine": machine(), "versions": versions("calorine", "ase", "numpy", "numba"), "results": results}
    options.output.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
