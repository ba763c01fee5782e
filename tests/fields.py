"""Systems without a neural network whose statistics are known: harmonic wells, a gas, elastic cells; and z values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neptuner.files.script import Ensemble, Run
from neptuner.kernels.chunks import SiteOutputs
from neptuner.md.state import State, System
from neptuner.md.steps import Stepper, make_stepper

PERIODIC = (True, True, True)


class Toy:
    """Takes the place of an evaluator: called, or by its method."""

    virials = False

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, positions: np.ndarray, cell: np.ndarray) -> SiteOutputs:
        self.calls += 1
        energies, forces, virial = self.laws(positions, cell)
        each = np.tile(virial / len(positions), (len(positions), 1, 1))
        return SiteOutputs(energies, forces, virial, each if self.virials else None)

    evaluate = __call__

    def laws(self, positions: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Site energies, forces and virial; here those of a gas."""
        return np.zeros(len(positions)), np.zeros_like(positions), np.zeros((3, 3))


class Wells(Toy):
    """Every atom in a harmonic well of its own (an Einstein crystal)."""

    def __init__(self, centers: np.ndarray, stiffness: np.ndarray | float) -> None:
        super().__init__()
        self.centers = np.asarray(centers, float)
        self.stiffness = np.broadcast_to(stiffness, len(centers)).astype(float)

    def laws(self, positions, cell):
        away = positions - self.centers
        return 0.5 * self.stiffness * (away**2).sum(axis=1), -self.stiffness[:, None] * away, np.zeros((3, 3))


class Lattice(Toy):
    """Atoms in quartic wells, each bound to the next by a spring: every motion is mixed with every other."""

    def __init__(self, centers: np.ndarray, quartic: float, spring: float) -> None:
        super().__init__()
        self.centers, self.quartic, self.spring = np.asarray(centers, float), quartic, spring

    def laws(self, positions, cell):
        away = positions - self.centers
        apart = away - np.roll(away, 1, axis=0)
        energies = 0.25 * self.quartic * (away**4).sum(axis=1) + 0.5 * self.spring * (apart**2).sum(axis=1)
        forces = -self.quartic * away**3 - self.spring * (apart - np.roll(apart, -1, axis=0))
        return energies, forces, np.zeros((3, 3))


class VolumeEnergy(Toy):
    """A gas in a cell of energy B (V - V0)^2 / (2 V0)."""

    def __init__(self, bulk_modulus: float, volume: float) -> None:
        super().__init__()
        self.bulk_modulus, self.volume = bulk_modulus, volume

    def laws(self, positions, cell):
        volume = abs(np.linalg.det(cell))
        off = volume - self.volume
        energy = 0.5 * self.bulk_modulus * off**2 / self.volume
        virial = -self.bulk_modulus * off / self.volume * volume * np.eye(3)
        return np.full(len(positions), energy / len(positions)), np.zeros_like(positions), virial


class ElasticCell(Toy):
    """A gas in an isotropic elastic cell: V0 (lame/2 tr(E)^2 + shear E:E) with Green's strain E."""

    def __init__(self, cell: np.ndarray, lame: float, shear: float) -> None:
        super().__init__()
        self.inverse, self.volume = np.linalg.inv(cell), abs(np.linalg.det(cell))
        self.lame, self.shear = lame, shear

    def laws(self, positions, cell):
        gradient = (self.inverse @ cell).T
        strain = 0.5 * (gradient.T @ gradient - np.eye(3))
        trace = np.trace(strain)
        energy = self.volume * (0.5 * self.lame * trace**2 + self.shear * (strain**2).sum())
        stress = self.volume * (self.lame * trace * np.eye(3) + 2.0 * self.shear * strain)
        virial = -gradient @ stress @ gradient.T
        return np.full(len(positions), energy / len(positions)), np.zeros_like(positions), virial


def system_of(masses: np.ndarray, pbc: tuple[bool, bool, bool] = PERIODIC, groups: np.ndarray | None = None) -> System:
    """A system of one species."""
    n = len(masses)
    labels = np.zeros((0, n), np.int64) if groups is None else groups
    return System(np.array(["Ar"] * n), np.zeros(n, np.int32), np.asarray(masses, float), pbc, labels)


def state_of(field: Toy, positions: np.ndarray, velocities: np.ndarray, cell: np.ndarray, seed: int = 1) -> State:
    """A state to begin a run with."""
    site = field(positions, cell)
    return State(positions, velocities, cell, site, site.forces, np.zeros((3, 3)), np.zeros((2, 4)), seed=seed)


def follow(
    system: System, field: Toy, state: State, ensemble: Ensemble, steps: int, look: Callable[[State], object],
    *, time_step: float = 1.0, **options,
) -> tuple[State, np.ndarray]:  # fmt: skip
    """Carry out a run and look at every state."""
    run = Run(steps, time_step, ensemble=ensemble, **options)
    stepper: Stepper = make_stepper(run, system, field, None)
    state, seen = stepper.begin(state), []
    for number in range(steps):
        state = stepper.advance(state, number)
        seen.append(look(state))
    return state, np.array(seen)


def z_of(series: np.ndarray, expected: np.ndarray | float, blocks: int = 32) -> np.ndarray:
    """Mean minus what is expected in standard errors, which are found from means of blocks; along the first axis."""
    means = np.array([block.mean(axis=0) for block in np.array_split(np.asarray(series, float), blocks)])
    error = means.std(axis=0, ddof=1) / np.sqrt(blocks)
    return np.asarray((means.mean(axis=0) - expected) / error)
