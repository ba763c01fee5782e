"""First velocities and the removal of momentum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptuner.md.velocities import first_velocities, without_momentum, without_momentum_of_groups
from neptuner.units import BOLTZMANN

RNG = np.random.default_rng(8)
MASSES = RNG.uniform(1.0, 60.0, 12)
POSITIONS = 20.0 * RNG.random((12, 3))


def temperature(velocities: np.ndarray, masses: np.ndarray) -> float:
    return float(np.sum(masses[:, None] * velocities**2)) / (3 * len(masses) * BOLTZMANN)


def angular(velocities: np.ndarray, positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    arms = positions - masses @ positions / masses.sum()
    return np.sum(masses[:, None] * np.cross(arms, velocities), axis=0)


def test_first_velocities_are_exact() -> None:
    velocities = first_velocities(MASSES, POSITIONS, 456.0, seed=3)
    assert temperature(velocities, MASSES) == pytest.approx(456.0, rel=1e-12)
    assert np.abs(MASSES @ velocities).max() < 1e-12
    assert np.abs(angular(velocities, POSITIONS, MASSES)).max() < 1e-11


def test_first_velocities_are_maxwellian() -> None:
    """Light atoms are faster: m v^2 is k_B T in the mean for every mass, and v/sigma is normal."""
    masses = np.tile([1.0, 60.0], 3000)
    positions = 100.0 * np.random.default_rng(0).random((6000, 3))
    velocities = first_velocities(masses, positions, 300.0, seed=4)
    scaled = velocities * np.sqrt(masses / (BOLTZMANN * 300.0))[:, None]
    for kind in (scaled[::2], scaled[1::2]):
        assert np.mean(kind**2) == pytest.approx(1.0, abs=4 * np.sqrt(2 / 9000))
        assert np.mean(kind**4) == pytest.approx(3.0, abs=4 * np.sqrt(96 / 9000))


def test_the_seed_alone_decides() -> None:
    """Not the potential and not the cell, so that two potentials begin alike."""
    one = first_velocities(MASSES, POSITIONS, 300.0, seed=5)
    assert np.array_equal(one, first_velocities(MASSES, POSITIONS.copy(), 300.0, seed=5))
    assert np.abs(one - first_velocities(MASSES, POSITIONS, 300.0, seed=6)).max() > 1e-3
    np.testing.assert_allclose(first_velocities(MASSES, POSITIONS, 1200.0, seed=5), 2.0 * one, rtol=1e-13)
    np.testing.assert_allclose(one, first_velocities(MASSES, POSITIONS + 1e-9, 300.0, seed=5), atol=1e-9)


def test_groups_are_corrected_one_by_one() -> None:
    velocities, labels = RNG.normal(size=(12, 3)), np.arange(12) % 3
    before = velocities.copy()
    corrected = without_momentum_of_groups(velocities, POSITIONS, MASSES, labels)
    assert np.array_equal(velocities, before)
    for label in range(3):
        mine = labels == label
        assert np.abs(MASSES[mine] @ corrected[mine]).max() < 1e-12
        assert np.abs(angular(corrected[mine], POSITIONS[mine], MASSES[mine])).max() < 1e-10
    assert np.abs(angular(without_momentum(velocities, POSITIONS, MASSES)[labels == 0], POSITIONS[labels == 0],
                          MASSES[labels == 0])).max() > 1.0  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 10))
def test_what_is_removed_is_a_rigid_motion(seed: int, n_atoms: int) -> None:
    rng = np.random.default_rng(seed)
    masses, positions = rng.uniform(1.0, 50.0, n_atoms), rng.uniform(-5.0, 5.0, (n_atoms, 3))
    inside = without_momentum(rng.normal(size=(n_atoms, 3)), positions, masses)
    rigid = rng.normal(size=3) + np.cross(rng.normal(size=3), positions)
    np.testing.assert_allclose(without_momentum(inside + rigid, positions, masses), inside, atol=1e-7)


@pytest.mark.parametrize("line", [(1.0, 0.0, 0.0), (0.3, -0.7, 0.2)])
@pytest.mark.parametrize("n_atoms", [2, 5])
def test_atoms_on_a_line_and_on_one_point(line, n_atoms: int) -> None:
    """Their moment of inertia has no inverse: the temperature must still be right and nothing grow."""
    masses = MASSES[:n_atoms]
    for positions in (np.outer(np.arange(n_atoms), line), np.ones((n_atoms, 3))):
        velocities = first_velocities(masses, positions, 300.0, seed=9)
        assert temperature(velocities, masses) == pytest.approx(300.0, rel=1e-12)
        assert np.abs(masses @ velocities).max() < 1e-10
        given_ = RNG.normal(size=(n_atoms, 3))
        assert np.abs(without_momentum(given_, positions, masses)).max() < 2 * np.abs(given_).max()


def test_one_atom_has_no_motion_of_its_own() -> None:
    assert not first_velocities(np.array([3.0]), np.ones((1, 3)), 300.0, seed=1).any()
