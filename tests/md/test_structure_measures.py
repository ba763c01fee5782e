"""compute_msd and compute_rdf against loops over the same states."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import CELL
from neptuner.files.msd_out import read_msd
from neptuner.files.rdf_out import read_rdf
from neptuner.files.script import ComputeMsd, ComputeRdf, Group, Measure, Run
from neptuner.kernels.chunks import SiteOutputs
from neptuner.md.measures.base import Context
from neptuner.md.measures.make import make_measurement
from neptuner.md.outputs import Outputs
from neptuner.md.state import State, System


def system(types: np.ndarray, pbc=(True, True, True), groups: np.ndarray | None = None) -> System:
    n = len(types)
    labels = np.zeros((0, n), np.int64) if groups is None else groups
    names = np.array(("Mg", "O", "He"))
    return System(names[types], types.astype(np.int32), np.ones(n), pbc, labels)


def state(positions: np.ndarray, cell: np.ndarray) -> State:
    site = SiteOutputs(np.zeros(len(positions)), np.zeros_like(positions), np.zeros((3, 3)), None)
    return State(positions, np.zeros_like(positions), cell, site, site.forces, np.zeros((3, 3)), np.zeros((2, 4)))


def measure(settings: Measure, run: Run, atoms: System, states: list[State], folder: Path, cut: int | None = None):
    """Let a measurement look at states; at ``cut`` a new one takes over from its snapshot."""
    with Outputs(folder) as outputs:
        context = Context(atoms, run, outputs, ("Mg", "O", "He"))
        measurement = make_measurement(settings, context)
        assert not measurement.needs_virials
        for number, now in enumerate(states, start=1):
            if number == cut:
                snapshot = {name: np.array(value) for name, value in measurement.snapshot().items()}
                measurement = make_measurement(settings, context)
                measurement.restore(snapshot)
            measurement.sample(number, now)
        measurement.finish(states[-1])


@pytest.mark.parametrize(("group", "cut"), [(None, None), (Group(0, 1), 4), (Group(1, 2), 29)])
def test_msd_is_the_double_loop(tmp_path: Path, group, cut) -> None:
    """Also across the borders of the cell; every origin has all lags."""
    rng = np.random.default_rng(0)
    labels = np.array([[0, 1, 1, 0, 1, 0], [0, 1, 2, 2, 1, 0]])
    atoms = system(np.zeros(6, int), groups=labels)
    track = np.cumsum(rng.normal(size=(37, 6, 3)), axis=0)
    states = [state(positions, 3.0 * np.eye(3)) for positions in track]
    measure(ComputeMsd(3, 5, group), Run(37, 2.0), atoms, states, tmp_path, cut)
    kept = track[2::3]
    if group is not None:
        kept = kept[:, labels[group.method] == group.label]
    expected = np.array(
        [np.mean([(kept[now] - kept[now - lag]) ** 2 for now in range(4, len(kept))], axis=(0, 1)) for lag in range(5)]
    )
    (ours,) = read_msd(tmp_path / "msd.out")
    np.testing.assert_allclose(ours.time, 6e-3 * np.arange(5), rtol=1e-6)
    np.testing.assert_allclose(ours.msd, expected, rtol=1e-5)
    np.testing.assert_allclose(ours.sdc[1:], 0.5 * np.diff(expected, axis=0) / 6e-3, rtol=1e-4, atol=1e-2)
    assert not ours.sdc[0].any()


def slow_rdf(states: list[State], atoms: System, settings: ComputeRdf, pairs) -> np.ndarray:
    """By all images of all pairs."""
    width = settings.cutoff / settings.bins
    radius = width * (np.arange(settings.bins) + 0.5)
    total = np.zeros((settings.bins, len(pairs)))
    for now in states[settings.interval - 1 :: settings.interval]:
        shifts = np.array([np.where(atoms.pbc, np.array(s) - 1, 0) for s in np.ndindex(3, 3, 3)])
        shifts = np.unique(shifts, axis=0) @ now.cell
        inside = now.positions - np.where(atoms.pbc, np.floor(now.positions @ np.linalg.inv(now.cell)), 0.0) @ now.cell
        away = np.linalg.norm(inside[:, None, None] - inside[None, :, None] - shifts, axis=3)
        away[np.arange(len(inside)), np.arange(len(inside))] = np.inf
        for k, (a, b) in enumerate(pairs):
            first = atoms.types == a if a is not None else np.ones(len(inside), bool)
            second = atoms.types == b if b is not None else np.ones(len(inside), bool)
            counts = np.histogram(away[first][:, second], settings.bins, (0.0, settings.cutoff))[0]
            density = second.sum() / now.volume
            total[:, k] += counts / (first.sum() * density * 4.0 * np.pi * radius**2 * width)
    return total / (len(states) // settings.interval)


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False)])
@pytest.mark.parametrize("cut", [None, 5])
def test_rdf_is_all_pairs(tmp_path: Path, pbc, cut) -> None:
    """In a slanted cell that breathes, with a species of the potential that is not there."""
    rng, cell = np.random.default_rng(1), 2.2 * CELL
    atoms = system(np.array([0, 2] * 8), pbc)
    states = [state(rng.uniform(-1.0, 2.0, (16, 3)) @ cell, cell * (1.0 + 0.01 * k)) for k in range(7)]
    if not all(pbc):
        states = [replace(s, positions=s.positions * 0.4) for s in states]
    settings = ComputeRdf(4.0, 25, 2)
    measure(settings, Run(7), atoms, states, tmp_path, cut)
    (ours,) = read_rdf(tmp_path / "rdf.out")
    assert ours.pairs == ("total", "Mg-Mg", "Mg-He", "He-He")
    expected = slow_rdf(states, atoms, settings, [(None, None), (0, 0), (0, 2), (2, 2)])
    assert np.count_nonzero(expected[:, 0]) > 10
    np.testing.assert_allclose(ours.g, expected, atol=6e-6)
    np.testing.assert_allclose(ours.radius, 0.16 * (np.arange(25) + 0.5), atol=6e-6)


def test_a_gas_has_no_order(tmp_path: Path) -> None:
    """Counts of pairs are Poisson: every bin within five of its standard deviations of 1 - 1/N."""
    rng, cell, n = np.random.default_rng(2), 5.0 * CELL, 300
    atoms = system(np.zeros(n, int))
    states = [state(rng.random((n, 3)) @ cell, cell) for _ in range(20)]
    measure(ComputeRdf(8.0, 30, 1), Run(20), atoms, states, tmp_path)
    (ours,) = read_rdf(tmp_path / "rdf.out")
    shell = 4.0 * np.pi * ours.radius**2 * (8.0 / 30)
    pairs = 0.5 * n * (n - 1) * 20 * shell / states[0].volume
    off = (ours.g[:, 0] - (1.0 - 1.0 / n)) * np.sqrt(pairs)
    assert np.abs(off).max() < 5
    assert off.std() > 0.5
    np.testing.assert_allclose(ours.g[:, 1], ours.g[:, 0])
