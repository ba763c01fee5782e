"""Interactive parity plots: a density, and points that a click turns into a frame, an atom and a structure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.report.charts import FACES, Array, Trace, axis, chart, dots, panels, thinned
from neptuner.report.evaluation import Evaluation, Model, element_errors, rmse, values
from neptuner.report.figures import limits
from neptuner.report.numbers import loss
from neptuner.report.style import shown, unit_of
from neptuner.report.template import Chart

COMPONENTS = {"energy": ("",), "force": ("x", "y", "z"), "virial": ("xx", "yy", "zz", "xy", "yz", "zx")}
BINS = 90
"""Cells of a density along each axis."""
MOST_POINTS = 1200
"""Points of a panel without a density; of more, the worst and some of the others are shown."""
MOST_CLICKABLE = 150
"""Worst points over a density; as many of the others are added."""


def parity_chart(evaluation: Evaluation, quantity: str) -> Chart:
    """Show predicted against reference values, a panel a model; every point can be clicked."""
    models = [m for m in evaluation.models if np.isfinite(rmse(m, quantity))]
    low, high = (shown(quantity, end) for end in limits([values(m, quantity) for m in models]))
    traces: list[Trace] = []
    notes: list[Trace] = []
    for place, model in enumerate(models, start=1):
        on = {"xaxis": f"x{place}", "yaxis": f"y{place}", "showlegend": False}
        diagonal = {"type": "scatter", "mode": "lines", "x": [low, high], "y": [low, high], "hoverinfo": "skip",
                    "line": {"color": "--faint", "width": 1}}  # fmt: skip
        traces += [{**t, **on} for t in (diagonal, *_panel(evaluation, model, quantity, (low, high)))]
        words = f"<b>{model.title}</b><br>RMSE {loss(quantity, rmse(model, quantity))} {unit_of(quantity)}"
        notes.append({"text": words, "showarrow": False, "align": "left", "xref": f"x{place} domain", "x": 0.03,
                      "yref": f"y{place} domain", "y": 0.98, "yanchor": "top", "xanchor": "left"})  # fmt: skip
    axes = [
        (axis(f"reference {quantity} ({unit_of(quantity)})", range=[low, high]),
         axis(f"predicted {quantity} ({unit_of(quantity)})", range=[low, high]))
        for _ in models
    ]  # fmt: skip
    shown_by = {"caption": _caption(evaluation, quantity)} if evaluation.frames else {}
    return {**panels(traces, axes, height=440, annotations=notes), **shown_by}


def elements_chart(evaluation: Evaluation) -> Chart:
    """Show the force error of each element, a bar a model."""
    traces = []
    for model in evaluation.models:
        errors = element_errors(evaluation, model)
        traces.append({"type": "bar", "name": model.title, "x": list(errors), "y": list(errors.values()),
                       "marker": {"color": FACES[model.key]},
                       "hovertemplate": f"%{{x}}: %{{y:.4f}} {unit_of('force')}<extra></extra>"})  # fmt: skip
    return chart(traces, axis("element", showgrid=False), axis(f"force RMSE ({unit_of('force')})"), height=320)


def clicked_frames(evaluation: Evaluation) -> set[int]:
    """Indices of the frames that a point of the charts belongs to."""
    found: set[int] = set()
    for model in evaluation.models:
        for quantity in COMPONENTS:
            rows = _rows(*values(model, quantity), quantity)[0]
            found |= set((evaluation.owners[rows] if quantity == "force" else rows).tolist())
    return found


def _panel(evaluation: Evaluation, model: Model, quantity: str, ends: tuple[float, float]) -> list[Trace]:
    predicted, reference = values(model, quantity)
    rows, components = _rows(predicted, reference, quantity)
    unit = shown(quantity, 1.0)
    x, y = unit * reference[rows, components], unit * predicted[rows, components]
    custom = _custom(evaluation, quantity, rows, components)
    value = f"reference %{{x:.4f}}, predicted %{{y:.4f}} {unit_of(quantity)}"
    hover = f"%{{customdata[2]}}<br>{value}<extra></extra>" if custom else f"{value}<extra></extra>"
    dense = quantity == "force"
    look = {"size": 4.5, "opacity": 0.9} if dense else {"size": 6, "opacity": 0.75}
    points = dots(x, y, model.title, FACES[model.key], customdata=custom, hovertemplate=hover, **look)
    return [_density(unit * reference, unit * predicted, ends), points] if dense else [points]


def _caption(evaluation: Evaluation, quantity: str) -> str:
    points = "the largest errors and a sample of the others" if quantity == "force" else "frames"
    density = " The shade tells how many components lie in a cell." if quantity == "force" else ""
    return (
        f"One run of each model, on the {evaluation.split} set; the line is perfect agreement.{density} Points are "
        f"{points}: a click on one shows its frame, its comment line and its structure."
    )


def _rows(predicted: Array, reference: Array, quantity: str) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Rows and components of the points of a panel: the worst, and others evenly spread over the file."""
    most = MOST_CLICKABLE if quantity == "force" else MOST_POINTS // 2
    error = np.abs(predicted - reference).ravel()
    known = np.flatnonzero(np.isfinite(error))
    ordered = known[np.argsort(-error[known], kind="stable")]
    rest = np.sort(ordered[most:])
    chosen = np.concatenate([ordered[:most], rest[thinned(len(rest), most)] if len(rest) else rest])
    rows, components = np.unravel_index(chosen, predicted.shape)
    return rows, components


def _density(reference: Array, predicted: Array, ends: tuple[float, float]) -> Trace:
    known = np.isfinite(reference)
    counts, edges, _ = np.histogram2d(reference[known], predicted[known], BINS, [ends, ends])
    filled = np.log10(np.where(counts > 0, counts, np.nan)).T
    middle = 0.5 * (edges[1:] + edges[:-1])
    return {"type": "heatmap", "x": middle, "y": middle, "z": np.round(filled, 2), "showscale": False,
            "hoverinfo": "skip", "colorscale": [[0, "--few"], [1, "--many"]]}  # fmt: skip


def _custom(
    evaluation: Evaluation, quantity: str, rows: NDArray[np.int_], components: NDArray[np.int_]
) -> list[tuple[int, int, str]]:
    """Number of the frame, index of the atom in it (-1 for none), and words, for every point; empty without frames."""
    if not evaluation.frames:
        return []
    names = COMPONENTS[quantity]
    if quantity != "force":
        words = [f"frame {row + 1}, {quantity} {names[c]}".rstrip() for row, c in zip(rows, components, strict=True)]
        return [(int(row) + 1, -1, word) for row, word in zip(rows, words, strict=True)]
    owners, species, first = evaluation.owners, evaluation.species, _first_atoms(evaluation)
    return [
        (int(owners[row]) + 1, int(row - first[owners[row]]),
         f"frame {owners[row] + 1}, atom {row - first[owners[row]] + 1} ({species[row]}), force {names[c]}")
        for row, c in zip(rows, components, strict=True)
    ]  # fmt: skip


def _first_atoms(evaluation: Evaluation) -> Sequence[int]:
    sizes = [frame.n_atoms for frame in evaluation.frames]
    return [0, *np.cumsum(sizes)[:-1].tolist()]
