"""Which figures of a report have an interactive twin, by the names of :mod:`neptuner.report.gallery`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from neptuner.report import cost_charts, curve_charts, dynamics_charts, gain_charts, parity_charts, trials
from neptuner.report.data import Results
from neptuner.report.evaluation import Evaluation
from neptuner.report.gallery import PARITY, Drawing, gain_name
from neptuner.report.template import Chart


def all_charts(results: Results, drawings: Mapping[str, Drawing], evaluation: Evaluation) -> dict[str, Chart]:
    """Make the interactive twin of every figure that was drawn and gains by one."""
    return {name: make() for name, make in _makers(results, evaluation) if name in drawings and drawings[name].drawn}


def _makers(results: Results, evaluation: Evaluation) -> Iterator[tuple[str, Callable[[], Chart]]]:
    base = results.baseline
    if base is not None:
        yield "baseline-curves", lambda: curve_charts.baseline_curves_chart(trials.loss_curves(results, base))
    yield "gains", lambda: gain_charts.all_gains_chart(results)
    for parameter in results.sweep:
        yield gain_name(parameter), lambda p=parameter: gain_charts.gain_bars_chart(p, results)  # type: ignore[misc]
    yield "ablation", lambda: gain_charts.ablation_chart(results)
    yield "force-curves", lambda: curve_charts.all_curves_chart(results)
    yield "learning-curve", lambda: curve_charts.learning_chart(results)
    yield "cost", lambda: cost_charts.cost_chart(results)
    for quantity in PARITY:
        yield f"{quantity}-parity", lambda q=quantity: parity_charts.parity_chart(evaluation, q)  # type: ignore[misc]
    yield "element-errors", lambda: parity_charts.elements_chart(evaluation)
    if (found := results.search) is not None:
        yield "search-pareto", lambda: cost_charts.search_chart(results, found)
    yield from _dynamics(results)


def _dynamics(results: Results) -> Iterator[tuple[str, Callable[[], Chart]]]:
    md = results.md
    if md is None:
        return
    yield "md-running", lambda: dynamics_charts.running_chart(md)
    yield "md-kappa", lambda: dynamics_charts.conductivity_chart(md)
    yield "md-spectrum", lambda: dynamics_charts.spectrum_chart(md)
    if (correction := md.correction) is not None:
        yield "md-force-error", lambda: dynamics_charts.force_error_chart(correction)
