"""Which figures a report has, in their order, and why one could not be drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from neptuner.errors import InputError
from neptuner.report import cost, dynamics, figures, numbers, trials
from neptuner.report.data import Configuration, Parameter, Results
from neptuner.report.dynamics_data import Dynamics
from neptuner.report.style import render

LARGEST_SVG = 300_000
"""Bytes above which the page carries a PNG instead."""


@dataclass(frozen=True)
class Drawing:
    """A figure as files, or the sentence that says why there is none."""

    name: str
    """Stem of its files."""
    title: str
    caption: str
    png: bytes = b""
    svg: bytes = b""
    width: int = 0
    """In CSS pixels."""
    missing: str = ""

    @property
    def drawn(self) -> bool:
        """Whether there is a figure."""
        return bool(self.png)


def draw_all(results: Results) -> dict[str, Drawing]:
    """Draw every figure the study has numbers for, by name."""
    return {drawing.name: drawing for drawing in _drawings(results)}


def gain_name(parameter: Parameter) -> str:
    """Return the name of the bar chart of a hyper-parameter."""
    return "gain-" + re.sub(r"[^\w.-]", "_", parameter.name)


def _drawings(results: Results) -> Iterator[Drawing]:
    yield _draw("baseline-curves", "Loss curves of the baseline", _baseline_caption(results), results, _baseline)
    for parameter in results.sweep:
        yield _gain_drawing(results, parameter)
    yield _draw("force-curves", "Force loss against steps", _curves_caption(results), results, _curves)
    yield _draw("force-parity", "Predicted against reference forces", _PARITY, results, _parity)
    yield _draw("weights", "How the weights are spread", _WEIGHTS, results, _weights)
    yield _draw("cost", "Training time against accuracy", _COST, results, _cost)
    if results.md is not None:
        yield from _dynamics_drawings(results, results.md)


def _dynamics_drawings(results: Results, md: Dynamics) -> Iterator[Drawing]:
    titles = ("Running average of the conductivity", "Thermal conductivity", "Spectral thermal conductivity")
    yield _draw("md-running", titles[0], _RUNNING, results, lambda _: dynamics.running(md))
    yield _draw("md-kappa", titles[1], _KAPPA, results, lambda _: dynamics.bars(md))
    yield _draw("md-spectrum", titles[2], _SPECTRUM, results, lambda _: dynamics.spectra(md))
    correction = md.correction
    if correction is not None:
        title = "Conductivity against the force error of the potential"
        yield _draw("md-force-error", title, _FORCE_ERROR, results, lambda _: dynamics.force_error_fit(correction))


_RUNNING = "Mean over runs of everything up to a time, without the transient; bands are one standard error."
_KAPPA = "Bars: mean over runs; thick lines: one standard error; whiskers: 95 % interval; circles: single runs."
_SPECTRUM = (
    "How much heat each frequency carries; the area under a line is the conductivity. "
    "Bands: one standard error over runs."
)
_FORCE_ERROR = (
    "Each circle is a trained model with one run; the line is fitted and goes on to a model without force error, "
    "its band is one standard error."
)
_PARITY = (
    "Force components of one run of each model; the colour counts components in a cell, the line is perfect agreement."
)
_WEIGHTS = (
    "Weights in nep.txt of one run of each model: the network, the radial and the angular expansion coefficients."
)
_COST = (
    "Each marker is one configuration, the mean of its replicates. "
    "No model beats those on the dotted front in both time and loss."
)


def _draw(name: str, title: str, caption: str, results: Results, draw: Callable[[Results], Figure | str]) -> Drawing:
    """Draw one figure; damaged or absent files cost that figure, not the report."""
    try:
        outcome = draw(results)
    except InputError as error:
        return Drawing(name, title, caption, missing=f"This figure cannot be drawn: {error}.")
    if isinstance(outcome, str):
        return Drawing(name, title, caption, missing=outcome)
    return _rendered(name, title, caption, outcome)


def _rendered(name: str, title: str, caption: str, figure: Figure) -> Drawing:
    width = round(figure.get_figwidth() * 100)
    return Drawing(name, title, caption, render(figure, "png"), render(figure, "svg"), width)


def _gain_drawing(results: Results, parameter: Parameter) -> Drawing:
    name, title = gain_name(parameter), f"Reduction of the {results.metric} loss by {parameter.name}"
    caption = "Positive is better. Bars: mean over replicates"
    caption += "; whiskers: their standard deviation." if results.replicates > 1 else "; one replicate, so no whiskers."
    if not any(c.done and c.reduction for c in parameter.values):
        return Drawing(name, title, caption, missing=f"The sweep of {parameter.name} has not been run yet.")
    return _rendered(name, title, caption, figures.gain_bars(parameter, results))


def _baseline_caption(results: Results) -> str:
    if results.baseline is None or len(results.baseline.runs) < 2:
        return "One run."
    return f"Mean of {len(results.baseline.runs)} replicates; the band reaches from the lowest to the highest."


def _curves_caption(results: Results) -> str:
    return (
        f"Baseline, best value of each hyper-parameter, combined and extended models on the "
        f"{results.judged_split} set. "
        + (
            "Means over replicates; bands reach from the lowest to the highest."
            if results.replicates > 1
            else "One run each."
        )
    )


def _baseline(results: Results) -> Figure | str:
    if results.baseline is None or not results.baseline.done:
        return "The baseline has not been run yet."
    curves = trials.loss_curves(results, results.baseline)
    return figures.baseline_curves(curves) if curves else "The loss curves of the baseline hold only zeros."


def _curves(results: Results) -> Figure | str:
    split = results.judged_split
    best = [c for p in results.sweep if (c := p.best_configuration) is not None]
    shown = [
        *results.phases[: int(results.has_baseline)],
        *best,
        *results.phases[int(results.has_baseline) :],
    ]
    if not shown:
        return "No model has been trained yet."
    curves = [(c, found) for c in shown if (found := trials.loss_curves(results, c).get(("force", split)))]
    return figures.phase_curves(curves, split) if curves else f"No run has a curve of its {split} force loss."


def _compared(results: Results) -> list[Configuration]:
    pair = (results.baseline, results.final)
    return [c for c in pair if c is not None and c.done]


def _title(configuration: Configuration) -> str:
    steps = f", {numbers.count(configuration.steps)} steps" if configuration.steps else ""
    return f"{configuration.name}{steps}"


def _parity(results: Results) -> Figure | str:
    panels = [(_title(c), trials.force_parity(results, c)) for c in _compared(results)]
    return figures.force_parity(panels) if panels else "No model has been trained yet."


def _weights(results: Results) -> Figure | str:
    models = [(_title(c), trials.weights(results, c)) for c in _compared(results)]
    return figures.weight_histograms(models) if models else "No model has been trained yet."


def _cost(results: Results) -> Figure | str:
    points = cost.cost_points(results)
    if not points:
        return "No model has been trained yet."
    return cost.cost_against_accuracy(points, results.judged_split, results.last_rows)
