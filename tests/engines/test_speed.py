"""The timed run: its dynamics, its counts and its arithmetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.data import atomic_masses
from ase.md.verlet import VelocityVerlet

from models import CELL, random_frame, random_model
from neptuner.engines import speed as engine
from neptuner.engines.potential import NEP
from neptuner.engines.speed import SpeedSettings, maxwell_velocities, replicated, speed
from neptuner.errors import InputError
from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame
from neptuner.potential.model import Model
from neptuner.potential.reference import all_pairs
from neptuner.units import BOLTZMANN

QUICK = SpeedSettings(threads=1, steps=4, repeats=3, timestep=0.2)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A potential that keeps atoms apart, and a structure."""
    model = random_model(zbl="universal")
    replace(model, values=0.5 * model.values).write(tmp_path / "nep.txt")
    write_frames(tmp_path / "model.xyz", [random_frame(3), random_frame(4)])
    return tmp_path / "nep.txt", tmp_path / "model.xyz"


def counted(frame: Frame, model: Model, longer: float) -> list[list[float]]:
    """Mean and largest number of radial and angular neighbours within cutoffs that are made longer."""
    counts = []
    for cutoff in model.settings.cutoff:
        i = all_pairs(frame, cutoff + longer)[0]
        neighbors = np.bincount(i, minlength=frame.n_atoms)
        counts.append([neighbors.mean(), neighbors.max()])
    return counts


def test_neighbours_are_counted_within_the_cutoffs_and_in_the_lists(files) -> None:
    frame, model = random_frame(3, pbc=(True, False, True)), Model.read(files[0])
    write_frames(files[1], [frame])
    result = speed(*files, replace(QUICK, timestep=1e-9, skin=0.7))
    parts = [result["neighbors"][name] for name in ("radial", "angular")]
    assert [[part["mean"], part["max"]] for part in parts] == counted(frame, model, 0.0)
    assert [[part["listed_mean"], part["listed_max"]] for part in parts] == counted(frame, model, 0.7)
    assert result["pbc"] == [True, False, True]


def test_the_first_frame_is_run_and_its_copies(files) -> None:
    result = speed(*files, replace(QUICK, replicate=(1, 3, 2), steps=1))
    assert (result["atoms"], result["replicate"]) == (42, [1, 3, 2])


def test_rates_follow_from_the_times(files) -> None:
    result = speed(*files, replace(QUICK, timestep=0.5))
    seconds = sorted(result["seconds"])
    assert len(seconds) == 3
    assert result["atom_steps_per_s"] == pytest.approx(7 * 4 / seconds[1])
    assert result["atom_steps_per_s_best"] == pytest.approx(7 * 4 / seconds[0])
    assert result["us_per_atom_step"] == pytest.approx(1e6 * seconds[1] / 28)
    assert result["ns_per_day"] == pytest.approx(86400 / (seconds[1] / 4) * 0.5e-6)


def test_replicas_have_the_energy_of_the_original(files) -> None:
    nep, frame = NEP.read(files[0]), random_frame(3)
    one = nep.energy_forces_virial(frame, precision="double")
    many = nep.energy_forces_virial(replicated(frame, (2, 1, 3)), precision="double")
    assert many.energy == pytest.approx(6 * one.energy, abs=1e-9)
    np.testing.assert_allclose(many.forces, np.tile(one.forces, (6, 1)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("n_atoms", [1, 2, 50])
def test_velocities_have_exactly_the_temperature_and_no_drift(n_atoms: int) -> None:
    masses = np.random.default_rng(0).uniform(1, 100, n_atoms)
    velocities = maxwell_velocities(masses, 500.0, seed=2)
    freedom = 3 * n_atoms - (3 if n_atoms > 1 else 0)
    kinetic = 0.5 * np.sum(masses[:, None] * velocities**2)
    assert kinetic == pytest.approx(0.5 * freedom * BOLTZMANN * 500.0)
    np.testing.assert_array_equal(velocities, maxwell_velocities(masses, 500.0, seed=2))
    assert not np.allclose(velocities, maxwell_velocities(masses, 500.0, seed=3))
    if n_atoms > 1:
        np.testing.assert_allclose(masses @ velocities, 0.0, atol=1e-12)


def test_the_trajectory_is_that_of_ases_velocity_verlet(files) -> None:
    nep, frame = NEP.read(files[0]), random_frame(3)
    run = engine._start(nep, frame, replace(QUICK, precision="double", temperature=400.0))
    atoms = Atoms(
        frame.species.tolist(), frame.positions, cell=CELL, pbc=True, calculator=nep.calculator(precision="double")
    )
    np.testing.assert_array_equal(run.masses, [atomic_masses[12 if symbol == "Mg" else 8] for symbol in frame.species])
    atoms.set_velocities(run.velocities)
    engine._advance(run, 20, 0.5)
    VelocityVerlet(atoms, 0.5 * units.fs).run(20)
    assert np.abs(run.positions - frame.positions).max() > 0.1
    np.testing.assert_allclose(run.positions, atoms.positions, rtol=0, atol=1e-5)
    assert run.temperature * 18 / 21 == pytest.approx(atoms.get_temperature(), rel=1e-4)


def test_energy_is_conserved_and_results_repeat_with_any_number_of_threads(files) -> None:
    one, two = (speed(*files, replace(QUICK, steps=50, threads=threads)) for threads in (1, 2))
    assert abs(one["energy_drift_mev_per_atom_per_ps"]) < 5.0
    assert one["end_temperature_k"] != one["temperature_k"]
    for key in ("energy_drift_mev_per_atom_per_ps", "end_temperature_k", "rebuilds", "neighbors"):
        assert one[key] == two[key], key


def test_without_a_skin_every_step_makes_new_lists(files) -> None:
    assert speed(*files, replace(QUICK, skin=0.0))["rebuilds"] == 12
    assert speed(*files, replace(QUICK, skin=1.0, timestep=0.01))["rebuilds"] == 0


def test_virials_are_computed_on_demand(files, monkeypatch: pytest.MonkeyPatch) -> None:
    virials, original = [], engine.evaluate

    def watched(*arguments):
        outputs = original(*arguments)
        virials.append(outputs.virials is not None)
        return outputs

    monkeypatch.setattr(engine, "evaluate", watched)
    speed(*files, replace(QUICK, virials=True))
    assert (sum(virials), len(virials)) == (1 + engine.WARM_UP + 12, 1 + engine.WARM_UP + 12 + 1)


def test_a_single_step_has_no_drift_and_a_cold_start_is_cold(files) -> None:
    result = speed(*files, replace(QUICK, steps=1, repeats=1, temperature=0.0, timestep=1e-9))
    assert result["energy_drift_mev_per_atom_per_ps"] is None
    assert result["end_temperature_k"] < 1e-6


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"steps": 0}, "the number of steps is 0"),
        ({"repeats": 0}, "the number of repeats is 0"),
        ({"replicate": (2, 0, 1)}, "copies along a lattice vector is 0"),
        ({"threads": 0}, "the number of threads is 0"),
        ({"temperature": -1.0}, "the temperature is -1 K"),
        ({"temperature": float("nan")}, "the temperature is nan K"),
        ({"timestep": 0.0}, "the time step is 0 fs"),
        ({"skin": -0.1}, "the skin is -0.1"),
        ({"precision": "half"}, "the precision is half"),
        ({"timestep": 1e4}, "out of control"),
    ],
)
def test_bad_options_are_told_in_a_sentence(files, options, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        speed(*files, replace(QUICK, **options))


def test_bad_structures_are_named(files) -> None:
    write_frames(files[1], [replace(random_frame(3), species=np.array(["Fe"] * 7))])
    with pytest.raises(InputError, match=r"model\.xyz, frame 1, line 1: the structure has Fe"):
        speed(*files, QUICK)
    frame = random_frame(3)
    frame.positions[1] = frame.positions[0]
    write_frames(files[1], [frame])
    with pytest.raises(InputError, match=r"model\.xyz, frame 1, line 1: .* same place"):
        speed(*files, QUICK)
