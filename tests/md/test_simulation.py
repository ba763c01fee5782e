"""A script carried out on toy potentials: what follows what, and the end of a run gone wild."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fields import PERIODIC, Lattice, Toy, VolumeEnergy, Wells, state_of, system_of
from neptuner.files.script import (
    ComputeHac,
    DumpThermo,
    DumpXyz,
    Ensemble,
    Minimize,
    Run,
    Script,
    Velocity,
)
from neptuner.files.thermo_out import read_thermo
from neptuner.kernels.chunks import SiteOutputs
from neptuner.md.outputs import Outputs
from neptuner.md.simulation import ExplosionError, Simulation, Standing, first_state, what_is_wrong
from neptuner.md.state import State
from neptuner.units import FEMTOSECONDS_PER_UNIT

CELL = 10.0 * np.eye(3)
N = 4
MASSES = np.array([10.0, 20.0, 30.0, 40.0])
CENTERS = 10.0 * np.random.default_rng(0).random((N, 3))
NVE = Ensemble("nve")


class Notes:
    """A listener that notes everything and stops or stands where it is told to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps, self.relaxed_, self.standings = [], [], []
        self.stop_at = stop_at

    def stepped(self, action: int, number: int, state: State) -> None:
        self.steps.append((action, number, state.step))

    def relaxed(self, step: int, energy: float, largest: float) -> None:
        self.relaxed_.append(step)

    def wants_standing(self) -> bool:
        return False

    def stand(self, standing: Standing) -> None:
        self.standings.append((standing.action, standing.number))

    def should_stop(self) -> bool:
        return self.stop_at is not None and len(self.steps) >= self.stop_at


def carry_out(field: Toy, actions, folder: Path, *, velocities=None, notes: Notes | None = None, positions=CENTERS):
    system = system_of(MASSES)
    state = first_state(system, positions, CELL, velocities, field, 1)
    notes = notes or Notes()
    standing = Standing(state, has_velocities=velocities is not None)
    with Outputs(folder) as outputs:
        simulation = Simulation(Script("nep.txt", actions=tuple(actions)), system, ("Ar",), field, outputs, notes, 1)
        end = simulation.carry_out(standing)
    return end, notes, standing


def test_actions_follow_each_other(tmp_path: Path) -> None:
    actions = [
        Minimize("sd", 1e-6, 100),
        Velocity(250.0, 4),
        Run(5, 2.0, ensemble=NVE, measures=(DumpThermo(2),)),
        Run(4, 0.5, ensemble=NVE, measures=(DumpThermo(2),)),
    ]
    wells = Wells(CENTERS, 2.0)
    end, notes, _ = carry_out(wells, actions, tmp_path, positions=CENTERS + 0.2)
    assert notes.steps == [(2, k, k) for k in range(1, 6)] + [(3, k, 5 + k) for k in range(1, 5)]
    assert notes.relaxed_
    assert end.time == pytest.approx(5 * 2.0 + 4 * 0.5)
    thermo = read_thermo(tmp_path / "thermo.out")
    assert len(thermo.temperature) == 4
    total = thermo.kinetic + thermo.potential
    np.testing.assert_allclose(total, 1.5 * N * 8.617343e-5 * 250.0, rtol=0.02)


def test_without_a_word_velocities_are_those_of_300_kelvin(tmp_path: Path) -> None:
    end, _, _ = carry_out(Toy(), [Run(1, ensemble=NVE)], tmp_path)
    assert end.temperature == pytest.approx(300.0)


def test_velocities_of_the_structure_come_before_the_keyword(tmp_path: Path) -> None:
    """They are given in angstrom per femtosecond."""
    given = 1e-3 * np.random.default_rng(1).normal(size=(N, 3))
    actions = [Velocity(5000.0, 4), Run(1, ensemble=NVE)]
    end, _, _ = carry_out(Toy(), actions, tmp_path, velocities=given)
    np.testing.assert_allclose(end.velocities, given * FEMTOSECONDS_PER_UNIT, rtol=1e-14)
    np.testing.assert_allclose(end.positions, CENTERS + given, rtol=1e-12)
    end, _, _ = carry_out(Toy(), actions, tmp_path)
    assert end.temperature == pytest.approx(5000.0)


def test_a_stop_is_between_two_steps_and_keeps_the_standing(tmp_path: Path) -> None:
    actions = [Run(3, ensemble=NVE), Run(5, ensemble=NVE, measures=(DumpThermo(1),))]
    end, notes, standing = carry_out(Wells(CENTERS, 1.0), actions, tmp_path, notes=Notes(stop_at=5))
    assert end is None
    assert notes.standings == [(1, 2)]
    assert (standing.action, standing.number, standing.state.step) == (1, 2, 5)
    assert standing.measurements == [{}]


def test_virials_are_found_only_in_runs_that_need_them(tmp_path: Path) -> None:
    seen = []

    class Watched(Lattice):
        def __call__(self, positions, cell):
            seen.append(self.virials)
            return super().__call__(positions, cell)

        evaluate = __call__

    actions = [
        Run(2, ensemble=NVE, measures=(DumpXyz(1, "a.xyz", quantities=("virial",)),)),
        Minimize("sd", 1e9, 1),
        Run(2, ensemble=NVE, measures=(DumpThermo(1),)),
        Run(2, ensemble=NVE, target_temperature=300.0, measures=(ComputeHac(1, 2, 1),)),
    ]
    carry_out(Watched(CENTERS, 10.0, 1.0), actions, tmp_path)
    assert seen == [False] + [True] * 3 + [False] + [False] * 3 + [True] * 3


class Breaking(Wells):
    """Wells that give a number that is none from some call on."""

    def __init__(self, call: int, *, atom: int | None) -> None:
        super().__init__(CENTERS, 1.0)
        self.call, self.atom = call, atom

    def laws(self, positions, cell):
        energies, forces, virial = super().laws(positions, cell)
        if self.calls >= self.call:
            if self.atom is None:
                energies[0] = np.nan
            else:
                forces[self.atom, 1] = np.nan
        return energies, forces, virial


def explosion(field: Toy, action, folder: Path, **options) -> ExplosionError:
    with pytest.raises(ExplosionError) as caught:
        carry_out(field, [Run(3, ensemble=NVE), replace(action, line=9)], folder, **options)
    assert np.isfinite(caught.value.good.positions).all()
    return caught.value


def test_forces_that_are_no_numbers(tmp_path: Path) -> None:
    error = explosion(Breaking(1 + 4 + 3, atom=2), Run(9, ensemble=NVE), tmp_path)
    assert (
        str(error) == "step 2 of the run of line 9 is out of control: forces are no longer finite numbers (atom 3, Ar)"
    )
    assert (error.good.step, error.step, error.atom) == (4, 5, 2)


def test_forces_that_are_no_numbers_before_the_first_step(tmp_path: Path) -> None:
    error = explosion(Breaking(1 + 4 + 1, atom=0), Run(9, ensemble=NVE), tmp_path)
    assert str(error).startswith("step 0 of the run of line 9 is out of control: forces are no longer")
    assert (error.good.step, error.step, error.atom) == (3, 3, 0)


def test_an_energy_that_is_no_number(tmp_path: Path) -> None:
    error = explosion(Breaking(1 + 4 + 2, atom=None), Run(9, ensemble=NVE), tmp_path)
    assert str(error).endswith("step 1 of the run of line 9 is out of control: the energy is no longer a finite number")
    assert error.atom is None


@pytest.mark.parametrize("method", ["sd", "fire"])
@pytest.mark.parametrize("atom", [None, 1])
def test_a_minimization_out_of_control(tmp_path: Path, method: str, atom) -> None:
    error = explosion(Breaking(1 + 4 + 1, atom=atom), Minimize(method, 1e-9, 50), tmp_path)
    sentence = "energy or forces are no finite numbers; are two atoms at the same place?"
    assert str(error) == f"the minimization of line 9 is out of control: {sentence}"
    assert (error.step, error.atom) == (3, None)


def test_steepest_descent_steps_back_from_where_there_are_no_numbers(tmp_path: Path) -> None:
    class Hole(Wells):
        def laws(self, positions, cell):
            energies, forces, virial = super().laws(positions, cell)
            if self.calls == 3:
                energies[:], forces[:] = np.nan, np.nan
            return energies, forces, virial

    end, _, _ = carry_out(Hole(CENTERS, 1.0), [Minimize("sd", 1e-6, 500)], tmp_path, positions=CENTERS + 0.2)
    np.testing.assert_allclose(end.positions, CENTERS, atol=1e-5)


def test_an_atom_far_too_fast(tmp_path: Path) -> None:
    speeds = np.zeros((N, 3))
    speeds[3] = 0.0, 0.016, 0.012
    error = explosion(Toy(), Run(9, 100.0, ensemble=NVE), tmp_path, velocities=speeds)
    assert str(error) == (
        "step 0 of the run of line 9 is out of control: an atom moves 2 angstrom in one step (atom 4, Ar)"
    )
    assert error.atom == 3


def test_a_fast_atom_is_right_where_steps_are_short_for_it(tmp_path: Path) -> None:
    """As in collision cascades, for which `time_step` has a largest distance."""
    speeds = np.zeros((N, 3))
    speeds[3] = 0.0, 0.016, 0.012
    end, _, _ = carry_out(Toy(), [Run(9, 100.0, max_distance=0.05, ensemble=NVE)], tmp_path, velocities=speeds)
    assert end.positions[3] - CENTERS[3] == pytest.approx([0.0, 9 * 0.04, 9 * 0.03])


def test_far_too_hot(tmp_path: Path) -> None:
    speeds = np.full((N, 3), 0.2)
    error = explosion(Toy(), Run(9, ensemble=Ensemble("nvt_ber", 1e7, 1e7, 2.0)), tmp_path, velocities=speeds)
    assert "the temperature has become" in str(error)
    assert "K (atom 1, Ar)" in str(error)


def test_a_barostat_far_too_soft(tmp_path: Path) -> None:
    """The cell must not collapse or turn inside out."""
    soft = Ensemble("npt_ber", 300.0, 300.0, 100.0, (900.0,), (0.1,), 10.0)
    error = explosion(VolumeEnergy(0.6, 1000.0), Run(9, ensemble=soft), tmp_path)
    assert "step 1 of the run of line 9 is out of control: the cell is strained by" in str(error)
    assert "are the moduli of the barostat far too small?" in str(error)
    assert np.array_equal(error.good.cell, CELL)


def test_a_chain_that_runs_away(tmp_path: Path) -> None:
    error = explosion(Toy(), Run(99, ensemble=Ensemble("nvt_nhc", 300.0, 300.0, 5.0)), tmp_path)
    assert "the Nose-Hoover chain runs away; take a longer coupling" in str(error)


def test_whatever_the_evaluator_refuses(tmp_path: Path) -> None:
    class Crowded(Toy):
        def laws(self, positions, cell):
            if self.calls == 7:
                raise ValueError("an atom has 2000 angular neighbours, expected at most 1000")
            return super().laws(positions, cell)

    error = explosion(Crowded(), Run(9, ensemble=NVE), tmp_path)
    assert str(error).endswith("is out of control: an atom has 2000 angular neighbours, expected at most 1000")


def test_an_intact_state_is_intact() -> None:
    gas = Toy()
    state = state_of(gas, CENTERS, np.full((N, 3), 0.01), CELL)
    assert what_is_wrong(state, 1.0) is None
    assert what_is_wrong(replace(state, velocities=np.full((N, 3), np.inf)), 1.0) == (
        "forces are no longer finite numbers", 0,
    )  # fmt: skip
    far = SiteOutputs(np.full(N, np.inf), state.forces, np.zeros((3, 3)), None)
    assert what_is_wrong(replace(state, site=far), 1.0) == ("the energy is no longer a finite number", None)
    assert system_of(MASSES).pbc == PERIODIC
