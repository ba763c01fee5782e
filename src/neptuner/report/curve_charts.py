"""Interactive loss curves of every training, and the interactive learning curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

import numpy as np

from neptuner.errors import InputError
from neptuner.report import learning
from neptuner.report.charts import CYCLE, DASHES, Trace, band, chart, dots, line, log_axis, panels, rule, thinned
from neptuner.report.data import QUANTITIES, Key, Results, Run
from neptuner.report.style import shown, unit_of
from neptuner.report.template import Chart
from neptuner.report.trials import Curve, run_curve

MOST_RUNS = 300
"""Curves in one chart; of more, those that end lowest are shown."""
MOST_ROWS = 120
"""Points of a curve; of more, some spread evenly over its logarithmic axis are shown."""


def all_curves_chart(results: Results) -> Chart:
    """Show the force loss of every training against steps, those of a kind under one name of the legend."""
    key = ("force", results.judged_split)
    found = [(run, curve) for run in results.runs if (curve := _curve(results, run, key)) is not None]
    kept = sorted(found, key=lambda pair: (not pair[0].name.startswith(("baseline", "combined")), pair[1].mean[-1]))
    traces: list[Trace] = []
    looks = _looks(results)
    for run, curve in kept[:MOST_RUNS]:
        group = _group(results, run)
        color, dash, width = looks.setdefault(group, ("--faint", "solid", 1.0))
        first = group not in {t["legendgroup"] for t in traces}
        traces.append({**_trace(run, curve, color, dash, width), "name": group, "legendgroup": group,
                       "showlegend": first})  # fmt: skip
    order = list(looks)
    traces.sort(key=lambda t: order.index(t["legendgroup"]))
    losses = [loss for trace in traces for loss in trace["y"]]
    return {
        **chart(
            traces[::-1],
            _steps([curve for _, curve in kept]),
            log_axis(f"{results.judged_split} force RMSE ({unit_of('force')})", losses),
            height=460,
            legend={"traceorder": "reversed"},
        ),
        "caption": _caption(results, len(kept)),
    }


def baseline_curves_chart(curves: Mapping[Key, Curve]) -> Chart:
    """Show the loss curves of the baseline, a panel a quantity; one below the other on a narrow page."""
    present = [q for q in QUANTITIES if any(key[0] == q for key in curves)]
    other = "test" if any(key[1] == "test" for key in curves) else "validation"
    axes = [(_steps([c for key, c in curves.items() if key[0] == q]), _loss_axis(curves, q, other)) for q in present]
    traces: list[Trace] = []
    for place, quantity in enumerate(present, start=1):
        on = {"xaxis": f"x{place}", "yaxis": f"y{place}"}
        for split in ("train", other):
            if (quantity, split) in curves:
                traces += [{**t, **on} for t in _with_band(curves[quantity, split], quantity, split, place == 1)]
    return panels(traces, axes, height=300)


def learning_chart(results: Results) -> Chart:
    """Show loss against training frames with the law that was fitted to it."""
    points = learning.sizes(results)
    unit = shown(results.metric, 1.0)
    color = "--combined" if points[-1].configuration.name.startswith("combined") else "--baseline"
    every = [(size.frames, unit * loss) for size in points for loss in size.losses.values()]
    hollow = {"edge": {"width": 1.2, "color": color}, "size": 7}
    traces = [
        *_law_traces(points, results.metric, color),
        dots([f for f, _ in every], [v for _, v in every], "replicates", "--paper", **hollow),
        dots([s.frames for s in points], [unit * s.mean for s in points], "means", color),
    ]
    reference = learning.losses_of(results, results.baseline) if results.baseline is not None else {}
    shapes = []
    if reference and points[-1].configuration is not results.baseline:
        level = unit * float(np.mean(list(reference.values())))
        shapes.append({**rule(level, "y", dash="dot"), "showlegend": True, "name": "baseline on all frames"})
    loss = f"{results.judged_split} {results.metric} loss, {results.strategy.upper()} ({unit_of(results.metric)})"
    frames = log_axis("training frames", [f for trace in traces for f in trace["x"]])
    return chart(traces, frames, log_axis(loss, [v for _, v in every]), shapes=shapes, height=400)


def _caption(results: Results, count: int) -> str:
    shown = f"the {MOST_RUNS} of {count} trainings that end lowest" if count > MOST_RUNS else "every training"
    return (
        f"On the {results.judged_split} set, a line for {shown}. A click on a name in the legend hides its lines, a "
        "double click shows them alone."
    )


def _steps(curves: Sequence[Curve]) -> Trace:
    return log_axis("step", [end for curve in curves for end in (curve.steps[0], curve.steps[-1])])


def _loss_axis(curves: Mapping[Key, Curve], quantity: str, other: str) -> Trace:
    found = [curves[quantity, split] for split in ("train", other) if (quantity, split) in curves]
    return log_axis(f"{quantity} RMSE ({unit_of(quantity)})", [loss for curve in found for loss in curve.mean])


def _curve(results: Results, run: Run, key: Key) -> Curve | None:
    """Read one curve; a training that has none yet, or a damaged one, is left out."""
    try:
        return run_curve(results, run, key)
    except InputError:
        return None


def _group(results: Results, run: Run) -> str:
    if results.combined is not None and run.id in results.combined.runs:
        return results.combined.name  # one winner alone is the combined model
    if run.phase == "sweep":
        return next((p.name for p in results.sweep if any(c.name == run.name for c in p.values)), "sweep")
    words = {"ablation": "ablation", "learning_curve": "learning curve", "search": "joint search"}
    return words.get(run.phase, run.name)


def _looks(results: Results) -> dict[str, tuple[str, str, float]]:
    """Colour, dash and width of each group, in the order of the legend."""
    looks = {
        "baseline": ("--baseline", "solid", 2.4), "combined": ("--combined", "solid", 2.4),
        "baseline-extended": ("--baseline", "dash", 2.4), "combined-extended": ("--combined", "dash", 2.4),
    }  # fmt: skip
    rest = [*(p.name for p in results.sweep), "ablation", "learning curve", "joint search"]
    strokes = zip(cycle(CYCLE), (dash for dash in cycle(DASHES) for _ in CYCLE), strict=False)
    return looks | {name: (color, dash, 1.1) for name, (color, dash) in zip(rest, strokes, strict=False)}


def _trace(run: Run, curve: Curve, color: str, dash: str, width: float) -> Trace:
    rows = thinned(len(curve.steps), MOST_ROWS, log=True)
    steps, loss = curve.steps[rows], shown("force", 1.0) * curve.mean[rows]
    replicate = "" if run.replicate is None else f", replicate {run.replicate}"
    hover = f"{run.name}{replicate}<br>step %{{x:,}}: %{{y:.4f}} {unit_of('force')}<extra></extra>"
    return line(steps, loss, run.name, color, dash=dash, width=width, hovertemplate=hover)


def _with_band(curve: Curve, quantity: str, split: str, named: bool) -> Iterator[Trace]:
    rows = thinned(len(curve.steps), MOST_ROWS, log=True)
    unit = shown(quantity, 1.0)
    steps, mean, low, high = (part[rows] for part in (curve.steps, curve.mean, curve.low, curve.high))
    yield line(steps, unit * mean, split, f"--{split}", legendgroup=split, showlegend=named)
    if np.any(high > low):
        yield band(steps, unit * low, unit * high, f"--{split}", split)


def _law_traces(points: Sequence[learning.Size], metric: str, color: str) -> Iterator[Trace]:
    law = learning.law(points, metric)
    if law is None:
        return
    frames, error, low, high = law
    known = int(np.searchsorted(frames, points[-1].frames, side="right"))
    yield band(frames, low, high, color, "law")
    yield line(frames[:known], error[:known], "fit, 95 % band", color, width=1.4, legendgroup="law")
    beyond = {"width": 1.4, "dash": "dash", "legendgroup": "law", "showlegend": False}
    yield line(frames[known - 1 :], error[known - 1 :], "fit", color, **beyond)
