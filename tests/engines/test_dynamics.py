"""Simulations in a folder: killed and gone on with, refused, exploded, on several threads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from md_data import md_folder, relaxed_structure
from models import random_model
from neptuner.engines import dynamics
from neptuner.engines.dynamics import DynamicsObserver, DynamicsOptions, Progress, run_dynamics
from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames
from neptuner.files.hac_out import read_hac
from neptuner.files.kappa_out import read_kappa
from neptuner.files.msd_out import read_msd
from neptuner.files.rdf_out import read_rdf
from neptuner.files.shc_out import read_shc
from neptuner.files.structure import Structure, read_structure, write_structure
from neptuner.files.thermo_out import read_thermo
from neptuner.md.simulation import ExplosionError
from neptuner.md.state import State
from neptuner.units import BOLTZMANN

OPTIONS = DynamicsOptions(threads=1, skin=0.4)

EVERYTHING = """potential nep.txt
minimize fire 1e-2 200
velocity 400 seed 5
ensemble npt_scr 400 300 20  0 0 0 0 0 0  100 100 100 100 100 100 100
dump_thermo 3
compute_msd 2 8
run 60
ensemble nvt_nhc 300 300 50
time_step 1.5
compute_hnemd 7 0 1e-3 0
compute_hac 2 20 5
compute_shc 1 100 1 20 100 group 1 1
compute_msd 3 6 group 0 1
compute_rdf 2.0 25 11
dump_thermo 5
dump_restart 40
dump_xyz 20 frames.xyz precision double velocity force virial unwrapped_position
dump_xyz 50 frame.* potential group_labels
run 130
ensemble nvt_lan 300 300 20
dump_thermo 10
run 30
"""
"""Two runs with every measurement and a third, 220 steps in all."""

SHORT = """potential nep.txt
velocity 300 seed 2
ensemble nvt_bdp 300 300 20
dump_thermo 5
dump_xyz 10 frames.xyz
run 20
"""


WATCH = dynamics._Watch


class Killed(BaseException):
    """As SIGKILL: nothing is written after it."""


def stand_every(monkeypatch, steps: int, *, kill: int | None = None, stop: int | None = None) -> list[int]:
    """Make simulations keep a checkpoint every so many steps, and die or stop after some step of all."""
    done, stood = [-1], []

    class Watch(WATCH):
        def stepped(self, action: int, number: int, state: State) -> None:
            super().stepped(action, number, state)
            done[0] = state.step
            if state.step == kill:
                raise Killed

        def wants_standing(self) -> bool:
            return done[0] % steps == 0

        def stand(self, standing) -> None:
            super().stand(standing)
            stood.append(standing.state.step)

        def should_stop(self) -> bool:
            return done[0] == stop

    monkeypatch.setattr(dynamics, "_Watch", Watch)
    return stood


def content(folder: Path) -> dict[str, bytes]:
    """Every file, without what differs between two times of day."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    summary = json.loads(files.pop("md.json"))
    timed = ("seconds", "atom_steps_per_s", "ns_per_day", "rebuilds", "threads")
    files["md.json"] = json.dumps({name: summary[name] for name in summary if name not in timed}).encode()
    return files


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    folder = md_folder(tmp_path_factory.mktemp("undisturbed"), EVERYTHING)
    summary = run_dynamics(folder, OPTIONS)
    assert summary["finished"]
    assert summary["rebuilds"] > 8
    return content(folder)


def test_every_file_is_there(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    for name, text in undisturbed.items():
        (tmp_path / name).write_bytes(text)
    assert set(undisturbed) == {
        "run.in", "model.xyz", "nep.txt", "md.json", "thermo.out", "kappa.out", "hac.out", "shc.out", "msd.out",
        "rdf.out", "heat_current.npz", "frames.xyz", "frame.50", "frame.100", "restart.xyz",
    }  # fmt: skip
    thermo = read_thermo(tmp_path / "thermo.out")
    assert len(thermo.temperature) == 20 + 26 + 3
    assert read_kappa(tmp_path / "kappa.out").shape == (18, 5)
    assert [len(hac.time) for hac in read_hac(tmp_path / "hac.out")] == [4]
    assert [len(shc.omega) for shc in read_shc(tmp_path / "shc.out")] == [20]
    assert [len(msd.time) for msd in read_msd(tmp_path / "msd.out")] == [8, 6]
    assert read_rdf(tmp_path / "rdf.out")[0].pairs == ("total", "Mg-Mg", "Mg-O", "O-O")
    frames = read_frames(tmp_path / "frames.xyz")
    assert [frame.n_atoms for frame in frames] == [12] * 6
    assert np.abs(thermo.cell[0] - thermo.cell[15]).max() > 1e-3
    assert np.array_equal(thermo.cell[20], thermo.cell[-1])
    summary = json.loads(undisturbed["md.json"])
    assert (summary["steps"], summary["steps_asked"], summary["atoms"]) == (220, 220, 12)
    assert summary["time_ps"] == pytest.approx(1e-3 * (60 + 1.5 * 160))


@pytest.mark.parametrize("kills", [(1,), (58, 61, 62, 130), (20, 60, 119, 190, 191)])
def test_killed_is_never_killed(tmp_path: Path, monkeypatch, undisturbed, kills: tuple[int, ...]) -> None:
    """Whatever was written after the last checkpoint is cut off; lists are those of before."""
    folder, resume = md_folder(tmp_path / "md", EVERYTHING), False
    for kill in kills:
        stood = stand_every(monkeypatch, 7, kill=kill)
        with pytest.raises(Killed):
            run_dynamics(folder, replace(OPTIONS, resume=resume))
        assert stood[-1] <= kill
        assert not (folder / "md.json").exists()
        resume = True
    stand_every(monkeypatch, 7)
    run_dynamics(folder, replace(OPTIONS, resume=True))
    assert content(folder) == undisturbed


def test_stopped_is_never_stopped(tmp_path: Path, monkeypatch, undisturbed) -> None:
    folder = md_folder(tmp_path / "md", EVERYTHING)
    for stop in (5, 33, 60, 100, 200):
        stood = stand_every(monkeypatch, 10**9, stop=stop)
        summary = run_dynamics(folder, replace(OPTIONS, resume=stop != 5))
        assert (summary["finished"], summary["exploded"], summary["steps"], stood[-1]) == (False, None, stop, stop)
        assert json.loads((folder / "md.json").read_text()) == summary
    stand_every(monkeypatch, 10**9)
    assert run_dynamics(folder, replace(OPTIONS, resume=True))["finished"]
    assert content(folder) == undisturbed


def test_more_than_the_checkpoint_says_is_cut_off(tmp_path: Path, monkeypatch, undisturbed) -> None:
    folder = md_folder(tmp_path / "md", EVERYTHING)
    stand_every(monkeypatch, 7, kill=150)
    with pytest.raises(Killed):
        run_dynamics(folder, OPTIONS)
    for name in ("thermo.out", "kappa.out", "frames.xyz", "shc.out", "hac.out"):
        with (folder / name).open("ab") as file:
            file.write(b"half a li" * 9999)
    stand_every(monkeypatch, 7)
    run_dynamics(folder, replace(OPTIONS, resume=True))
    assert content(folder) == undisturbed


def test_threads_do_not_change_a_byte(tmp_path: Path) -> None:
    """Enough atoms for several chunks of work."""
    contents = []
    for threads in (1, 2):
        folder = md_folder(tmp_path / str(threads), SHORT, relaxed_structure(copies=24))
        run_dynamics(folder, replace(OPTIONS, threads=threads))
        contents.append(content(folder))
    assert contents[0] == contents[1]


def test_two_seeds_differ_and_one_does_not(tmp_path: Path) -> None:
    first, again, other = (
        run_dynamics(md_folder(tmp_path / name, SHORT), replace(OPTIONS, seed=seed))["temperature_k"]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert abs(first - other) > 1e-3


class Told(DynamicsObserver):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.remarks, self.steps, self.relaxed_ = [], [], []

    def remark(self, sentence: str) -> None:
        self.remarks.append(sentence)

    def relaxed(self, step: int, energy: float, largest: float) -> None:
        self.relaxed_.append((step, largest))

    def progress(self, progress: Progress) -> None:
        self.steps.append(progress)


def test_the_observer_and_the_summary(tmp_path: Path) -> None:
    folder = md_folder(tmp_path, SHORT.replace("velocity", "minimize sd 1e-9 3\nvelocity").replace(" seed 2", ""))
    observer = Told()
    summary = run_dynamics(folder, OPTIONS, observer)
    assert observer.remarks == summary["warnings"] == ["`velocity` has no seed: 1 is taken (--seed)"]
    assert [step for step, _ in observer.relaxed_] == [0, 1, 2]
    last = observer.steps[-1]
    assert (last.line, last.number, last.steps, last.done) == (7, 20, 20, 1.0)
    assert last.temperature == summary["temperature_k"] > 0
    assert last.seconds_left == 0.0
    assert summary["ns_per_day"] == pytest.approx(summary["atom_steps_per_s"] / 12 * 1e-6 * 86400, rel=1e-6)
    assert 0 < summary["seconds"] < 600
    assert json.loads((folder / "md.json").read_text()) == summary
    assert not (folder / "md_checkpoint.npz").exists()


def test_the_potential_is_that_of_the_folder(tmp_path: Path) -> None:
    """Total energy is conserved, and the first row is one step from the structure given."""
    run_in = "potential nep.txt\nvelocity 300 seed 1\nensemble nve\ntime_step 0.5\ndump_thermo 1\nrun 100\n"
    run_dynamics(md_folder(tmp_path, run_in), replace(OPTIONS, precision="double"))
    thermo = read_thermo(tmp_path / "thermo.out")
    total = thermo.kinetic + thermo.potential
    assert np.ptp(total) < 2e-3 * thermo.kinetic.mean()
    assert np.ptp(thermo.kinetic) > 0.05 * thermo.kinetic.mean()
    assert thermo.temperature[0] == pytest.approx(300.0, rel=0.05)


def test_a_restart_file_goes_on(tmp_path: Path) -> None:
    """As model.xyz of another simulation: the same trajectory to rounding, and `velocity` is passed over."""
    whole = "potential nep.txt\nvelocity 300 seed 1\nensemble nve\ndump_restart 15\ndump_thermo 1\nrun {}\n"
    double = replace(OPTIONS, precision="double")
    run_dynamics(md_folder(tmp_path / "whole", whole.format(30)), double)
    run_dynamics(md_folder(tmp_path / "half", whole.format(15)), double)
    rest = md_folder(tmp_path / "rest", whole.format(15), read_structure(tmp_path / "half" / "restart.xyz"))
    observer = Told()
    run_dynamics(rest, double, observer)
    assert observer.remarks == ["model.xyz has velocities, so `velocity` is ignored, as in GPUMD"]
    expected, ours = (read_thermo(tmp_path / name / "thermo.out") for name in ("whole", "rest"))
    np.testing.assert_allclose(ours.temperature, expected.temperature[15:], rtol=1e-8)
    np.testing.assert_allclose(ours.potential, expected.potential[15:], rtol=1e-8)
    start = read_structure(tmp_path / "half" / "restart.xyz")
    kelvin = np.sum(start.masses[:, None] * (10.18051 * start.velocities) ** 2) / (36 * BOLTZMANN)
    assert kelvin == pytest.approx(expected.temperature[14], rel=1e-9)


def test_replicas(tmp_path: Path) -> None:
    folder = md_folder(tmp_path, "replicate 2 1 3\n" + SHORT.replace("run 20", "dump_restart 20\nrun 20"))
    assert run_dynamics(folder, OPTIONS)["atoms"] == 72
    found, one = read_structure(folder / "restart.xyz"), relaxed_structure()
    np.testing.assert_allclose(found.cell, one.cell * np.array([[2], [1], [3]]))
    assert found.species.tolist() == one.species.tolist() * 6
    assert np.array_equal(found.groups, np.tile(one.groups, 6))


def test_a_finished_simulation_is_not_done_again(tmp_path: Path) -> None:
    folder = md_folder(tmp_path, SHORT)
    summary = run_dynamics(folder, OPTIONS)
    before = content(folder)
    resumed = run_dynamics(folder, replace(OPTIONS, resume=True, threads=2))
    assert resumed == json.loads(json.dumps(summary))
    assert content(folder) == before


@pytest.mark.parametrize("change", [{"seed": 3}, {"skin": 1.0}, {"precision": "double"}])
def test_what_is_finished_otherwise_is_not_given_for_this(tmp_path: Path, change) -> None:
    folder = md_folder(tmp_path, SHORT)
    run_dynamics(folder, OPTIONS)
    unchanged_after(folder, "thermo.out: is there from an earlier run", replace(OPTIONS, resume=True, **change))


def test_resume_without_anything_begins(tmp_path: Path) -> None:
    assert run_dynamics(md_folder(tmp_path, SHORT), replace(OPTIONS, resume=True))["finished"]


def listing(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def unchanged_after(folder: Path, sentence: str, options: DynamicsOptions = OPTIONS) -> str:
    """Check that a simulation is refused with this in its sentence, and nothing is written or removed."""
    before = listing(folder)
    with pytest.raises(InputError) as caught:
        run_dynamics(folder, options)
    assert listing(folder) == before
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_results_are_not_overwritten_unasked(tmp_path: Path) -> None:
    folder = md_folder(tmp_path, SHORT)
    run_dynamics(folder, OPTIONS)
    sentence = unchanged_after(folder, "thermo.out: is there from an earlier run; move it away or replace it")
    assert "--resume" not in sentence
    for name in ("thermo.out", "frames.xyz", "md.json"):
        (folder / name).unlink()
    for name in ("kappa.out", "hac.out", "shc.out", "msd.out", "rdf.out", "heat_current.npz", "frames.xyz"):
        (folder / name).write_text("of somebody else\n")
        unchanged_after(folder, f"{name}: is there from an earlier run")
        unchanged_after(folder, f"{name}: is there from an earlier run", replace(OPTIONS, resume=True))
        (folder / name).unlink()


def test_results_are_overwritten_when_asked(tmp_path: Path) -> None:
    folder = md_folder(tmp_path, SHORT)
    run_dynamics(folder, OPTIONS)
    expected = content(folder)
    for name in ("kappa.out", "last_good.xyz", "md_checkpoint.npz"):
        (folder / name).write_text("of an earlier run\n")
    (folder / "thermo.out").write_text("longer than all that is to come\n" * 500)
    run_dynamics(folder, replace(OPTIONS, overwrite=True))
    assert content(folder) == expected


def test_nothing_is_lost_by_overwriting_with_bad_input(tmp_path: Path) -> None:
    folder = md_folder(tmp_path, SHORT)
    run_dynamics(folder, OPTIONS)
    crowd = relaxed_structure()
    write_structure(folder / "model.xyz", replace(crowd, positions=0.18 * crowd.positions, cell=0.18 * crowd.cell))
    unchanged_after(folder, "model.xyz: an atom has", replace(OPTIONS, overwrite=True))


def interrupted(folder: Path, monkeypatch) -> None:
    stand_every(monkeypatch, 10**9, stop=12)
    assert not run_dynamics(md_folder(folder, SHORT), OPTIONS)["finished"]
    monkeypatch.undo()


def test_an_unfinished_simulation_is_not_thrown_away(tmp_path: Path, monkeypatch) -> None:
    interrupted(tmp_path, monkeypatch)
    unchanged_after(tmp_path, "go on with it (--resume), or move it away or replace it (--overwrite)")


OTHERS: dict[str, Callable[[Path], object]] = {
    "run.in": lambda folder: (folder / "run.in").write_text(SHORT.replace("run 20", "run 30")),
    "model.xyz": lambda folder: write_structure(folder / "model.xyz", relaxed_structure(2)),
    "potential": lambda folder: random_model(seed=1).write(folder / "nep.txt"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_checkpoint_of_other_inputs(tmp_path: Path, monkeypatch, what: str) -> None:
    interrupted(tmp_path, monkeypatch)
    OTHERS[what](tmp_path)
    sentence = unchanged_after(tmp_path, f"belongs to a simulation with another {what};", replace(OPTIONS, resume=True))
    assert sentence.startswith(f"{tmp_path / 'md_checkpoint.npz'}: ")


@pytest.mark.parametrize("change", [{"seed": 2}, {"skin": 0.5}, {"precision": "double"}], ids=str)
def test_a_checkpoint_of_other_options(tmp_path: Path, monkeypatch, change) -> None:
    interrupted(tmp_path, monkeypatch)
    options = replace(OPTIONS, resume=True, **change)
    unchanged_after(tmp_path, f"belongs to a simulation with another {next(iter(change))};", options)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "text": lambda content: b"this is text\n" * 9,
    "half": lambda content: content[: len(content) // 2],
    "all but the end": lambda content: content[:-9],
    "a byte": lambda content: content[:3000] + bytes([content[3000] ^ 255]) + content[3001:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint(tmp_path: Path, monkeypatch, damage: str) -> None:
    interrupted(tmp_path, monkeypatch)
    path = tmp_path / "md_checkpoint.npz"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    sentence = unchanged_after(tmp_path, "begin anew (--overwrite)", replace(OPTIONS, resume=True))
    assert sentence.startswith(f"{path}: is damaged (")


@pytest.mark.parametrize("name", ["thermo.out", "frames.xyz"])
def test_results_that_are_missing_or_short(tmp_path: Path, monkeypatch, name: str) -> None:
    interrupted(tmp_path, monkeypatch)
    file = tmp_path / name
    text = file.read_bytes()
    file.write_bytes(text[:-1])
    sentence = f"{name}: holds {len(text) - 1} bytes, the checkpoint says {len(text)}; put the file back"
    unchanged_after(tmp_path, sentence, replace(OPTIONS, resume=True))
    file.unlink()
    unchanged_after(tmp_path, f"{name}: is missing, but the checkpoint says", replace(OPTIONS, resume=True))


@pytest.mark.parametrize("name", ["run.in", "model.xyz", "nep.txt"])
def test_missing_files(tmp_path: Path, name: str) -> None:
    folder = md_folder(tmp_path, SHORT)
    (folder / name).unlink()
    unchanged_after(folder, f"{folder / name}: there is no such file")


def test_species_that_the_potential_lacks(tmp_path: Path) -> None:
    one = relaxed_structure()
    other = replace(one, species=np.where(one.species == "O", "Si", one.species))
    folder = md_folder(tmp_path, SHORT, other)
    unchanged_after(folder, "model.xyz: the structure has Si, which the potential lacks (Mg O)")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"threads": 0}, "the number of threads is 0"),
        ({"precision": "half"}, "the precision is half, expected single or double"),
        ({"skin": -1.0}, "the skin is -1.0 angstrom"),
        ({"seed": -1}, "the seed is -1, expected 0 to 2^63 - 1"),
        ({"seed": 2**63}, "expected 0 to 2^63 - 1"),
    ],
    ids=str,
)
def test_bad_options(tmp_path: Path, options, sentence: str) -> None:
    unchanged_after(md_folder(tmp_path, SHORT), sentence, replace(OPTIONS, **options))


@pytest.mark.parametrize("name", ["model.xyz", "run.in", "nep.txt", "thermo.out", "md.json", "./model.xyz"])
def test_a_trajectory_must_not_take_the_place_of_another_file(tmp_path: Path, name: str) -> None:
    folder = md_folder(tmp_path, SHORT.replace("frames.xyz", name))
    sentence = unchanged_after(folder, "is the name of another file", replace(OPTIONS, overwrite=True))
    assert sentence.startswith(f"{folder / 'run.in'}, line 5: ")


def test_a_trajectory_needs_its_folder(tmp_path: Path) -> None:
    folder = md_folder(tmp_path, SHORT.replace("frames.xyz", "there/frames.xyz"))
    unchanged_after(folder, f"line 5: there is no folder `{folder / 'there'}`")
    (folder / "there").mkdir()
    assert run_dynamics(folder, OPTIONS)["finished"]
    assert len(read_frames(folder / "there" / "frames.xyz")) == 2


def exploded(folder: Path, sentence: str, observer: DynamicsObserver | None = None) -> dict:
    with pytest.raises(ExplosionError, match=sentence) as caught:
        run_dynamics(folder, OPTIONS, observer)
    assert caught.value.exit_code == 1
    summary = json.loads((folder / "md.json").read_text())
    assert not summary["finished"]
    assert summary["exploded"]["sentence"] == str(caught.value)
    assert not (folder / "md_checkpoint.npz").exists()
    good = read_structure(folder / "last_good.xyz")
    assert np.isfinite(good.positions).all()
    return summary


def test_atoms_far_too_close_explode(tmp_path: Path) -> None:
    one = relaxed_structure()
    positions = one.positions.copy()
    positions[4] = positions[3] + [0.0, 0.05, 0.0]
    repulsive = random_model(cutoff=(4.5, 3.5), zbl="universal")
    folder = md_folder(tmp_path, SHORT.replace("nvt_bdp 300 300 20", "nve"), replace(one, positions=positions))
    repulsive.write(folder / "nep.txt")
    summary = exploded(folder, r"step 1 of the run of line 6 is out of control: .* \(atom [45], (Mg|O)\)")
    assert (summary["exploded"]["step"], summary["steps"]) == (1, 0)
    assert summary["exploded"]["atom"] in (4, 5)
    good = read_structure(folder / "last_good.xyz")
    np.testing.assert_allclose(good.positions[4] - good.positions[3], [0.0, 0.05, 0.0], atol=1e-12)


def test_a_fast_atom_explodes_after_some_steps(tmp_path: Path) -> None:
    """Rows of before stay; the same run.in does not begin again by itself."""
    one = relaxed_structure()
    heavy = replace(one, masses=one.masses * 1e4, velocities=np.zeros((12, 3)))
    heavy.velocities[7, 2] = 2e-3
    run_in = "potential nep.txt\ntime_step 1\nensemble nve\ndump_thermo 1\nrun 12\ntime_step 600\nensemble nve\nrun 5\n"
    folder = md_folder(tmp_path, run_in, heavy)
    summary = exploded(folder, r"step 0 of the run of line 8 is out of control: an atom moves 1.2 angstrom in one step")
    assert (summary["exploded"]["step"], summary["exploded"]["atom"], summary["steps"]) == (12, 8, 12)
    assert len(read_thermo(folder / "thermo.out").temperature) == 12
    good = read_structure(folder / "last_good.xyz")
    assert good.velocities[7, 2] == pytest.approx(2e-3, rel=1e-2)
    unchanged_after(folder, "thermo.out: is there from an earlier run", replace(OPTIONS, resume=True))


@pytest.mark.parametrize("first", ["", "minimize fire 1e-3 100\n", "minimize sd 1e-3 100\n"])
def test_two_atoms_at_one_place(tmp_path: Path, first: str) -> None:
    one = relaxed_structure()
    positions = one.positions.copy()
    positions[4] = positions[3]
    folder = md_folder(tmp_path, SHORT.replace("velocity", first + "velocity"), replace(one, positions=positions))
    summary = exploded(folder, "is out of control")
    assert (summary["exploded"]["step"], summary["steps"]) == (0, 0)


def test_a_slab_that_is_not_periodic_in_one_direction(tmp_path: Path) -> None:
    one = relaxed_structure()
    cell = one.cell.copy()
    cell[2] *= 3.0
    slab = Structure(one.species, one.positions, cell, (True, True, False), one.masses, None, one.groups)
    run_in = SHORT.replace("nvt_bdp 300 300 20", "npt_scr 300 300 20 0 0 0 50 50 50 100").replace("run 20", "run 40")
    folder = md_folder(tmp_path, run_in, replace(slab, cell=np.diag(np.diagonal(cell))))
    assert run_dynamics(folder, OPTIONS)["finished"]
    cells = read_thermo(folder / "thermo.out").cell
    assert len(set(cells[:, 2, 2])) == 1
    assert len(set(cells[:, 0, 0])) == 8
