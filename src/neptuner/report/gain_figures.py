"""Figures of gains: bars with 95 % intervals, and the noise floor behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from neptuner.report.data import SPLITS, Configuration, Parameter, Results
from neptuner.report.figures import name_of
from neptuner.report.noise import floor_of, gain_of, judged_of
from neptuner.report.statistics_data import Judged
from neptuner.report.style import BAND, BASELINE, COMBINED, FAINT, SPLIT_COLORS, SPLIT_HATCHES, new_figure, styled
from neptuner.study.statistics.gains import Gain
from neptuner.study.statistics.interactions import Interaction

VERDICT_COLORS = {"better": "#009E73", "worse": COMBINED, "no difference": FAINT, "not settled": "#ffffff"}
ALONE, REMOVED, SUM = "#56B4E9", "#0072B2", "#E69F00"
MOST_SETTINGS = 60
"""Settings in one figure; of more, those with the largest gains are shown."""


def gain_rows(results: Results) -> list[tuple[str, Judged]]:
    """Return name and gain of every setting of the sweep and of the combined model; empty before the sweep."""
    swept = [c for p in results.sweep for c in p.values if c.done]
    found = [(name_of(c), judged) for c in swept if (judged := judged_of(results, c)) is not None]
    largest = sorted((judged.gain.gain for _, judged in found), reverse=True)[:MOST_SETTINGS]
    rows = [(name, judged) for name, judged in found if judged.gain.gain >= largest[-1]][:MOST_SETTINGS]
    if rows and results.combined is not None and (judged := judged_of(results, results.combined)) is not None:
        rows.append((results.combined.name, judged))
    return rows


def ablation_parts(results: Results) -> tuple[dict[str, Gain], Mapping[str, Judged], Interaction | None]:
    """Return the gain of each change alone, that in the combined model, and what both sum up to."""
    best = {p.name: c for p in results.sweep if p.chosen and (c := p.best_configuration) is not None}
    gains = {keyword: gain_of(results, c, results.judged_split) for keyword, c in best.items()}
    alone = {keyword: gain for keyword, gain in gains.items() if gain is not None}
    return alone, results.statistics.removals, results.statistics.interaction


def gain_label(results: Results) -> str:
    """Label an axis of gains."""
    return f"reduction of the {results.judged_split} {results.metric} loss, {results.strategy.upper()} (%)"


@styled
def gain_bars(parameter: Parameter, results: Results) -> Figure:
    """Draw the gains of one hyper-parameter's values, a bar a split, with the noise floor behind."""
    values = [c for c in parameter.values if c.done]
    splits = [s for s in SPLITS if any(gain_of(results, c, s) is not None for c in values)]
    figure = new_figure(max(4.6, min(9.0, 1.6 + 1.15 * len(values))), 3.0)
    axes = figure.subplots()
    floor = floor_of(results)
    _noise_band(axes.axhspan, floor)
    found = {(c.name, s): gain for c in values for s in splits if (gain := gain_of(results, c, s)) is not None}
    axes.set_ylim(*window(list(found.values()), floor))
    for place, split in enumerate(splits):
        _bars(axes, values, found, split, (place - (len(splits) - 1) / 2) * 0.26)
    axes.axhline(0, color=BASELINE, linewidth=0.9)
    axes.set_xticks(range(len(values)), [c.value or c.name for c in values])
    middle, half = (len(values) - 1) / 2, max(len(values), 3) / 2 + 0.1
    axes.set_xlim(middle - half, middle + half)
    axes.grid(axis="x", visible=False)
    axes.set_xlabel(f"{parameter.name} (baseline: {parameter.baseline_value})")
    axes.set_ylabel(f"reduction of {results.metric}\nloss, {results.strategy.upper()} (%)")
    handles, labels = _unique_handles(axes)
    figure.legend(handles, labels, loc="outside upper left", ncols=4, handlelength=1.2, columnspacing=1.2)
    return figure


@styled
def all_gains(rows: Sequence[tuple[str, Judged]], floor: float | None, label: str) -> Figure:
    """Draw the gain of every setting with its interval, coloured by verdict, the noise floor behind."""
    figure = new_figure(8.6, 1.3 + 0.27 * len(rows))
    axes = figure.subplots()
    _noise_band(axes.axvspan, floor)
    axes.set_xlim(*window([found.gain for _, found in rows], floor))
    for place, (_, found) in enumerate(rows):
        _horizontal(axes, place, found.gain, VERDICT_COLORS[found.verdict])
    _named_rows(axes, [name for name, _ in rows], label)
    verdicts = {found.verdict for _, found in rows}
    handles: list[Artist] = [_patch(color, word) for word, color in VERDICT_COLORS.items() if word in verdicts]
    if floor:
        handles.append(Patch(facecolor=BAND, alpha=0.6, label="noise floor"))
    figure.legend(handles=handles, loc="outside upper left", ncols=5, handlelength=1.2, columnspacing=1.2)
    return figure


@styled
def ablation_bars(
    alone: Mapping[str, Gain], removals: Mapping[str, Judged], total: Interaction | None, label: str
) -> Figure:
    """Draw what each change brings alone beside what it brings in the combined model, and the sums of both."""
    changes = list(dict.fromkeys((*alone, *removals)))
    rows = [*changes, *(["sum of single gains", "combined model"] if total else [])]
    figure = new_figure(8.6, 1.4 + 0.46 * len(rows))
    axes = figure.subplots()
    bare = [total.sum_of_singles, total.combined] if total else []
    axes.set_xlim(*window([*alone.values(), *(r.gain for r in removals.values())], None, bare))
    for place, change in enumerate(changes):
        if change in alone:
            _horizontal(axes, place - 0.19, alone[change], ALONE, height=0.34)
        if change in removals:
            _horizontal(axes, place + 0.19, removals[change].gain, REMOVED, height=0.34)
    for place, (value, color) in enumerate(zip(bare, (SUM, COMBINED), strict=False), len(changes)):
        axes.barh(place, value, 0.5, color=color, edgecolor=BASELINE, linewidth=0.6)
    _named_rows(axes, rows, label)
    names = {ALONE: "alone, over the baseline", REMOVED: "last, over the combined model without it"}
    figure.legend(handles=[_patch(color, word) for color, word in names.items()], loc="outside upper left", ncols=2)
    return figure


def window(gains: Sequence[Gain], floor: float | None, bare: Sequence[float] = ()) -> tuple[float, float]:
    """Ends of an axis that shows every gain; intervals far wider than the gains are cut off."""
    values = [0.0, floor or 0.0, -(floor or 0.0), *(g.gain for g in gains), *bare]
    reach = 1.2 * max(max(map(abs, values)), 0.5)
    low = max([min(values) - reach, min([*values, *(g.low for g in gains if g.low is not None)])])
    high = min([max(values) + reach, max([*values, *(g.high for g in gains if g.high is not None)])])
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _noise_band(draw: object, floor: float | None) -> None:
    """Shade what trainings of the baseline differ by; `draw` is ``axhspan`` or ``axvspan`` of the axes."""
    if floor and callable(draw):
        draw(-floor, floor, color=BAND, alpha=0.6, linewidth=0, label="noise floor")


def _bars(
    axes: Axes, values: Sequence[Configuration], found: Mapping[tuple[str, str], Gain], split: str, shift: float
) -> None:
    for place, configuration in enumerate(values):
        gain = found.get((configuration.name, split))
        if gain is None:
            continue
        axes.bar(
            place + shift, gain.gain, 0.24, color=SPLIT_COLORS[split], label=split,
            hatch=SPLIT_HATCHES[split], edgecolor="white", linewidth=0,
        )  # fmt: skip
        if gain.low is not None and gain.high is not None:
            axes.plot([place + shift] * 2, [gain.low, gain.high], color=BASELINE, linewidth=0.9, marker="_")


def _horizontal(axes: Axes, place: float, gain: Gain, color: str, height: float = 0.62) -> None:
    """Draw a bar and its interval; an arrow head stands where the interval goes on beyond the axes."""
    axes.barh(place, gain.gain, height, color=color, edgecolor=BASELINE, linewidth=0.6)
    if gain.low is None or gain.high is None:
        return
    left, right = axes.get_xlim()
    ends = [max(gain.low, left), min(gain.high, right)]
    axes.plot(ends, [place, place], color=BASELINE, linewidth=1.1)
    for end, beyond, arrow in zip(ends, (gain.low < left, gain.high > right), "<>", strict=True):
        axes.plot(end, place, marker=arrow if beyond else "|", color=BASELINE, markersize=5)


def _named_rows(axes: Axes, names: Sequence[str], label: str) -> None:
    axes.axvline(0, color=BASELINE, linewidth=0.9)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(label)
    axes.set_ylabel("setting" if "combined model" not in names else "change")


def _patch(color: str, label: str) -> Patch:
    return Patch(facecolor=color, edgecolor=BASELINE, linewidth=0.6, label=label)


def _unique_handles(axes: Axes) -> tuple[list[Artist], list[str]]:
    handles, labels = axes.get_legend_handles_labels()
    first = {label: handle for handle, label in zip(reversed(handles), reversed(labels), strict=True)}
    order = [label for label in (*SPLITS, "noise floor") if label in first]
    return [first[label] for label in order], order
