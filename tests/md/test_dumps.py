"""dump_thermo, dump_xyz and dump_restart: what is written is the state, and others can read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from md_data import evaluator_of, relaxed, relaxed_structure, system_of_frame
from models import CELL
from neptuner.files.extxyz import read_frames
from neptuner.files.script import DumpRestart, DumpThermo, DumpXyz, Ensemble, Group, Measure, Run
from neptuner.files.structure import read_structure
from neptuner.files.thermo_out import read_thermo
from neptuner.files.trajectory import wrap
from neptuner.md.measures.base import Context
from neptuner.md.measures.make import make_measurement
from neptuner.md.outputs import Outputs
from neptuner.md.state import State, System
from neptuner.md.steps import make_stepper
from neptuner.units import BOLTZMANN, EV_PER_CUBIC_ANGSTROM_IN_GPA, FEMTOSECONDS_PER_UNIT

EVERYTHING = ("mass", "velocity", "force", "potential", "unwrapped_position", "virial", "group_labels")


def moving(steps: int) -> tuple[System, list[State]]:
    """States of a run, atoms pushed out of the cell first."""
    frame, state = relaxed()
    system = replace(system_of_frame(frame), groups=relaxed_structure().groups)
    run = Run(steps, 1.0, ensemble=Ensemble("nve"))
    stepper = make_stepper(run, system, evaluator_of(frame, skin=0.5).evaluate, None)
    drift = np.random.default_rng(0).integers(-2, 3, (12, 3)) @ state.cell
    states = [stepper.begin(replace(state, positions=state.positions + drift))]
    for number in range(steps):
        states.append(stepper.advance(states[-1], number))
    return system, states[1:]


def measure(asked: Measure, folder: Path, steps: int = 7) -> tuple[System, list[State]]:
    system, states = moving(steps)
    with Outputs(folder) as outputs:
        measurement = make_measurement(asked, Context(system, Run(steps), outputs, ("Mg", "O")))
        for number, state in enumerate(states, start=1):
            measurement.sample(number, state)
        measurement.finish(states[-1])
        assert measurement.snapshot() == {}
    return system, states


def test_thermo_rows(tmp_path: Path) -> None:
    system, states = measure(DumpThermo(3), tmp_path)
    thermo = read_thermo(tmp_path / "thermo.out")
    assert len((tmp_path / "thermo.out").read_text().splitlines()[0]) == 18 * 20
    for row, state in enumerate((states[2], states[5])):
        kinetic = np.einsum("i,ia,ib->ab", system.masses, state.velocities, state.velocities)
        assert thermo.temperature[row] == pytest.approx(np.trace(kinetic) / (36 * BOLTZMANN))
        assert thermo.kinetic[row] == pytest.approx(0.5 * np.trace(kinetic))
        assert thermo.potential[row] == pytest.approx(state.site.energies.sum())
        pressure = EV_PER_CUBIC_ANGSTROM_IN_GPA * (state.site.virial + kinetic) / abs(np.linalg.det(state.cell))
        expected = [pressure[0, 0], pressure[1, 1], pressure[2, 2], pressure[1, 2], pressure[0, 2], pressure[0, 1]]
        np.testing.assert_allclose(thermo.pressure[row], expected, rtol=1e-8)
        np.testing.assert_allclose(thermo.cell[row], state.cell, rtol=1e-9)
    assert len(thermo.temperature) == 2


def test_frames_are_read_back_by_us_and_by_ase(tmp_path: Path) -> None:
    asked = DumpXyz(2, "dump.xyz", precision="double", quantities=EVERYTHING)
    system, states = measure(asked, tmp_path)
    ours, theirs = read_frames(tmp_path / "dump.xyz"), ase.io.read(tmp_path / "dump.xyz", ":")
    assert (len(ours), len(theirs)) == (3, 3)
    for frame, atoms, state in zip(ours, theirs, states[1::2], strict=True):
        inside = wrap(state.positions, state.cell, system.pbc)
        assert frame.species.tolist() == system.species.tolist() == list(atoms.symbols)
        assert atoms.pbc.all()
        for positions in (frame.positions, atoms.positions):
            np.testing.assert_allclose(positions, inside, atol=1e-12)
        np.testing.assert_allclose(frame.cell, state.cell, rtol=1e-15)
        np.testing.assert_allclose(frame.forces, state.forces, rtol=1e-15)
        np.testing.assert_allclose(atoms.cell[:], state.cell, rtol=1e-15)
        assert frame.energy == pytest.approx(state.site.energy, rel=1e-14)
        np.testing.assert_allclose(atoms.get_forces(), state.forces, rtol=1e-15)
        np.testing.assert_allclose(atoms.arrays["vel"] * FEMTOSECONDS_PER_UNIT, state.velocities, rtol=1e-14)
        np.testing.assert_allclose(atoms.arrays["energy_atom"], state.site.energies, rtol=1e-15)
        np.testing.assert_allclose(atoms.arrays["unwrapped_position"], state.positions, rtol=1e-15)
        np.testing.assert_allclose(atoms.arrays["virial"].reshape(-1, 3, 3), state.site.virials, rtol=1e-15)
        np.testing.assert_array_equal(atoms.arrays["group"].T, system.groups)
        assert atoms.info["Time"] == pytest.approx(state.time)


def test_a_group_and_a_file_for_each_frame(tmp_path: Path) -> None:
    asked = DumpXyz(3, "part.*", Group(1, 2), quantities=("force",))
    system, states = measure(asked, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.3", "part.6"]
    atoms = ase.io.read(tmp_path / "part.6", format="extxyz")
    mine = system.groups[1] == 2
    assert mine.sum() == 4
    np.testing.assert_allclose(atoms.get_forces(), states[5].forces[mine], rtol=1e-8)


def test_virials_are_only_found_where_they_are_written() -> None:
    context = Context(system_of_frame(relaxed()[0]), Run(1), None, ("Mg", "O"))
    assert make_measurement(DumpXyz(1, "a", quantities=("virial",)), context).needs_virials
    assert not make_measurement(DumpXyz(1, "a", quantities=("force",)), context).needs_virials


def test_restart_is_the_last_state(tmp_path: Path) -> None:
    """Its velocities have the temperature of the moment, and its atoms are in the cell."""
    system, states = measure(DumpRestart(3), tmp_path)
    found, state = read_structure(tmp_path / "restart.xyz"), states[5]
    velocities = found.velocities * FEMTOSECONDS_PER_UNIT
    np.testing.assert_allclose(velocities, state.velocities, rtol=1e-15)
    twice_kinetic = float(np.sum(found.masses[:, None] * velocities**2))
    assert twice_kinetic / (36 * BOLTZMANN) == pytest.approx(state.temperature, rel=1e-12)
    assert np.array_equal(found.positions, wrap(state.positions, state.cell, system.pbc))
    assert np.array_equal(found.groups, system.groups)
    assert np.array_equal(found.cell, state.cell)
    energy = evaluator_of(relaxed()[0]).evaluate(found.positions, found.cell).energy
    assert energy == pytest.approx(state.site.energy, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.tuples(*[st.booleans()] * 3))
def test_wrapping_changes_nothing_but_the_image(seed: int, pbc) -> None:
    rng = np.random.default_rng(seed)
    cell = CELL @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    positions = rng.uniform(-40, 40, (6, 3))
    inside = wrap(positions, cell, pbc)
    fractional = inside @ np.linalg.inv(cell)
    assert (fractional[:, pbc] > -1e-12).all()
    assert (fractional[:, pbc] < 1.0 + 1e-12).all()
    steps = (inside - positions) @ np.linalg.inv(cell)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-10)
    assert not steps[:, ~np.array(pbc)].round(10).any()
    np.testing.assert_allclose(wrap(inside, cell, pbc), inside, atol=1e-10 + 6 * (np.abs(fractional) < 1e-10).any())
