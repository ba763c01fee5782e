"""The figures of a joint search: accuracy against speed with its Pareto front, the best so far, and importances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neptuner.report.data import Results
from neptuner.report.search_data import Search, Tried
from neptuner.report.style import BASELINE, COMBINED, CYCLE, FAINT, new_figure, plain_ticks, shown, styled, unit_of

LOOKS = {
    "search": (CYCLE[0], "o", "search"),
    "baseline": (BASELINE, "s", "baseline"),
    "combined": (COMBINED, "*", "combined"),
}
"""Colour, marker and name of the models that are told apart; all others are from earlier phases."""
OTHERS = (CYCLE[1], "^", "sweep")


def pareto(search: Search, results: Results) -> Figure | str:
    """Draw loss against speed, or say why there is nothing to draw."""
    points = [t for t in search.in_full if t.speed is not None and t.loss is not None]
    if not points:
        return (
            "No speed in molecular dynamics was measured." if search.state == "done" else "No trial has finished yet."
        )
    return accuracy_against_speed(points, search, results)


def progress(search: Search, results: Results) -> Figure | str:
    """Draw the best loss so far, or say why there is nothing to draw."""
    points = [t for t in search.trials if t.rung == len(search.rungs) - 1 and t.loss is not None and t.feasible]
    return best_so_far(points, search, results) if points else "No trial was trained in full yet."


def importance(search: Search) -> Figure | str:
    """Draw the importances, or say why there are none."""
    if search.importances:
        return importance_bars(search)
    return "Too few trials for importances." if search.state == "done" else "The search is not over yet."


@styled
def accuracy_against_speed(points: Sequence[Tried], search: Search, results: Results) -> Figure:
    """Draw a marker a model, the Pareto front as steps, and models that violate a constraint hollow."""
    figure = new_figure(8.2, 4.6)
    axes = figure.subplots()
    front = [t for t in search.pareto if t.speed is not None]
    axes.plot(
        [t.speed or 0.0 for t in front], [_loss(results, t) for t in front],
        color=FAINT, linewidth=1.2, linestyle=":", drawstyle="steps-pre", zorder=1, label="Pareto front",
    )  # fmt: skip
    for phase in dict.fromkeys(t.phase for t in points):
        _markers(axes, results, [t for t in points if t.phase == phase], phase)
    for t in front:
        place = (t.speed or 0.0, _loss(results, t))
        axes.annotate(t.name, place, (5, 5), textcoords="offset points", size=8, color="#374151")
    if search.speed_min is not None:
        axes.axvline(search.speed_min, color=FAINT, linewidth=0.9)
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.1)
    plain_ticks(axes, "x")
    axes.set_xlabel("speed in molecular dynamics (atom-steps/s)")
    axes.set_ylabel(_loss_label(results))
    figure.legend(*_legend(axes), loc="outside right upper")
    return figure


@styled
def best_so_far(points: Sequence[Tried], search: Search, results: Results) -> Figure:
    """Draw the loss of each trial in full in the order in which they were asked for, and the lowest so far."""
    figure = new_figure(8.2, 3.4)
    axes = figure.subplots()
    numbers = [int(t.name.rpartition("-")[2]) for t in points]
    losses = [_loss(results, t) for t in points]
    axes.scatter(numbers, losses, s=22, color=CYCLE[0], edgecolors="white", linewidths=0.6, label="trial", zorder=3)
    axes.step(numbers, np.minimum.accumulate(losses), where="post", color=CYCLE[0], linewidth=1.4, label="best so far")
    for phase in ("baseline", "combined"):
        model = next((t for t in search.known if t.phase == phase and t.loss is not None), None)
        if model is not None:
            axes.axhline(_loss(results, model), color=LOOKS[phase][0], linestyle=":", label=phase)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(_loss_label(results))
    axes.margins(y=0.1)
    figure.legend(*_legend(axes), loc="outside upper right", ncols=4)
    return figure


@styled
def importance_bars(search: Search) -> Figure:
    """Draw a bar a keyword, the most important on top."""
    ordered = sorted(search.importances.items(), key=lambda item: item[1][0])
    figure = new_figure(6.4, 1.2 + 0.34 * len(ordered))
    axes = figure.subplots()
    means, errors = [100 * mean for _, (mean, _) in ordered], [100 * sd for _, (_, sd) in ordered]
    axes.barh([name for name, _ in ordered], means, 0.6, color=CYCLE[0], alpha=0.75)
    axes.errorbar(means, range(len(ordered)), xerr=errors, fmt="none", color=BASELINE, capsize=3, linewidth=1.0)
    axes.set_xlim(left=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the importance (%)")
    axes.set_ylabel("keyword of nep.in")
    return figure


def _markers(axes: Axes, results: Results, points: Sequence[Tried], phase: str) -> None:
    color, marker, label = LOOKS.get(phase, OTHERS)
    size = 130 if marker == "*" else 40
    for feasible in (True, False):
        chosen = [t for t in points if t.feasible == feasible]
        axes.scatter(
            [t.speed or 0.0 for t in chosen], [_loss(results, t) for t in chosen], s=size, marker=marker, zorder=3,
            color=color if feasible else "white", edgecolors="white" if feasible else color, linewidths=0.8,
            label=label if feasible else f"{label}, not allowed",
        )  # fmt: skip


def _legend(axes: Axes) -> tuple[list[Artist], list[str]]:
    """Handles and labels, each label once and none of markers that are not there."""
    pairs = zip(*axes.get_legend_handles_labels(), strict=True)
    found = {label: handle for handle, label in pairs if len(getattr(handle, "get_offsets", lambda: [0])())}
    return list(found.values()), list(found)


def _loss(results: Results, tried: Tried) -> float:
    return shown(results.metric, tried.loss or 0.0)


def _loss_label(results: Results) -> str:
    return f"validation {results.metric} loss, {results.strategy.upper()} ({unit_of(results.metric)})"
