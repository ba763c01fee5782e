# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner", "ase", "calorine>=4"]
# ///
"""Energies, forces and virials of many different frames, neighbour lists included: neptuner beside calorine.

    python benchmarks/predict_speed.py --data ../shared/data --threads 1 2

The frames are the 154 of ``j14-dft/test.xyz`` (16, 64 or 128 atoms of 6 species), read before and sorted by size, which
spares calorine from reading its potential again for most of them. Contenders take turns.

neptuner                   kernels.prediction.predict
calorine direct            its compiled layer without ASE: set_cell, set_symbols, set_masses, set_positions and
                           get_potential_forces_and_virials of _nepy.NEPY, one for each size of frames, made before
calorine, one CPUNEP       get_potential_energy, get_forces and get_stress of one calculator for each frame, never
                           attached to the atoms: it reads the potential once for each size of frames
calorine, atoms.calc       the same of atoms that a CPUNEP is attached to, as its tutorials do; attaching one, even the
                           same to all frames, makes it read the potential

Prints a table and writes all times to a JSON file.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"  # before NumPy is imported

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from provenance import machine, versions

from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.kernels.prediction import predict
from neptuner.potential.convert import to_nep4
from neptuner.potential.model import Model

Floats = NDArray[np.float64]
Run = Callable[[], Floats]
"""Evaluates all frames and gives all forces, ``(n_atoms, 3)``."""

POTENTIAL, FRAMES = "j14-hnemd-900K/nep.txt", "j14-dft/test.xyz"
LARGEST_DEVIATION = 1e-3
"""In eV/angstrom, between the forces of contenders."""


def contenders(nep4: Path, frames: list[Frame], threads: list[int]) -> Iterator[tuple[str, int, Run]]:
    model = Model.read(nep4)
    for count in threads:
        yield "neptuner", count, partial(by_neptuner, model, frames, count)
    try:
        import _nepy  # noqa: F401
        import calorine  # noqa: F401
    except ImportError as error:
        print(f"calorine left out: {error}", file=sys.stderr)
        return
    yield "calorine direct", 1, calorine_direct(nep4, frames)
    yield "calorine, one CPUNEP", 1, calorine_by_ase(nep4, frames, attach=False)
    yield "calorine, atoms.calc", 1, calorine_by_ase(nep4, frames, attach=True)


def by_neptuner(model: Model, frames: list[Frame], threads: int) -> Floats:
    return np.asarray(predict(model, frames, threads=threads).forces, np.float64)


def calorine_by_ase(nep4: Path, frames: list[Frame], *, attach: bool) -> Run:
    from ase import Atoms
    from calorine.calculators import CPUNEP

    structures = [Atoms(f.species.tolist(), positions=f.positions, cell=f.cell, pbc=True) for f in frames]

    def run() -> Floats:
        calculator, forces = CPUNEP(str(nep4)), []
        for atoms in structures:
            if attach:
                atoms.calc = calculator
            calculator.get_potential_energy(atoms)
            forces.append(calculator.get_forces(atoms))
            calculator.get_stress(atoms)
        return np.concatenate(forces)

    return run


def calorine_direct(nep4: Path, frames: list[Frame]) -> Run:
    from calorine.nep.nep import _setup_nepy

    def flat(frame: Frame) -> tuple[list[float], list[str], list[float], list[float]]:
        cell, x = frame.cell.T.ravel().tolist(), frame.positions.T.ravel().tolist()
        return cell, frame.species.tolist(), x, [1.0] * frame.n_atoms

    sizes = {frame.n_atoms: frame for frame in frames}
    engines = {size: _setup_nepy(str(nep4), size, *flat(frame), False) for size, frame in sizes.items()}

    def run() -> Floats:
        all_forces = []
        for frame in frames:
            engine, (cell, symbols, x, masses) = engines[frame.n_atoms], flat(frame)
            engine.set_cell(cell)
            engine.set_symbols(symbols)
            engine.set_masses(masses)
            engine.set_positions(x)
            energies, forces, virials = engine.get_potential_forces_and_virials()
            np.sum(energies), np.reshape(virials, (9, -1)).sum(axis=1)
            all_forces.append(np.reshape(forces, (3, -1)).T)
        return np.concatenate(all_forces)

    return run


def measure(field: list[tuple[str, int, Run]], exact: Floats, repeats: int) -> list[dict]:
    """Time the contenders in turn after one call of each, whose forces must agree."""
    rows = []
    for name, threads, run in field:
        deviation = float(np.abs(run() - exact).max())
        if not deviation <= LARGEST_DEVIATION:
            sys.exit(f"the forces of {name} deviate by {deviation:.2g} eV/angstrom")
        rows.append({"contender": name, "threads": threads, "force_deviation": deviation, "seconds": []})
    for _ in range(repeats):
        for row, (_, _, run) in zip(rows, field, strict=True):
            begin = perf_counter()
            run()
            row["seconds"].append(perf_counter() - begin)
    return rows


def table(frames: list[Frame], rows: list[dict]) -> str:
    atoms = sum(frame.n_atoms for frame in frames)
    worst = max(row["force_deviation"] for row in rows)
    base = next((np.median(row["seconds"]) for row in rows if row["contender"] == "calorine direct"), None)
    lines = [
        f"{len(frames)} frames, {atoms} atoms; forces agree to {worst:.1e} eV/angstrom",
        f"{'':24}{'':>7}{'milliseconds':>20}{'median':>9}{'ratio to':>12}",
        f"{'':24}{'threads':>7}{'best':>10}{'median':>10}{'us/atom':>9}{'direct':>12}",
    ]
    for row in rows:
        best, median = np.min(row["seconds"]), np.median(row["seconds"])
        ratio = f"{base / median:12.2f}" if base else f"{'-':>12}"
        times = f"{1e3 * best:10.1f}{1e3 * median:10.1f}{1e6 * median / atoms:9.1f}"
        lines.append(f"{row['contender']:24}{row['threads']:7}{times}{ratio}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("predict_speed.json"))
    arguments = parser.parse_args()
    report = {
        "machine": machine(),
        "versions": versions("numpy", "numba", "ase", "calorine"),
        "threads": arguments.threads,
    }
    frames = sorted(read_frames(arguments.data / FRAMES), key=lambda frame: frame.n_atoms)
    model = to_nep4(Model.read(arguments.data / POTENTIAL))
    exact = np.asarray(predict(model, frames, dtype=np.float64).forces)
    with tempfile.TemporaryDirectory() as folder:
        nep4 = Path(folder) / "nep.txt"
        model.write(nep4)
        field = list(contenders(nep4, frames, arguments.threads))
        rows = measure(field, exact, arguments.repeats)
    print(table(frames, rows))
    report |= {"frames": len(frames), "atoms": len(exact), "contenders": rows}
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
