"""Interactive twins of the figures of gains."""

from __future__ import annotations

from neptuner.report import numbers
from neptuner.report.charts import axis, chart, rule, strip, whiskers
from neptuner.report.data import SPLITS, Parameter, Results
from neptuner.report.gain_figures import ablation_parts, gain_label, gain_rows, window
from neptuner.report.noise import floor_of, gain_of
from neptuner.report.statistics_data import Judged
from neptuner.report.template import Chart
from neptuner.study.statistics.gains import Gain

VERDICTS = {"better": "--better", "worse": "--worse", "no difference": "--same", "not settled": "--unsettled"}
_EDGE = {"color": "--baseline", "width": 0.8}


def all_gains_chart(results: Results) -> Chart:
    """Show the gain of every setting with its interval, by verdict, over the noise floor."""
    rows, floor = gain_rows(results), floor_of(results)
    traces = [
        {**_bars([(name, found.gain) for name, found in rows if found.verdict == verdict], color, verdict, "h"),
         "customdata": [_words(found) for _, found in rows if found.verdict == verdict]}
        for verdict, color in VERDICTS.items()
        if any(found.verdict == verdict for _, found in rows)
    ]  # fmt: skip
    names = [name for name, _ in rows]
    caption = (
        f"Over the baseline, on {results.judged_split}; positive is better. Lines: 95 % intervals, cut off where they "
        "go on beyond the axis; the band is what trainings of the baseline differ by."
    )
    shown = chart(
        [{**t, "hovertemplate": "%{y}: %{customdata}<extra></extra>"} for t in traces],
        axis(gain_label(results), range=window([found.gain for _, found in rows], floor), zeroline=True),
        axis("", categoryorder="array", categoryarray=names[::-1], showgrid=False),
        height=110 + 22 * len(rows),
        shapes=_noise(floor, "x"),
    )
    return {**shown, "caption": caption}


def gain_bars_chart(parameter: Parameter, results: Results) -> Chart:
    """Show the gains of one hyper-parameter's values, a bar a split."""
    values = [c for c in parameter.values if c.done]
    found = {s: [(c.value or c.name, g) for c in values if (g := gain_of(results, c, s))] for s in SPLITS}
    every = [gain for pairs in found.values() for _, gain in pairs]
    traces = [
        {**_bars(pairs, f"--{split}", split, "v"), "customdata": [numbers.gain(gain) for _, gain in pairs],
         "hovertemplate": f"{split}: %{{customdata}}<extra>{parameter.name} %{{x}}</extra>"}
        for split, pairs in found.items()
        if pairs
    ]  # fmt: skip
    floor = floor_of(results)
    return chart(
        traces,
        axis(f"{parameter.name} (baseline: {parameter.baseline_value})", type="category", showgrid=False),
        axis(f"reduction of {results.metric} loss (%)", range=window(every, floor)),
        height=330,
        shapes=[*_noise(floor, "y"), rule(0, "y")],
    )


def ablation_chart(results: Results) -> Chart:
    """Show what each change brings alone beside what it brings in the combined model."""
    alone, removals, total = ablation_parts(results)
    inside = {keyword: found.gain for keyword, found in removals.items()}
    names = list(dict.fromkeys((*alone, *inside)))
    traces = [
        _bars(list(alone.items()), "--c4", "alone, over the baseline", "h") | {"offset": 0.02, "width": 0.36},
        _bars(list(inside.items()), "--c0", "last, over the combined model without it", "h")
        | {"offset": -0.38, "width": 0.36},
    ]
    bare = [total.sum_of_singles, total.combined] if total else []
    ends = {"sum of single gains": "--c1", "combined model": "--combined"} if total else {}
    for (name, color), value in zip(ends.items(), bare, strict=True):
        traces.append({"type": "bar", "orientation": "h", "y": [name], "x": [value], "showlegend": False,
                       "offset": -0.25, "width": 0.5, "marker": {"color": color, "line": _EDGE}})  # fmt: skip
        names.append(name)
    caption = (
        "Each change in the baseline beside the same change as the last one of the combined model; lines: 95 % "
        "intervals, cut off where they go on beyond the axis. Bars of one length mean that a change does not depend on "
        "the others."
    )
    shown = chart(
        [{**t, "hovertemplate": "%{y}: %{x:.1f} %<extra></extra>"} for t in traces],
        axis(gain_label(results), range=window([*alone.values(), *inside.values()], None, bare), zeroline=True),
        axis("", categoryorder="array", categoryarray=names[::-1], showgrid=False),
        height=130 + 44 * len(names),
    )
    return {**shown, "caption": caption}


def _bars(pairs: list[tuple[str, Gain]], color: str, name: str, orientation: str) -> Chart:
    names, gains = [n for n, _ in pairs], [g for _, g in pairs]
    along, across = ("x", "y") if orientation == "h" else ("y", "x")
    return {
        "type": "bar", "orientation": orientation, "name": name, across: names, along: [g.gain for g in gains],
        "marker": {"color": color, "line": _EDGE}, f"error_{along}": whiskers(gains),
    }  # fmt: skip


def _noise(floor: float | None, across: str) -> list[Chart]:
    if not floor:
        return []
    named = {"showlegend": True, "name": "noise floor"}
    return [{**strip(-floor, floor, across), **named}]


def _words(found: Judged) -> str:
    p = numbers.probability(found.adjusted_p)
    return f"{numbers.gain(found.gain)}, {found.verdict}{f', {p}' if p else ''}"
