"""The page: everything the templates show, and the templates filled in."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from neptuner.errors import InputError
from neptuner.report import numbers, tables, trials
from neptuner.report.ablation_page import ablation_section
from neptuner.report.chart_gallery import all_charts
from neptuner.report.data import Parameter, Results
from neptuner.report.dynamics_page import dynamics_section, short_sentence
from neptuner.report.evaluation import Evaluation
from neptuner.report.evaluation_page import evaluation_section
from neptuner.report.gallery import LARGEST_SVG, Drawing, gain_name
from neptuner.report.learning_page import learning_section
from neptuner.report.method import method_sentences
from neptuner.report.noise import LONG_BASELINE, LONG_COMBINED, adjustment, floor_of, floor_words, gain_of, judged_of
from neptuner.report.provenance import provenance
from neptuner.report.search_page import search_section
from neptuner.report.structures import embedded_frames
from neptuner.report.style import unit_of
from neptuner.report.template import html_document, markdown_document
from neptuner.report.verdict import Comparison, combined_gain, judge, loss_name
from neptuner.report.weights_page import weights_section

NOT_EVALUATED = Evaluation("test", problem="The predictions were not read.")


def html_page(results: Results, drawings: Mapping[str, Drawing], evaluation: Evaluation | None = None) -> str:
    """Return the page as one self-contained HTML document."""
    evaluation = evaluation or NOT_EVALUATED
    charts = all_charts(results, drawings, evaluation)
    frames = embedded_frames(evaluation) if charts else None
    context = _context(results, drawings, evaluation)
    return html_document(
        "report.html.j2", charts, **context, sections=_sections(context), picture=picture, frames=frames
    )


def markdown_page(results: Results, drawings: Mapping[str, Drawing], evaluation: Evaluation | None = None) -> str:
    """Return the page as Markdown that shows the files under ``figures/``."""
    return markdown_document("report.md.j2", **_context(results, drawings, evaluation or NOT_EVALUATED))


def picture(drawing: Drawing) -> Markup:
    """Return a figure as inline SVG, or as a PNG in a data address where the SVG is too large."""
    if len(drawing.svg) <= LARGEST_SVG:
        return Markup(_inline_svg(drawing))
    address = f"data:image/png;base64,{b64encode(drawing.png).decode()}"
    return Markup('<img src="{}" alt="{}" width="{}">').format(address, drawing.title, drawing.width)


def _inline_svg(drawing: Drawing) -> str:
    """Strip what belongs to a file of its own and make ids unique on the page."""
    svg = drawing.svg.decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{drawing.name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{drawing.name}-", svg)
    opening = Markup('<svg role="img" aria-label="{}" style="width:{}px"').format(drawing.title, drawing.width)
    return svg.replace("<svg", str(opening), 1)


def _sections(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Anchor and name of each section that the page has, in its order."""
    names = {
        "setup": "Setup and data", "baseline": "Baseline", "chosen": "What was chosen", "sweep": "Sweep",
        "phases": "Models", "ablation": "Ablation", "search": "Joint search", "cost": "Cost",
        "learning-curve": "Learning curve", "errors": "Errors", "weights": "Weights", "dynamics": "Molecular dynamics",
        "method": "Method", "provenance": "Provenance",
    }  # fmt: skip
    shown = {
        "chosen": bool(context["chosen"].rows), "sweep": bool(context["parameters"]),
        "ablation": bool(context["ablation"]), "search": bool(context["search"]),
        "learning-curve": bool(context["learning"]), "dynamics": bool(context["physics"]),
    }  # fmt: skip
    return [(anchor, name) for anchor, name in names.items() if shown.get(anchor, True)]


def _context(results: Results, drawings: Mapping[str, Drawing], evaluation: Evaluation) -> dict[str, Any]:
    verdict = judge(results)
    return {
        "results": results,
        "verdict": verdict,
        "tiles": _tiles(results),
        "luck": _luck(results),
        "adjustment": adjustment(results),
        "ablation": ablation_section(results, drawings),
        "learning": learning_section(results, drawings),
        "search": search_section(results, drawings),
        "chosen": tables.chosen_table(results),
        "setup": tables.setup_table(results),
        "data": tables.data_table(results),
        "parameters": [_parameter_section(results, p, drawings) for p in results.sweep],
        "phases": tables.phase_table(results),
        "rmse": tables.rmse_table(results) if results.phases else None,
        "convergence": _convergence(results),
        "weights": weights_section(results, drawings),
        "drawings": drawings,
        "dynamics": short_sentence(results),
        "physics": dynamics_section(results, drawings),
        "evaluation": evaluation_section(drawings, evaluation),
        "method": method_sentences(results),
        "provenance": provenance(results),
        "runs": tables.runs_table(results),
        "failed": tables.failed_table(results) if results.failed else None,
        "loss_name": loss_name(results, results.judged_split),
        "loss_note": _loss_note(results),
    }


def _tiles(results: Results) -> list[tuple[str, str, str]]:
    """Return label, number and small print of each tile."""
    done = sum(r.state == "done" for r in results.runs)
    failed = sum(r.state == "failed" for r in results.runs)
    runs = f"{numbers.several(failed, 'run')} failed" if failed else "none failed"
    tiles = [("Runs done", f"{done} of {len(results.runs)}", runs)]
    found = combined_gain(results)
    if found is not None:
        gain, split = found.judged.gain, results.judged_split
        before, after = numbers.loss(results.metric, found.before), numbers.loss(results.metric, found.after)
        label = f"{split.capitalize()} {results.metric} loss, {results.strategy.upper()}"
        tiles = [
            (label, f"{before} → {after}", f"{unit_of(results.metric)}, baseline → combined"),
            (f"Gain on {split}", numbers.percent(gain.gain), _gain_note(found)),
            _noise_tile(floor_of(results)),
            *tiles,
        ]
    time = sum(r.seconds or 0.0 for r in results.runs)
    return [
        *tiles,
        ("Training, all runs", numbers.duration(time), f"{results.machine.get('cpus', '?')} CPUs"),
    ]


def _gain_note(found: Comparison) -> str:
    ends = numbers.interval(found.judged.gain.low, found.judged.gain.high)
    return f"{found.judged.verdict}; 95 %: {ends}" if ends else found.judged.verdict


def _noise_tile(floor: float | None) -> tuple[str, str, str]:
    if floor is None:
        return "Noise floor", "unknown", "takes two replicates"
    return "Noise floor", f"± {numbers.spread(floor)}", "sd of baseline replicates"


def _parameter_section(results: Results, parameter: Parameter, drawings: Mapping[str, Drawing]) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "sentence": _parameter_sentence(results, parameter),
        "table": tables.sweep_table(results, parameter),
        "drawing": drawings[gain_name(parameter)],
    }


def _parameter_sentence(results: Results, parameter: Parameter) -> str:
    best = parameter.best_configuration
    if best is None or parameter.gain is None:
        states = {tables.state_of(results, c.name) for c in parameter.values}
        return "Every run of this sweep failed." if states == {"failed"} else "This sweep has not been run yet."
    waiting = [c.value or c.name for c in parameter.values if not c.done]
    tail = f" Without results: {numbers.listing(waiting)}." if waiting else ""
    on_test = gain_of(results, best, "test") if results.judged_split == "test" else None
    also = f"; gain on test {numbers.gain(on_test)}, {floor_words(results)}" if on_test is not None else ""
    gain = numbers.percent(abs(parameter.gain), sign=False)
    if not parameter.chosen:
        return (
            f"The baseline's {parameter.baseline_value} stays: the best value tried, {parameter.best_value}, "
            f"raises the validation loss by {gain}{also}.{tail}"
        )
    found = judged_of(results, best)
    verdict = f" Verdict: {found.verdict}." if found is not None else ""
    return (
        f"Best: {parameter.best_value} in place of {parameter.baseline_value} "
        f"lowers the validation loss by {gain}{also}.{verdict}{tail}"
    )


def _convergence(results: Results) -> str:
    """Say how fast the curves still fall where training stopped; silent without curves."""
    split = results.judged_split
    parts = []
    for configuration in results.phases:
        slope = _end_slope(results, configuration.name, split)
        if slope is not None:
            parts.append(f"{numbers.percent(slope, sign=False)} ({configuration.name})")
    if not parts:
        return ""
    return (
        f"Over the last fifth of its steps the {split} {results.metric} loss fell, per 1000 steps, by "
        f"{numbers.listing(parts)}. The larger the number, the more of a gain may be speed rather than a "
        "better end."
    )


def _end_slope(results: Results, name: str, split: str) -> float | None:
    configuration = dict(results.slots)[name]
    if configuration is None:
        return None
    try:
        curve = trials.loss_curves(results, configuration).get((results.metric, split))
    except InputError:
        return None
    return trials.convergence(curve) if curve is not None else None


def _luck(results: Results) -> str:
    sentence = "The best of several tries owes part of its validation gain to luck, so that column flatters"
    return f"{sentence}; the test gain does not." if results.judged_split == "test" else f"{sentence}."


def _loss_note(results: Results) -> str:
    return (
        f"MIN and AVG are the minimum and the mean of the {results.metric} RMSE over the last "
        f"{results.last_rows} rows of a loss curve, in {unit_of(results.metric)}, averaged over replicates. "
        "In brackets: the reduction against the baseline in per cent, positive is better."
        + (f" The gain of {LONG_COMBINED} is the one over {LONG_BASELINE}." if results.combined_extended else "")
    )
