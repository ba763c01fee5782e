"""What the page says of held-out frames: errors by element, and the frames that are worst."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neptuner.report import numbers
from neptuner.report.evaluation import (
    Evaluation,
    element_errors,
    frame_errors,
    label_of,
    rmse,
    values,
    worst_first,
)
from neptuner.report.gallery import PARITY, Drawing
from neptuner.report.style import unit_of
from neptuner.report.tables import Cell, Row, Table

MOST_ROWS = 10
"""Frames in the table of the worst ones."""


def evaluation_section(drawings: Mapping[str, Drawing], evaluation: Evaluation) -> dict[str, Any]:
    """Everything the templates show of predictions of single frames."""
    known = bool(evaluation.frames)
    return {
        "split": evaluation.split,
        "sentence": _sentence(evaluation),
        "drawings": [drawings[name] for name in (f"{quantity}-parity" for quantity in PARITY) if name in drawings],
        "errors": errors_table(evaluation) if evaluation.models else None,
        "elements": elements_table(evaluation) if known else None,
        "element_drawing": drawings.get("element-errors"),
        "worst": worst_table(evaluation) if known else None,
        "path": evaluation.path,
    }


def errors_table(evaluation: Evaluation) -> Table:
    """Tabulate the errors that stand in the parity plots."""
    quantities = [q for q in PARITY if any(np.isfinite(rmse(m, q)) for m in evaluation.models)]
    header = (Cell("Model", "first replicate"), *(Cell(f"{q.capitalize()} RMSE", unit_of(q)) for q in quantities))
    rows = [
        Row((Cell(m.title), *(Cell(_loss(q, rmse(m, q))) for q in quantities)), best=m.key == "final")
        for m in evaluation.models
    ]
    return Table(header, tuple(rows), "l" + "r" * len(quantities))


def elements_table(evaluation: Evaluation) -> Table:
    """Tabulate the force error of each element, beside the size of its forces."""
    found = {m.title: element_errors(evaluation, m) for m in evaluation.models}
    species = evaluation.species
    reference = values(evaluation.models[0], "force")[1]
    header = (
        Cell("Element"), Cell("Atoms"), Cell("Force", f"root mean square, {unit_of('force')}"),
        *(Cell(name, f"force RMSE, {unit_of('force')}") for name in found),
    )  # fmt: skip
    rows = []
    for element in dict.fromkeys(name for errors in found.values() for name in errors):
        mine = reference[species == element]
        size = float(np.sqrt(np.nanmean(mine**2)))
        errors = (_loss("force", by_name.get(element)) for by_name in found.values())
        rows.append(Row(tuple(Cell(t) for t in (element, numbers.count(len(mine)), f"{size:.4f}", *errors))))
    return Table(header, tuple(rows), "lrr" + "r" * len(found))


def worst_table(evaluation: Evaluation) -> Table:
    """Tabulate the frames with the largest force errors of the last model."""
    forces = [frame_errors(evaluation, m, "force") for m in evaluation.models]
    energy = frame_errors(evaluation, evaluation.models[-1], "energy")
    header = (
        Cell("Frame"), Cell("Line"), Cell("Atoms"),
        *(Cell(m.title, f"force RMSE, {unit_of('force')}") for m in evaluation.models),
        Cell("Energy error", unit_of("energy")), Cell("Comment line"),
    )  # fmt: skip
    rows = []
    for index in worst_first(evaluation)[:MOST_ROWS]:
        frame = evaluation.frames[index]
        first = (str(index + 1), str(frame.line or numbers.NOTHING), numbers.count(frame.n_atoms))
        errors = (_loss("force", error[index]) for error in forces)
        cells = (*first, *errors, _loss("energy", energy[index]), label_of(frame) or numbers.NOTHING)
        rows.append(Row(tuple(Cell(text) for text in cells)))
    return Table(header, tuple(rows), "rrr" + "r" * len(forces) + "rl")


def _sentence(evaluation: Evaluation) -> str:
    if not evaluation.models:
        return ""
    if not evaluation.frames:
        return (
            "The frames themselves are no longer beside the study, so errors cannot be told apart by frame or element."
        )
    errors = frame_errors(evaluation, evaluation.models[-1], "force")
    known = np.sort(errors[np.isfinite(errors)])[::-1]
    if not known.size:
        return ""
    tenth = max(1, round(0.1 * known.size))
    share = float((known[:tenth] ** 2).sum() / (known**2).sum() or 0.0)
    return (
        f"{numbers.count(len(evaluation.frames))} frames of {evaluation.path}. With every frame counted alike, the "
        f"worst tenth of them holds {numbers.percent(100 * share, sign=False)} of the squared force errors of "
        f"{evaluation.models[-1].title}."
    )


def _loss(quantity: str, value: float | None) -> str:
    return numbers.loss(quantity, None if value is None or not np.isfinite(value) else float(value))
