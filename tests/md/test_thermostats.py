"""Thermostats against the distributions and the relaxation that they promise."""

from __future__ import annotations

import numpy as np
import pytest

from fields import Toy, Wells, follow, state_of, system_of, z_of
from neptuner.files.script import Ensemble
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT

T = 300.0
KT = BOLTZMANN * T
CELL = 12.0 * np.eye(3)
N = 6
RNG = np.random.default_rng(6)
MASSES = RNG.uniform(10.0, 40.0, N)
CENTERS = RNG.random((N, 3)) @ CELL


def speeds(masses: np.ndarray, temperature: float = T, seed: int = 7) -> np.ndarray:
    normal = np.random.default_rng(seed).normal(size=(len(masses), 3))
    velocities = normal * np.sqrt(BOLTZMANN / masses)[:, None]
    twice_kinetic = float(np.sum(masses[:, None] * velocities**2))
    return velocities * np.sqrt(3 * len(masses) * BOLTZMANN * temperature / twice_kinetic)


def gas_run(kind: str, steps: int, look, *, t_start=T, t_stop=T, coupling=10.0, first=T, seed=1):
    gas, ensemble = Toy(), Ensemble(kind, t_start, t_stop, coupling)
    start = state_of(gas, CENTERS, speeds(MASSES, first), CELL, seed)
    return follow(system_of(MASSES), gas, start, ensemble, steps, look)


def test_bussi_gives_the_canonical_kinetic_energy() -> None:
    """With three degrees of freedom for every atom, and forgotten in the coupling time."""
    _, kinetic = gas_run("nvt_bdp", 8000, lambda s: s.kinetic_energy)
    off = kinetic - 1.5 * N * KT
    assert abs(z_of(off, 0.0)) < 4
    assert abs(z_of(off**2, 1.5 * N * KT**2)) < 4
    assert abs(z_of(off[10:] * off[:-10], 1.5 * N * KT**2 * np.exp(-1.0))) < 4


def test_bussi_keeps_directions() -> None:
    end, _ = gas_run("nvt_bdp", 50, id)
    ratio = end.velocities / speeds(MASSES)
    assert np.ptp(ratio) < 1e-12
    assert abs(ratio[0, 0] - 1.0) > 1e-3


def test_bussi_leaves_atoms_at_rest_alone() -> None:
    gas = Toy()
    start = state_of(gas, CENTERS, np.zeros((N, 3)), CELL)
    end, _ = follow(system_of(MASSES), gas, start, Ensemble("nvt_bdp", T, T, 10.0), 5, id)
    assert not end.velocities.any()


def langevin_run(steps: int, look, masses: np.ndarray, stiffness: float, coupling: float = 30.0, seed: int = 1):
    wells, ensemble = Wells(CENTERS, stiffness), Ensemble("nvt_lan", T, T, coupling)
    start = state_of(wells, CENTERS, speeds(masses), CELL, seed)
    return follow(system_of(masses), wells, start, ensemble, steps, look)


def test_langevin_gives_both_temperatures_without_the_motion_of_the_whole() -> None:
    """Equal wells: the centre stays where it is, and 3N - 3 modes have k_B T/2 each in motion and in position."""
    masses, stiffness = np.full(N, 20.0), 2.0

    def look(state):
        away = state.positions - CENTERS
        return state.kinetic_energy, 0.5 * stiffness * float((away**2).sum())

    _, seen = langevin_run(8000, look, masses, stiffness)
    freedom = 3 * N - 3
    kinetic, potential = seen[500:].T
    shadow = 1.0 - stiffness / 20.0 / (4.0 * FEMTOSECONDS_PER_UNIT**2)
    assert abs(z_of(kinetic, 0.5 * freedom * KT)) < 4
    assert abs(z_of((kinetic - 0.5 * freedom * KT) ** 2, 0.5 * freedom * KT**2)) < 4
    assert abs(z_of(potential, 0.5 * freedom * KT / shadow)) < 4
    assert abs(z_of(kinetic, 1.5 * N * KT)) > 4


def test_langevin_removes_momentum_and_forgets_velocities() -> None:
    start = speeds(MASSES)
    overlaps = []
    for seed in range(200):
        end, _ = gas_run("nvt_lan", 10, id, seed=seed)
        assert np.abs(MASSES @ end.velocities).max() < 1e-13
        overlaps.append(np.sum(MASSES[:, None] * start * end.velocities))
    inside = start - MASSES @ start / MASSES.sum()
    expected = np.exp(-1.0) * np.sum(MASSES[:, None] * inside**2)
    assert abs(z_of(np.array(overlaps), expected)) < 4


@pytest.mark.parametrize("kind", ["nvt_bdp", "nvt_lan"])
def test_the_seed_decides(kind: str) -> None:
    one, again, other = (gas_run(kind, 5, id, seed=seed)[0].velocities for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert np.abs(one - other).max() > 1e-4


def test_noise_differs_between_steps_and_between_the_halves_of_a_step() -> None:
    """A gas at rest with a strong bath: every velocity is new noise."""
    _, seen = gas_run("nvt_lan", 400, lambda s: s.velocities[:, 0], coupling=1.0, first=1e-6)
    series = (seen / np.sqrt(KT / MASSES))[5:]
    overlap = (series[1:] * series[:-1]).mean(axis=1)
    variance = 1.0 - MASSES / MASSES.sum()
    assert abs(z_of(overlap, np.exp(-1.0) * variance.mean())) < 4


def test_berendsen_relaxes_exponentially() -> None:
    _, temperatures = gas_run("nvt_ber", 60, lambda s: s.temperature, coupling=20.0, first=900.0)
    expected = T + 600.0 * (1.0 - 1.0 / 20.0) ** np.arange(60)
    np.testing.assert_allclose(temperatures, expected, rtol=1e-12)


def test_the_target_goes_on_a_straight_line() -> None:
    """With a coupling of one step Berendsen's gas has the target of the step before."""
    _, temperatures = gas_run("nvt_ber", 40, lambda s: s.temperature, t_start=100.0, t_stop=500.0, coupling=1.0)
    np.testing.assert_allclose(temperatures[1:], 100.0 + 10.0 * np.arange(39), rtol=1e-12)


def test_berendsen_leaves_atoms_at_rest_alone() -> None:
    gas = Toy()
    start = state_of(gas, CENTERS, np.zeros((N, 3)), CELL)
    end, _ = follow(system_of(MASSES), gas, start, Ensemble("nvt_ber", T, T, 10.0), 5, id)
    assert not end.velocities.any()
