"""Relaxation of atoms and of the cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fields import ElasticCell, Toy, VolumeEnergy, Wells, state_of
from md_data import POTENTIAL, evaluator_of, system_of_frame
from models import CELL, random_frame, random_model
from neptuner.files.script import Minimize
from neptuner.md.minimize import STRESS_TOLERANCE, minimize
from neptuner.md.simulation import first_state
from neptuner.md.state import State
from neptuner.potential.model import Model
from neptuner.units import EV_PER_CUBIC_ANGSTROM_IN_GPA

GPA = 1.0 / EV_PER_CUBIC_ANGSTROM_IN_GPA
CUBE = 10.0 * np.eye(3)
RNG = np.random.default_rng(12)
CENTERS = 10.0 * RNG.random((6, 3))


class Way:
    """Notes what a relaxation tells."""

    def __init__(self) -> None:
        self.steps, self.energies, self.largest = [], [], []

    def __call__(self, step: int, energy: float, largest: float) -> None:
        self.steps.append(step)
        self.energies.append(energy)
        self.largest.append(largest)


def crystal(seed: int = 13, model: Model = POTENTIAL) -> tuple[State, object]:
    frame = random_frame(seed, n_atoms=12, cell=1.3 * CELL)
    evaluator = evaluator_of(frame, model, skin=0.5)
    start = first_state(system_of_frame(frame), frame.positions, frame.cell, None, evaluator, 1)
    return start, evaluator.evaluate


@pytest.mark.parametrize(("method", "steps"), [("sd", 3000), ("fire", 1000)])
def test_forces_vanish(method: str, steps: int) -> None:
    start, field = crystal()
    way = Way()
    end = minimize(start, field, Minimize(method, 1e-3, steps), way)
    assert np.abs(end.forces).max() < 1e-3
    assert len(way.steps) < steps
    assert np.array_equal(end.forces, end.site.forces)
    assert np.abs(field(end.positions, end.cell).forces).max() < 1e-3
    assert np.array_equal(end.cell, start.cell)
    assert np.array_equal(end.velocities, start.velocities)
    assert end.site.energy < start.site.energy - 1.0
    assert way.steps == list(range(len(way.steps)))
    assert way.largest[-1] == pytest.approx(np.abs(end.forces).max())


def test_steepest_descent_never_climbs() -> None:
    start, field = crystal()
    way = Way()
    minimize(start, field, Minimize("sd", 1e-2, 500), way)
    assert (np.diff(way.energies) <= 0.0).all()
    assert np.count_nonzero(np.diff(way.energies) == 0.0) > 0


@pytest.mark.parametrize("method", ["sd", "fire"])
def test_wells_are_found(method: str) -> None:
    wells = Wells(CENTERS, RNG.uniform(0.5, 5.0, 6))
    start = state_of(wells, CENTERS + 0.3 * RNG.normal(size=(6, 3)), np.zeros((6, 3)), CUBE)
    end = minimize(start, wells, Minimize(method, 1e-8, 5000), Way())
    np.testing.assert_allclose(end.positions, CENTERS, atol=1e-7)


@pytest.mark.parametrize("method", ["sd", "fire"])
def test_nothing_to_do_and_little_allowed(method: str) -> None:
    wells = Wells(CENTERS, 1.0)
    way = Way()
    rest = state_of(wells, CENTERS, np.zeros((6, 3)), CUBE)
    assert np.array_equal(minimize(rest, wells, Minimize(method, 1e-3, 50), way).positions, CENTERS)
    assert way.steps == [0]
    off = state_of(wells, CENTERS + 0.3, np.zeros((6, 3)), CUBE)
    way = Way()
    minimize(off, wells, Minimize(method, 1e-12, 7), way)
    assert way.steps == list(range(7))


def test_a_negative_tolerance_takes_all_steps() -> None:
    wells, way = Wells(CENTERS, 1.0), Way()
    start = state_of(wells, CENTERS + 0.3, np.zeros((6, 3)), CUBE)
    minimize(start, wells, Minimize("fire", -1.0, 300), way)
    assert len(way.steps) == 300


def test_the_cell_loses_its_stress_and_atoms_go_along() -> None:
    field, cell = ElasticCell(CUBE, 60.0 * GPA, 40.0 * GPA), CUBE @ (np.eye(3) + 0.03 * RNG.normal(size=(3, 3)))
    start = state_of(field, CENTERS, np.zeros((6, 3)), cell)
    end = minimize(start, field, Minimize("fire", 1e-4, 3000, box_change=True), Way())
    assert np.abs(end.site.virial).max() < STRESS_TOLERANCE * end.volume
    lengths = np.linalg.norm(end.cell, axis=1)
    np.testing.assert_allclose(lengths, 10.0, atol=1e-4)
    fractional = CENTERS @ np.linalg.inv(cell)
    np.testing.assert_allclose(end.positions @ np.linalg.inv(end.cell), fractional, atol=1e-9)


def test_hydrostatic_keeps_the_shape() -> None:
    field, cell = VolumeEnergy(80.0 * GPA, 1000.0), 1.04 * CUBE @ (np.eye(3) + 0.05 * RNG.normal(size=(3, 3)))
    start = state_of(field, CENTERS, np.zeros((6, 3)), cell)
    end = minimize(start, field, Minimize("fire", 1e-4, 3000, box_change=True, hydrostatic=True), Way())
    assert end.volume == pytest.approx(1000.0, rel=1e-5)
    ratio = end.cell @ np.linalg.inv(cell)
    np.testing.assert_allclose(ratio, np.eye(3) * ratio[0, 0], atol=1e-12)
    sheared = ElasticCell(CUBE, 60.0 * GPA, 40.0 * GPA)
    end = minimize(state_of(sheared, CENTERS, np.zeros((6, 3)), cell), sheared,
                   Minimize("fire", 1e-4, 3000, box_change=True, hydrostatic=True), Way())  # fmt: skip
    assert abs(np.trace(end.site.virial)) / 3.0 < STRESS_TOLERANCE * end.volume
    assert np.abs(end.site.virial).max() > STRESS_TOLERANCE * end.volume


def test_a_crystal_and_its_cell_relax_together() -> None:
    start, field = crystal(14, random_model(cutoff=(4.5, 3.5), zbl="universal"))
    end = minimize(start, field, Minimize("fire", 2e-3, 3000, box_change=True), Way())
    assert np.abs(end.forces).max() < 2e-3
    assert np.abs(end.site.virial).max() / end.volume < 1.01 * STRESS_TOLERANCE
    assert np.abs(end.cell - start.cell).max() > 1e-2


@pytest.mark.parametrize("method", ["sd", "fire"])
def test_atoms_far_too_close_are_pushed_apart_and_not_away(method: str) -> None:
    """Forces of 10^5 eV/angstrom must not throw atoms out of the cell."""
    model = random_model(cutoff=(4.5, 3.5), zbl="universal")
    frame = random_frame(15, n_atoms=12, cell=1.3 * CELL)
    positions = frame.positions.copy()
    positions[1] = positions[0] + [0.02, 0.0, 0.0]
    evaluator = evaluator_of(frame, model, skin=0.5)
    start = first_state(system_of_frame(frame, model), positions, frame.cell, None, evaluator, 1)
    assert np.abs(start.forces).max() > 1e4
    end = minimize(start, evaluator.evaluate, Minimize(method, 1e-2, 3000), Way())
    assert np.abs(end.positions - positions).max() < 20.0
    assert np.abs(end.forces).max() < 1e-2


def test_a_gas_stays() -> None:
    gas = Toy()
    start = replace(state_of(gas, CENTERS, np.zeros((6, 3)), CUBE), step=3)
    end = minimize(start, gas, Minimize("fire", 1e-3, 10, box_change=True), Way())
    assert np.array_equal(end.cell, CUBE)
    assert end.step == 3
