"""The figures of a report, one function each; numbers in, a matplotlib Figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

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
from neptuner.report.trials import BLOCKS, Array, Curve, Parity


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
        color, dashed, width = _phase_look(configuration, swept)
        swept += configuration.phase == "sweep"
        style = "--" if dashed else "-"
        _draw_curve(axes, curve, "force", color, name_of(configuration), linestyle=style, linewidth=width)
    _loss_axes(axes, f"{split} force RMSE ({unit_of('force')})")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", handlelength=2.2)
    return figure


@styled
def force_parity(panels: Sequence[tuple[str, Parity]]) -> Figure:
    """Draw predicted against reference force components, a panel a model, on one scale."""
    limit = 1.03 * max(float(np.abs(np.concatenate((p.predicted, p.reference))).max()) for _, p in panels)
    limit = limit or 1.0
    figure = new_figure(4.1 * len(panels) + 0.7, 4.2)
    columns = figure.subplots(1, len(panels), squeeze=False)[0]
    drawn = [_parity_panel(axes, title, parity, limit) for axes, (title, parity) in zip(columns, panels, strict=True)]
    top = max(float(np.max(np.asarray(d.get_array()))) for d in drawn)
    for collection in drawn:
        collection.set_norm(LogNorm(1, max(top, 2.0)))
    bar = figure.colorbar(drawn[-1], ax=list(columns), label="force components in a cell", shrink=0.8, pad=0.02)
    plain_ticks(bar.ax, "y")
    return figure


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


def _phase_look(configuration: Configuration, swept: int) -> tuple[str, bool, float]:
    """Return colour, whether dashed, and line width."""
    if configuration.phase == "sweep":
        return CYCLE[swept % len(CYCLE)], swept >= len(CYCLE), 1.1
    return (
        BASELINE if configuration.name.startswith("baseline") else COMBINED,
        configuration.phase == "extended",
        2.0,
    )


def _draw_curve(
    axes: Axes,
    curve: Curve,
    quantity: str,
    color: str,
    label: str,
    linestyle: str = "-",
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


def _parity_panel(axes: Axes, title: str, parity: Parity, limit: float) -> PolyCollection:
    """Draw one panel; density as hexagons, because a hundred thousand dots hide their own number."""
    axes.plot([-limit, limit], [-limit, limit], color=FAINT, linewidth=0.9, zorder=1)
    cells = axes.hexbin(
        parity.reference, parity.predicted, gridsize=(110, 63), extent=(-limit, limit, -limit, limit),
        mincnt=1, cmap="viridis_r", linewidths=0.1, rasterized=True, zorder=2,
    )  # fmt: skip
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    axes.set_title(title, loc="left")
    axes.set_xlabel(f"reference force ({unit_of('force')})")
    axes.set_ylabel(f"predicted force ({unit_of('force')})")
    axes.text(
        0.04,
        0.96,
        f"{parity.split} RMSE {parity.rmse:.4f} {unit_of('force')}",
        transform=axes.transAxes,
        va="top",
    )
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
