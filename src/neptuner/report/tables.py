"""The tables of a report, as rows of strings for both templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neptuner.files.nep_in_keywords import KEYWORDS
from neptuner.report import numbers
from neptuner.report.data import Configuration, Parameter, Results
from neptuner.report.noise import floor_of, floor_words, gain_of, judged_of
from neptuner.report.statistics_data import Judged
from neptuner.report.style import unit_of
from neptuner.study.statistics.gains import Gain


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, and a smaller second part (a per-cent reduction, a unit)."""

    text: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.detail}" if self.detail else self.text


@dataclass(frozen=True)
class Row:
    """Cells from left to right; `best` marks the row a reader should look at."""

    cells: tuple[Cell, ...]
    best: bool = False
    muted: bool = False


@dataclass(frozen=True)
class Table:
    """A header and rows; `align` has an ``l``, ``r`` or ``b`` (left, the detail below) for each column."""

    header: tuple[Cell, ...]
    rows: tuple[Row, ...]
    align: str
    note: str = ""


def state_of(results: Results, name: str) -> str:
    """Say in words why a configuration has no results."""
    states = {r.state for r in results.runs if r.name == name}
    if name.startswith("combined") and results.nothing_won:
        return "nothing to combine"
    if name in (identifier for identifier, _ in results.failed):
        return "failed"
    if name.endswith("-extended") and not (states or results.extends):
        return "not part of this study"
    if "running" in states:
        return "running"
    if "pending" in states or not results.finished:
        return "failed" if states == {"failed"} else "not run yet"
    return "failed" if "failed" in states else "not part of this study"


def chosen_table(results: Results) -> Table:
    """Tabulate what was chosen for each hyper-parameter, and by how much it gained."""
    by = f"{results.metric} loss, {results.strategy.upper()}"
    gains = [
        Cell(f"{s.capitalize()} gain", f"{by}; 95 % interval; {floor_words(results, s)}")
        for s in dict.fromkeys(("validation", results.judged_split))
    ]
    gains.append(Cell("Mean gain", "all values tried"))
    header = (
        Cell("Hyper-parameter"),
        Cell("Baseline"),
        Cell("Best tried"),
        *gains,
        Cell("Combined model takes"),
    )
    rows = tuple(_chosen_row(results, p) for p in results.sweep)
    return Table(header, rows, "lll" + "r" * (len(header) - 4) + "l")


def sweep_table(results: Results, parameter: Parameter) -> Table:
    """Tabulate every value tried for a hyper-parameter, baseline first, best row marked."""
    wins = parameter.name in results.statistics.stability
    rows = []
    if results.baseline is not None:
        first = [Cell(parameter.baseline_value, "(baseline)"), *_floor_cells(results)]
        first += [_wins_cell(results, parameter, results.baseline)] if wins else []
        best = parameter.best is not None and not parameter.chosen
        rows.append(_loss_row(results, first, results.baseline, best=best))
    for c in parameter.values:
        first = [Cell(c.value or c.name), *_judged_cells(results, c)]
        first += [_wins_cell(results, parameter, c)] if wins else []
        rows.append(_loss_row(results, first, c, best=parameter.chosen and c.name == parameter.best))
    share = [Cell("First place", "share of resampled replicates, validation")] if wins else []
    header = (Cell(parameter.name), *_judged_header(results), *share, *_loss_header(results))
    return Table(header, tuple(rows), "lrb" + "r" * (len(header) - 3))


def phase_table(results: Results) -> Table:
    """Tabulate baseline, combined and extended models with the columns of the sweep tables."""
    header = (Cell("Model"), *_judged_header(results), *_loss_header(results), Cell("Steps"))
    rows = []
    for name, c in results.slots:
        cells = _floor_cells(results) if name == "baseline" else _judged_cells(results, c)
        row = _loss_row(results, [Cell(name), *cells], c, best=c is not None and c is results.final, name=name)
        steps = numbers.count(c.steps) if c is not None and c.done else numbers.NOTHING
        rows.append(Row((*row.cells, Cell(steps)), row.best, row.muted))
    return Table(header, tuple(rows), "lrb" + "r" * (len(header) - 3))


def rmse_table(results: Results) -> Table:
    """Tabulate whole-set RMSEs of the kept models, with reductions against the baseline's."""
    split = results.judged_split
    quantities = [q for q in ("energy", "force", "virial") if any((q, split) in c.rmse for c in results.phases)]
    header = (
        Cell("Model"),
        *(Cell(f"{q.capitalize()} RMSE", f"{unit_of(q)} (reduction)") for q in quantities),
    )
    rows = tuple(
        Row((Cell(c.name), *(_rmse_cell(results, c, q, split) for q in quantities)), c is results.final)
        for c in results.phases
    )
    return Table(header, rows, "l" + "r" * len(quantities))


def setup_table(results: Results) -> Table:
    """Tabulate the baseline's nep.in in full, beside what the combined model changes."""
    base = results.baseline.settings if results.baseline else {}
    changed = results.combined.settings if results.combined else {}
    keywords = dict.fromkeys((*base, *changed))
    rows = []
    for keyword in keywords:
        other = changed.get(keyword, "") if changed.get(keyword) != base.get(keyword) else ""
        cells = [Cell(keyword), Cell(base.get(keyword, numbers.NOTHING)), Cell(_meaning(keyword))]
        rows.append(Row((*cells[:2], Cell(other), cells[2]) if changed else tuple(cells), best=bool(other)))
    header = (
        Cell("nep.in"),
        Cell("Baseline"),
        *([Cell("Combined, where changed")] if changed else []),
        Cell("Meaning"),
    )
    return Table(header, tuple(rows), "l" * len(header))


def data_table(results: Results) -> Table:
    """Tabulate the data sets."""
    rows = tuple(
        Row(
            (
                Cell(d.split),
                Cell(numbers.count(d.frames)),
                Cell(numbers.count(d.atoms)),
                Cell(d.sha256[:16] or numbers.NOTHING),
                Cell(d.path),
            )
        )
        for d in results.data
    )
    header = (Cell("Set"), Cell("Frames"), Cell("Atoms"), Cell("SHA-256", "first 16 digits"), Cell("File"))
    return Table(header, rows, "lrrll")


def runs_table(results: Results) -> Table:
    """Tabulate every run with its directory, state, seed and the loss that it is judged by."""
    by = f"{results.judged_split} {results.metric}, {results.strategy.upper()}, {unit_of(results.metric)}"
    titles = (Cell(t) for t in ("Configuration", "Replicate", "Seed", "State", "Seconds"))
    header = (*titles, Cell("Loss", by), Cell("Directory"))
    rows = tuple(
        Row(
            (
                Cell(r.name),
                Cell(numbers.NOTHING if r.replicate is None else str(r.replicate)),
                Cell(numbers.NOTHING if r.seed is None else str(r.seed)),
                Cell(r.state),
                Cell(numbers.seconds(r.seconds)),
                Cell(
                    numbers.loss(
                        results.metric, r.loss_of(results.metric, results.judged_split).value(results.strategy)
                    )
                ),
                Cell(r.directory or numbers.NOTHING),
            ),
            muted=r.state in ("pending", "running"),
        )
        for r in results.runs
    )
    return Table(header, rows, "lrrlrrl")


def failed_table(results: Results) -> Table:
    """Tabulate failed runs with the sentence each left behind."""
    rows = tuple(Row((Cell(identifier), Cell(sentence))) for identifier, sentence in results.failed)
    return Table((Cell("Run"), Cell("What went wrong")), rows, "ll")


def _meaning(keyword: str) -> str:
    return KEYWORDS[keyword].doc if keyword in KEYWORDS else ""


def _columns(results: Results) -> list[tuple[str, str]]:
    """Return split and strategy of the loss columns; the one winners are chosen by comes last."""
    splits = ("train", "test") if results.judged_split == "test" else ("train",)
    return [(s, m) for s in splits for m in ("min", "avg")] + [("validation", results.strategy)]


def _loss_header(results: Results) -> tuple[Cell, ...]:
    unit = f"{unit_of(results.metric)} (reduction)"
    losses = [Cell(f"{split.capitalize()} {strategy.upper()}", unit) for split, strategy in _columns(results)]
    losses[-1] = Cell(losses[-1].text, f"{unit}, chosen by")
    return (*losses, Cell("Parameters"), Cell("Time", "s"))


def _loss_row(
    results: Results, first: Sequence[Cell], configuration: Configuration | None, *, best: bool, name: str = ""
) -> Row:
    columns = _columns(results)
    if configuration is None or not configuration.done:
        reason = state_of(results, configuration.name if configuration is not None else name)
        empty = [Cell(numbers.NOTHING)] * (len(first) + len(columns))
        return Row((first[0], Cell(reason), *empty), muted=True)
    cells = [_loss_cell(results, configuration, split, strategy) for split, strategy in columns]
    cost = Cell(numbers.count(configuration.parameters)), Cell(numbers.seconds(configuration.seconds))
    return Row((*first, *cells, *cost), best)


def _loss_cell(results: Results, configuration: Configuration, split: str, strategy: str) -> Cell:
    value = configuration.loss_of(results.metric, split).value(strategy)
    reduction = configuration.reduction_of(results.metric, split).value(strategy)
    text = numbers.loss(results.metric, value)
    if value is None or configuration.name == "baseline" or reduction is None:
        return Cell(text)
    return Cell(text, f"({numbers.percent(reduction)})")


def _judged_header(results: Results) -> tuple[Cell, Cell]:
    gain = f"{results.judged_split.capitalize()} gain, {results.strategy.upper()}"
    return Cell(gain, "95 % interval"), Cell("Verdict", "adjusted p")


def _floor_cells(results: Results) -> list[Cell]:
    """What stands in the baseline's row under gain and verdict: what happens without any change."""
    floor = floor_of(results)
    return [
        Cell("unknown" if floor is None else f"± {numbers.spread(floor)}", "(noise floor)"),
        Cell(numbers.NOTHING),
    ]


def _judged_cells(results: Results, configuration: Configuration | None) -> list[Cell]:
    found = judged_of(results, configuration) if configuration is not None else None
    if found is None:
        return [Cell(numbers.NOTHING)] * 2
    return list(judged_cells(found))


def judged_cells(found: Judged) -> tuple[Cell, Cell]:
    """Write a gain with its interval, and the verdict with its p."""
    return gain_cell(found.gain), Cell(found.verdict, _in_brackets(numbers.probability(found.adjusted_p)))


def gain_cell(gain: Gain | None) -> Cell:
    """Write a gain with its interval."""
    if gain is None:
        return Cell(numbers.NOTHING)
    return Cell(numbers.percent(gain.gain), _in_brackets(numbers.interval(gain.low, gain.high)))


def _in_brackets(words: str) -> str:
    return f"({words})" if words else ""


def _wins_cell(results: Results, parameter: Parameter, configuration: Configuration) -> Cell:
    share = results.statistics.wins(parameter.name, configuration.name)
    return Cell(numbers.NOTHING if share is None else f"{100 * share:.0f} %")


def _rmse_cell(results: Results, configuration: Configuration, quantity: str, split: str) -> Cell:
    value = configuration.rmse.get((quantity, split))
    base = results.baseline.rmse.get((quantity, split)) if results.baseline else None
    if value is None or not base or configuration is results.baseline:
        return Cell(numbers.loss(quantity, value))
    return Cell(numbers.loss(quantity, value), f"({numbers.percent(100 * (base - value) / base)})")


def _chosen_row(results: Results, parameter: Parameter) -> Row:
    best = parameter.best_configuration
    splits = dict.fromkeys(("validation", results.judged_split))
    cells = [
        Cell(parameter.name),
        Cell(parameter.baseline_value),
        Cell(parameter.best_value or _sweep_state(results, parameter)),
        *(gain_cell(gain_of(results, best, split) if best is not None else None) for split in splits),
        Cell(numbers.percent(parameter.mean_improvement)),
        _taken(results, parameter),
    ]
    return Row(tuple(cells), best=parameter.chosen)


def _sweep_state(results: Results, parameter: Parameter) -> str:
    states = [state_of(results, c.name) for c in parameter.values]
    return next((s for s in ("running", "not run yet", "failed") if s in states), "not run yet")


def _taken(results: Results, parameter: Parameter) -> Cell:
    best = parameter.best_configuration
    if parameter.gain is None or best is None:
        return Cell(numbers.NOTHING)
    if not parameter.chosen:
        return Cell(parameter.baseline_value, "(kept)")
    found = judged_of(results, best)
    return Cell(parameter.best_value or "", f"({found.verdict})" if found is not None else "")
