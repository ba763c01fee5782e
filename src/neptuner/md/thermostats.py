"""Thermostats: what each does to the velocities before and after a velocity-Verlet step.

``before`` and ``after`` take a state and give a new one; ``after`` also sets ``kinetic``, which GPUMD measures before
the last rescaling of the Nose-Hoover chain and of the Bussi and Berendsen thermostats, and after the last half step of
Langevin's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from neptuner.kernels.motion import kinetic_tensor
from neptuner.md.chain import START, advance_chain
from neptuner.md.state import State, System, changed, random_numbers
from neptuner.units import BOLTZMANN

_BEFORE, _AFTER = 1, 2
"""Purposes of random numbers."""


class Thermostat(Protocol):
    """Acts on velocities around a step; ``target`` is in kelvin, ``time`` is the step in internal units."""

    def begin(self, state: State) -> State:
        """Prepare a state for a new run."""

    def before(self, state: State, target: float, time: float) -> State:
        """Act before the first half kick."""

    def after(self, state: State, target: float, time: float) -> State:
        """Act after the second half kick, and measure."""


def measured(state: State, system: System) -> State:
    """Set ``kinetic`` from the velocities."""
    return changed(state, kinetic=kinetic_tensor(state.velocities, system.masses))


def scaled(state: State, factor: float) -> State:
    """Multiply all velocities."""
    return changed(state, velocities=factor * state.velocities)


class _Passive:
    """Nothing to prepare, and nothing to do before a step."""

    def begin(self, state: State) -> State:
        """Do nothing."""
        return state

    def before(self, state: State, target: float, time: float) -> State:  # noqa: ARG002
        """Do nothing."""
        return state


@dataclass(frozen=True)
class Isolated(_Passive):
    """No thermostat: constant energy."""

    system: System

    def after(self, state: State, target: float, time: float) -> State:  # noqa: ARG002
        """Measure."""
        return measured(state, self.system)


@dataclass(frozen=True)
class NoseHoover:
    """Nose-Hoover chain of four (GPUMD ``src/integrate/ensemble_nhc.cu``)."""

    system: System
    relaxation: float
    """In internal units."""
    temperature: float
    """In kelvin, by which the masses of the chain are chosen."""

    def begin(self, state: State) -> State:
        """Put the chain into GPUMD's starting state."""
        return changed(state, chain=START.copy())

    def before(self, state: State, target: float, time: float) -> State:
        """Take half a step of the chain."""
        return self._half(measured(state, self.system), target, time)

    def after(self, state: State, target: float, time: float) -> State:
        """Measure and take half a step of the chain."""
        return self._half(measured(state, self.system), target, time)

    def _half(self, state: State, target: float, time: float) -> State:
        masses = np.full(4, BOLTZMANN * self.temperature * self.relaxation**2)
        masses[0] *= 3 * self.system.n_atoms
        kt, freedom = BOLTZMANN * target, 3 * self.system.n_atoms
        try:
            chain, factor = advance_chain(state.chain, masses, 2.0 * state.kinetic_energy, kt, freedom, 0.5 * time)
        except ArithmeticError as error:
            raise ValueError("the Nose-Hoover chain runs away; take a longer coupling") from error
        return changed(scaled(state, factor), chain=chain)


@dataclass(frozen=True)
class Bussi(_Passive):
    """Stochastic velocity rescaling (Bussi, Donadio, Parrinello, J. Chem. Phys. 126, 014101, 2007)."""

    system: System
    coupling: float
    """Relaxation time in steps."""

    def after(self, state: State, target: float, time: float) -> State:  # noqa: ARG002
        """Measure and rescale."""
        state = measured(state, self.system)
        freedom, energy = 3 * self.system.n_atoms, state.kinetic_energy
        wanted = 0.5 * freedom * BOLTZMANN * target
        keep = np.exp(-1.0 / self.coupling) if self.coupling > 0.1 else 0.0
        numbers = random_numbers(state, _AFTER)
        first, others = numbers.normal(), 2.0 * numbers.gamma(0.5 * (freedom - 1))
        new = energy + (1.0 - keep) * (wanted * (others + first**2) / freedom - energy)
        new += 2.0 * first * np.sqrt(energy * wanted / freedom * (1.0 - keep) * keep)
        return scaled(state, float(np.sqrt(new / energy))) if energy > 0.0 else state


@dataclass(frozen=True)
class Langevin(_Passive):
    """Half an Ornstein-Uhlenbeck step on either side (Bussi and Parrinello, Phys. Rev. E 75, 056707, 2007)."""

    system: System
    coupling: float
    """Relaxation time in steps."""

    def before(self, state: State, target: float, time: float) -> State:  # noqa: ARG002
        """Take half a step of noise and friction."""
        return self._half(state, target, _BEFORE)

    def after(self, state: State, target: float, time: float) -> State:  # noqa: ARG002
        """Take half a step of noise and friction, and measure."""
        return measured(self._half(state, target, _AFTER), self.system)

    def _half(self, state: State, target: float, purpose: int) -> State:
        keep, masses = np.exp(-0.5 / self.coupling), self.system.masses[:, None]
        noise = random_numbers(state, purpose).standard_normal(state.velocities.shape)
        velocities = keep * state.velocities + np.sqrt((1.0 - keep**2) * BOLTZMANN * target / masses) * noise
        velocities -= np.sum(masses * velocities, axis=0) / masses.sum()
        return changed(state, velocities=velocities)


@dataclass(frozen=True)
class Berendsen(_Passive):
    """Weak coupling to a bath (GPUMD ``src/integrate/ensemble_ber.cu``); it does not sample the canonical ensemble."""

    system: System
    coupling: float
    """Relaxation time in steps."""

    def after(self, state: State, target: float, time: float) -> State:  # noqa: ARG002
        """Measure and rescale."""
        state = measured(state, self.system)
        if state.temperature <= 0.0:
            return state
        return scaled(state, float(np.sqrt(max(0.0, 1.0 + (target / state.temperature - 1.0) / self.coupling))))
