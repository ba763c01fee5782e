from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from neptuner.cli import progress
from neptuner.cli.study import report, status, study
from neptuner.errors import NeptunerError
from neptuner.study import run
from neptuner.study.progress import Snapshot

WINNERS = {"n_max 2 4": 0.1, "batch 7": 0.05, "batch 3": -0.05}


@pytest.fixture
def command(project, monkeypatch):
    """Calls the commands with the fake trainer and a report of one line."""
    from drive import InlineLauncher, fake_command, fake_md_command
    from made_calibration import made_calibration

    def write_report(folder: Path, pdf: bool = False) -> Path:
        path = folder / "report.html"
        path.write_text("<p>a study</p>")
        return path

    original = run.run_study

    def run_study(spec, folder, *, jobs, **options: Any) -> dict[str, Any]:
        commands = {"command": fake_command, "dynamics": fake_md_command}
        return original(spec, folder, launcher=InlineLauncher(jobs or 2), **commands, **options)

    monkeypatch.setattr("neptuner.study.run.run_study", run_study)
    monkeypatch.setattr("neptuner.report.write.write_report", write_report)
    monkeypatch.setattr(
        "neptuner.study.cost.calibration.calibrate", lambda s, places, _: made_calibration(s.plan, places)
    )
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    for function in (study, status, report):
        app.command()(function)
    return functools.partial(CliRunner().invoke, app, catch_exceptions=False)


def test_study_prints_lines_summary_and_paths(project, command) -> None:
    project.fake(gains=WINNERS)
    result = command(["study", str(project.toml)])
    assert result.exit_code == 0
    assert result.stdout.count("started ") == result.stdout.count("finished ") == 14
    assert "winners on validation: n_max 2 4, batch 7" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    models = [row[0] for row in rows if row and row[0] in ("baseline", "n_max=2-4", "batch=7", "combined-extended")]
    assert models == ["baseline", "n_max=2-4", "batch=7", "combined-extended"]
    combined = next(row for row in rows if row and row[0] == "combined")
    expected = project.results()["combined"]["reduction"]["force"]["validation"]["avg"]
    assert combined[2] == f"{expected:+.1f}"
    assert rows[-2:] == [[str(project.out / "report.html")], [str(project.out / "results.json")]]


def test_json_goes_alone_to_standard_output(project, command) -> None:
    result = command(["study", str(project.toml), "--json", "--out", str(project.folder / "other")])
    assert json.loads(result.stdout)["finished"] is True
    assert "phase complete: baseline" in result.stderr
    assert (project.folder / "other" / "results.json").exists() and not project.out.exists()


def test_failures_and_missing_winners_are_told(project, command) -> None:
    project.fake(fail=["batch 3"])
    result = command(["study", str(project.toml)])
    assert result.exit_code == 0
    assert "no value beats the baseline on validation, so there is no combined model" in result.stdout
    assert result.stdout.count(": nep.in: this cannot be trained") == 4  # when it happens, and in the end


def test_report_that_fails_does_not_stop_the_study(project, command, monkeypatch) -> None:
    def refuse(folder: Path) -> Path:
        raise NeptunerError("no fonts")

    monkeypatch.setattr("neptuner.report.write.write_report", refuse)
    result = command(["study", str(project.toml)])
    assert result.exit_code == 0 and "no report after phase extended: no fonts" in result.stdout


def test_dry_run_lists_and_writes_nothing(project, command) -> None:
    result = command(["study", str(project.toml), "--dry-run"])
    assert result.exit_code == 0 and not project.out.exists()
    assert "n_max 4 4 -> 2 4" in result.stdout and "all winners (if there are winners)" in result.stdout
    assert "at most 14 runs and 1,800 steps; nothing was trained" in result.stdout
    listed = json.loads(command(["study", str(project.toml), "--dry-run", "--json"]).stdout)
    names = ["baseline", "n_max=2-4", "batch=3", "batch=7", "combined", "baseline-extended", "combined-extended"]
    assert [trial["name"] for trial in listed["trials"]] == names
    assert listed["trials"][-1]["steps"] == 200 and not listed["trials"][-1]["certain"]


def test_dry_run_predicts_the_cost(project, command) -> None:
    text = command(["study", str(project.toml), "--dry-run", "--jobs", "1"]).stdout
    assert "a run takes" in text and "predicted: 10 to 18 trainings, about " in text and "with 1 at a time (" in text
    cost = json.loads(command(["study", str(project.toml), "--dry-run", "--json"]).stdout)["cost"]
    assert cost["places"] >= 1 and cost["least"]["trials"] == 10 and cost["costs"]["batch=3"]["seconds"] > 1.5
    project.edit("steps = 100", "steps = 100\ncalibrate = false")
    listed = command(["study", str(project.toml), "--dry-run"]).stdout
    assert "predicted" not in listed and "a run takes" not in listed


def test_dry_run_without_sweep(project, command) -> None:
    project.write("study.toml", '[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\nsteps = 50\n')
    result = command(["study", str(project.toml), "--dry-run"])
    assert "at most 1 runs and 50 steps" in result.stdout


MD = "\n[md]\ntime_ps = 4\nequilibration_ps = 1\nreplicates = 3\ncorrection = true\n"


def test_dry_run_counts_molecular_dynamics(project, command) -> None:
    project.write("study.toml", project.toml.read_text() + MD)
    text = command(["study", str(project.toml), "--dry-run"]).stdout
    assert not project.out.exists()
    assert "at most 14 runs and 1,800 steps; nothing was trained" in text
    assert "then molecular dynamics: at most 10 runs (2 screens, 6 for the conductivity, 2 of other models" in text
    assert "of 108 atoms (3 x 3 x 3 copies of frame " in text and "of train.xyz (4 atoms, largest force " in text
    assert "45,000 steps, 4.9e+06 atom-steps" in text
    md = json.loads(command(["study", str(project.toml), "--dry-run", "--json"]).stdout)["md"]
    assert (md["atoms"], md["runs"], md["steps"], md["supercell"]) == (108, 6, 5000, [3, 3, 3])


def test_molecular_dynamics_is_told(project, command) -> None:
    project.write("study.toml", project.toml.read_text() + MD)
    project.fake(gains=WINNERS)
    text = command(["study", str(project.toml)]).stdout
    verdict = project.results()["md"]["verdict"]
    assert f"molecular dynamics: {verdict}" in text and "κ(combined-extended)" in verdict
    assert "finished md/baseline-screen-" in text and "stable: drift " in text
    assert "conductivity 2." in text and "phase complete: md" in text
    assert "(5000 steps of 108 atoms)" in text and "it begins with frame " in text


def test_status_and_report(project, command) -> None:
    project.fake(fail=["batch 3"])
    command(["study", str(project.toml)])
    result = command(["status", str(project.out)])
    assert "study study, phase done: 0 pending, 0 running, 8 done, 2 failed" in result.stdout
    assert result.stdout.count("nep.in: this cannot be trained") == 2
    found = json.loads(command(["status", str(project.out), "--json"]).stdout)
    assert found["runs"] == {"pending": 0, "running": 0, "done": 8, "failed": 2} and found["phase"] == "done"
    assert command(["report", str(project.out)]).stdout.strip() == str(project.out / "report.html")


def test_status_shows_what_is_running(project, command) -> None:
    command(["study", str(project.toml)])
    results = project.results()
    results["finished"] = False
    results["trials"][0]["state"] = "running"
    (project.out / "results.json").write_text(json.dumps(results))
    assert "1 pending, 0 running" in command(["status", str(project.out)]).stdout  # nobody holds the lock
    from neptuner.study.store import open_store

    with open_store(project.out):
        shown = command(["status", str(project.out)]).stdout
    assert "0 pending, 1 running" in shown and "running now" in shown
    assert f"{results['trials'][0]['id']}  100   100  0.22200" in shown


SNAPSHOT = Snapshot("sweep", 3, 1, 14, (("neuron=10-r0-abc", 500, 2000),), 75.0, 3725.0)


def test_headline() -> None:
    assert progress.headline(SNAPSHOT) == "phase sweep, 3 of 14 runs done, 1 failed, 1:15 gone, about 1:02:05 left"


def test_headline_tells_what_is_not_in_the_estimate() -> None:
    later = Snapshot("sweep", 3, 0, 14, (), 75.0, 60.0, "molecular dynamics")
    assert progress.headline(later).endswith("about 1:00 left, then molecular dynamics")


def test_terminal_gets_a_live_table() -> None:
    console = Console(force_terminal=True, width=100, record=True)
    with progress.observer(console) as shown:
        assert isinstance(shown, progress.LiveTable)
        shown.log("started [neuron]")
        shown.tick(lambda: SNAPSHOT)
        shown.tick(lambda: pytest.fail("drawn twice within a second"))
    text = console.export_text()
    assert "started [neuron]" in text and "500 / 2,000 steps" in text and "25 %" in text


def test_a_file_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.observer(Console()) as shown:
        shown.tick(lambda: pytest.fail("nothing is drawn"))
        shown.log("finished " + "x" * 200)
    assert capsys.readouterr().out.endswith("x" * 200 + "\n")
