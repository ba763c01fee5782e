"""What the page says of the learning curve: would more frames help?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from neptuner.report import numbers
from neptuner.report.data import Results
from neptuner.report.gallery import Drawing
from neptuner.report.learning import Size, fitted, full_model, sizes
from neptuner.report.noise import floor_words, judged_of
from neptuner.report.style import unit_of
from neptuner.report.tables import Cell, Row, Table, gain_cell, state_of
from neptuner.study.statistics.block_model import fit_blocks
from neptuner.study.statistics.gains import Gain, compare
from neptuner.study.statistics.learning_curve import LearningCurve, Prediction, more_data_or_bigger_model


def learning_section(results: Results, drawings: Mapping[str, Drawing]) -> dict[str, Any] | None:
    """Everything the templates show; None if no learning curve was asked for."""
    if not results.learning_curve:
        return None
    points = sizes(results)
    return {
        "sentences": _sentences(results, points),
        "table": learning_table(results, points),
        "drawing": drawings["learning-curve"],
    }


def learning_table(results: Results, points: Sequence[Size]) -> Table:
    """Tabulate frames, loss, and what each larger set gains over the one before."""
    by = f"{results.judged_split} {results.metric}, {results.strategy.upper()}"
    header = (
        Cell("Model"), Cell("Training frames"), Cell("Loss", f"{by}, {unit_of(results.metric)}"),
        Cell("Gain over the row above", f"95 % interval; {floor_words(results)}"), Cell("Replicates"),
    )  # fmt: skip
    gains = {size.configuration.name: gain for size, gain in zip(points[1:], steps_up(points), strict=True)}
    every = {size.configuration.name: size for size in points}
    full = full_model(results)
    names = [c.name for c in (*results.learning_curve, full) if c is not None]
    rows = [
        _row(results, every[name], gains.get(name), best=full is not None and name == full.name)
        if name in every
        else Row((Cell(name), Cell(state_of(results, name)), *[Cell(numbers.NOTHING)] * 3), muted=True)
        for name in names
    ]
    return Table(header, tuple(rows), "lrrrr")


def steps_up(points: Sequence[Size]) -> list[Gain | None]:
    """Compare every size with the one before, over the seeds that both have."""
    losses = {size.configuration.name: size.losses for size in points}
    names = list(losses)
    if len(names) < 2:
        return []
    model = fit_blocks(losses)
    return [compare(model, losses, larger, smaller) for smaller, larger in pairwise(names)]


def _row(results: Results, size: Size, gain: Gain | None, *, best: bool) -> Row:
    cells = (
        Cell(size.configuration.name),
        Cell(numbers.count(size.frames), f"({100 * size.configuration.fraction:.3g} %)"),
        Cell(numbers.loss(results.metric, size.mean)),
        gain_cell(gain),
        Cell(str(len(size.losses))),
    )
    return Row(cells, best)


def _sentences(results: Results, points: Sequence[Size]) -> list[str]:
    gains = steps_up(points)
    if not gains or gains[-1] is None:
        return ["The models on parts of the frames have not been trained yet."]
    before, after = points[-2].frames, points[-1].frames
    verb = "lowers" if gains[-1].gain > 0 else "raises"
    sentence = (
        f"Training on {numbers.count(after)} frames in place of {numbers.count(before)} {verb} the "
        f"{results.judged_split} {results.metric} loss by {_size(gains[-1])}"
    )
    return [f"{sentence}.", *_outlook(results, points)]


def _outlook(results: Results, points: Sequence[Size]) -> list[str]:
    """Say what more frames would bring, and whether that is more than the settings of the combined model brought."""
    curve = fitted(points)
    if curve is None:
        return []
    parts = [f"{numbers.count(p.frames)} frames would lower it by {_predicted(p)}" for p in curve.predictions]
    sentence = (
        f"By the law a + b/n^c, fitted to all replicates, {numbers.listing(parts)}; with any number of frames it would "
        f"stay above {_floor(results, curve)}."
    )
    found = judged_of(results, results.combined) if results.combined is not None else None
    if found is None or found.gain.low is None or found.gain.high is None:
        return [sentence]
    advice = more_data_or_bigger_model(curve, found.gain.gain, found.gain.low, found.gain.high).advice
    return [
        sentence,
        f"On all frames the settings of the combined model gain {numbers.gain(found.gain)} over the baseline: "
        f"{_ADVICE[advice]}.",
    ]


_ADVICE = {
    "more data": "twice the frames would bring more than that",
    "bigger model": "that is more than twice the frames would bring",
    "neither": "neither is worth it",
    "cannot be told": "whether twice the frames would bring more than that cannot be told",
}


def _predicted(found: Prediction) -> str:
    return f"{numbers.percent(found.gain, sign=False)} ({found.gain_low:.1f} to {found.gain_high:.1f} %)"


def _floor(results: Results, curve: LearningCurve) -> str:
    floor, low, high = (numbers.loss(results.metric, v) for v in (curve.floor, curve.floor_low, curve.floor_high))
    return f"{floor} ({low} to {high}) {unit_of(results.metric)}"


def _size(gain: Gain) -> str:
    ends = numbers.interval(gain.low, gain.high)
    return numbers.percent(abs(gain.gain), sign=False) + (f" (95 % interval of the gain {ends})" if ends else "")
