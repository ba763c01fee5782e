"""Interactive twins of accuracy against cost: training time, and speed in molecular dynamics."""

from __future__ import annotations

from neptuner.report import numbers
from neptuner.report.charts import CYCLE, Trace, axis, chart, dots, log_axis, rule
from neptuner.report.cost import cost_points, pareto_front
from neptuner.report.data import Results
from neptuner.report.search_data import Search, Tried
from neptuner.report.style import shown, unit_of
from neptuner.report.template import Chart

SYMBOLS = ("square", "diamond", "triangle-up", "triangle-down", "cross", "x", "pentagon", "hexagon", "star-triangle-up")
MODELS = {
    "baseline": ("--baseline", "circle", 13), "combined": ("--combined", "circle", 13),
    "baseline-extended": ("--baseline", "star", 17), "combined-extended": ("--combined", "star", 17),
}  # fmt: skip
PHASES = {"search": ("--c0", "circle", "search"), "baseline": ("--baseline", "square", "baseline"),
          "combined": ("--combined", "star", "combined")}  # fmt: skip


def cost_chart(results: Results) -> Chart:
    """Show training time against accuracy, a marker a configuration."""
    points = cost_points(results)
    front = pareto_front(points)
    traces = [_front([p.seconds for p in front], [p.loss for p in front], "vh")]
    swept = [g for g in dict.fromkeys(p.group for p in points) if g not in MODELS]
    looks = MODELS | {g: (CYCLE[i % 9], SYMBOLS[i % len(SYMBOLS)], 9) for i, g in enumerate(swept)}
    for group in dict.fromkeys(p.group for p in points):
        color, symbol, size = looks[group]
        chosen = [p for p in points if p.group == group]
        names = [p.label if p.main else f"{group} {p.label}" for p in chosen]
        hover = f"%{{customdata}}<br>%{{x:,.3g}} s, %{{y:.4f}} {unit_of('force')}<extra></extra>"
        traces.append(dots([p.seconds for p in chosen], [p.loss for p in chosen], group, color, symbol=symbol,
                           size=size, customdata=names, hovertemplate=hover))  # fmt: skip
    loss = f"{results.judged_split} force loss, AVG ({unit_of('force')})"
    times = [p.seconds for p in points]
    time = "training time of a run (s)"
    x = log_axis(time, times) if max(times) > 4 * min(times) else axis(time)
    return chart(traces, x, axis(loss), height=460)


def search_chart(results: Results, search: Search) -> Chart:
    """Show loss against speed in molecular dynamics of every model trained in full."""
    points = [t for t in search.in_full if t.speed is not None and t.loss is not None]
    front = [t for t in search.pareto if t.speed is not None]
    traces = [_front([t.speed or 0.0 for t in front], [_loss(results, t) for t in front], "hv")]
    for phase in dict.fromkeys(t.phase for t in points):
        for feasible in (True, False):
            chosen = [t for t in points if (t.phase, t.feasible) == (phase, feasible)]
            traces += [_tried(results, chosen, phase, feasible)] if chosen else []
    least = [rule(search.speed_min, "x")] if search.speed_min is not None else []
    loss = f"validation {results.metric} loss, {results.strategy.upper()} ({unit_of(results.metric)})"
    speed = log_axis("speed in molecular dynamics (atom-steps/s)", [t.speed or 0.0 for t in points])
    return chart(traces, speed, axis(loss), height=440, shapes=least)


def _front(x: list[float], y: list[float], shape: str) -> Trace:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": "Pareto front", "hoverinfo": "skip",
            "line": {"color": "--faint", "width": 1.4, "dash": "dot", "shape": shape}}  # fmt: skip


def _tried(results: Results, chosen: list[Tried], phase: str, feasible: bool) -> Trace:
    color, symbol, label = PHASES.get(phase, ("--c1", "triangle-up", "sweep"))
    settings = [", ".join(f"{keyword} {value}" for keyword, value in t.values.items()) for t in chosen]
    words = [f"{t.name}: {about}<br>loss {numbers.loss(results.metric, t.loss)} {unit_of(results.metric)}, "
             f"{numbers.count(t.speed)} atom-steps/s" for t, about in zip(chosen, settings, strict=True)]  # fmt: skip
    look = {} if feasible else {"edge": {"width": 1.2, "color": color}}
    return dots([t.speed or 0.0 for t in chosen], [_loss(results, t) for t in chosen],
                label if feasible else f"{label}, not allowed", color if feasible else "--paper", symbol=symbol,
                customdata=words, hovertemplate="%{customdata}<extra></extra>", **look)  # fmt: skip


def _loss(results: Results, tried: Tried) -> float:
    return shown(results.metric, tried.loss or 0.0)
