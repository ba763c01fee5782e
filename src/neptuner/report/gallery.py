"""Which figures a report has, in their order, and why one could not be drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from neptuner.errors import InputError
from neptuner.report import cost, dynamics, figures, gain_figures, learning, search, trials
from neptuner.report.data import Parameter, Results
from neptuner.report.dynamics_data import Dynamics
from neptuner.report.evaluation import Evaluation, element_errors, evaluate, model_title, rmse, values
from neptuner.report.noise import floor_of
from neptuner.report.search_data import Search
from neptuner.report.style import render
from neptuner.report.weights_data import weights_of
from neptuner.report.weights_figures import CAPTION as WORTH_CAPTION
from neptuner.report.weights_figures import NAME as WORTH
from neptuner.report.weights_figures import TITLE as WORTH_TITLE
from neptuner.report.weights_figures import descriptor_worth

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
    figure: Figure | None = field(default=None, repr=False, compare=False)
    """What the files were rendered from."""

    @property
    def drawn(self) -> bool:
        """Whether there is a figure."""
        return bool(self.png)


def draw_all(results: Results, evaluation: Evaluation | None = None) -> dict[str, Drawing]:
    """Draw every figure the study has numbers for, by name; predictions are read if they are not given."""
    return {drawing.name: drawing for drawing in _drawings(results, evaluation or evaluate(results))}


def gain_name(parameter: Parameter) -> str:
    """Return the name of the bar chart of a hyper-parameter."""
    return "gain-" + re.sub(r"[^\w.-]", "_", parameter.name)


def _drawings(results: Results, evaluation: Evaluation) -> Iterator[Drawing]:
    yield _draw("baseline-curves", "Loss curves of the baseline", _baseline_caption(results), results, _baseline)
    if results.sweep:
        yield _draw("gains", "Gain of every setting", _gains_caption(results), results, _gains)
    for parameter in results.sweep:
        yield _gain_drawing(results, parameter)
    if results.ablation or results.statistics.interaction:
        yield _draw("ablation", "Each change alone and in the combined model", _ABLATION, results, _ablation)
    if results.learning_curve:
        yield _draw("learning-curve", "Loss against training frames", _LEARNING, results, _learning)
    yield _draw("force-curves", "Force loss against steps", _curves_caption(results), results, _curves)
    for quantity, words in PARITY.items():
        yield _parity_drawing(quantity, words, results, evaluation)
    if evaluation.frames:
        yield _draw("element-errors", "Force error by element", _ELEMENTS, results, lambda _: _elements(evaluation))
    yield _draw("weights", "How the weights are spread", _WEIGHTS, results, _weights)
    if (found := weights_of(results)) is not None:
        yield _draw(WORTH, WORTH_TITLE, WORTH_CAPTION, results, lambda _: descriptor_worth(found.models))
    yield _draw("cost", "Training time against accuracy", _COST, results, _cost)
    if results.search is not None:
        yield from _search_drawings(results, results.search)
    if results.md is not None:
        yield from _dynamics_drawings(results, results.md)


def _search_drawings(results: Results, found: Search) -> Iterator[Drawing]:
    if any(t.speed is not None for t in found.trials):
        title = "Accuracy against speed in molecular dynamics"
        yield _draw("search-pareto", title, _PARETO, results, lambda _: search.pareto(found, results))
    yield _draw("search-progress", "Loss of the trials", _PROGRESS, results, lambda _: search.progress(found, results))
    title, caption = "Importance of each keyword", "Mean and standard deviation over resampled trials."
    yield _draw("search-importances", title, caption, results, lambda _: search.importance(found))


_PARETO = (
    "Each marker is one model trained in full; those on the dotted front cannot be beaten in both. "
    "Hollow markers violate a constraint."
)
_PROGRESS = "Each dot is one trial that was trained in full, in the order in which they were drawn; all have one seed."


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
_ABLATION = (
    "Light bars: one change in the baseline; dark bars: the same change as the last one of the combined model; lines: "
    "95 % intervals, an arrow where they go on. Bars of one length mean that a change does not depend on the others."
)
_LEARNING = (
    "Circles: single replicates; dots: their means; line: the law a + b/n^c with its 95 % band, dashed where there are "
    "no frames yet. Both axes are logarithmic."
)
PARITY = {"force": "forces", "energy": "energies", "virial": "virials"}
_ELEMENTS = "Root-mean-square error of a force component, over the atoms of an element; one run of each model."
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
    return Drawing(name, title, caption, render(figure, "png"), render(figure, "svg"), width, figure=figure)


def _gain_drawing(results: Results, parameter: Parameter) -> Drawing:
    name, title = gain_name(parameter), f"Reduction of the {results.metric} loss by {parameter.name}"
    caption = "Positive is better. Bars: mean over replicates"
    caption += "; lines: 95 % intervals." if results.replicates > 1 else "; one replicate, so no intervals."
    if not any(c.done and c.reduction for c in parameter.values):
        return Drawing(name, title, caption, missing=f"The sweep of {parameter.name} has not been run yet.")
    return _rendered(name, title, caption, gain_figures.gain_bars(parameter, results))


def _gains_caption(results: Results) -> str:
    count = sum(c.done for p in results.sweep for c in p.values)
    left_out = (
        f" The {gain_figures.MOST_SETTINGS} with the largest gains of {count} settings."
        if count > gain_figures.MOST_SETTINGS
        else ""
    )
    return (
        f"Over the baseline, on {results.judged_split}; positive is better. Lines: 95 % intervals, an arrow where they "
        f"go on; the band is what trainings of the baseline differ by.{left_out}"
    )


def _gains(results: Results) -> Figure | str:
    rows = gain_figures.gain_rows(results)
    if not rows:
        return "No value of the sweep has been trained yet."
    return gain_figures.all_gains(rows, floor_of(results), gain_figures.gain_label(results))


def _ablation(results: Results) -> Figure | str:
    alone, removals, total = gain_figures.ablation_parts(results)
    if not (removals or total):
        return "The combined model has not been trained without its changes yet."
    return gain_figures.ablation_bars(alone, removals, total, gain_figures.gain_label(results))


def _learning(results: Results) -> Figure | str:
    points = learning.sizes(results)
    if len(points) < 2:
        return "The models on parts of the frames have not been trained yet."
    return learning.learning_curve(points, results)


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


def _parity_drawing(quantity: str, words: str, results: Results, evaluation: Evaluation) -> Drawing:
    caption = f"One run of each model, on the {evaluation.split} set; the line is perfect agreement."
    if quantity == "force":
        caption += " The colour tells how many components lie in a cell."
    name, title = f"{quantity}-parity", f"Predicted against reference {words}"
    return _draw(name, title, caption, results, lambda _: _parity(quantity, words, evaluation))


def _parity(quantity: str, words: str, evaluation: Evaluation) -> Figure | str:
    if not evaluation.models:
        return evaluation.problem
    known = [m for m in evaluation.models if np.isfinite(rmse(m, quantity))]
    if not known:
        return f"The {evaluation.split} set holds no reference {words}."
    return figures.parity([(m.title, *values(m, quantity)) for m in known], quantity, evaluation.split)


def _elements(evaluation: Evaluation) -> Figure | str:
    errors = [(m.title, element_errors(evaluation, m)) for m in evaluation.models]
    return figures.element_bars(errors) if any(found for _, found in errors) else "There are no reference forces."


def _weights(results: Results) -> Figure | str:
    pair = [c for c in (results.baseline, results.final) if c is not None and c.done]
    models = [(model_title(c), trials.weights(results, c)) for c in pair]
    return figures.weight_histograms(models) if models else "No model has been trained yet."


def _cost(results: Results) -> Figure | str:
    points = cost.cost_points(results)
    if not points:
        return "No model has been trained yet."
    return cost.cost_against_accuracy(points, results.judged_split, results.last_rows)
