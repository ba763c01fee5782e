"""The commands `study`, `status` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from neptuner.study.cost.prediction import Prediction
    from neptuner.study.prepare import PreparedStudy
    from neptuner.study.spec import StudySpec

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study to run, or to go on with.")]
StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY_DIR", help="Directory that `neptuner study` made.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Trainings at a time; without it as the study says.")]
Out = Annotated[Path | None, typer.Option(help="Study directory; without it next to STUDY.toml, with its name.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, list the trials and predict what they cost.")
]
Pdf = Annotated[
    bool,
    typer.Option("--pdf", help="Write figures/*.pdf, too, and print the page as report.pdf with Chromium or Chrome."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, everything else on standard error.")]


def study(toml: StudyFile, jobs: Jobs = None, out: Out = None, dry_run: DryRun = False, json: Json = False) -> None:
    """Run a study, or go on with it: baseline, sweep, combined winners, longer trainings, molecular dynamics.

    What is finished is never trained again; stop it when you like and give the same command to go on.
    """
    from rich.console import Console

    from neptuner.study.spec import read_spec

    spec = read_spec(toml)
    console = Console(stderr=json)
    if dry_run:
        _list_trials(spec, jobs, console, json)
        return
    folder = out or spec.path.with_suffix("")
    results = _run(spec, folder, jobs, console)
    _print_results(results, folder, console)
    if json:
        _print_json(results)


def status(folder: StudyFolder, json: Json = False) -> None:
    """Tell where a study stands."""
    from rich.console import Console

    from neptuner.cli.tables import status_table
    from neptuner.study.status import read_status

    found = read_status(folder)
    if json:
        _print_json(found)
        return
    console = Console()
    runs = ", ".join(f"{number} {state}" for state, number in found["runs"].items())
    worker = "" if found["finished"] else "; running now" if found["active"] else "; nobody works on it"
    console.print(f"study {found['name']}, phase {found['phase']}: {runs}{worker}", highlight=False, soft_wrap=True)
    if found["running"]:
        console.print(status_table(found))
    for failure in found["failed"]:
        console.print(f"failed {failure['id']}: {failure['error']}", markup=False, highlight=False, soft_wrap=True)


def report(folder: StudyFolder, pdf: Pdf = False) -> None:
    """Write the report of a study, finished or not, and print its path."""
    from neptuner.report.browser import print_page
    from neptuner.report.write import write_report

    page = write_report(folder, pdf=pdf)
    typer.echo(page)
    if pdf:
        print_page(page, page.with_suffix(".pdf"))
        typer.echo(page.with_suffix(".pdf"))


def _list_trials(spec: StudySpec, jobs: int | None, console: Console, json: bool) -> None:
    from dataclasses import asdict

    from neptuner.cli.tables import plan_table, planned
    from neptuner.study.md.estimate import estimate_md
    from neptuner.study.prepare import prepare

    study = prepare(spec)
    plan = study.plan
    md = None
    if spec.md is not None and study.crystal is not None:
        md = estimate_md(spec.md, study.crystal, plan, spec.seed)
    cost = _predict(study, jobs, console)
    rows = planned(plan, spec.replicates)
    if json:
        listed = {"schema": 1, "name": spec.name, "baseline": plan.baseline.settings, "trials": rows}
        listed["cost"] = None if cost is None else cost.as_json()
        _print_json({**listed, "md": None if md is None else asdict(md)})
        return
    console.print(plan_table(rows, {} if cost is None else {name: one.seconds for name, one in cost.costs.items()}))
    runs, steps = sum(row["runs"] for row in rows), sum(row["runs"] * row["steps"] for row in rows)
    console.print(f"at most {runs} runs and {steps:,} steps; nothing was trained", highlight=False)
    for remark in study.remarks:
        console.print(remark, markup=False, highlight=False, soft_wrap=True)
    if spec.search is not None:
        console.print(spec.search.sentence(plan.baseline.steps), markup=False, highlight=False, soft_wrap=True)
    if cost is not None:
        console.print(cost.sentence, markup=False, highlight=False, soft_wrap=True)
    if md is not None:
        console.print(md.sentence, markup=False, highlight=False, soft_wrap=True)


def _predict(study: PreparedStudy, jobs: int | None, console: Console) -> Prediction | None:
    """Predict the cost from a few steps; None, and a sentence, where that cannot be done."""
    from neptuner.errors import NeptunerError
    from neptuner.study.controller import thread_variables
    from neptuner.study.cost.calibration import calibrate
    from neptuner.study.cost.prediction import predict
    from neptuner.study.run import places_of

    if not study.spec.calibrate:
        return None
    places = places_of(study.spec, jobs)
    try:
        return predict(study, calibrate(study, places, thread_variables(study.spec.threads)), places)
    except (NeptunerError, OSError) as error:
        console.print(f"the cost cannot be predicted: {error}", markup=False, highlight=False, soft_wrap=True)
        return None


def _run(spec: StudySpec, folder: Path, jobs: int | None, console: Console) -> dict[str, Any]:
    from neptuner.cli.progress import observer
    from neptuner.errors import NeptunerError
    from neptuner.report.write import write_report
    from neptuner.study.run import run_study

    with observer(console, folder) as shown:

        def write(phase: str) -> None:
            try:
                shown.log(f"report after phase {phase}: {write_report(folder)}")
            except NeptunerError as error:  # a report can be made later; the trainings go on
                shown.log(f"no report after phase {phase}: {error}")

        return run_study(spec, folder, jobs=jobs, observer=shown, on_phase=write)


def _print_results(results: dict[str, Any], folder: Path, console: Console) -> None:
    from neptuner.cli.tables import summary_table

    console.print(summary_table(results))
    if not results["winners"]:
        console.print("no value beats the baseline on validation, so there is no combined model", soft_wrap=True)
    if results["search"] is not None and (best := results["search"]["best"]) is not None:
        settings = ", ".join(f"{keyword} {' '.join(map(str, value))}" for keyword, value in best["values"].items())
        found = f"joint search: {best['name']} has the lowest loss ({settings}), {best['nep']}"
        console.print(found, markup=False, highlight=False, soft_wrap=True)
    if results["md"] is not None:
        console.print(f"molecular dynamics: {results['md']['verdict']}", markup=False, highlight=False, soft_wrap=True)
    for failure in results["failed"]:
        console.print(f"failed {failure['id']}: {failure['error']}", markup=False, highlight=False, soft_wrap=True)
    for name in ("report.html", "results.json"):
        if (folder / name).exists():
            console.print(str(folder / name), soft_wrap=True, highlight=False)


def _print_json(content: dict[str, Any]) -> None:
    from json import dumps

    typer.echo(dumps(content, indent=1, allow_nan=False))
