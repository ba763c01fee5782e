"""The parts of molecular dynamics in a study: structures, scripts, choices, progress."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError, NeptunerError
from neptuner.files.frames import Frame
from neptuner.files.run_in import format_script, parse_script
from neptuner.files.script import ComputeShc, Run, Script
from neptuner.files.structure import Structure, read_structure, thicknesses, write_structure
from neptuner.files.thermo_out import Thermo, format_thermo_row
from neptuner.study.md.models import MdModel, spanning
from neptuner.study.md.outcome import energy_drift, explosion, read_screen
from neptuner.study.md.script import kappa_script, row_interval, screen_script, total_steps
from neptuner.study.md.spec import MdSpec, MdTable, make_md_spec
from neptuner.study.md.structure import (
    SPARE,
    choose_crystal,
    radial_cutoff,
    read_crystal,
    smallest_supercell,
    structure_of,
)
from neptuner.study.outcome import Outcome
from neptuner.study.plan import Configuration
from neptuner.study.plan import Run as Training
from neptuner.study.progress import last_thermo_step
from neptuner.study.records import Record


def make_spec(**keys: object) -> MdSpec:
    return make_md_spec(MdTable.model_validate(keys), Path("study.toml"))


def frame(number: int, species: str, force: float, cell: np.ndarray | None = None) -> Frame:
    symbols = np.array(species.split())
    positions = np.arange(3.0 * len(symbols)).reshape(-1, 3)
    forces = np.zeros((len(symbols), 3))
    forces[-1, 1] = force
    return Frame(symbols, positions, np.eye(3) * 5 if cell is None else cell, forces=forces, number=number)


def crystal_cell(kind: str) -> Structure:
    cells = {
        "cube": np.eye(3) * 8.0,
        "brick": np.diag([8.0, 9.0, 10.0]),
        "skew": np.array([[8.0, 0, 0], [1.0, 8, 0], [0, 0, 8]]),
    }
    return structure_of(frame(1, "Mg O", 0.1, cells[kind]))


# -- structures ----------------------------------------------------------------------------------------


def test_frame_nearest_to_the_composition_of_all() -> None:
    frames = [
        frame(1, "Mg Mg Mg O", 0.0),
        frame(2, "Mg O Mg O", 0.3),
        frame(3, "Mg O", 0.0),
        frame(4, "Mg O Mg O", 0.2),
    ]
    crystal = choose_crystal([*frames, frame(5, "O O O Mg", 0.0), frame(6, "O", 0.0)], "train.xyz")
    assert crystal.frame == 4 and crystal.formula == "Mg2O2"
    assert crystal.source.startswith("frame 4 of train.xyz (4 atoms, largest force 0.2 eV/angstrom")
    assert "lowest of the 2 largest frames" in crystal.source
    np.testing.assert_allclose(crystal.structure.masses, [24.305, 15.999] * 2)
    assert crystal.structure.velocities is None


def test_only_single_atoms() -> None:
    with pytest.raises(InputError, match=r"train.xyz: has no frame of two atoms or more.*md.structure"):
        choose_crystal([frame(1, "O", 0.0)], "train.xyz")


def test_structure_of_a_frame_survives_its_file(tmp_path: Path) -> None:
    structure = crystal_cell("skew")
    write_structure(tmp_path / "model.xyz", structure)
    again = read_structure(tmp_path / "model.xyz")
    np.testing.assert_array_equal(again.positions, structure.positions)
    np.testing.assert_array_equal(again.cell, structure.cell)
    np.testing.assert_array_equal(again.masses, structure.masses)


def test_unknown_element(tmp_path: Path) -> None:
    write_structure(tmp_path / "model.xyz", crystal_cell("cube"))
    with pytest.raises(InputError, match=r"model.xyz: has Mg, which `type` of nep.in lacks \(O\)"):
        read_crystal(tmp_path / "model.xyz", ["O"])


@given(st.lists(st.floats(-3, 3), min_size=9, max_size=9), st.floats(3, 9))
def test_supercell_is_the_smallest_that_is_thick_enough(numbers: list[float], cutoff: float) -> None:
    cell = np.eye(3) * 8 + np.array(numbers).reshape(3, 3)
    structure = replace(crystal_cell("cube"), cell=cell)
    copies = np.array(smallest_supercell(structure, cutoff))
    thick = thicknesses(cell)
    expected = [abs(np.linalg.det(cell)) / np.linalg.norm(np.cross(cell[i - 2], cell[i - 1])) for i in range(3)]
    np.testing.assert_allclose(thick, expected, rtol=1e-9)
    needed = 2 * SPARE * cutoff
    assert (copies * thick > needed * (1 - 1e-9)).all()
    assert ((copies - 1) * thick <= needed * (1 + 1e-9)).all()


def test_open_directions_are_not_repeated() -> None:
    assert smallest_supercell(replace(crystal_cell("cube"), pbc=(True, False, True)), 6.0) == (2, 1, 2)


def test_largest_radial_cutoff() -> None:
    assert radial_cutoff([(6, 4), (5, 3, 7.5, 4)]) == 7.5


# -- scripts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "components"), [("cube", 1), ("brick", 3), ("skew", 6)])
@pytest.mark.parametrize("thermostat", ["nvt_nhc", "nvt_bdp"])
def test_scripts_say_in_run_in_what_they_mean(kind: str, components: int, thermostat: str) -> None:
    spec = make_spec(thermostat=thermostat, time_step=0.5, direction="y", time_ps=10)
    for script in (
        kappa_script(spec, crystal_cell(kind), (3, 2, 1), 7, -1e-4),
        screen_script(spec, (3, 2, 1), 7),
    ):
        again = parse_script(format_script(script))
        assert without_lines(again) == without_lines(script)
    runs = [action for action in kappa_script(spec, crystal_cell(kind), (1, 1, 1), 7, -1e-4).actions if is_run(action)]
    assert len(runs[0].ensemble.pressures) == components == len(runs[0].ensemble.moduli)
    assert [run.ensemble.kind for run in runs] == ["npt_scr", thermostat, thermostat]
    assert [run.steps * run.time_step for run in runs] == [2500, 2500, 10000]


def is_run(action: object) -> bool:
    return isinstance(action, Run)


def without_lines(script: Script) -> list[object]:
    plain = []
    for action in script.actions:
        if isinstance(action, Run):
            measures = tuple(sorted((replace(m, line=None) for m in action.measures), key=repr))
            action = replace(action, ensemble=replace(action.ensemble, line=None), measures=measures)
        plain.append(replace(action, line=None))
    return [script.potential, script.replicate, *plain]


def test_open_boundaries_have_no_pressure() -> None:
    script = kappa_script(make_spec(), replace(crystal_cell("cube"), pbc=(True, True, False)), (1, 1, 1), 1, 1e-4)
    assert [action.ensemble.kind for action in script.actions if is_run(action)] == ["nvt_nhc"] * 3


@pytest.mark.parametrize(("time_ps", "has"), [(0.9, False), (1.1, True)])
def test_spectrum_needs_a_run_longer_than_its_correlation(time_ps: float, has: bool) -> None:
    script = kappa_script(make_spec(time_ps=time_ps), crystal_cell("cube"), (1, 1, 1), 1, 1e-4)
    measures = [m for action in script.actions if is_run(action) for m in action.measures]
    assert any(isinstance(m, ComputeShc) for m in measures) == has


@given(st.integers(1, 10_000_000))
def test_rows_are_enough_and_of_equal_length(steps: int) -> None:
    interval = row_interval(steps)
    assert 1 <= interval <= 1000 and (steps // interval >= 200 or interval == 1)
    spec = make_spec(time_ps=steps / 1000)
    script = kappa_script(spec, crystal_cell("cube"), (1, 1, 1), 1, 1e-4)
    assert script.actions[-1].steps % row_interval(spec.steps(spec.time_ps)) == 0
    assert total_steps(script) == 5000 + script.actions[-1].steps


# -- progress and screens ------------------------------------------------------------------------------


def write_rows(folder: Path, rows: int, torn: str = "") -> None:
    text = "".join(format_thermo_row(300.0, 1.0, -2.0, [0.0] * 6, np.eye(3)) for _ in range(rows))
    (folder / "thermo.out").write_text(text + torn)


def test_last_step_of_a_growing_thermo_out(tmp_path: Path) -> None:
    script = kappa_script(make_spec(time_ps=4, equilibration_ps=1.03), crystal_cell("cube"), (1, 1, 1), 1, 1e-4)
    assert [a.steps for a in script.actions if is_run(a)] == [515, 515, 4000]
    assert last_thermo_step(tmp_path, script) == 0
    steps = []
    for rows in (0, 1, 24, 25, 26, 50, 51, 249, 250):
        write_rows(tmp_path, rows, torn="  3.0" if rows else "")
        steps.append(last_thermo_step(tmp_path, script))
    assert steps == [0, 20, 480, 515, 535, 1030, 1050, 1030 + 3980, 5030]


def test_energy_drift_is_a_slope() -> None:
    rows, n_atoms = 50, 8
    energy = -3.0 * n_atoms + 2e-4 * n_atoms * 0.01 * np.arange(rows)  # 0.2 meV/atom/ps
    thermo = Thermo(np.full(rows, 300.0), np.full(rows, 1.0), energy - 1.0, np.zeros((rows, 6)), np.zeros((rows, 3, 3)))
    assert energy_drift(thermo, rows, n_atoms, 0.01) == pytest.approx(0.2)
    energy[3] = np.nan
    assert energy_drift(thermo, rows, n_atoms, 0.01) == pytest.approx(0.2)
    broken = replace(thermo, potential=energy)
    assert energy_drift(broken, rows, n_atoms, 0.01) == np.inf


def test_screen_with_too_few_rows(tmp_path: Path) -> None:
    write_rows(tmp_path, 3)
    with pytest.raises(NeptunerError, match="has 3 rows, expected 200 or more"):
        read_screen(tmp_path, screen_script(make_spec(), (1, 1, 1), 1), 8, 300.0, {"finished": True})


def test_explosion_in_a_sentence() -> None:
    assert explosion({"exploded": None}) is None
    assert explosion({"exploded": {"step": 3, "atom": 1, "sentence": "an atom is lost"}}) == "an atom is lost"


# -- models that span the force error ------------------------------------------------------------------


def model(name: str, rmse: float | None, sha: str | None = None) -> MdModel:
    split = None if rmse is None else {"rmse_force": rmse}
    training = Training(name, name, Configuration(name, "sweep", None, 1), 0, 1)  # type: ignore[arg-type]
    outcome = Outcome(1, 1.0, 1.0, {}, {"validation": split, "train": None, "test": None})
    return MdModel(name, training.configuration, Record(training, outcome=outcome), Path("nep.txt"), sha or name)


def test_chosen_models_span_the_errors() -> None:
    compared = [model("baseline", 0.20), model("final", 0.10)]
    others = [model(f"m{i}", error) for i, error in enumerate((0.11, 0.15, 0.19, 0.30, 0.22))]
    assert [m.key for m in spanning(compared, others, 4)] == ["final", "m1", "baseline", "m3"]
    assert [m.key for m in spanning(compared, [], 4)] == ["final", "baseline"]
    assert len(spanning(compared, others, 9)) == 7


def test_equal_potentials_count_once() -> None:
    compared = [model("baseline", 0.20)]
    others = [model("same", 0.20, "baseline"), model("unknown", None), model("a", 0.3, "x"), model("b", 0.3, "x")]
    assert [m.key for m in spanning(compared, others, 5)] == ["baseline", "a"]
