"""The page: everything the templates show, and the templates filled in."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from neptuner.errors import InputError
from neptuner.report import numbers, tables, trials
from neptuner.report.ablation_page import ablation_section
from neptuner.report.cost_sentences import cost_sentences
from neptuner.report.data import Parameter, Results
from neptuner.report.dynamics_page import dynamics_section, short_sentence
from neptuner.report.gallery import LARGEST_SVG, Drawing, gain_name
from neptuner.report.learning_page import learning_section
from neptuner.report.noise import LONG_BASELINE, LONG_COMBINED, adjustment, floor_of, floor_words, gain_of, judged_of
from neptuner.report.search_page import search_section
from neptuner.report.style import unit_of
from neptuner.report.verdict import Comparison, combined_gain, judge, loss_name


def html_page(results: Results, drawings: Mapping[str, Drawing]) -> str:
    """Return the page as one self-contained HTML document."""
    environment = _environment(autoescape=True)
    environment.globals["picture"] = picture
    environment.filters["bind"] = _bind
    return environment.get_template("report.html.j2").render(_context(results, drawings))


def markdown_page(results: Results, drawings: Mapping[str, Drawing]) -> str:
    """Return the page as Markdown that shows the files under ``figures/``."""
    environment = _environment(autoescape=False)
    environment.filters["cell"] = lambda value: re.sub(r"([|\\`*_<>\[\]])", r"\\\1", " ".join(str(value).split()))
    return environment.get_template("report.md.j2").render(_context(results, drawings))


def picture(drawing: Drawing) -> Markup:
    """Return a figure as inline SVG, or as a PNG in a data address where the SVG is too large."""
    if len(drawing.svg) <= LARGEST_SVG:
        return Markup(_inline_svg(drawing))
    address = f"data:image/png;base64,{b64encode(drawing.png).decode()}"
    return Markup('<img src="{}" alt="{}" width="{}">').format(address, drawing.title, drawing.width)


def _bind(sentence: str) -> str:
    """Keep a number and its unit on one line."""
    return re.sub(r" (%|±|eV|meV|W/mK)", "\u00a0\\1", sentence).replace("± ", "±\u00a0")


def _inline_svg(drawing: Drawing) -> str:
    """Strip what belongs to a file of its own and make ids unique on the page."""
    svg = drawing.svg.decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{drawing.name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{drawing.name}-", svg)
    opening = Markup('<svg role="img" aria-label="{}" style="width:{}px"').format(drawing.title, drawing.width)
    return svg.replace("<svg", str(opening), 1)


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("neptuner.report", "templates"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _context(results: Results, drawings: Mapping[str, Drawing]) -> dict[str, Any]:
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
        "drawings": drawings,
        "dynamics": short_sentence(results),
        "physics": dynamics_section(results, drawings),
        "method": _method(results),
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


def _method(results: Results) -> list[str]:
    return [
        _m_split(results),
        _m_losses(results),
        _m_phases(results),
        _m_seeds(results),
        _m_training(results),
        _m_machine(results),
        *cost_sentences(results),
    ]


def _m_split(results: Results) -> str:
    found = {d.split: d for d in results.data}
    sizes = [f"{s} {numbers.count(d.frames)} frames" for s, d in found.items()]
    head = f"Data: {numbers.listing(sizes)}. " if sizes else ""
    tail = "no choice looks at the test set." if "test" in found else "there is no test set."
    return f"{head}Every choice is made on the validation frames, which no model was trained on; {tail}"


def _m_losses(results: Results) -> str:
    return (
        "A loss is an RMSE over a whole set, written at intervals during training. MIN and AVG are its "
        f"minimum and mean over the last {results.last_rows} rows; winners have the lowest validation "
        f"{results.metric} {results.strategy.upper()}. The kept model of a run (nep.txt) is its best on validation. "
        f"A reduction is 100 (baseline {numbers.MINUS} value) / baseline."
    )


def _m_phases(results: Results) -> str:
    factor = f"{results.steps_factor:g} times " if results.steps_factor else ""
    tail = f", then baseline and combined model trained {factor}longer" if results.extends else ""
    return (
        "Phases: the baseline; one hyper-parameter changed at a time; all winners together (the combined "
        f"model){tail}. Effects of several changes together need not add up."
    )


def _m_seeds(results: Results) -> str:
    seeds = sorted({r.seed for r in results.runs if r.seed is not None})
    shown = f" (seeds {', '.join(map(str, seeds))})" if 0 < len(seeds) <= 12 else ""
    each = numbers.several(results.replicates, "replicate")
    spread = "" if results.replicates > 1 else ", so there are no error bars"
    more = " or more" if results.statistics.looks > 1 else ""
    return f"Each configuration was trained as {each}{more} with different random seeds{shown}{spread}."


def _m_training(results: Results) -> str:
    steps = f", {numbers.count(results.steps)} steps a run" if results.steps else ""
    speeds = [r.ms_per_step for r in results.runs if r.ms_per_step is not None and r.name == "baseline"]
    speed = f", {sum(speeds) / len(speeds):.3g} ms a step for the baseline" if speeds else ""
    return f"Training: optimiser {results.optimizer}{steps}{speed}, with neptuner {results.version}."


def _m_machine(results: Results) -> str:
    machine = results.machine
    versions = [
        f"{name} {machine[key]}"
        for name, key in (("Python", "python"), ("NumPy", "numpy"), ("Numba", "numba"))
        if key in machine
    ]
    where = ", ".join(part for part in (machine.get("platform", ""), f"{machine.get('cpus', '?')} CPUs") if part)
    return f"Machine: {where}; {', '.join(versions)}." if versions else f"Machine: {where}."
