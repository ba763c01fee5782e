"""What can be known before the first step: every mistake with its line, and every remark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import random_model
from neptuner.engines.dynamics_checks import check_script, check_trajectories, remarks
from neptuner.errors import InputError
from neptuner.files.run_in import parse_script
from neptuner.files.script import (
    ComputeHac,
    ComputeHnemd,
    ComputeMsd,
    ComputeRdf,
    ComputeShc,
    DumpXyz,
    Ensemble,
    Group,
    Run,
    Script,
    Velocity,
)
from neptuner.files.structure import Structure, thicknesses

CUBE = Structure(
    species=np.array(["Mg", "O", "Mg", "O"]),
    positions=np.zeros((4, 3)),
    cell=np.diag([10.0, 11.0, 12.0]),
    pbc=(True, True, True),
    masses=np.ones(4),
    velocities=None,
    groups=np.array([[0, 0, 1, 1], [0, 1, 3, 3]]),
)
SLANTED = replace(CUBE, cell=CUBE.cell + np.array([[0, 0, 0], [2.0, 0, 0], [0, 0, 0]]))
SLAB = replace(CUBE, pbc=(True, True, False))


def script(*measures, **options) -> Script:
    run = Run(**({"steps": 100, "target_temperature": 300.0, "line": 8} | options), measures=measures)
    return Script("nep.txt", actions=(run,), path=Path("run.in"))


def npt(pressures: int) -> Ensemble:
    return Ensemble("npt_scr", 300.0, 300.0, 100.0, (0.0,) * pressures, (100.0,) * pressures, 1000.0, line=5)


def refused(asked: Script, structure: Structure = CUBE) -> str:
    with pytest.raises(InputError) as caught:
        check_script(asked, structure)
    return str(caught.value)


def test_thickness_is_between_faces() -> None:
    np.testing.assert_allclose(thicknesses(CUBE.cell), [10.0, 11.0, 12.0])
    np.testing.assert_allclose(thicknesses(SLANTED.cell), [10.0 * np.cos(np.arctan(2 / 11)), 11.0, 12.0])


def test_what_can_be_done() -> None:
    fine = [
        DumpXyz(1, "a.xyz", Group(1, 3)),
        ComputeShc(2, 50, 0, 10, 100.0, Group(0, 1)),
        ComputeMsd(10, 10, Group(1, 0)),
        ComputeHac(10, 10, 1),
        ComputeRdf(4.0, 100, 10),
        ComputeHnemd(10, (0, 0, 1e-4)),
    ]
    check_script(script(*fine, correct_velocity=10, correct_group=1), CUBE)
    for count in (1, 3, 6):
        check_script(script(ensemble=npt(count)), CUBE)
    check_script(script(ensemble=npt(6)), SLANTED)
    check_script(script(ensemble=npt(3)), SLAB)


@pytest.mark.parametrize(
    "measure",
    [
        DumpXyz(1, "a.xyz", Group(2, 0), line=4),
        ComputeShc(1, 10, 0, 10, 100.0, Group(2, 0), line=4),
        ComputeMsd(1, 10, Group(2, 0), line=4),
    ],
    ids=lambda m: type(m).__name__,
)
def test_grouping_methods_that_are_not_there(measure) -> None:
    sentence = "asks for grouping method 2, but model.xyz has 2; add `group:I:N` to its Properties"
    assert refused(script(measure)) == f"run.in, line 4: {sentence}"


def test_groups_that_are_not_there() -> None:
    for label in (2, 4):
        assert refused(script(DumpXyz(1, "a.xyz", Group(1, label), line=4))) == (
            f"run.in, line 4: asks for group {label} of grouping method 1, which has groups 0 to 3"
        )
    bare = replace(CUBE, groups=np.zeros((0, 4), np.int64))
    assert "asks for grouping method 0, but model.xyz has 0" in refused(script(ComputeMsd(1, 9, Group(0, 0))), bare)
    assert "line 8: asks for grouping method 2" in refused(script(correct_velocity=10, correct_group=2))


@pytest.mark.parametrize(
    "measure",
    [ComputeHac(10, 11, 1, line=4), ComputeShc(10, 11, 0, 10, 100.0, line=4), ComputeMsd(10, 11, line=4)],
    ids=lambda m: type(m).__name__,
)
def test_runs_too_short(measure) -> None:
    assert refused(script(measure, steps=109)).startswith(
        "run.in, line 4: the run of 109 steps has 10 samples, expected at least 11, as many as correlation steps"
    )
    check_script(script(measure, steps=110), CUBE)


def test_cells_too_thin_for_an_rdf() -> None:
    assert refused(script(ComputeRdf(4.01, 100, 10, line=4))) == (
        "run.in, line 4: the cutoff is 4.01 angstrom, expected at most 4: the cell is 10 thick;"
        " lower it or replicate the cell"
    )
    assert "expected at most 3.935" in refused(script(ComputeRdf(4.0, 100, 10)), SLANTED)
    check_script(script(ComputeRdf(4.0, 100, 10)), replace(SLAB, cell=np.diag([10.0, 10.0, 3.0])))
    check_script(script(ComputeRdf(40.0, 100, 10)), replace(CUBE, pbc=(False, False, False)))


def test_conductivity_without_a_temperature() -> None:
    sentence = refused(script(ComputeHnemd(10, (0, 0, 1e-4), line=4), target_temperature=None))
    assert sentence.startswith("run.in, line 4: compute_hnemd divides by the target temperature")


@pytest.mark.parametrize("count", [1, 3])
def test_barostats_that_need_an_orthogonal_cell(count: int) -> None:
    sentence = f"{count} target pressure(s) need an orthogonal cell; give six pressures and six moduli"
    assert refused(script(ensemble=npt(count)), SLANTED) == f"run.in, line 5: {sentence}"


@pytest.mark.parametrize("count", [1, 6])
def test_barostats_that_need_periodicity(count: int) -> None:
    assert refused(script(ensemble=npt(count)), SLAB) == (
        "run.in, line 5: needs a cell that is periodic in all directions; give three pressures and three moduli"
    )


def test_every_run_is_checked() -> None:
    bad = script(ComputeRdf(9.0, 100, 10, line=14))
    both = replace(bad, actions=(Velocity(300.0), Run(5), *bad.actions))
    assert "line 14" in refused(both)


def test_trajectories_in_the_place_of_others(tmp_path: Path) -> None:
    taken = {"run.in", "model.xyz"}
    check_trajectories(script(DumpXyz(1, "dump.xyz"), DumpXyz(1, "frame.*")), tmp_path, taken)
    for name in ("model.xyz", "x/../model.xyz", str(tmp_path / "run.in")):
        with pytest.raises(InputError, match=r"run.in, line 3: .* is the name of another file of the simulation"):
            check_trajectories(script(DumpXyz(1, name, line=3)), tmp_path, taken)
    with pytest.raises(InputError, match=r"run.in, line 3: there is no folder `.*/x` for `x/a\.\*`; make it first"):
        check_trajectories(script(DumpXyz(1, "x/a.*", line=3)), tmp_path, taken)


MODEL = random_model(cutoff=(5.0, 4.0))
LARGE = replace(CUBE, cell=2.0 * CUBE.cell)


def said(asked: Script, structure: Structure = LARGE) -> list[str]:
    return remarks(asked, structure, MODEL, seed=17)


def test_nothing_to_say() -> None:
    assert said(script(ComputeHnemd(10, (0, 0, 1e-4)))) == []
    assert said(script(ComputeMsd(1, 10)), replace(CUBE, cell=np.eye(3))) == []


@pytest.mark.parametrize(
    "measure", [ComputeHnemd(10, (0, 0, 1e-4)), ComputeHac(1, 10, 1), ComputeShc(1, 10, 0, 10, 100.0)], ids=type
)
def test_cells_too_thin_for_heat(measure) -> None:
    thin = replace(CUBE, cell=np.diag([9.9, 30.0, 30.0]))
    assert said(script(measure), thin) == [
        "the cell is 9.9 angstrom thick, less than twice the cutoff of 5: heat transport in so small a cell is not"
        " that of the bulk"
    ]
    assert said(script(measure), replace(thin, pbc=(False, True, True))) == []


def test_velocities_twice_or_without_a_seed() -> None:
    asked = parse_script("potential nep.txt\nvelocity 300\nensemble nve\nrun 5\n")
    assert said(asked) == ["`velocity` has no seed: 17 is taken (--seed)"]
    moving = replace(LARGE, velocities=np.zeros((4, 3)))
    assert said(asked, moving) == ["model.xyz has velocities, so `velocity` is ignored, as in GPUMD"]
    assert said(parse_script("potential nep.txt\nvelocity 300 seed 2\nensemble nve\nrun 5\n")) == []


def test_langevin_noise_under_a_driving_force() -> None:
    noisy = Ensemble("nvt_lan", 300.0, 300.0, 100.0)
    (sentence,) = said(script(ComputeHnemd(10, (0, 0, 1e-4)), ensemble=noisy))
    assert "noise and friction scatter the heat current; take nvt_nhc" in sentence
    assert said(script(ComputeMsd(1, 10), ensemble=noisy)) == []


def test_green_kubo_without_a_thermostat() -> None:
    (sentence,) = said(script(ComputeHac(1, 10, 1), target_temperature=None))
    assert "its temperature is the mean of the run" in sentence
