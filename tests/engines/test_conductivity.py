from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from heat_folders import KAPPA, VOLUME, crystal, driven_folder, equilibrium_folder, write_shc
from neptuner.engines.conductivity import conductivity
from neptuner.engines.heat_runs import find_folders
from neptuner.errors import InputError
from neptuner.files.digest import file_hash
from neptuner.files.kappa_out import format_kappa_row
from neptuner.transport.comparison import duration
from neptuner.transport.planning import predicted_error
from neptuner.transport.stacie_adapter import available


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Folder with the atoms and the potential of the runs in it."""
    crystal(tmp_path)
    return tmp_path


def test_five_runs_of_gpumd(shared_data: Path) -> None:
    """8000 atoms of J14 at 900 K, 10 ns each, GPUMD 3.9.1."""
    found = conductivity([shared_data / "j14-hnemd-900K"])
    assert (found.method, found.runs, found.n_atoms, found.temperature) == ("hnemd", 5, 8000, 900)
    assert found.kappa == pytest.approx(2.376, abs=0.001)
    assert found.standard_error == pytest.approx(0.011, abs=0.003)
    (driven,) = found.driven
    assert (driven.fe, driven.direction) == (4e-4, "y")
    assert driven.hnemd.blocked_error == pytest.approx(driven.predicted_error, rel=0.15)
    assert driven.predicted_error == pytest.approx(0.0725 / np.sqrt(5), rel=0.01)
    assert driven.hnemd.time_ps == 50_000
    assert driven.spectral is not None
    assert driven.spectral.integral == pytest.approx(2.376, rel=0.05)
    assert len(driven.spectral.omega) == 1000
    assert found.warnings == ()


def test_one_run_of_gpumd(shared_data: Path) -> None:
    found = conductivity([shared_data / "j14-hnemd-900K" / "run3"])
    assert found.runs == 1
    assert found.driven[0].hnemd.error_from == "blocking"
    assert found.interval[0] < 2.376 < found.interval[1]


def test_driven_runs(place: Path) -> None:
    folders = [driven_folder(place / f"run{k}", k) for k in range(4)]
    found = conductivity(folders)
    assert found.method == "hnemd"
    assert found.kappa == pytest.approx(KAPPA, abs=4 * found.standard_error)
    (driven,) = found.driven
    assert driven.hnemd.blocked_error == pytest.approx(driven.predicted_error, rel=0.3)
    assert driven.predicted_error == pytest.approx(predicted_error(found.kappa, VOLUME, 4e-3, 400.0))
    assert driven.spectral is not None
    assert driven.spectral.integral == pytest.approx(KAPPA, rel=0.01)
    assert driven.volume == pytest.approx(VOLUME)
    assert driven.names == tuple(map(str, folders))
    assert found.composition == {"Mg": 4, "O": 4}
    assert found.warnings == ()


@pytest.mark.parametrize("force", [(0.0, -4e-3, 0.0), (2e-3, 2e-3, -2e-3), (0.0, 0.0, 3e-3)])
def test_any_direction_of_the_force(place: Path, force: tuple[float, float, float]) -> None:
    found = conductivity([driven_folder(place / f"run{k}", k, force=force) for k in range(3)])
    assert found.kappa == pytest.approx(KAPPA, abs=5 * found.driven[0].predicted_error)
    assert found.driven[0].fe == pytest.approx(np.linalg.norm(force))
    assert (found.driven[0].spectral is not None) == (force[0] == force[2] == 0)


def test_a_folder_stands_for_its_sub_folders_in_natural_order(place: Path) -> None:
    for name in ("run10", "run2", "run1"):
        driven_folder(place / name, 1)
    (place / "notes").mkdir()
    assert [folder.name for folder in find_folders([place])] == ["run1", "run2", "run10"]
    assert conductivity([place]).runs == 3


def test_a_run_that_was_killed_counts_as_far_as_it_goes(place: Path) -> None:
    found = conductivity([driven_folder(place / "run1", 1, rows=200)])
    assert found.driven[0].hnemd.time_ps == 40.0


def test_a_spectrum_that_was_not_finished_is_left_out(place: Path) -> None:
    folder = driven_folder(place / "run1", 1)
    (folder / "shc.out").write_text("".join((folder / "shc.out").read_text().splitlines(keepends=True)[:-9]))
    assert conductivity([folder]).driven[0].spectral is None


def test_a_transient_is_cut(place: Path) -> None:
    found = conductivity([driven_folder(place / f"run{k}", k, drift=30.0) for k in range(4)])
    assert 2.0 < found.driven[0].hnemd.runs[0].cut_ps < 30.0
    assert found.kappa == pytest.approx(KAPPA, abs=5 * found.driven[0].predicted_error)


def test_simulations_appended_to_one_file_are_runs_of_their_own(place: Path) -> None:
    folder = driven_folder(place / "run", 1)
    other = driven_folder(place / "other", 2)
    for name in ("kappa.out", "shc.out", "thermo.out"):
        (folder / name).write_text((folder / name).read_text() + (other / name).read_text())
    found = conductivity([folder])
    assert found.runs == 2
    assert found.driven[0].names == (f"{folder} (1)", f"{folder} (2)")
    assert any("2 simulations" in warning for warning in found.warnings)
    assert found.driven[0].spectral is not None
    assert len(found.driven[0].spectral.run_integrals) == 2


def test_appended_correlations_are_runs_of_their_own(place: Path) -> None:
    folder = equilibrium_folder(place / "run", 1, raw=False)
    other = equilibrium_folder(place / "other", 2, raw=False)
    (folder / "hac.out").write_text((folder / "hac.out").read_text() + (other / "hac.out").read_text())
    found = conductivity([folder])
    assert found.equilibrium.green_kubo.n_series == 6
    assert any("hac.out: holds 2 simulations" in warning for warning in found.warnings)


def test_a_simulation_that_is_not_finished_is_named(place: Path) -> None:
    folder = driven_folder(place / "run", 1, rows=300)
    found = conductivity([driven_folder(place / "other", 2), folder])
    assert [warning for warning in found.warnings if "finished" in warning] == [
        f"{folder}/kappa.out: has 300 rows or blocks of 500 that run.in asks for; the simulation is not finished"
    ]


def test_appended_rows_that_are_not_whole_simulations_are_refused(place: Path) -> None:
    folder = driven_folder(place / "run", 1)
    text = (folder / "kappa.out").read_text()
    (folder / "kappa.out").write_text(text + "".join(text.splitlines(keepends=True)[:7]))
    with pytest.raises(InputError, match="has 507 rows or blocks, but run"):
        conductivity([folder])


def test_several_driven_runs_in_one_script(place: Path) -> None:
    folder = driven_folder(place / "run", 1, steps=60_000, shc="")
    script = (folder / "run.in").read_text().replace("run 60000", "run 20000")
    (folder / "run.in").write_text(script + "compute_hnemd 200 0 0.004 0\nrun 40000\n")
    found = conductivity([folder])
    assert [run.time_ps for run in found.driven[0].hnemd.runs] == [20.0, 40.0]


def test_the_spectrum_of_a_group_is_of_its_part_of_the_volume(place: Path) -> None:
    folder = driven_folder(place / "run", 1, shc="compute_shc 2 100 1 500 400 group 0 1")
    (folder / "shc.out").unlink()
    write_shc(folder / "shc.out", KAPPA, 4e-3, part=0.5)
    spectral = conductivity([folder]).driven[0].spectral
    assert spectral is not None
    assert spectral.integral == pytest.approx(KAPPA, rel=0.01)


def test_a_spectrum_that_is_too_short_is_named(place: Path) -> None:
    folder = driven_folder(place / "run", 1, steps=400_000)
    (folder / "shc.out").unlink()
    write_shc(folder / "shc.out", 0.1 * KAPPA, 4e-3)
    assert any("largest frequency" in warning for warning in conductivity([folder]).warnings)


def test_a_spectrum_is_compared_with_the_runs_it_is_of(place: Path) -> None:
    others = [driven_folder(place / f"run{k}", k, kappa=3 * KAPPA, steps=400_000, shc="") for k in (2, 3)]
    found = conductivity([driven_folder(place / "run1", 1, steps=400_000), *others])
    assert found.driven[0].all_rows == pytest.approx(KAPPA, rel=0.2)
    assert found.kappa > 2 * KAPPA
    assert not any("largest frequency" in warning for warning in found.warnings)


def test_a_scan_is_extrapolated_to_zero_force(place: Path) -> None:
    folders = []
    for k, fe in enumerate((2e-3, 4e-3, 8e-3, 1.6e-2)):
        kappa = KAPPA * (1 + 2500 * fe**2)
        folders += [driven_folder(place / f"fe{k}-{r}", 9 * k + r, force=(0, fe, 0), kappa=kappa) for r in range(3)]
    found = conductivity(folders)
    assert found.method == "hnemd-scan"
    assert [one.fe for one in found.driven] == [2e-3, 4e-3, 8e-3, 1.6e-2]
    assert found.scan is not None
    assert (found.kappa, found.standard_error) == (found.scan.k0, found.scan.k0_error)
    assert found.kappa == pytest.approx(KAPPA, abs=4 * found.standard_error)
    assert not found.scan.linear
    assert any("larger than recommended" in warning for warning in found.warnings)
    record = found.to_dict()
    assert len(record["forces"]) == 4
    assert record["scan"]["verdict"] == found.scan.verdict
    assert record["runs"] == 12


@pytest.mark.parametrize(("hac", "raw", "method"), [(True, True, "green-kubo"), (False, True, "cepstral")])
def test_equilibrium_runs(place: Path, hac: bool, raw: bool, method: str) -> None:
    folders = [equilibrium_folder(place / f"run{k}", k, hac=hac, raw=raw) for k in range(4)]
    found = conductivity(folders, with_stacie=False)
    assert (found.method, found.runs) == (method, 4)
    assert found.kappa == pytest.approx(KAPPA, abs=3 * found.standard_error)
    assert found.standard_error < 0.1
    assert found.equilibrium is not None
    assert found.equilibrium.cepstral is not None
    assert found.equilibrium.cepstral.kappa == pytest.approx(KAPPA, abs=3 * found.equilibrium.cepstral.standard_error)
    assert len(found.equilibrium.by_direction) == (3 if hac else 0)
    assert found.warnings == ()


def test_hac_out_alone_and_one_direction(place: Path) -> None:
    folders = [equilibrium_folder(place / f"run{k}", k, raw=False) for k in range(4)]
    found = conductivity(folders, direction="z")
    assert found.equilibrium is not None
    assert found.equilibrium.green_kubo is not None
    assert found.equilibrium.green_kubo.n_series == 4
    assert found.equilibrium.cepstral is None
    assert found.kappa == pytest.approx(KAPPA, abs=5 * found.standard_error)


def test_stacie_where_it_is_installed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neptuner.engines import conductivity as engine
    from neptuner.transport.stacie_adapter import Stacie

    given = []

    def estimate(currents):
        given.append(currents)
        return Stacie(1.0, 0.1, "lorentz()", 20.0, None)

    monkeypatch.setattr(engine, "stacie", estimate)
    folder = equilibrium_folder(place / "run", 1)
    assert (conductivity([folder]).equilibrium.stacie is not None) == available()
    assert conductivity([folder], with_stacie=True).to_dict()["green_kubo"]["stacie"]["kappa"] == 1.0
    assert given[-1].series.shape == (3, 10_000)
    assert conductivity([folder], with_stacie=False).equilibrium.stacie is None


@pytest.mark.parametrize(("kappa", "named"), [(1.05, []), (1.8, ["autocorrelation", "cepstrum"])])
def test_estimates_of_the_same_current_that_differ_are_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, kappa: float, named: list[str]
) -> None:
    from neptuner.engines import conductivity as engine
    from neptuner.transport.stacie_adapter import Stacie

    monkeypatch.setattr(engine, "stacie", lambda currents: Stacie(kappa * KAPPA, 0.1, "lorentz()", 20.0, None))
    folders = [equilibrium_folder(place / f"run{k}", k) for k in range(4)]
    said = [warning for warning in conductivity(folders, with_stacie=True).warnings if "same heat currents" in warning]
    assert [warning.split(" and STACIE")[0] for warning in said] == named


def test_anisotropy_is_named(place: Path) -> None:
    folders = [equilibrium_folder(place / f"run{k}", k, raw=False) for k in range(4)]
    for folder in folders:
        rows = [line.split() for line in (folder / "hac.out").read_text().splitlines()]
        rows = [[*row[:10], str(5 * float(row[10]))] for row in rows]
        (folder / "hac.out").write_text("".join("   ".join(row) + "\n" for row in rows))
    assert any("differs between directions" in warning for warning in conductivity(folders).warnings)


def _cut_off(folder: Path) -> Path:
    rows = (folder / "hac.out").read_text().splitlines(keepends=True)
    (folder / "hac.out").write_text("".join(rows[:30]))
    return folder


def test_correlations_that_were_cut_off_are_named(place: Path) -> None:
    folders = [equilibrium_folder(place / f"run{k}", k) for k in range(4)]
    found = conductivity([*folders[:3], _cut_off(folders[3])])
    assert found.equilibrium.green_kubo.n_series == 9
    assert found.equilibrium.cepstral is not None
    assert any("run3/hac.out: has 30 rows of run 1, expected 200" in warning for warning in found.warnings)


def test_nothing_but_correlations_that_were_cut_off(place: Path) -> None:
    with pytest.raises(InputError, match=r"no run with a heat current.*has 30 rows of run 1, expected 200"):
        conductivity([_cut_off(equilibrium_folder(place / "run", 1, raw=False))])


def test_driven_and_equilibrium_runs_are_compared(place: Path) -> None:
    folders = [driven_folder(place / f"driven{k}", k) for k in range(4)]
    folders += [equilibrium_folder(place / f"equilibrium{k}", 50 + k, raw=False) for k in range(4)]
    found = conductivity(folders)
    assert found.method == "hnemd"
    assert found.agreement is not None
    assert abs(found.agreement.z) < 3
    correlated = found.equilibrium.green_kubo
    assert correlated.later_cutoff_ps > 2 * correlated.cutoff_ps
    assert found.agreement.difference == pytest.approx(found.kappa - correlated.later_kappa)
    assert found.agreement.standard_error == pytest.approx(np.hypot(found.standard_error, correlated.later_error))
    assert f"Green-Kubo up to {duration(correlated.later_cutoff_ps)} differ" in found.agreement.sentence
    assert found.to_dict()["agreement"]["sentence"] == found.agreement.sentence


def test_a_driven_current_is_not_taken_for_one_in_equilibrium(place: Path) -> None:
    """compute_hac beside compute_hnemd: only the directions across the force count."""
    folders = [equilibrium_folder(place / f"run{k}", k) for k in range(3)]
    for folder in folders:
        text = (folder / "run.in").read_text().replace("compute_hac", "compute_hnemd 100 0 1e-4 0\ncompute_hac")
        (folder / "run.in").write_text(text.replace("ensemble nve", "ensemble nvt_nhc 300 300 100"))
    found = conductivity(folders, with_stacie=False)
    assert found.equilibrium is not None
    assert found.equilibrium.directions == "xz"
    assert "the heat current along y was driven: equilibrium estimates leave it out" in found.warnings
    assert conductivity(folders, direction="x", with_stacie=False).equilibrium.directions == "x"


def test_different_temperatures_atoms_or_potentials_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        crystal(tmp_path / name)
    first = driven_folder(tmp_path / "a" / "run", 1)
    hot = driven_folder(tmp_path / "a" / "hot", 2, temperature=600.0)
    with pytest.raises(InputError, match=r"different temperatures \(300 and 600 K\)"):
        conductivity([first, hot])
    (tmp_path / "b" / "model.xyz").write_text((tmp_path / "b" / "model.xyz").read_text().replace("Mg", "O"))
    with pytest.raises(InputError, match=r"different atoms \(Mg4 O4 and O8\)"):
        conductivity([first, driven_folder(tmp_path / "b" / "run", 2)])
    (tmp_path / "c" / "nep.txt").write_text((tmp_path / "c" / "nep.txt").read_text().replace("1", "2"))
    with pytest.raises(InputError, match="different potentials"):
        conductivity([first, driven_folder(tmp_path / "c" / "run", 2)])


def test_cautions(place: Path) -> None:
    crystal(place, box=9.0)
    folder = driven_folder(place / "run", 1, steps=4_000, ensemble="nvt_lan 300 300 100")
    lines = (folder / "thermo.out").read_text().splitlines(keepends=True)
    (folder / "thermo.out").write_text("".join(line.replace("1.2000000000e+01", "9.0000000000e+00") for line in lines))
    text = "\n".join(conductivity([folder]).warnings)
    assert "thick, less than twice the cutoff (5 Å)" in text
    assert "Langevin thermostat scatters phonons" in text
    assert "too short for blocking to be trusted" in text


def test_rows_smoother_than_fluctuations_can_be_are_named(place: Path) -> None:
    folder = driven_folder(place / "run", 1)
    smooth = 1 + 1e-3 * np.random.default_rng(1).normal(size=500)
    rows = [format_kappa_row([0, 0, value, 0, 0]) for value in smooth]
    (folder / "kappa.out").write_text("".join(rows))
    assert any("fluctuation-dissipation theorem expects" in warning for warning in conductivity([folder]).warnings)


def test_what_is_not_resolved_is_not_planned_from(place: Path) -> None:
    found = conductivity([driven_folder(place / "run", 1, kappa=-KAPPA)]).driven[0]
    assert found.hnemd.kappa < 0
    assert np.isnan(found.predicted_error)
    assert np.isnan(found.planned_time_ps)


def test_a_temperature_off_its_target_is_named(place: Path) -> None:
    folder = driven_folder(place / "run", 1)
    words = (folder / "run.in").read_text().replace("ensemble nvt_nhc 300 300", "ensemble nvt_nhc 310 310")
    (folder / "run.in").write_text(words)
    assert any(
        "divided by that of the last thermostat, 310 K" in warning for warning in conductivity([folder]).warnings
    )


def test_a_cell_comes_from_model_xyz_without_thermo_out(place: Path) -> None:
    folder = driven_folder(place / "run", 1)
    (folder / "thermo.out").unlink()
    (folder / "run.in").write_text("replicate 1 2 3\n" + (folder / "run.in").read_text())
    found = conductivity([folder])
    assert found.driven[0].volume == pytest.approx(6 * VOLUME)
    assert found.n_atoms == 48


def test_the_record_is_json_with_everything_asked_for(place: Path) -> None:
    folders = [driven_folder(place / f"run{k}", k) for k in range(3)]
    record = json.loads(json.dumps(conductivity(folders).to_dict(), allow_nan=False))
    assert {"kappa", "standard_error", "runs", "method", "interval", "warnings"} <= record.keys()
    assert record["errors"].keys() >= {"runs", "blocking", "predicted"}
    assert len(record["per_run"]) == record["runs"] == 3
    assert record["cut_ps"] == 0.0
    assert record["provenance"]["sha256"][str(folders[0] / "kappa.out")] == file_hash(folders[0] / "kappa.out")
    assert record["provenance"]["sha256"][str(place / "nep.txt")] == file_hash(place / "nep.txt")


def test_numbers_that_are_not_known_are_none_in_the_record(place: Path) -> None:
    record = conductivity([driven_folder(place / "run", 1, rows=1)]).to_dict()
    assert record["standard_error"] is None
    assert record["interval"] == [None, None]
    json.dumps(record, allow_nan=False)


def test_what_cannot_be_read(place: Path) -> None:
    folder = driven_folder(place / "run", 1)
    with pytest.raises(InputError, match="is given twice"):
        conductivity([folder, place / "run"])
    with pytest.raises(InputError, match="is no folder"):
        conductivity([folder / "kappa.out"])
    with pytest.raises(InputError, match="expected one or more of x, y and z"):
        conductivity([folder], direction="a")
    (place / "empty").mkdir()
    with pytest.raises(InputError, match="nor has any of its sub-folders"):
        conductivity([place / "empty"])
    (folder / "kappa.out").unlink()
    with pytest.raises(InputError, match="no run with a heat current"):
        conductivity([folder])
    (place / "model.xyz").unlink()
    with pytest.raises(InputError, match="here or in the folder above"):
        conductivity([folder])


def test_a_run_without_a_force_or_that_blew_up(place: Path) -> None:
    still = driven_folder(place / "still", 1)
    (still / "run.in").write_text((still / "run.in").read_text().replace("0.0 0.004 0.0", "0 0 0"))
    with pytest.raises(InputError, match="driving force of compute_hnemd is zero"):
        conductivity([still])
    folder = driven_folder(place / "broken", 1)
    text = (folder / "kappa.out").read_text().splitlines(keepends=True)
    text[7] = "     nan" * 5 + "\n"
    (folder / "kappa.out").write_text("".join(text))
    with pytest.raises(InputError, match="row 8 of this run is not finite"):
        conductivity([folder])


@pytest.mark.parametrize("kept", [0, 3000, None], ids=["empty", "cut off", "something else"])
def test_a_damaged_heat_current(place: Path, kept: int | None) -> None:
    folder = equilibrium_folder(place / "run", 1, hac=False)
    path = folder / "heat_current.npz"
    path.write_bytes(b"nothing" if kept is None else path.read_bytes()[:kept])
    with pytest.raises(InputError, match="is not a heat current"):
        conductivity([folder])
