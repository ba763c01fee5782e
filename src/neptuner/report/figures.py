"""The figures of a report, one function each; numbers in, a matplotlib Figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.typing import LineStyleType

from neptuner.report.data import QUANTITIES, Configuration, Key
from neptuner.report.style import (
    BASELINE,
    COMBINED,
    CYCLE,
    FAINT,
    SPLIT_COLORS,
    new_figure,
    plain_ticks,
    shown,
    styled,
    unit_of,
)
from neptuner.report.trials import BLOCKS, Array, Curve


@styled
def baseline_curves(curves: Mapping[Key, Curve]) -> Figure:
    """Draw train and test losses of the baseline (validation without a test set), a panel a quantity."""
    present = [q for q in QUANTITIES if any(key[0] == q for key in curves)]
    other = "test" if any(key[1] == "test" for key in curves) else "validation"
    figure = new_figure(3.3 * len(present), 3.1)
    for axes, quantity in zip(figure.subplots(1, len(present), squeeze=False)[0], present, strict=True):
        for split in ("train", other):
            if (quantity, split) in curves:
                _draw_curve(axes, curves[quantity, split], quantity, SPLIT_COLORS[split], split)
        _loss_axes(axes, f"{quantity} RMSE ({unit_of(quantity)})")
        axes.set_title(quantity, loc="left")
    figure.axes[0].legend()
    return figure


@styled
def phase_curves(curves: Sequence[tuple[Configuration, Curve]], split: str) -> Figure:
    """Draw the force loss of the baseline, the best of each sweep, combined and extended models."""
    figure = new_figure(9.6, 4.4)
    axes = figure.subplots()
    swept = 0
    for configuration, curve in curves:
        color, style, width = _phase_look(configuration, swept)
        swept += configuration.phase == "sweep"
        _draw_curve(axes, curve, "force", color, name_of(configuration), linestyle=style, linewidth=width)
    _loss_axes(axes, f"{split} force RMSE ({unit_of('force')})")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", handlelength=2.2)
    return figure


@styled
def parity(panels: Sequence[tuple[str, Array, Array]], quantity: str, split: str) -> Figure:
    """Draw predicted against reference values, a panel a model, on one scale.

    Each panel has a title, predictions and references, both in eV/atom or eV/angstrom.
    """
    unit = shown(quantity, 1.0)
    pairs = [(title, *_known(unit * predicted, unit * reference)) for title, predicted, reference in panels]
    ends = limits([(predicted, reference) for _, predicted, reference in pairs])
    figure = new_figure(4.1 * len(pairs) + 0.7, 4.2)
    columns = figure.subplots(1, len(pairs), squeeze=False)[0]
    cells = [_parity_panel(axes, pair, quantity, split, ends) for axes, pair in zip(columns, pairs, strict=True)]
    dense = [c for c in cells if c is not None]
    top = max([2.0, *(float(np.max(np.asarray(c.get_array()))) for c in dense)])
    for collection in dense:
        collection.set_norm(LogNorm(1, top))
    if dense:
        bar = figure.colorbar(
            dense[-1], ax=list(columns), label=f"{quantity} components in a cell", shrink=0.8, pad=0.02
        )
        plain_ticks(bar.ax, "y")
    return figure


@styled
def element_bars(errors: Sequence[tuple[str, Mapping[str, float]]]) -> Figure:
    """Draw the force error of each element in eV/angstrom, a bar a model."""
    names = list(dict.fromkeys(name for _, found in errors for name in found))
    figure = new_figure(max(4.2, min(9.0, 1.8 + 0.75 * len(names))), 3.0)
    axes = figure.subplots()
    for place, ((title, found), color) in enumerate(zip(errors, (BASELINE, COMBINED), strict=False)):
        spots = np.arange(len(names)) + (place - (len(errors) - 1) / 2) * 0.38
        axes.bar(spots, [found.get(name, 0.0) for name in names], 0.36, color=color, label=title)
    axes.set_xticks(range(len(names)), names)
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("element")
    axes.set_ylabel(f"force RMSE ({unit_of('force')})")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def limits(pairs: Sequence[tuple[Array, Array]]) -> tuple[float, float]:
    """Ends of an axis that shows every known value, with a margin."""
    every = np.concatenate([np.ravel(part) for pair in pairs for part in _known(*pair)])
    low, high = (float(every.min()), float(every.max())) if every.size else (-1.0, 1.0)
    spare = 0.03 * (high - low) or 1.0
    return low - spare, high + spare


@styled
def weight_histograms(models: Sequence[tuple[str, Mapping[str, Array]]]) -> Figure:
    """Draw how the weights of ``nep.txt`` are spread, a panel a block, counts on a logarithmic axis."""
    figure = new_figure(9.9, 3.1)
    for axes, block in zip(figure.subplots(1, len(BLOCKS)), BLOCKS, strict=True):
        _weight_panel(axes, [(name, parts[block]) for name, parts in models])
        axes.set_title(block, loc="left")
        axes.set_xlabel("weight (dimensionless)")
    figure.axes[0].set_ylabel("number of weights")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def name_of(configuration: Configuration) -> str:
    """Name a configuration in a figure."""
    if configuration.phase == "sweep":
        return f"{configuration.parameter} {configuration.value}"
    return configuration.name


STYLES: tuple[LineStyleType, ...] = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)))
"""Dashes that tell swept settings apart in grey."""


def _phase_look(configuration: Configuration, swept: int) -> tuple[str, LineStyleType, float]:
    """Return colour, line style and line width."""
    if configuration.phase == "sweep":
        return CYCLE[swept % len(CYCLE)], STYLES[swept % len(STYLES)], 1.1
    color = BASELINE if configuration.name.startswith("baseline") else COMBINED
    return color, "--" if configuration.phase == "extended" else "-", 2.0


def _draw_curve(
    axes: Axes,
    curve: Curve,
    quantity: str,
    color: str,
    label: str,
    linestyle: LineStyleType = "-",
    linewidth: float = 1.6,
) -> None:
    """Draw the mean over replicates and, where they differ, a band from the lowest to the highest."""
    mean, low, high = (shown(quantity, 1.0) * part for part in (curve.mean, curve.low, curve.high))
    if np.any(high > low):
        axes.fill_between(curve.steps, low, high, color=color, alpha=0.18, linewidth=0)
    marker = "o" if len(curve.steps) == 1 else ""
    axes.plot(curve.steps, mean, color=color, label=label, linestyle=linestyle, linewidth=linewidth, marker=marker)


def _loss_axes(axes: Axes, label: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_ticks(axes, "x")
    plain_ticks(axes, "y")
    axes.set_xlabel("step")
    axes.set_ylabel(label)


DENSE = 3000
"""Points from which their density is drawn in their place: a hundred thousand dots hide their own number."""


def _known(predicted: Array, reference: Array) -> tuple[Array, Array]:
    known = np.isfinite(reference)
    return predicted[known], reference[known]


def _parity_panel(
    axes: Axes, pair: tuple[str, Array, Array], quantity: str, split: str, ends: tuple[float, float]
) -> PolyCollection | None:
    """Draw one panel; return its cells where it shows a density."""
    title, predicted, reference = pair
    axes.plot(ends, ends, color=FAINT, linewidth=0.9, zorder=1)
    cells = None
    if quantity == "force" or predicted.size > DENSE:
        cells = axes.hexbin(
            reference, predicted, gridsize=(110, 63), extent=(*ends, *ends),
            mincnt=1, cmap="viridis_r", linewidths=0.1, rasterized=True, zorder=2,
        )  # fmt: skip
    else:
        axes.scatter(reference, predicted, s=9, color=SPLIT_COLORS["test"], alpha=0.6, linewidths=0, zorder=2)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.set_title(title, loc="left")
    axes.set_xlabel(f"reference {quantity} ({unit_of(quantity)})")
    axes.set_ylabel(f"predicted {quantity} ({unit_of(quantity)})")
    rmse = np.sqrt(np.mean((predicted - reference) ** 2)) if predicted.size else np.nan
    words = f"{split} RMSE {rmse:.{4 if quantity == 'force' else 2}f} {unit_of(quantity)}"
    axes.text(0.04, 0.96, words, transform=axes.transAxes, va="top")
    return cells


def _weight_panel(axes: Axes, models: Sequence[tuple[str, Array]]) -> None:
    """Draw step histograms on a symmetric axis; the rare far weights are counted in its last bins."""
    sizes = np.abs(np.concatenate([w for _, w in models]))
    limit = min(float(sizes.max()), 2.0 * float(np.quantile(sizes, 0.998))) or 1.0
    edges = np.linspace(-limit, limit, 62)
    for (name, values), color in zip(models, (BASELINE, COMBINED), strict=False):
        clipped = np.clip(values, -limit, limit)
        axes.hist(clipped, bins=edges.tolist(), histtype="stepfilled", color=color, alpha=0.18)
        axes.hist(clipped, bins=edges.tolist(), histtype="step", color=color, linewidth=1.3, label=name)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.grid(axis="x", visible=False)
    plain_ticks(axes, "y")
    beyond = int((sizes > limit).sum())
    if beyond:
        axes.text(
            0.98,
            0.97,
            f"{beyond} beyond ±{limit:.2g}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            size=8.5,
        )
