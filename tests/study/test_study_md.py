"""Molecular dynamics as the last phase of a study, with fake programs."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.files.run_in import read_script
from neptuner.files.script import ComputeHnemd, Run, Velocity
from neptuner.launch.local import LocalLauncher
from neptuner.launch.testing import until
from neptuner.study.md.control import md_command
from neptuner.study.status import read_status

WINNERS = {"n_max 2 4": 0.1, "batch 7": 0.05, "batch 3": -0.05}
MD = "[md]\ntime_ps = 4\nequilibration_ps = 1\nsupercell = [2, 2, 2]\n"


@pytest.fixture
def dynamics(project):
    """The project with molecular dynamics and a sweep of fewer runs."""
    project.write("study.toml", project.toml.read_text().replace("replicates = 2", "replicates = 1") + "\n" + MD)
    project.fake(gains=WINNERS)
    return project


def warnings_of(model: dict[str, Any]) -> list[str]:
    """Warnings but for that of the fake program's noise, which is far below what physics allows."""
    return [warning for warning in model["warnings"] if "fluctuation-dissipation" not in warning]


def kinds(results: dict[str, Any]) -> Counter:
    return Counter((run["kind"], run["model"]) for run in results["md"]["runs"])


def test_whole_study(dynamics) -> None:
    results = dynamics.run(launcher=LocalLauncher(2))
    md = results["md"]
    assert results == dynamics.results() and results["finished"] and results["failed"] == []
    assert dynamics.phases == ["baseline", "sweep", "ablation", "extended", "md"]
    assert kinds(results) == {(k, m): n for k, n in (("screen", 1), ("kappa", 2)) for m in ("baseline", "final")}
    assert {run["state"] for run in md["runs"]} == {"done"} and md["state"] == "done"
    assert [md["models"][key]["name"] for key in ("baseline", "final")] == ["baseline", "combined-extended"]
    assert (md["atoms"], md["supercell"], md["fe_per_angstrom"]) == (4 * 8, [2, 2, 2], [2e-4])
    assert all(screen["passed"] and abs(screen["drift_mev_per_atom_per_ps"]) < 1e-6 for screen in md["screen"].values())
    finished = dynamics.events("finished")
    assert all(finished.count(run["id"]) == 1 and (dynamics.out / run["directory"]).is_dir() for run in md["runs"])


def test_numbers_are_those_of_the_files(dynamics) -> None:
    md = dynamics.run()["md"]
    for key, gain in (("baseline", 0.0), ("final", 0.15)):
        model = md["models"][key]
        means = [np.loadtxt(dynamics.out / run["directory"] / "kappa.out")[:, 0].mean() for run in model["runs"]]
        assert [run["kappa"] for run in model["runs"]] == pytest.approx(means)
        assert model["kappa"] == pytest.approx(np.mean(means)) and abs(model["kappa"] - 2 - gain) < 0.05
        assert model["spread_error"] == pytest.approx(np.std(means, ddof=1) / 2**0.5)
        assert model["blocked_error"] == pytest.approx(0.2 / 400**0.5, rel=0.35)
        assert model["interval"][0] < model["kappa"] < model["interval"][1]
        assert model["running"]["mean"][-1] == pytest.approx(model["kappa"], rel=1e-5)
        assert len(model["running"]["time_ps"]) == 200 and model["running"]["time_ps"][-1] == 4
        assert model["spectrum"]["integral"] == pytest.approx(2 + gain, rel=0.01)
        assert model["volume_cubic_angstrom"] == pytest.approx(1000)
        assert (model["ns_per_day"], warnings_of(model)) == (1.5, [])
    comparison = md["comparison"]
    assert comparison["difference"] == pytest.approx(0.15) and comparison["resolved"]
    assert comparison["interval"][0] < 0.15 < comparison["interval"][1]
    assert md["verdict"] == f"At 300 K, {comparison['sentence']}."
    assert "larger, at 95 % confidence" in md["verdict"]


def test_run_directory_is_complete(dynamics) -> None:
    dynamics.edit("steps = 100", "steps = 100\nthreads = 3")
    results = dynamics.run(launcher=LocalLauncher(1))
    first, second = results["md"]["models"]["baseline"]["runs"]
    folder = dynamics.out / first["directory"]
    script = read_script(folder / "run.in")
    velocity = next(action for action in script.actions if isinstance(action, Velocity))
    runs = [action for action in script.actions if isinstance(action, Run)]
    assert [run.ensemble.kind for run in runs] == ["npt_scr", "nvt_nhc", "nvt_nhc"]
    assert [run.steps for run in runs] == [500, 500, 4000] and first["steps"] == 5000
    assert runs[0].ensemble.pressures == (0.0,) and runs[2].ensemble.t_stop == 300
    drive = next(measure for measure in runs[2].measures if isinstance(measure, ComputeHnemd))
    assert drive.force == (2e-4, 0, 0) and (velocity.temperature, velocity.seed) == (600, 1)
    other = read_script(dynamics.out / second["directory"] / "run.in")
    assert next(action for action in other.actions if isinstance(action, Velocity)).seed == 2 == second["seed"]
    trial = dynamics.out / "trials" / results["md"]["models"]["baseline"]["trial"]
    assert (folder / "nep.txt").read_bytes() == (trial / "nep.txt").read_bytes()
    note = json.loads((folder / "md-run.json").read_text())
    assert note["id"] == first["id"] == f"md/{folder.name}" and folder.name == f"baseline-r0-{note['digest']}"
    assert (folder / "log.txt").read_text().startswith("fake dynamics with OMP_NUM_THREADS=3\n")


def test_command_of_a_run(dynamics) -> None:
    commands = []

    def command(spec, run, folder):
        commands.append((run, md_command(spec, run, folder)))
        return fake_md_command(spec, run, folder)

    from drive import fake_md_command

    dynamics.run(dynamics=command)
    run, words = commands[-1]
    assert words[1:5] == ["-m", "neptuner", "md", str(dynamics.out / run.id)]
    assert words[5:] == ["--threads", "1", "--seed", str(run.seed), "--resume", "--json"]


def test_gpumd_as_engine_makes_other_runs(dynamics) -> None:
    own = dynamics.run()["md"]["runs"]
    words = []

    def command(spec, run, folder):
        words.append(md_command(spec, run, folder))
        return fake_md_command(spec, run, folder)

    from drive import fake_md_command

    dynamics.edit("[md]", '[md]\nengine = "gpumd"')
    md = dynamics.run(dynamics=command)["md"]
    assert md["engine"] == "gpumd"
    assert {run["id"] for run in own}.isdisjoint(run["id"] for run in md["runs"])
    assert all(each[-2:] == ["--engine", "gpumd"] for each in words)


def test_models_have_paired_seeds_and_one_start(dynamics) -> None:
    md = dynamics.run()["md"]
    seeds = [[run["seed"] for run in md["models"][key]["runs"]] for key in ("baseline", "final")]
    assert seeds == [[1, 2], [1, 2]]
    texts = {(dynamics.out / run["directory"] / "model.xyz").read_text() for run in md["runs"]}
    assert len(texts) == 1
    for replicate in (0, 1):
        folders = [dynamics.out / md["models"][key]["runs"][replicate]["directory"] for key in ("baseline", "final")]
        assert (folders[0] / "run.in").read_text() == (folders[1] / "run.in").read_text()


def test_best_replicate_on_validation_is_used(dynamics) -> None:
    dynamics.edit("replicates = 1", "replicates = 2")
    md = dynamics.run()["md"]  # the fake trainer's losses rise with the seed
    assert all(model["trial"].startswith(f"{model['name']}-r0-") for model in md["models"].values())


def test_second_session_runs_nothing(dynamics) -> None:
    first = dynamics.run()
    started = dynamics.events("started")
    assert dynamics.run() == first and dynamics.events("started") == started


def test_failed_run_leaves_the_others_and_is_tried_again(dynamics) -> None:
    dynamics.fake(gains=WINNERS, md={"fail": ["final-r1"]})
    results = dynamics.run()
    assert results["finished"]
    (failed,) = results["failed"]
    assert failed["error"].startswith("ended with exit code 2") or "line 3" in failed["error"]
    assert failed["id"].startswith("md/final-r1-") and failed["name"] == "combined-extended"
    states = [run["state"] for run in results["md"]["models"]["final"]["runs"]]
    assert states == ["done", "failed"] and results["md"]["comparison"] is not None
    dynamics.fake(gains=WINNERS)
    again = dynamics.run()
    assert again["failed"] == []
    starts = Counter(dynamics.events("started"))
    assert {run for run, count in starts.items() if count > 1} == {failed["id"]}


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("explode", "the temperature is above 100000 K"),
        ("short", "md/baseline-r0-"),
        ("silent", "ended without an md.json"),
    ],
)
def test_failures_have_a_reason(dynamics, wish: str, sentence: str) -> None:
    dynamics.fake(gains=WINNERS, md={wish: ["baseline-r0"]})
    results = dynamics.run()
    (failed,) = results["failed"]
    assert sentence in failed["error"] and str(dynamics.out) not in failed["error"] and results["finished"]
    assert [run["state"] for run in results["md"]["models"]["baseline"]["runs"]] == ["failed", "done"]


def test_warnings_of_the_analysis_are_kept(dynamics) -> None:
    dynamics.fake(gains=WINNERS, md={"hot": ["final-r1"]})
    models = dynamics.run()["md"]["models"]
    (warning,) = warnings_of(models["final"])
    assert warning.startswith("md/final-r1-") and "the mean temperature is 900.0" in warning
    assert warnings_of(models["baseline"]) == []


def test_a_run_that_blew_up_is_not_repeated(dynamics) -> None:
    dynamics.fake(gains=WINNERS, md={"explode": ["baseline-r0"]})
    first = dynamics.run()
    dynamics.fake(gains=WINNERS)
    assert dynamics.run() == first


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("explode", "it blew up: the temperature is above 100000 K"),
        ("drift", "drift 1 meV/atom/ps over 2 ps at constant energy"),
        ("hot", "900 K at the end"),
    ],
)
def test_unstable_model_gets_no_conductivity(dynamics, wish: str, sentence: str) -> None:
    dynamics.fake(gains=WINNERS, md={wish: ["final-screen"]})
    results = dynamics.run()
    md = results["md"]
    assert results["finished"] and results["failed"] == []
    assert md["screen"]["final"]["passed"] is False and md["screen"]["baseline"]["passed"] is True
    assert kinds(results) == {("screen", "baseline"): 1, ("screen", "final"): 1, ("kappa", "baseline"): 2}
    assert md["comparison"] is None and md["models"]["final"]["kappa"] is None
    assert md["verdict"].startswith("The model combined-extended is not stable (") and sentence in md["verdict"]
    assert "so it gets no conductivity. At 300 K, κ(baseline) = " in md["verdict"]
    assert dynamics.run() == results


def test_screen_that_cannot_be_run(dynamics) -> None:
    dynamics.fake(gains=WINNERS, md={"fail": ["screen"]})
    results = dynamics.run()
    assert results["finished"] and len(results["failed"]) == 2 and kinds(results).total() == 2
    assert results["md"]["verdict"].startswith("The stability of baseline could not be tested (")


def test_no_winner_means_the_best_of_the_sweep(dynamics) -> None:
    dynamics.fake(gains={"n_max 2 4": -0.1, "batch 3": -0.05, "batch 7": -0.2})
    md = dynamics.run()["md"]
    assert md["models"]["final"]["name"] == "batch=3" and md["comparison"]["difference"] == pytest.approx(-0.05)
    assert md["note"] == (
        "No value of the sweep beat the baseline, so there is no combined model; the best of the sweep, batch=3, "
        "takes its place."
    )
    assert md["note"] in dynamics.lines


@pytest.mark.parametrize(
    ("failing", "name", "note"),
    [
        (["steps 200"], "combined", "Every run of combined-extended failed, so the combined model stands for it."),
        ([], "combined-extended", ""),
    ],
)
def test_best_model_there_is(dynamics, failing: list[str], name: str, note: str) -> None:
    dynamics.fake(gains=WINNERS, fail=failing)
    md = dynamics.run()["md"]
    assert (md["models"]["final"]["name"], md["note"]) == (name, note)


@pytest.mark.parametrize(("final", "name"), [("[final]\nsteps_factor = 2\n", "baseline-extended"), ("", None)])
def test_study_without_a_sweep(dynamics, final: str, name: str | None) -> None:
    dynamics.write("study.toml", f'[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\nsteps = 100\n{final}{MD}')
    md = dynamics.run()["md"]
    assert md["models"].get("final", {}).get("name") == name
    if name is None:
        assert md["verdict"].startswith("No comparison: there is one model only. At 300 K, κ(baseline) = ")
        assert md["note"] == "There is no second model that the baseline could be compared with."


def test_potential_that_is_missing(dynamics) -> None:
    dynamics.run()
    for path in dynamics.out.glob("trials/combined-extended-*/nep.txt"):
        path.unlink()
    md = dynamics.run()["md"]
    assert list(md["models"]) == ["baseline"]
    assert md["warnings"][0].startswith("the potential of final cannot be used (")


def test_correction_of_the_force_error(dynamics) -> None:
    dynamics.edit("[md]", "[md]\ncorrection = true\ncorrection_models = 5")
    results = dynamics.run()
    correction = results["md"]["correction"]
    assert kinds(results).total() == 2 + 4 + 3 and correction["split"] == "test"
    rmse = [point["force_rmse"] for point in correction["points"]]
    known = [
        c["rmse"]["test"]["rmse_force"]
        for p in results["sweep"]
        for c in p["values"]
        if c["name"] in ("batch=3", "n_max=2-4")
    ]
    assert rmse == sorted(rmse) and len(rmse) == 5 and max(known) == max(rmse) and min(rmse) < min(known)
    assert len(correction["points"][0]["runs"]) == 2  # every replicate of a model that is compared anyway
    assert correction["kappa"] > results["md"]["models"]["final"]["kappa"] and correction["problem"] is None
    assert correction["curve"]["kappa"][0] == pytest.approx(correction["kappa"], rel=1e-5)
    assert "an approximation" in correction["sentence"]


def test_correction_without_enough_models(dynamics) -> None:
    dynamics.write(
        "study.toml", '[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\nsteps = 100\n' + MD + "correction = true\n"
    )
    correction = dynamics.run()["md"]["correction"]
    assert correction["kappa"] is None
    assert correction["problem"].startswith("There is no correction of the force error: found 1 different")


def test_driving_force_scan(dynamics) -> None:
    dynamics.edit("[md]", "[md]\nfe = [2e-4, -1e-4, 4e-4]")
    results = dynamics.run()
    assert kinds(results)[("kappa", "final")] == 6
    model = results["md"]["models"]["final"]
    assert {round(run["kappa"], 1) for run in model["runs"]} <= {2.1, 2.2}  # the sign of the force does not matter
    assert model["scan"]["fe_per_angstrom"] == [1e-4, 2e-4, 4e-4]
    assert model["scan"]["verdict"].startswith("linear within errors") and model["scan"]["linear"]
    names = [run["id"].rsplit("-", 2)[0] for run in model["runs"]]
    assert names == [f"md/final-fe{fe}" for fe in ("0.0002", "0.0002", "-0.0001", "-0.0001", "0.0004", "0.0004")]
    pairs = [run["kappa"] for run in model["runs"][:2]]
    assert model["kappa"] == pytest.approx(np.mean(pairs))  # compared at the first force


def test_changed_md_keeps_the_trainings(dynamics) -> None:
    dynamics.run()
    dynamics.edit("time_ps = 4", "time_ps = 5")
    results = dynamics.run()
    starts = Counter(dynamics.events("started"))
    assert max(starts.values()) == 1 and results["finished"]
    assert sum(run.startswith("md/") for run in starts) == 2 + 4 + 4  # the screens are what they were


def test_study_without_md_has_none(project) -> None:
    assert project.run()["md"] is None and not (project.out / "md").exists()


def test_waiting_for_the_trainings(dynamics) -> None:
    seen = []
    dynamics.run(on_phase=lambda phase: seen.append((phase, dynamics.results()["md"])))
    phase, md = seen[0]
    assert phase == "baseline" and md["state"] == "waiting" and md["models"] == {} == md["screen"]
    assert md["verdict"].startswith("Not run yet: ") and not dynamics.results()["md"]["verdict"].startswith("Not")
    assert [phase for phase, _ in seen][-1] == "md"


# -- killed in the middle ------------------------------------------------------------------------------


def running(project, name: str) -> list[str]:
    """Runs of molecular dynamics with a name that are in progress and have written rows."""
    path = project.out / "results.json"
    runs = json.loads(path.read_text())["md"]["runs"] if path.exists() else []
    names = [run["id"] for run in runs if run["state"] == "running" and name in run["id"]]
    return [name for name in names if _size(project.out / name / "thermo.out")]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] not in "ZX"


def test_killed_study_goes_on(dynamics) -> None:
    dynamics.fake(gains=WINNERS, md={"hang": ["final-r"]})
    controller = dynamics.start(jobs=2)
    until(lambda: len(running(dynamics, "final-r")) == 2)
    hanging = running(dynamics, "final-r")
    controller.send_signal(signal.SIGKILL)
    controller.communicate(timeout=60)
    lines = map(json.loads, (dynamics.out / "journal.jsonl").read_text().splitlines())
    pids = [event["pid"] for event in lines if event.get("id") in hanging]
    assert len(pids) == 2 and all(_lives(pid) for pid in pids)
    status = read_status(dynamics.out)
    assert status["phase"] == "md" and status["runs"]["running"] == 0 and not status["active"]
    dynamics.fake(gains=WINNERS)
    results = dynamics.run()
    assert not any(_lives(pid) for pid in pids)
    assert results["finished"] and results["failed"] == []
    starts = Counter(dynamics.events("started"))
    assert {run for run, count in starts.items() if count > 1} == set(hanging)
    assert dynamics.run(out=dynamics.folder / "elsewhere") == results


def test_stopped_study_says_how_to_go_on(dynamics) -> None:
    dynamics.fake(gains=WINNERS, md={"hang": ["baseline-screen"]})
    controller = dynamics.start(jobs=1)
    until(lambda: len(running(dynamics, "baseline-screen")) == 1)
    status = read_status(dynamics.out)
    assert status["active"] and status["running"][0]["steps"] == 2500 and status["running"][0]["step"] > 0
    controller.send_signal(signal.SIGTERM)
    message = controller.communicate(timeout=60)[1]
    assert controller.returncode == 3 and "stopped by SIGTERM after 7 of 13 runs" in message
    assert "the same command goes on from here" in message
    assert {run["state"] for run in dynamics.results()["md"]["runs"]} == {"pending"}


def test_finished_run_of_a_killed_controller_is_kept(dynamics) -> None:
    dynamics.run()
    path = dynamics.out / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    lost = json.loads(lines.pop())
    assert lost["event"] == "finished" and lost["id"].startswith("md/")
    path.write_text("".join(lines))
    dynamics.run()
    assert dynamics.events("finished").count(lost["id"]) == dynamics.events("started").count(lost["id"]) == 1


def test_inputs_of_an_unfinished_run_stay(dynamics) -> None:
    """A checkpoint belongs to the bytes it was made from."""
    dynamics.fake(gains=WINNERS, md={"silent": ["baseline-r0"]})
    dynamics.run()
    (folder,) = dynamics.out.glob("md/baseline-r0-*")
    (folder / "md_checkpoint.npz").write_bytes(b"half a run")
    before = (folder / "run.in").stat()
    dynamics.fake(gains=WINNERS)
    dynamics.run()
    assert (folder / "run.in").stat().st_mtime_ns == before.st_mtime_ns and (folder / "md_checkpoint.npz").exists()


# -- everything is checked before anything is trained --------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3\nSi 0 0 0\nO 1 1 1\n', "has Si, which `type`"),
        ("1\n\nMg 0 0 0\n", "has 1 atom"),
        (None, "there is no such file"),
    ],
)
def test_structure_is_checked_first(dynamics, text: str | None, sentence: str) -> None:
    if text is not None:
        dynamics.write("model.xyz", text)
    dynamics.edit("[md]", '[md]\nstructure = "model.xyz"')
    with pytest.raises(InputError, match=sentence):
        dynamics.run()
    assert not dynamics.out.exists()


def test_given_structure_is_used(dynamics) -> None:
    dynamics.write(
        "model.xyz",
        '2\nLattice="4 0 0 0 8 0 0 0 9" Properties=species:S:1:pos:R:3:vel:R:3\nMg 0 0 0 1 1 1\nO 1 1 1 1 1 1\n',
    )
    dynamics.edit("supercell = [2, 2, 2]", 'structure = "model.xyz"')
    md = dynamics.run()["md"]
    assert md["structure"] | {"path": ""} == {
        "source": "model.xyz", "path": "", "frame": None, "formula": "Mg1O1", "atoms": 2,
    }  # fmt: skip
    assert md["supercell"] == [4, 2, 2]  # thicker than twice the cutoff of 6 angstrom, with some to spare
    assert "vel" not in (dynamics.out / md["runs"][0]["directory"] / "model.xyz").read_text()
    runs = read_script(dynamics.out / md["models"]["baseline"]["runs"][0]["directory"] / "run.in").actions
    assert len(next(action for action in runs if isinstance(action, Run)).ensemble.pressures) == 3


def test_scan_that_cannot_be_fitted_leaves_the_comparison(dynamics, monkeypatch) -> None:
    from neptuner.study.md import analysis

    original = analysis.conductivity

    def refuse_scans(folders):
        if len(folders) > 2:
            raise InputError("a driving-force scan needs a standard error")
        return original(folders)

    monkeypatch.setattr(analysis, "conductivity", refuse_scans)
    dynamics.edit("[md]", "[md]\nfe = [2e-4, 4e-4]")
    md = dynamics.run()["md"]
    final = md["models"]["final"]
    assert final["scan"] is None and md["comparison"]["difference"] == pytest.approx(0.15)
    assert warnings_of(final) == ["no driving-force scan: a driving-force scan needs a standard error"]
