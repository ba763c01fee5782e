"""Whole studies with a fake trainer."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from neptuner.errors import InputError, Interrupted, NeptunerError
from neptuner.launch.local import LocalLauncher
from neptuner.launch.testing import until
from neptuner.study.run import train_command
from neptuner.study.status import read_status
from neptuner.study.store import open_store

WINNERS = {"n_max 2 4": 0.1, "batch 7": 0.05, "batch 3": -0.05}


def by_name(results: dict[str, Any], parameter: str) -> dict[str, Any]:
    return next(p for p in results["sweep"] if p["parameter"] == parameter)


def test_whole_study(project) -> None:
    project.fake(gains=WINNERS)
    results = project.run(launcher=LocalLauncher(2))
    assert results == project.results()
    assert results["finished"] and results["failed"] == []
    assert results["winners"] == {"n_max": [2, 4], "batch": [7]}
    n_max, batch = by_name(results, "n_max"), by_name(results, "batch")
    assert [c["name"] for c in n_max["values"]] == ["n_max=2-4"]  # the baseline's value is not run again
    assert [c["name"] for c in batch["values"]] == ["batch=3", "batch=7"]
    assert (batch["best"], batch["best_value"], batch["chosen"]) == ("batch=7", [7], True)
    assert batch["gain"] > 0 > batch["mean_improvement"] - batch["gain"]
    assert results["combined"]["settings"]["n_max"] == [2, 4] and results["combined"]["settings"]["batch"] == [7]
    assert results["extended"]["combined"]["steps"] == 200
    combined, extended = results["combined"], results["extended"]["combined"]
    assert extended["settings"] == combined["settings"] | {"generation": [extended["steps"]]}
    assert combined["settings"]["generation"] == [combined["steps"]]
    configurations = ["baseline", "n_max=2-4", "batch=3", "batch=7", "combined"]
    configurations += ["baseline-extended", "combined-extended"]
    assert Counter(t["name"] for t in results["trials"]) == dict.fromkeys(configurations, 2)
    assert {t["state"] for t in results["trials"]} == {"done"}
    assert project.phases == ["baseline", "sweep", "ablation", "extended"]


def test_numbers_are_those_of_the_files(project) -> None:
    project.fake(gains=WINNERS)
    results = project.run()
    rows = [1 + 0.01 * seed + 10 / step for seed in (1, 2) for step in (80, 90, 100)]
    base = results["baseline"]["loss"]["force"]["validation"]
    assert base["avg"] == pytest.approx(1.1 * 0.2 * sum(rows) / 6, abs=1e-6)
    assert base["min"] == pytest.approx(1.1 * 0.2 * (1.015 + 0.1), abs=1e-6)
    assert base["avg_sd"] == pytest.approx(1.1 * 0.2 * 0.01 / 2**0.5, abs=1e-6)
    assert results["baseline"]["reduction"]["force"]["test"]["avg"] == 0
    combined = results["combined"]["reduction"]["force"]["validation"]
    assert combined["avg"] == pytest.approx(100 * 0.15 * 1.1 * 0.2 / base["avg"], abs=1e-3)
    run = results["trials"][0]
    assert run["id"].startswith("baseline-r0-") and run["seed"] == 1
    assert run["loss"]["force"]["test"]["min"] == pytest.approx(1.2 * 0.2 * 1.11, abs=1e-5)
    assert run["rmse"]["test"]["rmse_energy"] == pytest.approx(0.02 * 1.11)
    assert results["baseline"]["seconds"] == 1.0 and results["baseline"]["parameters"] == 321
    assert results["data"]["validation"] == project.results()["data"]["validation"]
    assert {s: results["data"][s]["frames"] for s in results["data"]} == {"train": 18, "validation": 2, "test": 4}


def test_trial_directory_is_complete(project) -> None:
    project.write("study.toml", '[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\nsteps = 100\nthreads = 3\n')
    results = project.run(launcher=LocalLauncher(1))
    folder = project.out / results["trials"][0]["directory"]
    assert (folder / "valid.xyz").readlink() == Path("../../data/valid.xyz")
    assert "basis_size      8 8\n" in (folder / "nep.in").read_text()
    assert "batch " in (folder / "nep.in").read_text()  # the trainer's default is written out
    note = json.loads((folder / "trial.json").read_text())
    assert note["settings"] == results["baseline"]["settings"] and note["id"] == folder.name
    assert (folder / "log.txt").read_text() == "fake training with OMP_NUM_THREADS=3\n"
    manifest = json.loads((project.out / "manifest.json").read_text())
    assert manifest["data"] == results["data"] and manifest["machine"] == results["machine"]
    assert (project.out / "study.toml").read_text() == project.toml.read_text()


def test_first_run_is_alone_until_it_writes(project) -> None:
    """Warm-up: with many places free, no other run starts before the first has a row or has ended."""
    project.fake(fail=["seed 1"])
    project.run(jobs=4)
    states = [line.split()[0] for line in project.lines if line.startswith(("started", "failed"))]
    assert states[:2] == ["started", "failed"]  # it writes no row, so its end is waited for
    assert states[2:4] == ["started", "started"]


def test_no_winner_means_no_combined_model(project) -> None:
    project.fake(gains={"n_max 2 4": -0.1, "batch 3": -0.1, "batch 7": -0.2})
    results = project.run()
    assert results["winners"] == {} and results["combined"] is None
    assert results["extended"]["combined"] is None
    assert results["extended"]["baseline"]["steps"] == 200
    assert not by_name(results, "batch")["chosen"] and by_name(results, "batch")["best"] == "batch=3"
    assert results["finished"]
    assert "no value beats the baseline on validation: there is no combined model" in project.lines


def test_equal_loss_does_not_win(project) -> None:
    results = project.run()
    assert by_name(results, "batch")["gain"] == 0 and results["winners"] == {}


def test_one_winner_is_the_combined_model(project) -> None:
    project.fake(gains={"n_max 2 4": 0.1, "batch 3": -0.1, "batch 7": -0.1})
    results = project.run()
    (n_max,) = by_name(results, "n_max")["values"]
    assert results["combined"]["runs"] == n_max["runs"] and len(n_max["runs"]) == 2
    assert results["combined"]["loss"] == n_max["loss"]
    assert not any(run.startswith("combined-r") for run in project.events("started"))
    assert any(run.startswith("combined-extended-r") for run in project.events("started"))


def test_study_without_sweep_test_set_and_third_phase(project) -> None:
    project.write("study.toml", '[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\nsteps = 100\n')
    results = project.run()
    assert results["finished"] and results["sweep"] == [] and results["data"]["test"] is None
    assert results["extended"] == {"baseline": None, "combined": None}
    assert [t["name"] for t in results["trials"]] == ["baseline"]
    assert results["baseline"]["loss"]["force"]["test"] is None
    assert results["baseline"]["rmse"]["test"] is None
    assert results["baseline"]["loss"]["force"]["train"]["avg_sd"] is None  # one replicate has no spread


def test_missing_virials_are_null(project) -> None:
    project.fake(no_virial=True)
    results = project.run()
    assert results["baseline"]["loss"]["virial"] == {"train": None, "validation": None, "test": None}
    assert results["trials"][0]["reduction"]["virial"]["test"] is None
    assert results["baseline"]["rmse"]["train"]["rmse_virial"] is None


def test_more_last_rows_than_rows(project) -> None:
    project.edit("last_rows = 3", "last_rows = 1000")
    results = project.run()
    rows = [1.01 + 10 / step for step in range(10, 101, 10)]
    assert results["trials"][0]["loss"]["force"]["train"]["avg"] == pytest.approx(0.2 * sum(rows) / 10, abs=1e-5)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("fail", "nep.in: this cannot be trained"),
        ("kill", "killed by signal 9 (SIGKILL)"),
        ("nan", "the force loss on train is not finite: the training diverged"),
        ("silent", "ended without a train.json"),
    ],
)
def test_failed_runs_do_not_sink_the_study(project, wish: str, sentence: str) -> None:
    project.fake(gains=WINNERS, **{wish: ["batch 7"]})
    results = project.run()
    failed = [run for run in results["trials"] if run["state"] == "failed"]
    assert [run["name"] for run in failed] == ["batch=7", "batch=7"]
    assert {run["error"] for run in failed} == {sentence}
    assert [f["error"] for f in results["failed"]] == [sentence, sentence]
    assert results["winners"] == {"n_max": [2, 4]} and results["finished"]
    batch = by_name(results, "batch")
    assert batch["best"] == "batch=3" and not batch["chosen"]
    assert batch["values"][1]["runs"] == [] and batch["values"][1]["loss"]["force"]["train"] is None


def test_failed_runs_are_tried_again(project) -> None:
    project.fake(gains=WINNERS, fail=["batch 3", "batch 7"])
    first = project.run()
    batch = by_name(first, "batch")
    assert (batch["best"], batch["best_value"], batch["gain"]) == (None, None, None)
    assert (batch["mean_improvement"], batch["chosen"]) == (None, False)
    project.fake(gains=WINNERS)
    second = project.run()
    assert second["failed"] == [] and second["winners"] == {"n_max": [2, 4], "batch": [7]}
    starts = Counter(project.events("started"))
    assert {run for run, count in starts.items() if count > 1} == set(project.events("failed"))


def test_fewer_steps_than_planned_count_only_with_a_time_limit(project) -> None:
    project.fake(steps=50)
    with pytest.raises(NeptunerError, match=r"every run of the baseline failed.*without a train\.json"):
        project.run()
    project.edit("steps = 100", "steps = 100\ntime_limit = 60")
    results = project.run()
    assert results["finished"] and results["failed"] == []


def test_time_limit_reaches_the_trainer(project) -> None:
    project.edit("steps = 100", "steps = 100\ntime_limit = 60")
    commands = []

    def command(spec, run, folder):
        commands.append(train_command(spec, run, folder))
        return fake(spec, run, folder)

    from drive import fake_command as fake

    project.run(command=command)
    first = commands[0]
    assert first[1:4] == ["-m", "neptuner", "train"] and Path(first[4]).parent == project.out / "trials"
    assert first[5:] == [
        "--steps",
        "100",
        "--seed",
        "1",
        "--threads",
        "1",
        "--resume",
        "--json",
        "--time-limit",
        "60.0",
    ]


def test_one_failed_replicate_leaves_the_others(project) -> None:
    project.fake(gains=WINNERS, fail=["seed 2"])
    results = project.run()
    assert [len(c["runs"]) for c in (results["baseline"], results["combined"])] == [1, 1]
    assert by_name(results, "n_max")["gain_sd"] is None and by_name(results, "n_max")["chosen"]


def test_without_a_baseline_the_study_stops(project) -> None:
    project.fake(fail=["n_max 4 4"])
    with pytest.raises(NeptunerError, match=r"every run of the baseline failed.*this cannot be trained") as error:
        project.run()
    assert error.value.exit_code == 1
    results = project.results()
    assert not results["finished"] and len(results["failed"]) >= 2
    assert "running" not in {run["state"] for run in results["trials"]}
    assert project.phases == ["baseline"]


def test_winners_that_cannot_be_combined_are_told(project, monkeypatch) -> None:
    def refuse(plan, winners):
        raise InputError("too many")

    monkeypatch.setattr("neptuner.study.state.combine", refuse)
    project.fake(gains=WINNERS)
    results = project.run()
    assert results["combined"] is None and results["finished"]
    assert results["failed"] == [{"id": "combined", "name": "combined", "error": "too many"}]


def test_trainer_that_cannot_be_started(project) -> None:
    with pytest.raises(NeptunerError, match="cannot be started"):
        project.run(launcher=LocalLauncher(1), command=lambda spec, run, folder: ["/nonexistent/trainer"])


def test_second_session_trains_nothing(project) -> None:
    first = project.run()
    started = project.events("started")
    second = project.run()
    assert second == first and project.events("started") == started
    assert project.phases[3:] == ["sweep", "extended"]


def test_changed_study_keeps_what_it_can(project) -> None:
    project.fake(gains=WINNERS)
    project.run()
    before = set(project.events("finished"))
    project.edit("batch = [3, 7]", "batch = [7]\nneuron = [20]")
    project.edit("replicates = 2", "replicates = 3")
    project.edit('strategy = "avg"', 'strategy = "min"')
    results = project.run()
    assert "study.toml has changed: going on with the new plan" in project.lines
    assert results["strategy"] == "min" and results["finished"]
    assert max(Counter(project.events("started")).values()) == 1
    assert {t["id"] for t in results["trials"]} >= {run for run in before if "batch=3" not in run}
    assert {t["name"] for t in results["trials"]} >= {"neuron=20", "batch=7"}
    assert (project.out / "study.toml").read_text() == project.toml.read_text()


def test_rows_of_the_beginning_are_remarked(project) -> None:
    project.run()
    remark = "the last 3 rows of loss.out are the last 30 % of a training of 100 steps"
    assert sum(remark in line and "`output_interval 7` in nep.in" in line for line in project.lines) == 1
    project.edit("steps = 100", "steps = 150")
    project.lines.clear()
    project.run()
    assert not any("rows of loss.out are" in line for line in project.lines)


def test_a_study_that_was_split_by_another_rule_does_not_go_on(project) -> None:
    project.run()
    manifest = json.loads((project.out / "manifest.json").read_text())
    del manifest["source"]["split"]
    (project.out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"other data \(split changed\)"):
        project.run()


def test_same_training_under_another_name_is_not_repeated(project) -> None:
    """The identity of a run is what it computes: yesterday's winner may be today's baseline."""
    project.run()
    project.edit("n_max 4 4", "n_max 2 4", "nep.in")
    results = project.run()
    assert results["baseline"]["runs"] == [r for r in project.events("finished") if r.startswith("n_max=2-4-r")]
    assert results["baseline"]["name"] == "baseline"
    assert max(Counter(project.events("started")).values()) == 1


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [("replicates = 2", "replicates = 2\nseed = 5", "seed"), ("steps = 100", "validation = 0.3", "validation")],
)
def test_other_data_need_another_directory(project, old: str, new: str, what: str) -> None:
    project.run()
    project.edit(old, new)
    with pytest.raises(InputError, match=rf"made with other data \({what} changed\).*--out"):
        project.run()


def test_changed_frames_are_noticed(project) -> None:
    project.run()
    project.edit("energy=-10.5", "energy=-10.6", "train.xyz")
    with pytest.raises(InputError, match="train changed"):
        project.run()


def test_damaged_copy_of_the_frames_is_restored(project) -> None:
    results = project.run()
    (project.out / "data" / "train.xyz").write_text("2\n")
    assert project.run() == results
    assert (project.out / "data" / "train.xyz").stat().st_size > 1000


def test_moved_study_goes_on(project) -> None:
    first = project.run()
    project.out.rename(project.folder / "elsewhere")
    assert project.run(out=project.folder / "elsewhere") == first
    link = project.folder / "elsewhere" / first["trials"][0]["directory"] / "train.xyz"
    assert link.is_symlink() and link.stat().st_size > 1000


def test_links_fall_back_to_copies(project, monkeypatch) -> None:
    def refuse(self, target):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    results = project.run()
    copy = project.out / results["trials"][0]["directory"] / "train.xyz"
    assert not copy.is_symlink() and copy.read_bytes() == (project.out / "data" / "train.xyz").read_bytes()


def running(project, name: str) -> list[str]:
    """Runs of a configuration that are in progress and have written rows."""
    if not (project.out / "results.json").exists():
        return []
    runs = [t["id"] for t in project.results()["trials"] if t["state"] == "running" and t["name"] == name]
    return [run for run in runs if _rows(project, run)]


def _rows(project, run: str) -> bool:
    path = project.out / "trials" / run / "validation.out"
    return path.exists() and path.stat().st_size > 100


def finish_after(project, controller, number: int) -> str:
    controller.send_signal(number)
    return controller.communicate(timeout=60)[1]


def test_killed_study_goes_on(project) -> None:
    """Killed in the middle of two runs: nothing finished is repeated, nothing is lost, no orphan writes on."""
    project.fake(gains=WINNERS, hang=["batch 3"])
    controller = project.start(jobs=2)
    until(lambda: len(running(project, "batch=3")) == 2)
    hanging = running(project, "batch=3")
    finished = set(project.events("finished"))
    finish_after(project, controller, signal.SIGKILL)
    pids = [e["pid"] for e in map(json.loads, _journal(project)) if e.get("id") in hanging]
    assert len(pids) == 2 and all(_lives(pid) for pid in pids)
    status = read_status(project.out)
    assert not status["active"] and status["runs"]["running"] == 0
    torn = project.out / "journal.jsonl"
    torn.write_bytes(torn.read_bytes() + b'{"time": "2026-')
    project.fake(gains=WINNERS)
    results = project.run()
    assert not any(_lives(pid) for pid in pids)
    assert results["finished"] and results["failed"] == [] and len(results["trials"]) == 14
    starts = Counter(project.events("started"))
    assert starts == {t["id"]: 1 + (t["id"] in hanging) for t in results["trials"]}
    assert finished <= {run for run, count in starts.items() if count == 1}
    assert Counter(project.events("finished")) == {t["id"]: 1 for t in results["trials"]}


def test_killed_study_has_the_results_of_an_undisturbed_one(project) -> None:
    project.fake(gains=WINNERS, hang=["batch 7"])
    controller = project.start(jobs=1)
    until(lambda: len(running(project, "batch=7")) == 1)
    finish_after(project, controller, signal.SIGKILL)
    project.fake(gains=WINNERS)
    resumed = project.run()
    undisturbed = project.run(out=project.folder / "elsewhere")
    assert resumed == undisturbed


def test_finished_run_of_a_killed_controller_is_kept(project) -> None:
    """Killed between the end of a run and the journal: the run counts, and the journal is completed."""
    project.run()
    path = project.out / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    lost = json.loads(lines.pop())
    assert lost["event"] == "finished"
    path.write_text("".join(lines))
    project.run()
    assert project.events("finished").count(lost["id"]) == 1
    assert project.events("started").count(lost["id"]) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_study_says_how_to_go_on(project, number: int) -> None:
    project.fake(hang=["batch 3"])
    controller = project.start(jobs=1)
    until(lambda: len(running(project, "batch=3")) == 1)
    message = finish_after(project, controller, number)
    assert controller.returncode == Interrupted.exit_code
    assert (
        message.startswith(f"stopped by {number.name} after 4 of 14 runs; ") and "the same command goes on" in message
    )
    results = project.results()
    assert Counter(t["state"] for t in results["trials"]) == {"done": 4, "pending": 4}
    (pid,) = [e["pid"] for e in map(json.loads, _journal(project)) if "batch=3-r0" in e["id"] and "pid" in e]
    assert not _lives(pid)
    assert project.events("stopped") == [t["id"] for t in results["trials"] if "batch=3-r0" in t["id"]]
    project.fake()
    assert project.run()["finished"]


def test_two_controllers_do_not_meet(project) -> None:
    project.fake(hang=["n_max 4 4"])
    controller = project.start(jobs=1)
    until(lambda: len(running(project, "baseline")) == 1)
    assert read_status(project.out)["active"]
    with pytest.raises(InputError, match="another neptuner is working on this study") as error:
        project.run()
    assert str(project.out) in str(error.value) and error.value.exit_code == 2
    finish_after(project, controller, signal.SIGTERM)
    assert not read_status(project.out)["active"]


def test_status_of_a_running_study(project) -> None:
    project.fake(hang=["batch 3"])
    controller = project.start(jobs=1)
    until(lambda: len(running(project, "batch=3")) == 1)
    status = read_status(project.out)
    finish_after(project, controller, signal.SIGTERM)
    assert status["phase"] == "sweep" and not status["finished"]
    assert status["runs"] == {"pending": 3, "running": 1, "done": 4, "failed": 0}
    (run,) = status["running"]
    assert (run["step"], run["steps"], run["last_row"][5]) == (100, 100, pytest.approx(0.222))


def test_status_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no results\.json, expected a study directory"):
        read_status(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": 9}')
    with pytest.raises(InputError, match="has schema 9, expected 1"):
        read_status(tmp_path)


def test_snapshot_estimates_the_rest(project) -> None:
    project.fake(gains=WINNERS)
    snapshots = []
    project.tick = lambda snapshot: snapshots.append(snapshot())
    project.run(jobs=2)
    assert snapshots[0].remaining is None and snapshots[0].total == 14
    known = [s for s in snapshots if s.remaining is not None]
    assert known[-1].remaining < known[0].remaining <= 0.01 * 100 * 18 / 2  # 10 runs of 100 steps, 4 of 200
    assert {s.total for s in snapshots} == {14}


def test_full_disk_is_one_sentence(project, monkeypatch) -> None:
    def refuse(self, run, command):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neptuner.study.store.Store.prepare", refuse)
    with pytest.raises(Interrupted, match=r"the study cannot be written .*No space left"):
        project.run()


def test_directory_that_cannot_be_made(project) -> None:
    project.write("study", "a file is in the way")
    with pytest.raises(InputError, match="cannot be made a study directory"):
        project.run()


def test_lock_is_released(tmp_path: Path) -> None:
    for _ in range(2):
        with open_store(tmp_path / "study") as store:
            assert store.folder.is_dir()


def _journal(project) -> list[str]:
    return (project.out / "journal.jsonl").read_text().splitlines()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
