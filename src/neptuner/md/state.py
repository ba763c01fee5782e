"""What moves in molecular dynamics and what does not.

Inside, lengths are in angstrom, energies in eV and masses in u; the unit of time that goes with them is
:data:`~neptuner.units.FEMTOSECONDS_PER_UNIT`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def changed(state: State, **values: Any) -> State:
    """Make a state that differs in some values; ``dataclasses.replace`` takes ten times as long."""
    new: State = object.__new__(State)
    new.__dict__.update(state.__dict__)
    new.__dict__.update(values)
    return new


_PHILOX = np.random.Philox(key=[0, 0])
_GENERATOR = np.random.Generator(_PHILOX)
_NOTHING_LEFT = np.zeros(4, np.uint64)


def random_numbers(state: State, purpose: int) -> np.random.Generator:
    """Give the generator of a state, one of its own for each purpose; it is valid until the next call.

    Numbers are those of ``Philox(key=[seed, purpose], counter=[0, 0, step, 0])``, whose making would take longer than
    a thermostat.
    """
    key, counter = np.array([state.seed, purpose], np.uint64), np.array([0, 0, state.step, 0], np.uint64)
    _PHILOX.state = {
        "bit_generator": "Philox",
        "state": {"counter": counter, "key": key},
        "buffer": _NOTHING_LEFT,
        "buffer_pos": 4,
        "has_uint32": 0,
        "uinteger": 0,
    }
    return _GENERATOR
