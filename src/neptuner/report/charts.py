"""Charts of Plotly as plain dictionaries; ``assets/page.js`` gives them the fonts, margins and colours of the page.

Colours are names of ``assets/page.css``, as ``--baseline`` or ``--baseline / 0.2``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.report.template import Chart
from neptuner.study.statistics.gains import Gain

Array = NDArray[np.float64]
Trace = dict[str, Any]

CYCLE = tuple(f"--c{number}" for number in range(9))
DASHES = ("solid", "dash", "dot", "dashdot")
FACES = {"baseline": "--baseline", "final": "--combined"}
"""Colours of the two models that are compared, as in the static figures."""


def chart(traces: Iterable[Trace], x: Trace, y: Trace, **layout: Any) -> Chart:
    """Return a chart of traces over one pair of axes; `layout` is more of Plotly's layout."""
    return {"data": list(traces), "layout": {"xaxis": x, "yaxis": y, **layout}}


def panels(traces: Iterable[Trace], axes: Sequence[tuple[Trace, Trace]], height: int, **layout: Any) -> Chart:
    """Return a chart of several pairs of axes, side by side, or one below the other where the page is narrow.

    A trace names its axes ``x1``, ``y1``, ``x2`` and so on.
    """
    count = len(axes)
    across, tall = (0.1, 0.28 / count) if count > 1 else (0.0, 0.0)
    wide_layout: Trace = {"height": height, **layout}
    narrow: Trace = {"height": height * count}
    for place, (x, y) in enumerate(axes, start=1):
        left, top = (place - 1) * (1 + across) / count, 1 - (place - 1) * (1 + tall) / count
        wide, stacked = [left, left + (1 + across) / count - across], [top - (1 + tall) / count + tall, top]
        names = f"xaxis{place}" if place > 1 else "xaxis", f"yaxis{place}" if place > 1 else "yaxis"
        wide_layout |= {names[0]: {**x, "domain": wide, "anchor": f"y{place}"}, names[1]: {**y, "anchor": f"x{place}"}}
        narrow |= {names[0]: {"domain": [0, 1]}, names[1]: {"domain": stacked}}
    return {"data": list(traces), "layout": wide_layout, **({"narrow": narrow} if count > 1 else {})}


def axis(title: str, **more: Any) -> Trace:
    """Return an axis with its title, which names the unit."""
    return {"title": {"text": title}, **more}


def log_axis(title: str, values: Iterable[float], **more: Any) -> Trace:
    """Return a logarithmic axis for such values, with ticks as plain numbers and no more of them than can be read."""
    known = [value for value in values if value > 0]
    span = max(known) / min(known) if known else 1.0
    steps = ((1000, {"dtick": 1}), (12, {"dtick": "D2"}), (4, {"dtick": "D1"}), (0, {"nticks": 8}))
    ticks = next(found for least, found in steps if span >= least)
    return axis(title, type="log", tickformat=",.6~g", **ticks, **more)


def line(x: Sequence[float] | Array, y: Sequence[float] | Array, name: str, color: str, **more: Any) -> Trace:
    """Return a line; ``width`` and ``dash`` are those of its stroke."""
    stroke = {"color": color, "width": more.pop("width", 2), "dash": more.pop("dash", "solid")}
    mode = "lines" if len(x) > 1 else "markers"
    return {"type": "scatter", "mode": mode, "x": x, "y": y, "name": name, "line": stroke,
            "marker": {"color": color}, **more}  # fmt: skip


def dots(
    x: Sequence[float] | Sequence[str] | Array, y: Sequence[float] | Array, name: str, color: str, **more: Any
) -> Trace:
    """Return markers; ``size``, ``symbol`` and ``opacity`` are theirs."""
    marker = {"color": color, "size": more.pop("size", 8), "symbol": more.pop("symbol", "circle")}
    marker |= {"line": more.pop("edge", {"width": 0.6, "color": "--paper"}), "opacity": more.pop("opacity", 1)}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "name": name, "marker": marker, **more}


def band(x: Array, low: Array, high: Array, color: str, group: str) -> Trace:
    """Return the area between two lines; it comes and goes with the line of its legend group."""
    known = np.isfinite(low) & np.isfinite(high)
    x, low, high = x[known], low[known], high[known]
    return {"type": "scatter", "mode": "lines", "x": np.concatenate([x, x[::-1]]),
            "y": np.concatenate([low, high[::-1]]), "fill": "toself", "fillcolor": f"{color} / 0.18",
            "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "legendgroup": group}  # fmt: skip


def strip(low: float, high: float, across: str) -> Trace:
    """Return a shape that shades values between two limits of the axis ``across``, ``x`` or ``y``, below everything."""
    look = {"layer": "below", "fillcolor": "--band / 0.6", "line": {"width": 0}}
    return {"type": "rect", **look, **_from_end_to_end(low, high, across)}


def rule(place: float, across: str, **stroke: Any) -> Trace:
    """Return a shape that draws a line at a value of the axis ``across``."""
    return {"type": "line", "line": {"color": "--soft", "width": 1, **stroke}, **_from_end_to_end(place, place, across)}


def _from_end_to_end(low: float, high: float, across: str) -> Trace:
    """Place a shape between two values of one axis, over the whole length of the other."""
    other = "y" if across == "x" else "x"
    return {f"{across}0": low, f"{across}1": high, f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1}


def whiskers(gains: Sequence[Gain]) -> Trace:
    """Return the error bars of gains; none where an interval is not known."""
    above = [None if g.high is None else g.high - g.gain for g in gains]
    below = [None if g.low is None else g.gain - g.low for g in gains]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below,
            "color": "--ink", "thickness": 1.3, "width": 4}  # fmt: skip


def thinned(size: int, most: int, *, log: bool = False) -> NDArray[np.int_]:
    """Return at most so many of ``size`` indices, evenly spread, the last one included."""
    if size <= most:
        return np.arange(size)
    spread = np.geomspace(1, size, most) - 1 if log else np.linspace(0, size - 1, most)
    return np.unique(spread.round().astype(int))
