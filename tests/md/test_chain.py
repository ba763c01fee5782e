"""The Nose-Hoover chain against its operators one by one, its extended energy and its statistics."""

from __future__ import annotations

import numpy as np
import pytest

from fields import Lattice, Toy, Wells, follow, state_of, system_of, z_of
from neptuner.files.script import Ensemble
from neptuner.md.chain import START, WEIGHTS, advance_chain
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT

T = 300.0
KT = BOLTZMANN * T
CELL = 12.0 * np.eye(3)
RNG = np.random.default_rng(2)
N = 6
MASSES = RNG.uniform(10.0, 40.0, N)
CENTERS = RNG.random((N, 3)) @ CELL
STIFFNESS = MASSES * RNG.uniform(0.02, 0.1, N)


def operators(chain, masses, twice_kinetic, kt, freedom, time):
    """Liouville's operators of the chain in a list, applied in order to plain numbers."""
    x, p, twice, factor = list(chain[0]), list(chain[1]), [twice_kinetic], [1.0]

    def kick(k, h):
        p[k] += h * (p[k - 1] ** 2 / masses[k - 1] - kt if k else twice[0] - freedom * kt)

    def drag(k, h):
        p[k] *= np.exp(-h * p[k + 1] / masses[k + 1])

    def move(k, h):
        x[k] += h * p[k] / masses[k]

    def scale(_, h):
        slower = np.exp(-h * p[0] / masses[0])
        twice[0] *= slower**2
        factor[0] *= slower

    half = [(kick, 3, 0.5)] + [(act, k, h) for k in (2, 1, 0) for act, h in ((drag, 0.25), (kick, 0.5), (drag, 0.25))]
    once = half + [(move, k, 1.0) for k in range(4)] + [(scale, 0, 1.0)] + half[::-1]
    weights = [0.784513610477560, 0.235573213359357, -1.17767998417887]
    weights = [*weights, 1.0 - 2.0 * sum(weights), *reversed(weights)]
    for weight in np.repeat(weights, 4):
        for act, k, share in once:
            act(k, share * weight * time / 4)
    return np.array([x, p]), factor[0]


def test_the_chain_is_its_operators() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        chain, masses = rng.normal(size=(2, 4)), rng.uniform(0.5, 3.0, 4)
        arguments = (masses, rng.uniform(1.0, 20.0), rng.uniform(0.1, 2.0), 12, rng.uniform(0.01, 0.3))
        ours, factor = advance_chain(chain, *arguments)
        expected, factor_expected = operators(chain, *arguments)
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
        assert factor == pytest.approx(factor_expected, rel=1e-12)


def test_the_weights_add_up_to_one_step() -> None:
    assert sum(WEIGHTS) == pytest.approx(1.0, abs=1e-13)
    assert tuple(reversed(WEIGHTS)) == WEIGHTS


def extended_energy(state, masses: np.ndarray) -> float:
    x, p = state.chain
    kinetic = 0.5 * float(np.sum(MASSES[:, None] * state.velocities**2))
    return kinetic + state.site.energy + float(np.sum(p**2 / (2 * masses)) + 3 * N * KT * x[0] + KT * x[1:].sum())


def thermostatted(time_step: float, steps: int, coupling: float, look) -> np.ndarray:
    wells = Wells(CENTERS, STIFFNESS)
    speeds = np.random.default_rng(4).normal(size=(N, 3)) * np.sqrt(KT / MASSES)[:, None]
    start = state_of(wells, CENTERS + 0.05, speeds, CELL)
    ensemble = Ensemble("nvt_nhc", T, T, coupling)
    return follow(system_of(MASSES), wells, start, ensemble, steps, look, time_step=time_step)[1]


def chain_masses(femtoseconds: float) -> np.ndarray:
    return KT * (femtoseconds / FEMTOSECONDS_PER_UNIT) ** 2 * np.array([3 * N, 1, 1, 1])


def test_the_extended_energy_is_conserved() -> None:
    """Its error falls with the square of the time step while the energy of the atoms changes at will."""
    ripples = []
    for time_step, steps in ((2.0, 400), (1.0, 800)):
        masses = chain_masses(50.0)
        seen = thermostatted(
            time_step, steps, 50.0 / time_step, lambda s, q=masses: (extended_energy(s, q), s.site.energy)
        )
        ripples.append(np.ptp(seen[:, 0]))
        assert np.ptp(seen[:, 1]) > 5 * KT
    assert ripples[0] < 0.1 * KT
    assert ripples[0] / ripples[1] == pytest.approx(4.0, rel=0.15)


def test_the_chain_takes_the_step_of_the_atoms() -> None:
    """Also where `time_step` limits how far they go."""
    gas, ensemble = Toy(), Ensemble("nvt_nhc", T, T, 20.0)
    start = state_of(gas, CENTERS, np.full((N, 3), 0.01), CELL)
    end, _ = follow(system_of(MASSES), gas, start, ensemble, 1, id, time_step=5.0, max_distance=0.001)
    half, chain, twice = 0.5 * end.time / FEMTOSECONDS_PER_UNIT, START, float(3e-4 * MASSES.sum())
    assert end.time < 1.0
    for _ in range(2):
        chain, factor = advance_chain(chain, chain_masses(100.0), twice, KT, 3 * N, half)
        twice *= factor**2
    np.testing.assert_allclose(end.chain, chain, rtol=1e-12)


def test_mean_and_variance_of_the_kinetic_energy() -> None:
    lattice = Lattice(CENTERS, 200.0, 2.0)
    speeds = np.random.default_rng(5).normal(size=(N, 3)) * np.sqrt(KT / MASSES)[:, None]
    start = state_of(lattice, CENTERS, speeds, CELL)
    ensemble = Ensemble("nvt_nhc", T, T, 12.5)
    _, kinetic = follow(system_of(MASSES), lattice, start, ensemble, 5000, lambda s: s.kinetic_energy, time_step=2.0)
    mean, variance = 1.5 * N * KT, 1.5 * N * KT**2
    assert abs(z_of(kinetic[500:], mean, blocks=20)) < 4
    assert abs(z_of((kinetic[500:] - mean) ** 2, variance, blocks=20)) < 4


def test_a_chain_that_runs_away_says_so() -> None:
    """GPUMD's starting momenta are too much for a coupling of few steps."""
    gas = Toy()
    start = state_of(gas, CENTERS, np.full((N, 3), 0.01), CELL)
    with pytest.raises(ValueError, match="Nose-Hoover chain runs away; take a longer coupling"):
        follow(system_of(MASSES), gas, start, Ensemble("nvt_nhc", T, T, 5.0), 20, id)


def test_every_run_begins_with_the_same_chain() -> None:
    gas = Toy()
    start = state_of(gas, CENTERS, np.full((N, 3), 0.01), CELL)
    _, chains = follow(system_of(MASSES), gas, start, Ensemble("nvt_nhc", T, T, 100.0), 3, lambda s: s.chain)
    again, _ = follow(system_of(MASSES), gas, start, Ensemble("nvt_nhc", T, T, 100.0), 1, id)
    np.testing.assert_array_equal(again.chain, chains[0])
    assert np.array_equal(START, [[0, 0, 0, 0], [1, -1, 1, -1]])


def test_the_temperature_is_that_before_the_last_rescaling() -> None:
    gas = Toy()
    start = state_of(gas, CENTERS, np.full((N, 3), 0.01), CELL)
    end, _ = follow(system_of(MASSES), gas, start, Ensemble("nvt_nhc", T, T, 50.0), 20, id)
    after = float(np.sum(MASSES[:, None] * end.velocities**2)) / (3 * N * BOLTZMANN)
    assert abs(after / end.temperature - 1.0) > 1e-4
