"""The learning curve: losses against the number of training frames, and their figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neptuner.report.data import Configuration, Results
from neptuner.report.style import BASELINE, COMBINED, FAINT, new_figure, plain_ticks, shown, styled, unit_of
from neptuner.study.statistics.learning_curve import FACTORS, LearningCurve, fit_learning_curve

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """One model trained on a part of the frames, or on all."""

    configuration: Configuration
    frames: int
    losses: dict[int, float]
    """By the metric and strategy of the study on the split that judges, by seed."""

    @property
    def mean(self) -> float:
        """Mean over replicates."""
        return float(np.mean(list(self.losses.values())))


def full_model(results: Results) -> Configuration | None:
    """Return the model whose learning curve it is, trained on all frames."""
    combined = any(c.name.startswith("combined") for c in results.learning_curve)
    return results.combined if combined else results.baseline


def sizes(results: Results) -> list[Size]:
    """Return what has been trained, by the number of frames; empty without a learning curve."""
    full = full_model(results)
    every = next((d.frames for d in results.data if d.split == "train"), None)
    if not results.learning_curve or full is None or not every:
        return []
    found = [Size(c, max(1, round(c.fraction * every)), losses_of(results, c)) for c in (*results.learning_curve, full)]
    return [size for size in found if size.losses]


def losses_of(results: Results, configuration: Configuration) -> dict[int, float]:
    """Return the losses of a configuration by seed."""
    runs = [run for run in results.runs if run.id in configuration.runs and run.seed is not None]
    losses = {r.seed: r.loss_of(results.metric, results.judged_split).value(results.strategy) for r in runs}
    return {seed: loss for seed, loss in losses.items() if seed is not None and loss}


def fitted(points: Sequence[Size], factors: Sequence[float] = FACTORS) -> LearningCurve | None:
    """Fit the law of :mod:`neptuner.study.statistics.learning_curve`; None with fewer than three sizes."""
    pairs = [(size.frames, loss) for size in points for loss in size.losses.values()]
    return fit_learning_curve([frames for frames, _ in pairs], [loss for _, loss in pairs], factors) if pairs else None


@styled
def learning_curve(points: Sequence[Size], results: Results) -> Figure:
    """Draw loss against frames, a circle a replicate, a dot a mean, and the law up to four times as many frames."""
    figure = new_figure(6.4, 4.0)
    axes = figure.subplots()
    color = COMBINED if points[-1].configuration.name.startswith("combined") else BASELINE
    frames = [size.frames for size in points]
    means = [shown(results.metric, size.mean) for size in points]
    drawn = _draw_law(axes, points, results, color)
    line = "" if drawn else "-"
    axes.plot(frames, means, color=color, linestyle=line, marker="o", markersize=5, label=f"{_stem(points)}, means")
    for size in points:
        values = [shown(results.metric, loss) for loss in size.losses.values()]
        axes.scatter([size.frames] * len(values), values, s=26, facecolors="white", edgecolors=color, zorder=3)
    reference = losses_of(results, results.baseline) if results.baseline is not None else {}
    if reference and points[-1].configuration is not results.baseline:
        value = shown(results.metric, float(np.mean(list(reference.values()))))
        axes.axhline(value, color=FAINT, linestyle=":", label="baseline on all frames")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.08, y=0.12)
    plain_ticks(axes, "y")
    ticks = [*frames, *(round(factor * frames[-1]) for factor in FACTORS if drawn)]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("training frames")
    axes.set_ylabel(
        f"{results.judged_split} {results.metric} loss, {results.strategy.upper()} ({unit_of(results.metric)})"
    )
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


def law(points: Sequence[Size], metric: str) -> tuple[Array, Array, Array, Array] | None:
    """Return frames, loss, and the ends of its 95 % band of the law, in the unit shown; None if there is no fit.

    It goes from the fewest frames to four times as many as there are.
    """
    largest = points[-1].frames
    within = np.geomspace(points[0].frames / largest, 1.0, 30)
    factors = np.concatenate([within, np.geomspace(1.0, max(FACTORS), 10)[1:]])
    curve = fitted(points, factors.tolist())
    if curve is None:
        return None
    rows = [[p.error, p.error_low, p.error_high] for p in curve.predictions]
    error, low, high = shown(metric, 1.0) * np.array(rows).T
    return largest * factors, error, low, high


def _draw_law(axes: Axes, points: Sequence[Size], results: Results, color: str) -> bool:
    """Draw the fit with its band, dashed where there are no frames yet; return whether there is one."""
    found = law(points, results.metric)
    if found is None:
        return False
    frames, error, low, high = found
    axes.fill_between(frames, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(frames[:30], error[:30], color=color, linewidth=1.2, label="fit, 95 % band")
    axes.plot(frames[29:], error[29:], color=color, linewidth=1.2, linestyle="--")
    return True


def _stem(points: Sequence[Size]) -> str:
    return points[-1].configuration.name.split("-on-")[0]
