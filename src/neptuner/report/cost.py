"""The figure of training time against accuracy, with labels that keep out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from neptuner.report.data import Configuration, Results
from neptuner.report.style import (
    BASELINE,
    COMBINED,
    CYCLE,
    FAINT,
    MARKERS,
    new_figure,
    plain_ticks,
    settle,
    shown,
    styled,
    unit_of,
)


@dataclass(frozen=True)
class Point:
    """One configuration in the figure."""

    seconds: float
    loss: float
    """In the unit shown."""
    group: str
    """What sets colour and marker: a hyper-parameter or a phase."""
    label: str
    main: bool
    """Labelled first: baseline, combined, extended."""


def cost_points(results: Results) -> list[Point]:
    """Return a point for every finished configuration with a training time and a force loss (AVG)."""
    points = []
    for c in results.configurations:
        loss = c.loss_of("force", results.judged_split).avg
        if loss is not None and c.seconds:
            points.append(_point(c, loss))
    return points


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats in both time and loss, by time."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.seconds, p.loss)):
        if not front or point.loss < front[-1].loss:
            front.append(point)
    return front


@styled
def cost_against_accuracy(points: Sequence[Point], split: str, rows: int) -> Figure:
    """Draw force loss against training time, a marker a configuration, and the Pareto front."""
    figure = new_figure(9.6, 5.0)
    axes = figure.subplots()
    front = pareto_front(points)
    axes.plot(
        [p.seconds for p in front], [p.loss for p in front],
        color=FAINT, linewidth=1.2, linestyle=":", drawstyle="steps-post", zorder=1, label="Pareto front",
    )  # fmt: skip
    for group, (color, marker) in _looks(points).items():
        chosen = [p for p in points if p.group == group]
        axes.scatter(
            [p.seconds for p in chosen], [p.loss for p in chosen],
            s=_SIZES.get(marker, 70) if chosen[0].main else 38, color=color, marker=marker,
            edgecolors="white", linewidths=0.6, label=group, zorder=3,
        )  # fmt: skip
    _scale(axes, points)
    axes.set_xlabel("training time of a run (s)")
    axes.set_ylabel(f"{split} force loss, AVG of the last {rows} rows ({unit_of('force')})")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    _place_labels(figure, axes, sorted(points, key=lambda p: (not p.main, p not in front)))
    return figure


def _point(configuration: Configuration, loss: float) -> Point:
    swept = configuration.phase == "sweep"
    return Point(
        seconds=configuration.seconds or 0.0,
        loss=shown("force", loss),
        group=(configuration.parameter or "sweep") if swept else configuration.name,
        label=(configuration.value or "") if swept else configuration.name,
        main=not swept,
    )


_SIZES = {"*": 150}
"""Stars look smaller than they are."""


def _looks(points: Sequence[Point]) -> dict[str, tuple[str, str]]:
    fixed = {
        "baseline": (BASELINE, "o"),
        "combined": (COMBINED, "o"),
        "baseline-extended": (BASELINE, "*"),
        "combined-extended": (COMBINED, "*"),
    }
    groups = dict.fromkeys(p.group for p in points)
    swept = [g for g in groups if g not in fixed]
    cycled = {g: (CYCLE[i % len(CYCLE)], MARKERS[i % len(MARKERS)]) for i, g in enumerate(swept)}
    return {g: fixed.get(g) or cycled[g] for g in groups}


def _scale(axes: Axes, points: Sequence[Point]) -> None:
    times = [p.seconds for p in points]
    if max(times) > 4 * min(times):
        axes.set_xscale("log")
        axes.margins(x=0.1)
        plain_ticks(axes, "x")
    else:
        axes.margins(x=0.12)
    axes.margins(y=0.12)


def _place_labels(figure: Figure, axes: Axes, points: Sequence[Point]) -> None:
    """Put each label at the first of eight places that is free; a label with no free place is left out."""
    settle(figure)
    markers = [_around(axes.transData.transform((p.seconds, p.loss)), 5.0 * figure.dpi / 100) for p in points]
    frame = axes.get_window_extent()
    taken: list[Bbox] = []
    for own, point in zip(markers, points, strict=True):
        others = taken + [m for m in markers if m is not own]
        for dx, dy, ha, va in _OFFSETS:
            label = axes.annotate(
                point.label, (point.seconds, point.loss), (dx, dy), textcoords="offset points", ha=ha, va=va,
                size=8.5, color="#1f2937", weight="bold" if point.main else "normal", zorder=4,
            )  # fmt: skip
            box = label.get_window_extent().padded(1.0)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in others):
                taken.append(box)
                break
            label.remove()


_OFFSETS = (
    (7, 0, "left", "center"),
    (-7, 0, "right", "center"),
    (0, 7, "center", "bottom"),
    (0, -7, "center", "top"),
    (5, 5, "left", "bottom"),
    (5, -5, "left", "top"),
    (-5, 5, "right", "bottom"),
    (-5, -5, "right", "top"),
)


def _around(centre: NDArray[np.float64], radius: float) -> Bbox:
    x, y = centre.tolist()
    return Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)
