"""How the study was made, in sentences."""

from __future__ import annotations

from neptuner.report import numbers
from neptuner.report.cost_sentences import cost_sentences
from neptuner.report.data import Results


def method_sentences(results: Results) -> list[str]:
    """Say how data were split, what a loss is, and what was trained, with what and where."""
    return [
        _split(results),
        _losses(results),
        _phases(results),
        _seeds(results),
        _training(results),
        _machine(results),
        *cost_sentences(results),
    ]


def _split(results: Results) -> str:
    found = {d.split: d for d in results.data}
    sizes = [f"{s} {numbers.count(d.frames)} frames" for s, d in found.items()]
    head = f"Data: {numbers.listing(sizes)}. " if sizes else ""
    tail = "no choice looks at the test set." if "test" in found else "there is no test set."
    return f"{head}Every choice is made on the validation frames, which no model was trained on; {tail}"


def _losses(results: Results) -> str:
    return (
        "A loss is an RMSE over a whole set, written at intervals during training. MIN and AVG are its "
        f"minimum and mean over the last {results.last_rows} rows; winners have the lowest validation "
        f"{results.metric} {results.strategy.upper()}. The kept model of a run (nep.txt) is its best on validation. "
        f"A reduction is 100 (baseline {numbers.MINUS} value) / baseline."
    )


def _phases(results: Results) -> str:
    factor = f"{results.steps_factor:g} times " if results.steps_factor else ""
    tail = f", then baseline and combined model trained {factor}longer" if results.extends else ""
    return (
        "Phases: the baseline; one hyper-parameter changed at a time; all winners together (the combined "
        f"model){tail}. Effects of several changes together need not add up."
    )


def _seeds(results: Results) -> str:
    seeds = sorted({r.seed for r in results.runs if r.seed is not None})
    shown = f" (seeds {', '.join(map(str, seeds))})" if 0 < len(seeds) <= 12 else ""
    each = numbers.several(results.replicates, "replicate")
    spread = "" if results.replicates > 1 else ", so there are no error bars"
    more = " or more" if results.statistics.looks > 1 else ""
    return f"Each configuration was trained as {each}{more} with different random seeds{shown}{spread}."


def _training(results: Results) -> str:
    steps = f", {numbers.count(results.steps)} steps a run" if results.steps else ""
    speeds = [r.ms_per_step for r in results.runs if r.ms_per_step is not None and r.name == "baseline"]
    speed = f", {sum(speeds) / len(speeds):.3g} ms a step for the baseline" if speeds else ""
    return f"Training: optimiser {results.optimizer}{steps}{speed}, with neptuner {results.version}."


def _machine(results: Results) -> str:
    machine = results.machine
    versions = [
        f"{name} {machine[key]}"
        for name, key in (("Python", "python"), ("NumPy", "numpy"), ("Numba", "numba"))
        if key in machine
    ]
    where = ", ".join(part for part in (machine.get("platform", ""), f"{machine.get('cpus', '?')} CPUs") if part)
    return f"Machine: {where}; {', '.join(versions)}." if versions else f"Machine: {where}."
