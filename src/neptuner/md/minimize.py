"""Relaxation: steepest descent and FIRE, as GPUMD's ``minimize`` has them (``src/minimize``).

FIRE: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from neptuner.files.script import Minimize
from neptuner.kernels.chunks import SiteOutputs
from neptuner.md.state import Field, Floats, State
from neptuner.units import EV_PER_CUBIC_ANGSTROM_IN_GPA

STRESS_TOLERANCE = 1e-4 / EV_PER_CUBIC_ANGSTROM_IN_GPA
"""Largest stress in eV/angstrom^3 at which a relaxation of the cell may end."""

FARTHEST = 0.3
"""Angstrom that an atom, or a side of the cell, goes at most in one step of FIRE."""

Watcher = Callable[[int, float, float], None]
"""Is told of a step, the energy in eV and the largest force component in eV/angstrom."""


def minimize(state: State, field: Field, settings: Minimize, watch: Watcher) -> State:
    """Relax a state; velocities stay as they are.

    Parameters
    ----------
    state, field
        Where to begin and what to relax in.
    settings
        Method, tolerance and limits.
    watch
        Is told of every step.

    Raises
    ------
    ValueError
        If the energy or a force is no finite number.
    """
    if settings.method == "sd":
        return _steepest_descent(state, field, settings, watch)
    return _fire(state, field, settings, watch)


def _steepest_descent(state: State, field: Field, settings: Minimize, watch: Watcher) -> State:
    """Steps grow by a fifth where they lower the energy and are halved where they do not."""
    positions, site, length = state.positions, field(state.positions, state.cell), 0.1
    for step in range(settings.max_steps):
        largest = float(np.abs(site.forces).max())
        _check_finite(site.energy, largest)
        watch(step, site.energy, largest)
        if largest < settings.force_tolerance or largest == 0.0 or length < 1e-15:
            break
        trial = positions + (length / largest) * site.forces
        there = field(trial, state.cell)
        if there.energy <= site.energy:
            positions, site, length = trial, there, 1.2 * length
        else:
            length *= 0.5
    return replace(state, positions=positions, site=site, forces=site.forces)


def _check_finite(energy: float, largest: float) -> None:
    if not math.isfinite(energy + largest):
        raise ValueError("energy or forces are no finite numbers; are two atoms at the same place?")


@dataclass
class _Pace:
    """FIRE's time step and mixing; one unit of mass is 5 u, as in GPUMD."""

    dt: float = 0.1
    alpha: float = 0.1
    downhill: int = 0

    def update(self, power: float) -> bool:
        """Adapt to the power; tell whether to stop and start anew."""
        if power > 0.0:
            self.downhill += 1
            if self.downhill > 5:
                self.dt, self.alpha = min(1.1 * self.dt, 1.0), 0.99 * self.alpha
            return False
        self.dt, self.alpha, self.downhill = max(0.5 * self.dt, 1e-3), 0.1, 0
        return True


def _fire(state: State, field: Field, settings: Minimize, watch: Watcher) -> State:
    """Atoms and, if asked for, strains of the cell on equal terms: one vector of ``(n_atoms + 3, 3)``."""
    positions, cell, pace = state.positions, state.cell, _Pace()
    length = state.volume ** (1.0 / 3.0)
    velocity = np.zeros((len(positions) + 3, 3))
    site = field(positions, cell)
    for step in range(settings.max_steps):
        largest = float(np.abs(site.forces).max())
        _check_finite(site.energy, largest)
        watch(step, site.energy, largest)
        push = np.vstack([site.forces, _strain_force(site, settings) / length])
        if largest < settings.force_tolerance and _stress_is_small(push[-3:] * length, cell, settings):
            break
        if pace.update(float(np.sum(velocity * push))):
            velocity[:] = 0.0
        velocity = _limited(_mixed(velocity + 0.2 * pace.dt * push, push, pace.alpha), FARTHEST / pace.dt)
        strain = velocity[-3:] * (pace.dt / length)
        positions = positions + pace.dt * velocity[:-3] + positions @ strain.T
        cell = cell + cell @ strain.T
        site = field(positions, cell)
    return replace(state, positions=positions, cell=cell, site=site, forces=site.forces)


def _mixed(velocity: Floats, push: Floats, alpha: float) -> Floats:
    """Turn a velocity towards the force."""
    strength = float(np.linalg.norm(push))
    if strength == 0.0:
        return velocity
    turned: Floats = (1.0 - alpha) * velocity + (alpha * float(np.linalg.norm(velocity)) / strength) * push
    return turned


def _limited(velocity: Floats, most: float) -> Floats:
    """Shorten a velocity where atoms would be thrown away by those that begin far too close."""
    fastest = float(np.sqrt(np.sum(velocity**2, axis=1).max()))
    return velocity if fastest <= most else (most / fastest) * velocity


def _strain_force(site: SiteOutputs, settings: Minimize) -> Floats:
    """Minus the derivative of the energy by strain, ``(3, 3)`` in eV; zero where the cell is to stay."""
    if not settings.box_change:
        return np.zeros((3, 3))
    if settings.hydrostatic:
        return np.eye(3) * (float(np.trace(site.virial)) / 3.0)
    symmetric: Floats = 0.5 * (site.virial + site.virial.T)
    return symmetric


def _stress_is_small(strain_force: Floats, cell: Floats, settings: Minimize) -> bool:
    if not settings.box_change:
        return True
    return bool(np.abs(strain_force).max() < STRESS_TOLERANCE * abs(np.linalg.det(cell)))
