"""The tables that `neptuner study` and `neptuner status` print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from neptuner.study.plan import Plan, extend

UNITS = {"energy": "eV/atom", "force": "eV/Å", "virial": "eV/atom"}
NOTHING = "-"


def planned(plan: Plan, replicates: int) -> list[dict[str, Any]]:
    """What a study will run: names, differences, steps, runs, and whether results decide if it is run."""
    rows = [_planned(plan.baseline.name, "", plan.baseline.steps, replicates, certain=True)]
    for parameter in plan.sweep:
        for configuration in parameter.values:
            settings = configuration.settings
            before, after = _words(parameter.baseline_value), _words(settings[parameter.keyword])
            difference = f"{parameter.keyword} {before} -> {after}"
            rows.append(_planned(configuration.name, difference, configuration.steps, replicates, certain=True))
    if plan.sweep:
        rows.append(_planned("combined", "all winners", plan.baseline.steps, replicates, certain=False))
    longer = extend(plan, plan.baseline)
    if longer is not None:
        difference = f"{plan.steps_factor:g} times the steps"
        rows.append(_planned(longer.name, difference, longer.steps, replicates, certain=True))
        if plan.sweep:
            rows.append(
                _planned("combined-extended", f"all winners, {difference}", longer.steps, replicates, certain=False)
            )
    return rows


def plan_table(rows: list[dict[str, Any]], seconds: Mapping[str, float]) -> Table:
    """Table of what a study will run, with the time of a run where it is known."""
    columns = ("configuration", "differs from the baseline by", "steps", "runs", *(["a run takes"] if seconds else []))
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for row in rows:
        condition = "" if row["certain"] else " (if there are winners)"
        time = [f"{seconds[row['name']]:,.0f} s"] if row["name"] in seconds else []
        table.add_row(row["name"], row["difference"] + condition, f"{row['steps']:,}", str(row["runs"]), *time)
    return table


def summary_table(results: dict[str, Any]) -> Table:
    """Losses and reductions of the baseline, the winners and the models made of them."""
    metric, strategy = results["metric"], results["strategy"]
    head = f"{metric} loss, {strategy.upper()} ({UNITS[metric]})"
    columns = ("model", "validation", "gain (95 % interval)", "test", "gain (95 % interval)", "verdict")
    table = Table(*columns, title=head, box=None, padding=(0, 2, 0, 0))
    statistics = results["statistics"]
    best = {c["name"]: c for p in results["sweep"] if p["chosen"] for c in p["values"]}
    winners = [best[p["best"]] for p in results["sweep"] if p["chosen"]]
    extended = results["extended"]
    models = [results["baseline"], *winners, results["combined"], extended["baseline"], extended["combined"]]
    for model in models:
        if model is not None:
            verdict = statistics["verdicts"].get(model["name"], {}).get("verdict", "")
            gains = statistics["gains"].get(model["name"], {}).get(metric, {})
            table.add_row(model["name"], *_cells(model, metric, strategy, gains), verdict)
    return table


def status_table(status: dict[str, Any]) -> Table:
    """Table of the runs in progress."""
    table = Table("running", "step", "of", "force train", "force test", box=None, padding=(0, 2, 0, 0))
    for run in status["running"]:
        row = run["last_row"] or []
        losses = [_number(row[column]) if len(row) > column else NOTHING for column in (5, 8)]
        table.add_row(run["id"], f"{run['step']:,}", f"{run['steps']:,}", *losses)
    return table


def _planned(name: str, difference: str, steps: int, runs: int, *, certain: bool) -> dict[str, Any]:
    return {"name": name, "difference": difference, "steps": steps, "runs": runs, "certain": certain}


def _cells(model: dict[str, Any], metric: str, strategy: str, gains: dict[str, Any]) -> list[str]:
    cells = []
    for split in ("validation", "test"):
        loss, reduction = model["loss"][metric][split], model["reduction"][metric][split]
        gain = gains.get(split, {}).get(strategy)
        cells += [_number(loss and loss[strategy]), _percent(reduction and reduction[strategy], gain)]
    return cells


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.5f}"


def _percent(reduction: float | None, gain: dict[str, Any] | None) -> str:
    if reduction is None:
        return NOTHING
    if gain is None or gain["low"] is None:
        return f"{reduction:+.1f} %"
    return f"{gain['gain']:+.1f} % ({gain['low']:+.1f} to {gain['high']:+.1f})"


def _words(values: list[Any]) -> str:
    return " ".join(str(value) for value in values)
