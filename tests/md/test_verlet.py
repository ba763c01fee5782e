"""Velocity Verlet: exact on harmonic wells up to the known error, reversible, and the limit on distances."""

from __future__ import annotations

import numpy as np
import pytest

from fields import Toy, Wells, follow, state_of, system_of
from neptuner.files.script import Ensemble
from neptuner.md.velocities import without_momentum
from neptuner.units import FEMTOSECONDS_PER_UNIT

NVE = Ensemble("nve")
CELL = 12.0 * np.eye(3)
RNG = np.random.default_rng(1)
MASSES = RNG.uniform(5.0, 60.0, 8)
CENTERS = RNG.random((8, 3)) @ CELL
STIFFNESS = RNG.uniform(1.0, 4.0, 8)
AWAY, SPEEDS = 0.1 * RNG.normal(size=(8, 3)), 0.02 * RNG.normal(size=(8, 3))


def swing(time_step: float, steps: int, look=lambda state: state.positions):
    wells = Wells(CENTERS, STIFFNESS)
    start = state_of(wells, CENTERS + AWAY, SPEEDS, CELL)
    return follow(system_of(MASSES), wells, start, NVE, steps, look, time_step=time_step)


def exact(femtoseconds: float) -> np.ndarray:
    omega = np.sqrt(STIFFNESS / MASSES)[:, None]
    phase = omega * femtoseconds / FEMTOSECONDS_PER_UNIT
    return CENTERS + AWAY * np.cos(phase) + SPEEDS / omega * np.sin(phase)


def test_the_error_falls_with_the_square_of_the_time_step() -> None:
    errors = []
    for time_step, steps in ((2.0, 50), (1.0, 100), (0.5, 200)):
        end, _ = swing(time_step, steps)
        assert end.time == pytest.approx(100.0)
        assert end.step == steps
        errors.append(np.abs(end.positions - exact(100.0)).max())
    assert errors[0] < 0.01
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.02)


def test_the_shadow_energy_is_constant() -> None:
    """Velocity Verlet conserves p^2/2m + k x^2 (1 - k dt^2/4m)/2 of a harmonic well to rounding."""
    dt = 2.0 / FEMTOSECONDS_PER_UNIT
    factor = STIFFNESS * (1.0 - STIFFNESS * dt**2 / (4.0 * MASSES))

    def shadow(state) -> float:
        squares = ((state.positions - CENTERS) ** 2).sum(axis=1)
        return state.kinetic_energy + 0.5 * float(factor @ squares)

    _, energies = swing(2.0, 1000, shadow)
    assert np.ptp(energies) < 1e-12 * energies[0]
    _, total = swing(2.0, 1000, lambda state: state.kinetic_energy + state.site.energy)
    assert 1e-5 < np.ptp(total) / energies[0] < 2e-2


def test_time_can_be_turned_back() -> None:
    wells = Wells(CENTERS, STIFFNESS)
    start = state_of(wells, CENTERS + AWAY, SPEEDS, CELL)
    there, _ = follow(system_of(MASSES), wells, start, NVE, 500, id, time_step=3.0)
    assert np.abs(there.positions - start.positions).max() > 0.05
    turned = state_of(wells, there.positions, -there.velocities, CELL)
    back, _ = follow(system_of(MASSES), wells, turned, NVE, 500, id, time_step=3.0)
    np.testing.assert_allclose(back.positions, start.positions, atol=1e-12)
    np.testing.assert_allclose(back.velocities, -start.velocities, atol=1e-12)


def test_forces_are_found_once_a_step() -> None:
    wells = Wells(CENTERS, STIFFNESS)
    start = state_of(wells, CENTERS, SPEEDS, CELL)
    follow(system_of(MASSES), wells, start, NVE, 10, id)
    assert wells.calls == 1 + 1 + 10


def test_no_atom_goes_farther_than_allowed() -> None:
    """In a gas the fastest atom goes exactly that far; a slow gas takes the whole step."""
    gas, system = Toy(), system_of(MASSES)
    start = state_of(gas, CENTERS, SPEEDS, CELL)
    fastest = np.linalg.norm(SPEEDS, axis=1).max()
    end, times = follow(system, gas, start, NVE, 3, lambda s: s.time, time_step=4.0, max_distance=0.005)
    assert np.linalg.norm(end.positions - CENTERS, axis=1).max() == pytest.approx(3 * 0.005)
    assert times == pytest.approx(0.005 / fastest * FEMTOSECONDS_PER_UNIT * np.arange(1, 4))
    end, _ = follow(system, gas, start, NVE, 3, id, time_step=4.0, max_distance=1.0)
    assert end.time == pytest.approx(12.0)
    still = state_of(gas, CENTERS, 0.0 * SPEEDS, CELL)
    end, _ = follow(system, gas, still, NVE, 3, id, time_step=4.0, max_distance=1e-9)
    assert end.time == pytest.approx(12.0)


def test_momentum_is_removed_before_the_steps_that_divide_by_the_interval() -> None:
    gas, system = Toy(), system_of(MASSES)
    spin = SPEEDS + np.cross([0.0, 0.01, 0.02], CENTERS)
    start = state_of(gas, CENTERS, spin, CELL)
    _, seen = follow(system, gas, start, NVE, 1, lambda s: s.velocities, correct_velocity=10)
    np.testing.assert_allclose(seen[0], without_momentum(spin, CENTERS, MASSES), atol=1e-15)
    end, _ = follow(system, gas, start, NVE, 25, id, correct_velocity=10)
    assert np.abs(MASSES @ end.velocities).max() < 1e-13
    free, _ = follow(system, gas, start, NVE, 1, id)
    assert np.abs(MASSES @ free.velocities).max() > 0.1


def test_momentum_is_removed_of_every_group_on_its_own() -> None:
    gas, labels = Toy(), np.array([[0] * 8, [1, 0, 0, 1, 1, 0, 1, 0]])
    system = system_of(MASSES, groups=labels)
    start = state_of(gas, CENTERS, SPEEDS, CELL)
    end, _ = follow(system, gas, start, NVE, 1, id, correct_velocity=10, correct_group=1)
    for label in (0, 1):
        mine = labels[1] == label
        np.testing.assert_allclose(
            end.velocities[mine], without_momentum(SPEEDS[mine], CENTERS[mine], MASSES[mine]), atol=1e-15
        )
