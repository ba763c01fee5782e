"""What moves in molecular dynamics and what does not.

Inside, lengths are in angstrom, energies in eV and masses in u; the unit of time that goes with them is
:data:`~neptuner.units.FEMTOSECONDS_PER_UNIT`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.chunks import SiteOutputs
from neptuner.units import BOLTZMANN

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

Field = Callable[[Floats, Floats], SiteOutputs]
"""Energies, forces and virials of positions ``(n_atoms, 3)`` in a cell ``(3, 3)``."""


@dataclass(frozen=True, eq=False)
class System:
    """The atoms, apart from where they are."""

    species: NDArray[np.str_]
    """Chemical symbols, ``(n_atoms,)``."""
    types: Integers
    """Places of the species in the potential, ``(n_atoms,)``."""
    masses: Floats
    """``(n_atoms,)`` in u."""
    pbc: tuple[bool, bool, bool]
    groups: Longs
    """Labels of each atom by grouping method, ``(n_methods, n_atoms)``."""

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.masses)


@dataclass(frozen=True, eq=False)
class State:
    """One moment; a step makes a new one and leaves the old one as it is.

    Random numbers follow from ``seed`` and ``step``, so that a state holds all that its future depends on.
    """

    positions: Floats
    """``(n_atoms, 3)`` in angstrom, never wrapped back into the cell."""
    velocities: Floats
    """``(n_atoms, 3)``."""
    cell: Floats
    """Lattice vectors, one a row, in angstrom."""
    site: SiteOutputs
    """What the potential says about these positions."""
    forces: Floats
    """What acts on the atoms, ``(n_atoms, 3)`` in eV/angstrom: the potential and, if there is one, a driving force."""
    kinetic: Floats
    """Sum of m v v at the moment when temperature and pressure are measured, ``(3, 3)`` in eV."""
    chain: Floats
    """Positions and momenta of a Nose-Hoover chain, ``(2, 4)``."""
    step: int = 0
    """Steps since the beginning."""
    time: float = 0.0
    """Femtoseconds since the beginning."""
    seed: int = 0
    """Of all random numbers after the first velocities."""

    @property
    def temperature(self) -> float:
        """In kelvin, with three degrees of freedom for every atom, as GPUMD counts."""
        return float(np.trace(self.kinetic)) / (3 * len(self.positions) * BOLTZMANN)

    @property
    def kinetic_energy(self) -> float:
        """In eV."""
        return 0.5 * float(np.trace(self.kinetic))

    @property
    def volume(self) -> float:
        """In cubic angstrom."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def pressure(self) -> Floats:
        """Tensor ``(3, 3)`` in eV/angstrom^3, kinetic part included, positive when compressed."""
        return (self.site.virial + self.kinetic) / self.volume


def random_numbers(state: State, purpose: int) -> np.random.Generator:
    """Make the generator of a state, one of its own for each purpose."""
    return np.random.Generator(np.random.Philox(key=[state.seed, purpose], counter=[0, 0, state.step, 0]))
