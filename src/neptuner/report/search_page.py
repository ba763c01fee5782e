"""What the page says of the joint search: what was found, what it cost, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neptuner.report import numbers
from neptuner.report.data import Results
from neptuner.report.gallery import Drawing
from neptuner.report.search_data import Pruning, Search, Tried
from neptuner.report.style import unit_of
from neptuner.report.tables import Cell, Row, Table

FIGURES = ("search-pareto", "search-progress", "search-importances")
MOST_ROWS = 30
"""Trials in the table; of more, those of the lowest loss are shown."""


def search_section(results: Results, drawings: Mapping[str, Drawing]) -> dict[str, Any] | None:
    """Everything the templates show of the joint search; None if there is none."""
    search = results.search
    if search is None:
        return None
    return {
        "sentences": [sentence for sentence in _sentences(search) if sentence],
        "front": front_table(results, search) if search.pareto else None,
        "table": trials_table(results, search) if search.trials else None,
        "note": _note(search),
        "drawings": [drawings[name] for name in FIGURES if name in drawings],
        "method": _method(search),
    }


def front_table(results: Results, search: Search) -> Table:
    """Tabulate the models of the Pareto front; each has its nep.txt."""
    header = (
        Cell("Model"), Cell("Loss", f"validation, {unit_of(results.metric)}"), Cell("Speed", "atom-steps/s"),
        Cell("Settings"), Cell("Potential"),
    )  # fmt: skip
    rows = [
        Row(
            (
                Cell(model.name),
                Cell(numbers.loss(results.metric, model.loss)),
                Cell(numbers.count(model.speed)),
                Cell(_settings(model)),
                Cell(model.nep or numbers.NOTHING),
            ),
            best=model.name == search.best,
        )
        for model in search.pareto
    ]
    return Table(header, tuple(rows), "lrrll")


def trials_table(results: Results, search: Search) -> Table:
    """Tabulate the trials, those that were trained longest first and then by loss."""
    header = (
        Cell("Trial"), Cell("Settings"), Cell("Steps"), Cell("Loss", f"validation, {unit_of(results.metric)}"),
        Cell("Speed", "atom-steps/s"), Cell("State"),
    )  # fmt: skip
    ordered = sorted(search.trials, key=lambda t: (-t.rung, t.loss is None, t.loss or 0.0))
    rows = [
        Row(
            (
                Cell(t.name),
                Cell(_settings(t)),
                Cell(numbers.count(t.steps)),
                Cell(numbers.loss(results.metric, t.loss)),
                Cell(numbers.count(t.speed)),
                Cell(_state(t)),
            ),
            best=t.name == search.best,
            muted=not t.feasible or t.state != "done",
        )
        for t in ordered[:MOST_ROWS]
    ]
    return Table(header, tuple(rows), "llrrrl")


def _sentences(search: Search) -> list[str]:
    if search.state == "waiting":
        return ["The joint search begins when the phases before it have ended."]
    done = f"{len(search.trials)} of {numbers.several(search.budget, 'trial')}"
    head = "" if search.state == "done" else f"The joint search is not over: {done} so far. "
    best = next((t for t in (*search.trials, *search.known) if t.name == search.best), None)
    if best is None:
        return [f"{head}No trial that is allowed was trained in full yet."]
    return [f"{head}{_best_sentence(search, best)}", _front_sentence(search), _pruning_sentence(search)]


def _best_sentence(search: Search, best: Tried) -> str:
    if best.phase != "search":
        count = numbers.several(len(search.trials), "trial")
        return f"None of {count} has a lower loss than {best.name} ({_settings(best)}), which was known before."
    sentence = f"Of {numbers.several(len(search.trials), 'trial')} {best.name} ({_settings(best)}) has the lowest loss"
    if search.best_reduction is not None:
        verb = "below" if search.best_reduction > 0 else "above"
        change = numbers.percent(abs(search.best_reduction), sign=False)
        sentence += f", {change} {verb} the baseline's with the same seed"
    combined = next((m.loss for m in search.known if m.phase == "combined"), None)
    if combined and best.loss:
        change = numbers.percent(100 * abs(combined - best.loss) / combined, sign=False)
        sentence += f" and {change} {'below' if best.loss < combined else 'above'} the combined model's"
    return f"{sentence}. It is one training and the best of many, so part of that is luck."


def _front_sentence(search: Search) -> str:
    if "md_speed" not in search.objectives or not search.pareto:
        return ""
    return (
        f"{numbers.several(len(search.pareto), 'model')} cannot be beaten in both loss and speed; each is ready to use."
    )


def _pruning_sentence(search: Search) -> str:
    pruning = search.pruning
    if pruning is None:
        return ""
    told = f" {_control_sentence(pruning)}" if pruning.control else ""
    error = "" if pruning.error is None else (
        f" A first training foretold the loss in full with an error of {numbers.percent(pruning.error, sign=False)}."
    )  # fmt: skip
    ranks = [
        f"{coefficient:.2f} from {numbers.count(search.rungs[low])} to {numbers.count(search.rungs[high])} steps "
        f"({numbers.several(count, 'trial')})".replace("-", numbers.MINUS)
        for low, high, count, coefficient in pruning.correlations
        if coefficient is not None
    ]
    correlation = f" Rank correlation of the losses: {numbers.listing(ranks)}." if ranks else ""
    return f"{numbers.several(pruning.promoted, 'trial')} were trained in full.{error}{correlation}{told}"


def _control_sentence(pruning: Pruning) -> str:
    kept = f"{pruning.control_kept} of {pruning.control}" if pruning.control_kept else f"none of {pruning.control}"
    missed = ", one of them better than all that were promoted" if pruning.control_best else ""
    return f"Of trials that were given up, trained in full as a control, {kept} should have been kept{missed}."


def _note(search: Search) -> str:
    parts = []
    if len(search.trials) > MOST_ROWS:
        parts.append(f"The table has the first {MOST_ROWS} of {len(search.trials)} trials.")
    if search.refused:
        parts.append(f"{numbers.several(search.refused, 'setting')} that nep.in forbids cost no training.")
    return " ".join(parts)


def _method(search: Search) -> list[str]:
    sampler = {
        "tpe": "a tree-structured Parzen estimator (TPE) that begins with the results of the earlier phases",
        "random": "random draws",
    }
    found = [f"Joint search: {sampler.get(search.sampler, search.sampler)}; every trial has the first seed."]
    if len(search.rungs) > 1:
        first, *others = (numbers.count(steps) for steps in search.rungs)
        found.append(
            f"A trial is first trained for {first} steps; the best one in {search.reduction} is trained anew, for "
            f"{numbers.listing(others)} steps (asynchronous successive halving)."
        )
    if search.importances:
        found.append(
            "Importance of a keyword: how far the best quarter of the trials differ in it from all of them "
            "(PED-ANOVA), with the standard deviation over resampled trials."
        )
    return found


def _settings(tried: Tried) -> str:
    return ", ".join(f"{keyword} {value}" for keyword, value in tried.values.items())


def _state(tried: Tried) -> str:
    if tried.error is not None:
        return "failed"
    return tried.state if tried.feasible else "not allowed"
