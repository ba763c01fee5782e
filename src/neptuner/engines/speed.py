"""How fast a potential is in molecular dynamics: a short run at constant energy, timed."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner import __version__
from neptuner.engines.potential import evaluate, make_evaluator
from neptuner.errors import InputError
from neptuner.files.digest import file_hash
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.kernels.evaluator import Evaluator
from neptuner.machine import usable_cpus
from neptuner.md.simulation import HOTTEST
from neptuner.potential.model import Model
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WARM_UP = 5
"""Steps before the clock starts, after kernels are compiled."""


@dataclass(frozen=True)
class SpeedSettings:
    """What to run."""

    threads: int = field(default_factory=usable_cpus)
    steps: int = 50
    """Steps of each timed part."""
    repeats: int = 5
    """Number of timed parts, one after the other."""
    temperature: float = 300.0
    """Of the first velocities, in kelvin."""
    timestep: float = 1.0
    """In femtoseconds."""
    replicate: tuple[int, int, int] = (1, 1, 1)
    """Copies of the structure along each lattice vector."""
    precision: str = "single"
    skin: float = 1.0
    """Extra reach of neighbour lists in angstrom."""
    virials: bool = False
    """Compute per-atom virials in every step, as heat currents need them."""
    seed: int = 1

    def check(self) -> None:
        """Check all that a potential does not check itself.

        Raises
        ------
        InputError
            For the first option that is out of range.
        """
        counts = {"steps": self.steps, "repeats": self.repeats, "copies along a lattice vector": min(self.replicate)}
        for name, count in counts.items():
            if count < 1:
                raise InputError(f"the number of {name} is {count}, expected 1 or more")
        if not 0.0 <= self.temperature <= HOTTEST:
            raise InputError(f"the temperature is {self.temperature:g} K, expected 0 to {HOTTEST:g}")
        if not 0.0 < self.timestep < np.inf:
            raise InputError(f"the time step is {self.timestep:g} fs, expected more than 0")


@dataclass
class _Run:
    """A run in progress; velocities and times in the units that go with angstrom, eV and u."""

    evaluator: Evaluator
    cell: Floats
    masses: Floats
    positions: Floats
    velocities: Floats
    forces: Floats
    potential: float
    total: list[float] = field(default_factory=list)
    """Total energies in eV after each step."""

    @property
    def kinetic(self) -> float:
        """Kinetic energy in eV."""
        return 0.5 * float(np.sum(self.masses[:, None] * self.velocities**2))

    @property
    def temperature(self) -> float:
        """Temperature in kelvin."""
        return 2.0 * self.kinetic / (_freedom(len(self.masses)) * BOLTZMANN)


def speed(model: str | Path, structure: str | Path, settings: SpeedSettings | None = None) -> dict[str, Any]:
    """Time molecular dynamics at constant energy with velocity-Verlet steps.

    Parameters
    ----------
    model
        A nep.txt.
    structure
        Extended xyz file; the run starts from its first frame, periodic where that says so.
    settings
        What to run.

    Returns
    -------
    What ``neptuner speed --json`` prints; ``docs/models.md`` lists it.

    Raises
    ------
    InputError
        For a bad file or option, a species that the potential lacks, or a run that becomes unstable.
    """
    settings = settings or SpeedSettings()
    settings.check()
    nep = Model.read(model)
    frame = replicated(read_frames(structure)[0], settings.replicate)
    begin = perf_counter()
    run = _start(nep, frame, settings)
    _advance(run, WARM_UP, settings.timestep)
    warm_up, rebuilds = perf_counter() - begin, run.evaluator.rebuilds
    run.total.clear()
    seconds = [_advance(run, settings.steps, settings.timestep) for _ in range(settings.repeats)]
    return {
        **_rates(seconds, frame.n_atoms, settings),
        **_setup(frame, settings),
        "warm_up_s": warm_up,
        "neighbors": _neighbors(nep, frame, run),
        "rebuilds": run.evaluator.rebuilds - rebuilds,
        "energy_drift_mev_per_atom_per_ps": _drift(run, settings.timestep),
        "end_temperature_k": run.temperature,
        "provenance": _provenance(model, structure),
    }


def replicated(frame: Frame, copies: tuple[int, int, int]) -> Frame:
    """Repeat a structure along its lattice vectors."""
    shifts = np.array(list(np.ndindex(*copies)), dtype=float) @ frame.cell
    return Frame(
        species=np.tile(frame.species, len(shifts)),
        positions=(shifts[:, None, :] + frame.positions[None, :, :]).reshape(-1, 3),
        cell=frame.cell * np.array(copies)[:, None],
        pbc=frame.pbc,
        path=frame.path,
        number=frame.number,
        line=frame.line,
    )


def maxwell_velocities(masses: Floats, temperature: float, seed: int) -> Floats:
    """Draw velocities at rest on the whole and of exactly this temperature, ``(n_atoms, 3)`` in sqrt(eV/u).

    Parameters
    ----------
    masses
        ``(n_atoms,)`` in u.
    temperature
        In kelvin.
    seed
        Of the random numbers.
    """
    momenta = np.random.default_rng(seed).normal(size=(len(masses), 3)) * np.sqrt(masses)[:, None]
    if len(masses) > 1:
        momenta -= momenta.mean(axis=0)
    velocities: Floats = momenta / masses[:, None]
    twice_kinetic = np.sum(masses[:, None] * velocities**2)
    velocities *= np.sqrt(_freedom(len(masses)) * BOLTZMANN * temperature / twice_kinetic)
    return velocities


def _freedom(n_atoms: int) -> int:
    """Degrees of freedom: those of the centre of mass do not count."""
    return max(3, 3 * n_atoms - 3)


def _start(nep: Model, frame: Frame, settings: SpeedSettings) -> _Run:
    from ase.data import atomic_masses, atomic_numbers

    evaluator = make_evaluator(
        nep,
        frame,
        precision=settings.precision,
        threads=settings.threads,
        skin=settings.skin,
        virials=settings.virials,
    )
    try:
        outputs = evaluate(evaluator, frame.positions, frame.cell)
    except InputError as error:
        raise InputError(error.message, path=frame.path, frame=frame.number, line=frame.line) from error
    masses = np.array([atomic_masses[atomic_numbers[symbol]] for symbol in frame.species])
    velocities = maxwell_velocities(masses, settings.temperature, settings.seed)
    positions = frame.positions.copy()
    return _Run(evaluator, frame.cell, masses, positions, velocities, outputs.forces, outputs.energy)


def _advance(run: _Run, steps: int, timestep: float) -> float:
    """Take velocity-Verlet steps; return the seconds they took."""
    begin = perf_counter()
    for _ in range(steps):
        _step(run, timestep / FEMTOSECONDS_PER_UNIT)
        run.total.append(run.potential + run.kinetic)
    return perf_counter() - begin


def _step(run: _Run, dt: float) -> None:
    half = 0.5 * dt / run.masses[:, None]
    run.velocities += half * run.forces
    run.positions += dt * run.velocities
    if not run.temperature <= HOTTEST:
        raise InputError(
            f"the run is out of control, its temperature has become {run.temperature:.3g} K; start from a structure"
            " nearer to equilibrium or take a smaller time step"
        )
    outputs = evaluate(run.evaluator, run.positions, run.cell)
    run.forces, run.potential = outputs.forces, outputs.energy
    run.velocities += half * run.forces


def _rates(seconds: list[float], n_atoms: int, settings: SpeedSettings) -> dict[str, Any]:
    rates = n_atoms * settings.steps / np.array(seconds)
    median = float(np.median(rates))
    nanoseconds_per_step = 1e-6 * settings.timestep
    return {
        "atom_steps_per_s": median,
        "atom_steps_per_s_best": float(rates.max()),
        "us_per_atom_step": 1e6 / median,
        "ns_per_day": 86400.0 * median / n_atoms * nanoseconds_per_step,
        "seconds": seconds,
    }


def _setup(frame: Frame, settings: SpeedSettings) -> dict[str, Any]:
    return {
        "atoms": frame.n_atoms,
        "replicate": list(settings.replicate),
        "pbc": list(frame.pbc),
        "threads": settings.threads,
        "precision": settings.precision,
        "virials": settings.virials,
        "steps": settings.steps,
        "repeats": settings.repeats,
        "timestep_fs": settings.timestep,
        "temperature_k": settings.temperature,
        "skin_angstrom": settings.skin,
        "seed": settings.seed,
    }


def _neighbors(nep: Model, frame: Frame, run: _Run) -> dict[str, dict[str, float]]:
    """Numbers of neighbours at the end of the run, those within the cutoffs and those in the lists."""
    inside = make_evaluator(nep, frame, precision="single", threads=1, skin=0.0, virials=False)
    evaluate(inside, run.positions, run.cell)
    parts = zip(("radial", "angular"), inside.neighbor_counts(), run.evaluator.neighbor_counts(), strict=True)
    return {name: {**_mean_and_max("", near), **_mean_and_max("listed_", listed)} for name, near, listed in parts}


def _mean_and_max(prefix: str, counts: Integers) -> dict[str, float]:
    return {f"{prefix}mean": float(counts.mean()), f"{prefix}max": int(counts.max())}


def _drift(run: _Run, timestep: float) -> float | None:
    """Slope of the total energy in meV/atom/ps; None for a single step."""
    if len(run.total) < 2:
        return None
    picoseconds = 1e-3 * timestep * np.arange(len(run.total))
    return float(1e3 * np.polyfit(picoseconds, run.total, 1)[0] / len(run.masses))


def _provenance(model: str | Path, structure: str | Path) -> dict[str, Any]:
    return {
        "neptuner": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
        "processor": _processor(),
        "usable_cpus": usable_cpus(),
        "sha256": {"model": file_hash(Path(model)), "structure": file_hash(Path(structure))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
