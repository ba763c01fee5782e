# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner", "ase", "calorine>=4", "nep-adapters", "threadpoolctl"]
# ///
"""Energy, forces and virial of one step of molecular dynamics: neptuner beside other engines for NEPs on a CPU.

    python benchmarks/engine_speed.py --data ../shared/data --threads 1 2 --nep-cpu NEP_CPU/src

A short run at constant energy is recorded first; then the contenders take turns on its positions, which change in every
call. Only the evaluation is timed, not the integration.

neptuner        Evaluator with a skin of 1 angstrom, as molecular dynamics has it; it makes new lists when atoms have
                moved too far, and that time counts. Once with per-atom virials, once with their sum only.
calorine        its compiled layer, called as CPUNEP calls it but without ASE: set_positions and
                get_potential_forces_and_virials of _nepy.NEPY; the lists that it returns are not made arrays.
nep-adapters    Model.find_force (Model.calculate is as fast); threads by OpenMP's omp_set_num_threads.
NEP_CPU         NEP::compute, compiled here for this processor, all in C++ (nep_cpu_driver.cpp); and what LAMMPS calls
                on each rank, without its communication and with a list with a skin of 1 angstrom made beforehand.

calorine, nep-adapters and NEP::compute make their lists in every call and always give per-atom virials, except
Model.find_force, which gives their sum. Prints a table and writes all times to a JSON file. On a busy machine, set
OMP_WAIT_POLICY=passive: OpenMP's threads otherwise spin while they wait for one that does not run.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"  # before NumPy is imported; each contender sets its own number later

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from provenance import machine, versions

from neptuner.engines.potential import evaluate, make_evaluator, species_of
from neptuner.engines.speed import maxwell_velocities, replicated
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.potential.convert import to_nep4
from neptuner.potential.model import Model
from neptuner.units import FEMTOSECONDS_PER_UNIT

Floats = NDArray[np.float64]

SKIN = 1.0
THERMALISATION = 30
"""Steps before the recorded ones."""
LARGEST_DEVIATION = 1e-3
"""In eV/angstrom, between the forces of contenders."""
SHORTEST_TURN = 1.0
"""Seconds that a turn of a contender without lists of its own takes at least, where there are steps enough."""


class AbsentError(Exception):
    """A contender cannot take part; the message says why."""


@dataclass(frozen=True)
class System:
    """Atoms and a potential."""

    name: str
    model: Path
    """A NEP4, which every contender reads."""
    frame: Frame
    temperature: float
    """Of the first velocities, in kelvin."""
    steps: int
    """Of a turn: about as many as two or three lists of neptuner last, or one for large systems."""

    @property
    def types(self) -> NDArray[np.int32]:
        return species_of(self.frame, Model.read(self.model).settings.elements)


def make_system(name: str, data: Path, folder: Path) -> System:
    """Prepare one of the systems of ``SYSTEMS``."""
    potential, structure, atoms, copies, temperature, steps = SYSTEMS[name]
    model = folder / f"{name}.txt"
    to_nep4(Model.read(data / potential)).write(model)
    frames = read_frames(data / structure)
    frame = next(frame for frame in frames if frame.n_atoms == atoms)
    return System(name, model, replicated(frame, (copies,) * 3), temperature, steps)


SYSTEMS = {
    "j14-8000": ("j14-hnemd-900K/nep.txt", "j14-hnemd-900K/model.xyz", 8000, 1, 900.0, 48),
    "pbte-250": ("pbte/nep.txt", "pbte/train.xyz", 250, 1, 300.0, 250),
    "pbte-16000": ("pbte/nep.txt", "pbte/train.xyz", 250, 4, 300.0, 65),
    "j14-64": ("j14-hnemd-900K/nep.txt", "j14-dft/test.xyz", 64, 1, 900.0, 400),
}
"""Potential, structure, atoms of the frame, copies along each lattice vector, temperature, steps of a turn."""


def trajectory(system: System, frames: int, threads: int) -> Floats:
    """Record positions of a run at constant energy, one a femtosecond, ``(frames, n_atoms, 3)``."""
    from ase.data import atomic_masses, atomic_numbers

    frame = system.frame
    masses = np.array([atomic_masses[atomic_numbers[symbol]] for symbol in frame.species])
    velocities = maxwell_velocities(masses, system.temperature, seed=1)
    evaluator = make_evaluator(
        Model.read(system.model), frame, precision="single", threads=threads, skin=SKIN, virials=False
    )
    x, dt = frame.positions.copy(), 1.0 / FEMTOSECONDS_PER_UNIT
    half = 0.5 * dt / masses[:, None]
    forces = evaluate(evaluator, x, frame.cell).forces
    recorded = np.empty((frames, *x.shape))
    for step in range(-THERMALISATION, frames):
        velocities += half * forces
        x += dt * velocities
        forces = evaluate(evaluator, x, frame.cell).forces
        velocities += half * forces
        if step >= 0:
            recorded[step] = x
    return recorded


class Contender:
    """One engine with one number of threads."""

    name: str
    threads: int
    keeps_lists = False
    """Whether consecutive positions matter, so that each turn takes all steps."""

    def step(self, x: Floats) -> None:
        raise NotImplementedError

    def forces(self, x: Floats) -> Floats:
        raise NotImplementedError

    def seconds(self, block: Floats) -> float:
        """Seconds a step of ``(steps, n_atoms, 3)``."""
        begin = perf_counter()
        for x in block:
            self.step(x)
        return (perf_counter() - begin) / len(block)

    def extra(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        pass


class Neptuner(Contender):
    keeps_lists = True

    def __init__(self, system: System, threads: int, *, virials: bool) -> None:
        self.name = "neptuner, per-atom virials" if virials else "neptuner, total virial"
        self.threads, self.cell, self.evaluations = threads, system.frame.cell, 0
        self.evaluator = make_evaluator(
            Model.read(system.model), system.frame, precision="single", threads=threads, skin=SKIN, virials=virials
        )

    def step(self, x: Floats) -> None:
        evaluate(self.evaluator, x, self.cell)
        self.evaluations += 1

    def forces(self, x: Floats) -> Floats:
        return evaluate(self.evaluator, x, self.cell).forces

    def extra(self) -> dict[str, float]:
        return {"steps": self.evaluations, "lists": self.evaluator.rebuilds - 1}


class Calorine(Contender):
    name, threads = "calorine", 1

    def __init__(self, system: System) -> None:
        try:
            from calorine.nep.nep import _setup_nepy
        except ImportError as error:
            raise AbsentError(str(error)) from error
        frame = system.frame
        self.nepy = _setup_nepy(
            model_filename=str(system.model),
            natoms=frame.n_atoms,
            cell=frame.cell.T.ravel().tolist(),
            symbols=frame.species.tolist(),
            positions=frame.positions.T.ravel().tolist(),
            masses=[1.0] * frame.n_atoms,
            debug=False,
        )

    def step(self, x: Floats) -> tuple[list[float], ...]:
        self.nepy.set_positions(x.T.ravel().tolist())
        return self.nepy.get_potential_forces_and_virials()

    def forces(self, x: Floats) -> Floats:
        return np.array(self.step(x)[1]).reshape(3, -1).T


class NepAdapters(Contender):
    name = "nep-adapters"

    def __init__(self, system: System, threads: int) -> None:
        try:
            import nep_adapters
            from threadpoolctl import ThreadpoolController
        except ImportError as error:
            raise AbsentError(str(error)) from error
        try:
            self.model = nep_adapters.load_model("cpu", str(system.model))
        except nep_adapters.NepAdaptersError as error:
            raise AbsentError(str(error)) from error
        self.threads, self.types = threads, system.types
        self.box = np.ascontiguousarray(system.frame.cell.T.ravel())
        self.pools = ThreadpoolController().select(user_api="openmp")
        if threads > 1 and not self.pools.lib_controllers:
            raise AbsentError("its OpenMP library is not found")

    def step(self, x: Floats) -> tuple[float, Floats, Floats]:
        return self.model.find_force(self.types, x, self.box)

    def forces(self, x: Floats) -> Floats:
        with self.pools.limit(limits=self.threads):
            return self.step(x)[1]

    def seconds(self, block: Floats) -> float:
        with self.pools.limit(limits=self.threads):
            return super().seconds(block)


class NepCpu(Contender):
    """A process that answers to commands; its atoms stand where they do at the first step."""

    def __init__(self, system: System, threads: int, program: Path, command: str, x: Floats) -> None:
        self.name = {"compute": "NEP_CPU", "lammps": "NEP_CPU as LAMMPS calls it, list made before"}[command]
        self.threads, self.command = threads, command
        # a file of its own: processes read theirs while others start
        self.folder = Path(tempfile.mkdtemp(dir=program.parent))
        structure = self.folder / "structure.txt"
        numbers = [*system.types.tolist(), *system.frame.cell.T.ravel().tolist(), *x.T.ravel().tolist()]
        structure.write_text("\n".join(map(repr, [len(x), *numbers])) + "\n")
        self.process = subprocess.Popen(
            [program, system.model, structure],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )

    def ask(self, command: str) -> list[float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the driver of NEP_CPU stopped with exit status {self.process.wait()}")
        return [float(word) for word in answer.split()]

    def seconds(self, block: Floats) -> float:
        return float(np.mean(self.ask(f"{self.command} {len(block)}")))

    def forces(self, x: Floats) -> Floats:  # noqa: ARG002  (the driver has these positions)
        self.ask(f"{self.command} 1")
        target = self.folder / "forces.txt"
        self.ask(f"forces {target}")
        return np.loadtxt(target).reshape(3, -1).T

    def close(self) -> None:
        self.process.communicate()


def compile_nep_cpu(source: Path | None, folder: Path) -> tuple[Path, str]:
    """Compile the driver; return the program and what was done."""
    if source is None:
        raise AbsentError("--nep-cpu does not say where its source is")
    compiler = shutil.which("g++")
    if compiler is None:
        raise AbsentError("there is no g++")
    driver, program = Path(__file__).with_name("nep_cpu_driver.cpp"), folder / "nep_cpu_driver"
    flags = ["-O3", "-march=native", "-std=c++17", "-fopenmp"]
    files = [str(path) for path in sorted(source.glob("*.cpp"))]
    done = subprocess.run(
        [compiler, *flags, f"-I{source}", str(driver), *files, "-o", str(program)], capture_output=True, text=True
    )
    if done.returncode:
        raise AbsentError(f"its source in {source} does not compile: {done.stderr[:500]}")
    name = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    digest = hashlib.sha256((source / "nep.cpp").read_bytes()).hexdigest()[:12]
    return program, f"nep.cpp sha256 {digest}, {name}, {' '.join(flags)}"


def contenders(system: System, threads: list[int], nep_cpu: Path | str, x: Floats) -> Iterator[Contender | str]:
    """Yield all contenders, or a line for one that is absent."""

    def present(name: str, make: Callable[[], Contender]) -> Contender | str:
        try:
            return make()
        except AbsentError as error:
            return f"{name} left out: {error}"

    for count in threads:
        yield Neptuner(system, count, virials=True)
        yield Neptuner(system, count, virials=False)
    yield present("calorine", lambda: Calorine(system))
    for count in threads:
        yield present("nep-adapters", lambda count=count: NepAdapters(system, count))
    if isinstance(nep_cpu, str):
        yield f"NEP_CPU left out: {nep_cpu}"
        return
    for count in threads:
        yield NepCpu(system, count, nep_cpu, "compute", x)
    yield NepCpu(system, 1, nep_cpu, "lammps", x)


def measure(system: System, threads: list[int], repeats: int, nep_cpu: Path | str) -> dict:
    """Let the contenders take turns on one system."""
    x = trajectory(system, 1 + repeats * system.steps, max(threads))
    with ExitStack() as stack:
        field: list[Contender] = []
        absent = []
        for one in contenders(system, threads, nep_cpu, x[0]):
            if isinstance(one, str):
                absent.append(one)
                continue
            stack.callback(one.close)
            field.append(one)
        for line in dict.fromkeys(absent):
            print(f"{system.name}: {line}", file=sys.stderr)
        deviations = compare(system, field, x[0])
        calls = [calls_of(one, system, x[:1]) for one in field]
        times: list[list[float]] = [[] for _ in field]
        for turn in range(repeats):
            block = x[1 + turn * system.steps : 1 + (turn + 1) * system.steps]
            for one, count, mine in zip(field, calls, times, strict=True):
                mine.append(one.seconds(block[:count]))
        rows = [
            {
                "contender": one.name,
                "threads": one.threads,
                "calls": count,
                "seconds": mine,
                "force_deviation": deviation,
                **one.extra(),
            }
            for one, count, mine, deviation in zip(field, calls, times, deviations, strict=True)
        ]
    return {"atoms": system.frame.n_atoms, "steps": system.steps, "absent": absent, "contenders": rows}


def compare(system: System, field: list[Contender], x: Floats) -> list[float]:
    """Largest deviation of each contender's forces from neptuner's in double precision, in eV/angstrom."""
    exact = make_evaluator(Model.read(system.model), system.frame, precision="double", threads=1, skin=0.0)
    forces = evaluate(exact, x, system.frame.cell).forces
    deviations = [float(np.abs(one.forces(x) - forces).max()) for one in field]
    for one, deviation in zip(field, deviations, strict=True):
        if not deviation <= LARGEST_DEVIATION:
            sys.exit(f"{system.name}: the forces of {one.name} deviate by {deviation:.2g} eV/angstrom")
    return deviations


def calls_of(one: Contender, system: System, x: Floats) -> int:
    if one.keeps_lists:
        return system.steps
    return int(np.clip(np.ceil(SHORTEST_TURN / one.seconds(x)), 1, system.steps))


def table(name: str, result: dict) -> str:
    """Rates of the fastest and of the median turn on one system, and the ratio of medians to calorine's."""
    atoms, rows = result["atoms"], result["contenders"]
    base = next((np.median(row["seconds"]) for row in rows if row["contender"] == "calorine"), None)
    worst = max(row["force_deviation"] for row in rows)
    lines = [
        f"{name}: {atoms} atoms; forces agree to {worst:.1e} eV/angstrom",
        f"{'':44}{'':>7}{'atom-steps/s':>24}{'median':>9}{'ratio to':>10}",
        f"{'':44}{'threads':>7}{'best':>12}{'median':>12}{'us/atom':>9}{'calorine':>10}",
    ]
    for row in rows:
        best, median = np.min(row["seconds"]), np.median(row["seconds"])
        ratio = f"{base / median:10.2f}" if base else f"{'-':>10}"
        rates = f"{atoms / best:12,.0f}{atoms / median:12,.0f}{1e6 * median / atoms:9.2f}{ratio}"
        lists = f"  a list in {row['steps'] / max(1, row['lists']):.0f} steps" if "lists" in row else ""
        lines.append(f"{row['contender']:44}{row['threads']:7}{rates}{lists}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--nep-cpu", type=Path, help="folder of NEP_CPU's nep.cpp")
    parser.add_argument("--out", type=Path, default=Path("engine_speed.json"))
    arguments = parser.parse_args()
    report = {
        "machine": machine(),
        "versions": versions("numpy", "numba", "calorine", "nep-adapters"),
        "threads": arguments.threads,
        "systems": {},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program: Path | str
        try:
            program, report["versions"]["NEP_CPU"] = compile_nep_cpu(arguments.nep_cpu, folder)
        except AbsentError as error:
            program = str(error)
        for name in arguments.systems:
            system = make_system(name, arguments.data, folder)
            result = measure(system, arguments.threads, arguments.repeats, program)
            report["systems"][name] = result
            print(table(name, result), end="\n\n", flush=True)
            arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
