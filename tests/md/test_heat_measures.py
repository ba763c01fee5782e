"""compute_hnemd, compute_hac and compute_shc against loops over the same states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fields import system_of
from neptuner.files.hac_out import read_hac
from neptuner.files.kappa_out import read_kappa
from neptuner.files.script import ComputeHac, ComputeHnemd, ComputeShc, Group, Measure, Run
from neptuner.files.shc_out import read_shc
from neptuner.kernels.chunks import SiteOutputs
from neptuner.md.measures.base import Context, Measurement
from neptuner.md.measures.heat import autocorrelation
from neptuner.md.measures.make import make_measurement
from neptuner.md.outputs import Outputs
from neptuner.md.state import State
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT, KAPPA_UNIT

N = 5
LABELS = np.array([[0, 1, 1, 0, 2]])
SYSTEM = system_of(np.linspace(10.0, 30.0, N), groups=LABELS)


def random_states(count: int, seed: int = 0) -> list[State]:
    """States without any law, in a cell that breathes."""
    rng, states = np.random.default_rng(seed), []
    for _ in range(count):
        virials, velocities = rng.normal(size=(N, 3, 3)), rng.normal(size=(N, 3))
        site = SiteOutputs(np.zeros(N), np.zeros((N, 3)), virials.sum(axis=0), virials)
        cell = np.diag(10.0 + 0.1 * rng.normal(size=3))
        kinetic = np.eye(3) * rng.uniform(0.1, 0.5)
        states.append(State(rng.normal(size=(N, 3)), velocities, cell, site, site.forces, kinetic, np.zeros((2, 4))))
    return states


def measure(settings: Measure, run: Run, states: list[State], folder: Path, cut: int | None = None) -> Measurement:
    """Let a measurement look at states; at ``cut`` a new one takes over from its snapshot."""
    with Outputs(folder) as outputs:
        context = Context(SYSTEM, run, outputs, ("Ar",))
        measurement = make_measurement(settings, context)
        assert measurement.needs_virials
        for number, state in enumerate(states, start=1):
            if number == cut:
                snapshot = {name: np.array(value) for name, value in measurement.snapshot().items()}
                measurement = make_measurement(settings, context)
                measurement.restore(snapshot)
            measurement.sample(number, state)
        measurement.finish(states[-1])
    return measurement


def currents(states: list[State]) -> np.ndarray:
    """In GPUMD's five parts."""
    rows = []
    for state in states:
        j = np.einsum("iab,ib->ab", state.site.virials, state.velocities)
        rows.append([j[0, 0] + j[0, 1], j[0, 2], j[1, 0] + j[1, 1], j[1, 2], j[2].sum()])
    return np.array(rows)


@pytest.mark.parametrize("cut", [None, 6, 14])
def test_kappa_rows_are_means_over_an_interval(tmp_path: Path, cut) -> None:
    """By the target temperature, the volume of the moment and the length of the field; no unfinished interval."""
    states = random_states(17)
    run = Run(17, 1.0, target_temperature=321.0)
    measure(ComputeHnemd(5, (0.0, 3e-4, -4e-4)), run, states, tmp_path, cut)
    rows = read_kappa(tmp_path / "kappa.out")
    assert rows.shape == (3, 5)
    for k in range(3):
        mean = currents(states)[5 * k : 5 * k + 5].mean(axis=0)
        volume = states[5 * k + 4].volume
        np.testing.assert_allclose(rows[k], KAPPA_UNIT * mean / (volume * 321.0 * 5e-4), rtol=1e-10)


def test_kappa_without_a_field_is_not_a_number_but_a_row(tmp_path: Path) -> None:
    measure(ComputeHnemd(2, (0.0, 0.0, 0.0)), Run(2, target_temperature=300.0), random_states(2), tmp_path)
    assert not np.isfinite(read_kappa(tmp_path / "kappa.out")).any()


def slow_autocorrelation(j: np.ndarray, lags: int) -> np.ndarray:
    whole = np.stack([j[:, 0] + j[:, 1]] * 2 + [j[:, 2] + j[:, 3]] * 2 + [j[:, 4]], axis=1)
    n = len(j)
    return np.array([sum(j[t] * whole[t + lag] for t in range(n - lag)) / (n - lag) for lag in range(lags)])


@pytest.mark.parametrize(("n", "lags"), [(1, 1), (2, 2), (30, 7), (33, 33), (64, 40)])
def test_autocorrelation_is_the_double_loop(n: int, lags: int) -> None:
    j = np.random.default_rng(n).normal(size=(n, 5)) + 0.5
    np.testing.assert_allclose(autocorrelation(j, lags), slow_autocorrelation(j, lags), atol=1e-12)


@pytest.mark.parametrize("cut", [None, 2, 32])
def test_hac_and_its_integral(tmp_path: Path, cut) -> None:
    """Trapezoids first, then means over groups of lags in the middle of their times; the rest is dropped."""
    states, dt = random_states(63), 3 * 0.5
    settings, run = ComputeHac(3, 11, 4), Run(63, 0.5, target_temperature=250.0)
    measure(settings, run, states, tmp_path, cut)
    j = currents(states)[2::3]
    hac = slow_autocorrelation(j, 11)
    factor = KAPPA_UNIT * dt / FEMTOSECONDS_PER_UNIT / (BOLTZMANN * 250.0**2 * states[-1].volume)
    rtc = np.array([factor * sum((0.5 * (hac[i] + hac[i + 1]) for i in range(k)), np.zeros(5)) for k in range(11)])
    (ours,) = read_hac(tmp_path / "hac.out")
    np.testing.assert_allclose(ours.time, [2.0 * dt * 1e-3, 6.0 * dt * 1e-3])
    for k in range(2):
        np.testing.assert_allclose(ours.hac[k], hac[4 * k : 4 * k + 4].mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(ours.rtc[k], rtc[4 * k : 4 * k + 4].mean(axis=0), rtol=1e-9)
    with np.load(tmp_path / "heat_current.npz") as raw:
        np.testing.assert_allclose(raw["current"], np.stack([j[:, 0] + j[:, 1], j[:, 2] + j[:, 3], j[:, 4]], axis=1))
        assert float(raw["dt_ps"]) == pytest.approx(1e-3 * dt)
        assert float(raw["volume"]) == pytest.approx(np.mean([state.volume for state in states[2::3]]))
        assert float(raw["temperature"]) == 250.0


def slow_shc(states: list[State], settings: ComputeShc, atoms: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """K(t) as sums over samples: virials at 0, velocities at t; origins as GPUMD counts them."""
    kept = states[settings.sample - 1 :: settings.sample]
    nc, d = settings.correlation_steps, settings.direction
    k = np.zeros((2, 2 * nc - 1))
    origins = range(nc - 1, len(kept))
    for now in origins:
        for lag in range(nc):
            for part, axes in enumerate(((0, 1), (2,))):
                for i in atoms:
                    for b in axes:
                        earlier = kept[now - lag]
                        k[part, nc - 1 + lag] += earlier.site.virials[i, d, b] * kept[now].velocities[i, b]
                        if lag:
                            k[part, nc - 1 - lag] += kept[now].site.virials[i, d, b] * earlier.velocities[i, b]
    return k * 1000.0 / FEMTOSECONDS_PER_UNIT / len(origins), np.arange(1 - nc, nc) * settings.sample


@pytest.mark.parametrize(
    ("direction", "group", "atoms", "cut"),
    [(0, None, range(N), None), (1, Group(0, 1), [1, 2], 10), (2, Group(0, 0), [0, 3], 31)],
)
def test_shc_is_the_double_loop(tmp_path: Path, direction: int, group, atoms, cut) -> None:
    states = random_states(41, seed=direction)
    settings = ComputeShc(2, 6, direction, 5, 40.0, group)
    measurement = measure(settings, Run(41, 0.5), states, tmp_path, cut)
    ours = measurement.spectrum()
    k, steps = slow_shc(states, settings, list(atoms))
    time = 1e-3 * 0.5 * steps
    hann = np.array([0.5 * (np.cos(np.pi * m / 6) + 1.0) for m in range(-5, 6)])
    np.testing.assert_allclose(ours.time, time, atol=1e-15)
    np.testing.assert_allclose([ours.k_in, ours.k_out], k * hann, atol=1e-10)
    assert hann[5] == 1.0
    np.testing.assert_allclose(ours.omega, [8.0, 16.0, 24.0, 32.0, 40.0])
    spectrum = [[2e-3 * sum(kt * np.cos(w * t) for kt, t in zip(row, time, strict=True)) for w in ours.omega]
                for row in k * hann]  # fmt: skip
    np.testing.assert_allclose([ours.j_in, ours.j_out], spectrum, atol=1e-10)
    (written,) = read_shc(tmp_path / "shc.out")
    np.testing.assert_allclose(written.k_in, ours.k_in, rtol=1e-5)
    np.testing.assert_allclose(written.j_out, ours.j_out, rtol=1e-5)


def test_shc_without_lag_is_the_heat_current(tmp_path: Path) -> None:
    states = random_states(30)
    ours = measure(ComputeShc(1, 8, 1, 2, 10.0), Run(30), states, tmp_path).spectrum()
    mean = currents(states)[7:, 2:4].mean(axis=0) * 1000.0 / FEMTOSECONDS_PER_UNIT
    np.testing.assert_allclose([ours.k_in[7], ours.k_out[7]], mean, rtol=1e-12)


def test_shc_without_frequencies(tmp_path: Path) -> None:
    """GPUMD allows none."""
    measure(ComputeShc(1, 8, 1, 0, 10.0), Run(30), random_states(30), tmp_path)
    (written,) = read_shc(tmp_path / "shc.out")
    assert (len(written.time), len(written.omega)) == (15, 0)


def test_two_runs_append(tmp_path: Path) -> None:
    states, run = random_states(30), Run(30, target_temperature=300.0)
    with Outputs(tmp_path) as outputs:
        for settings in (ComputeHac(1, 8, 2), ComputeShc(1, 8, 1, 2, 10.0)):
            for _ in range(2):
                measurement = make_measurement(settings, Context(SYSTEM, run, outputs, ("Ar",)))
                for number, state in enumerate(states, start=1):
                    measurement.sample(number, state)
                measurement.finish(states[-1])
    assert len(read_hac(tmp_path / "hac.out")) == 2
    assert len(read_shc(tmp_path / "shc.out")) == 2
