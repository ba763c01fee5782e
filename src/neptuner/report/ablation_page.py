"""Whether the gains of single changes add up in the combined model: what the page says and tabulates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neptuner.report import numbers
from neptuner.report.data import Parameter, Results
from neptuner.report.gallery import Drawing
from neptuner.report.noise import floor_words, judged_of
from neptuner.report.statistics_data import Judged
from neptuner.report.tables import Cell, Row, Table, judged_cells, state_of

_REMOVED = {"better": "worse without it", "worse": "better without it"}


def ablation_section(results: Results, drawings: Mapping[str, Drawing]) -> dict[str, Any] | None:
    """Everything the templates show; None where there is nothing to say."""
    if "ablation" not in drawings:
        return None
    return {"sentence": _sentence(results), "table": ablation_table(results), "drawing": drawings["ablation"]}


def ablation_table(results: Results) -> Table:
    """Tabulate what each change brings alone, and what the combined model loses without it."""
    by = f"95 % interval; {floor_words(results)}"
    header = (
        Cell("Change"), Cell("Alone", by), Cell("Verdict", "adjusted p"),
        Cell("In the combined model", "gain over the model without it, 95 % interval"), Cell("Verdict", "adjusted p"),
    )  # fmt: skip
    rows = [_row(results, parameter) for parameter in results.sweep if parameter.chosen]
    return Table(header, (*rows, *_sums(results)), "lrbrb")


def _sentence(results: Results) -> str:
    found = results.statistics.interaction
    if found is None:
        return "The combined model is trained again without each of its changes."
    sentence = f"On {results.judged_split}, {found.sentence}."
    if found.low is None or found.high is None:
        return sentence
    ends = numbers.interval(found.low, found.high)
    return (
        f"{sentence} Changes that do not depend on each other would gain {numbers.percent(found.independent)}; the "
        f"combined model's loss is {numbers.percent(abs(found.excess), sign=False)} "
        f"{'below' if found.excess > 0 else 'above'} that (95 % interval of the difference {ends}, positive is below)."
    )


def _row(results: Results, parameter: Parameter) -> Row:
    best = parameter.best_configuration
    single = judged_of(results, best) if best is not None else None
    removed = results.statistics.removals.get(parameter.name)
    cells = (Cell(numbers.NOTHING),) * 2
    return Row(
        (
            Cell(parameter.name, f"({parameter.baseline_value} → {parameter.best_value})"),
            *(judged_cells(single) if single is not None else cells),
            *(_removed_cells(removed) if removed is not None else (Cell(_why_missing(results, parameter)), cells[0])),
        )
    )


def _removed_cells(removed: Judged) -> tuple[Cell, Cell]:
    gain, verdict = judged_cells(removed)
    return gain, Cell(_REMOVED.get(verdict.text, verdict.text), verdict.detail)


def _why_missing(results: Results, parameter: Parameter) -> str:
    name = next((c.name for c in results.ablation if c.parameter == parameter.name), None)
    return numbers.NOTHING if name is None else state_of(results, name)


def _sums(results: Results) -> list[Row]:
    found = results.statistics.interaction
    if found is None:
        return []
    nothing = (Cell(numbers.NOTHING),) * 2
    rows = [
        Row((Cell("Sum of the gains"), Cell(numbers.percent(found.sum_of_singles)), nothing[0], *nothing)),
        Row((Cell("Independent changes"), Cell(numbers.percent(found.independent)), nothing[0], *nothing)),
    ]
    combined = judged_of(results, results.combined) if results.combined is not None else None
    if combined is not None:
        rows.append(Row((Cell("Combined model"), *judged_cells(combined), *nothing), best=True))
    return rows
