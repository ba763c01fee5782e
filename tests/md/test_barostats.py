"""Barostats on cells whose energy is known: mean pressure, fluctuations, what stays and what freezes."""

from __future__ import annotations

import numpy as np
import pytest

from fields import PERIODIC, ElasticCell, Toy, VolumeEnergy, follow, state_of, system_of, z_of
from neptuner.files.script import Ensemble
from neptuner.units import BOLTZMANN, EV_PER_CUBIC_ANGSTROM_IN_GPA

GPA = 1.0 / EV_PER_CUBIC_ANGSTROM_IN_GPA
T = 300.0
KT = BOLTZMANN * T
CELL = 10.0 * np.eye(3)
B = 100.0
"""Bulk modulus in gigapascal."""
MASSES = np.full(4, 20.0)
POSITIONS = 10.0 * np.random.default_rng(9).random((4, 3))
SIX = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])


def ensemble(pressures, moduli, coupling: float = 10.0, kind: str = "npt_scr", temperature: float = T) -> Ensemble:
    return Ensemble(kind, temperature, temperature, 100.0, tuple(pressures), tuple(moduli), coupling)


def breathe(field: Toy, asked: Ensemble, steps: int, look, pbc=PERIODIC, velocities=None):
    """A cell whose atoms are at rest, so that the pressure is that of the field alone."""
    velocities = np.zeros_like(POSITIONS) if velocities is None else velocities
    start = state_of(field, POSITIONS, velocities, CELL)
    return follow(system_of(MASSES, pbc), field, start, asked, steps, look)


@pytest.mark.parametrize(
    ("count", "pbc"), [(1, PERIODIC), (3, PERIODIC), (3, (True, True, False)), (6, PERIODIC)], ids=str
)
def test_pressure_and_volume_fluctuate_as_they_must(count: int, pbc) -> None:
    """The volume's variance is k_B T V/B, which first-order steps make larger by 1/(1 - a/2), a: share relaxed."""
    asked = ensemble([1.0, 1.0, 1.0, 0, 0, 0][:count], [B] * count)
    energy = VolumeEnergy(B * GPA, 1000.0)

    def look(state):
        return state.volume, np.trace(state.pressure) / 3.0 / GPA

    _, seen = breathe(energy, asked, 3000, look, pbc)
    volume, pressure = seen[100:].T
    middle = 1000.0 * (1.0 - 1.0 / B)
    share = (3 if all(pbc) else 2) / 3.0 / 10.0
    variance = KT * middle / (B * GPA) / (1.0 - share / 2.0)
    assert abs(z_of(pressure, 1.0)) < 4
    assert abs(z_of(volume, middle)) < 4
    assert abs(z_of((volume - middle) ** 2, variance)) < 4


def test_moving_atoms_press_too() -> None:
    rng = np.random.default_rng(10)
    masses, positions = np.full(20, 30.0), 10.0 * rng.random((20, 3))
    field = VolumeEnergy(5.0 * GPA, 1000.0)
    start = state_of(field, positions, rng.normal(size=(20, 3)) * np.sqrt(KT / 30.0), CELL)
    asked = ensemble([0.5], [5.0])
    _, seen = follow(
        system_of(masses), field, start, asked, 4000, lambda s: (np.trace(s.pressure) / 3.0 / GPA, s.temperature)
    )
    assert abs(z_of(seen[200:, 0], 0.5)) < 4
    kinetic_share = 20 * KT / 1000.0 / GPA
    assert abs(z_of(seen[200:, 0] - kinetic_share, 0.5)) > 6
    assert abs(z_of(seen[200:, 1], T)) < 4


@pytest.mark.parametrize("pbc", [PERIODIC, (True, True, False), (False, True, True)], ids=str)
def test_three_targets_for_three_lengths(pbc) -> None:
    targets = np.array([1.0, -0.5, 2.0])
    field = ElasticCell(CELL, 50.0 * GPA, 50.0 * GPA)
    asked = ensemble(targets, [100.0, 150.0, 80.0], 10.0, temperature=30.0)
    end, pressure = breathe(field, asked, 2500, lambda s: s.pressure[SIX] / GPA, pbc)
    periodic = np.array(pbc)
    assert (np.abs(z_of(pressure[300:, :3], targets))[periodic] < 4).all()
    assert np.array_equal(end.cell, np.diag(np.diagonal(end.cell)))
    assert np.array_equal(np.diagonal(end.cell)[~periodic], np.diagonal(CELL)[~periodic])
    assert (np.abs(np.diagonal(end.cell) - 10.0)[periodic] > 1e-3).all()


def test_six_targets_for_the_whole_cell() -> None:
    """Every component reaches its target, shear too; the noise turns the cell, but to neither side."""
    targets = np.array([1.0, 0.5, -0.5, 0.3, -0.4, 0.2])
    field = ElasticCell(CELL, 50.0 * GPA, 50.0 * GPA)
    asked = ensemble(targets, [100.0] * 6, 10.0, temperature=3.0)
    _, seen = breathe(field, asked, 3500, lambda s: np.concatenate([s.pressure[SIX] / GPA, s.cell.ravel()]))
    assert (np.abs(z_of(seen[600:, :6], targets)) < 4).all()
    cells = seen[:, 6:].reshape(-1, 3, 3)
    strains = (np.linalg.inv(cells[:-1]) @ cells[1:]).transpose(0, 2, 1)
    turns = strains - strains.transpose(0, 2, 1)
    assert (np.abs(z_of(turns[:, [0, 0, 1], [1, 2, 2]], 0.0)) < 4).all()
    assert np.abs(turns).max() > 1e-6


def test_the_noise_of_a_step_is_that_of_each_modulus() -> None:
    """Many seeds, one step of a cell without pressure: every component has its own variance."""
    moduli = np.array([50.0, 100.0, 200.0, 400.0, 800.0, 1600.0])
    asked, gas = ensemble([0.0] * 6, moduli), Toy()
    strains = []
    for seed in range(1000):
        start = state_of(gas, POSITIONS, np.zeros_like(POSITIONS), CELL, seed)
        end, _ = follow(system_of(MASSES), gas, start, asked, 1, id)
        strains.append((end.cell @ np.linalg.inv(CELL)).T - np.eye(3))
    full = np.zeros((3, 3))
    full[SIX] = full[SIX[::-1]] = moduli
    expected = 2.0 * KT / 1000.0 / (3.0 * 10.0 * full * GPA)
    ratio = np.array(strains) ** 2 / expected
    assert (np.abs(z_of(ratio, 1.0)) < 4.5).all()
    assert (np.abs(z_of(np.array(strains), 0.0)) < 4.5).all()


def test_berendsen_goes_straight_to_the_target() -> None:
    field = VolumeEnergy(B * GPA, 1000.0)
    asked = ensemble([2.0], [B], 20.0, "npt_ber")
    _, pressure = breathe(field, asked, 300, lambda s: np.trace(s.pressure) / 3.0 / GPA)
    off = pressure - 2.0
    assert (off[:200] < 0).all()
    assert off[1:100] / off[:99] == pytest.approx(1.0 - 1.0 / 20.0, abs=0.004)
    assert abs(off[-1]) < 1e-4


def test_berendsen_with_three_and_six_targets() -> None:
    field = ElasticCell(CELL, 50.0 * GPA, 50.0 * GPA)
    targets = [1.0, 0.5, -0.5, 0.3, -0.4, 0.2]
    _, pressure = breathe(field, ensemble(targets, [100.0] * 6, 10.0, "npt_ber"), 800, lambda s: s.pressure[SIX])
    np.testing.assert_allclose(pressure[-1] / GPA, targets, atol=1e-6)
    _, pressure = breathe(field, ensemble(targets[:3], [100.0] * 3, 10.0, "npt_ber"), 800, lambda s: s.pressure[SIX])
    np.testing.assert_allclose(pressure[-1] / GPA, [*targets[:3], 0, 0, 0], atol=1e-6)


def test_atoms_move_with_the_cell_and_velocities_do_not() -> None:
    rng = np.random.default_rng(11)
    velocities = rng.normal(size=POSITIONS.shape)
    velocities *= np.sqrt(3 * 4 * KT / np.sum(MASSES[:, None] * velocities**2))
    field = ElasticCell(CELL, 50.0 * GPA, 50.0 * GPA)
    asked = ensemble([3.0, 0.5, -0.5, 0.3, -0.4, 0.2], [100.0] * 6, 10.0, "npt_ber")
    end, _ = breathe(field, asked, 1, id, velocities=velocities)
    np.testing.assert_allclose(end.velocities, velocities, rtol=1e-12)
    drifted = POSITIONS + velocities / 10.18051
    np.testing.assert_allclose(end.positions @ np.linalg.inv(end.cell), drifted @ np.linalg.inv(CELL), atol=1e-13)
    assert np.abs(end.cell - CELL).max() > 1e-3


@pytest.mark.parametrize("kind", ["npt_scr", "npt_ber"])
def test_hard_components_freeze(kind: str) -> None:
    field = ElasticCell(CELL, 50.0 * GPA, 50.0 * GPA)
    asked = ensemble([5.0, 5.0, 5.0], [2000.0, 2000.1, 9000.0], kind=kind)
    end, _ = breathe(field, asked, 20, id)
    assert np.diagonal(end.cell)[1:].tolist() == [10.0, 10.0]
    assert end.cell[0, 0] != 10.0
    asked = ensemble([5.0] * 3 + [1.0] * 3, [100.0] * 3 + [5000.0, 100.0, 5000.0], kind=kind)
    end, _ = breathe(field, asked, 1, id)
    assert end.cell[[1, 2, 0, 1], [2, 1, 1, 0]].tolist() == [0.0] * 4
    assert (end.cell[[0, 2], [2, 0]] != 0.0).all()
    end, _ = breathe(field, ensemble([5.0], [2000.1], kind=kind), 20, id)
    assert np.array_equal(end.cell, CELL)
