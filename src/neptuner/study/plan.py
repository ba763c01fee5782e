"""What a study will run: configurations, their replicates, and the names that identify a run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from neptuner.errors import InputError
from neptuner.files.nep_in import KEYWORDS, NepIn, as_settings, replace_values
from neptuner.study.spec import StudySpec, Value

SCHEMA = 1
OPTIMIZER = "soap"
BASELINE, COMBINED = "baseline", "combined"
ABLATION = "ablation"
LEARNING_CURVE = "learning_curve"
SEARCH = "search"
PHASES = (BASELINE, "sweep", COMBINED, ABLATION, "extended", LEARNING_CURVE, SEARCH)
"""Of training; molecular dynamics comes after them."""
MD_PHASE = "md"

LONGEST_VALUE = 80
"""Characters of a value in a name; file systems take 255 for the name of a directory."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One setting of nep.in and a number of steps; all its replicates differ only in the seed."""

    name: str
    phase: str
    nep_in: NepIn
    steps: int
    time_limit: float | None = None
    """Seconds within which the trainer fits its schedule, so that it may take fewer steps."""
    parameter: str | None = None
    """Keyword that differs from the baseline, in the sweep, or from the combined model, in the ablation."""
    value: Value | None = None
    """Its value as study.toml gives it."""
    fraction: float = 1.0
    """Part of the training frames that it is trained on."""
    engine: str = "embedded"
    """What trains it: neptuner, or GPUMD's ``nep``."""

    @property
    def settings(self) -> dict[str, list[Any]]:
        """nep.in in full."""
        return as_settings(self.nep_in)


@dataclass(frozen=True)
class Parameter:
    """A keyword of the sweep."""

    keyword: str
    baseline_value: list[Any]
    values: tuple[Configuration, ...]
    """What is tried, each value once and the baseline's value not again."""


@dataclass(frozen=True)
class Plan:
    """Everything that can be planned before the first result."""

    baseline: Configuration
    sweep: tuple[Parameter, ...]
    steps_factor: float

    @property
    def first(self) -> tuple[Configuration, ...]:
        """Configurations of the first two phases, in the order in which they are run."""
        return (self.baseline, *(c for parameter in self.sweep for c in parameter.values))


@dataclass(frozen=True, slots=True)
class Run:
    """One training."""

    id: str
    digest: str
    configuration: Configuration
    replicate: int
    seed: int


def make_plan(spec: StudySpec, nep_in: NepIn, steps: int) -> Plan:
    """Plan the baseline and the sweep.

    Raises
    ------
    InputError
        If a value of the sweep is not allowed for its keyword.
    """
    baseline = Configuration(
        BASELINE, BASELINE, replace(nep_in, generation=steps), steps, spec.time_limit, engine=spec.engine
    )
    sweep = tuple(_parameter(spec, baseline, keyword, values) for keyword, values in spec.sweep)
    return Plan(baseline, sweep, spec.steps_factor)


def combine(plan: Plan, winners: Mapping[str, Value]) -> Configuration:
    """Put all winners into one configuration.

    Raises
    ------
    InputError
        If values that are allowed one at a time are not allowed together.
    """
    nep_in = replace_values(plan.baseline.nep_in, {keyword: list(value) for keyword, value in winners.items()})
    return replace(plan.baseline, name=COMBINED, phase=COMBINED, nep_in=nep_in)


def ablate(plan: Plan, winners: Mapping[str, Value]) -> list[Configuration]:
    """Take each winner in turn out of the combination; what is not allowed without it is left out."""
    found = []
    for removed in winners:
        others = {keyword: list(value) for keyword, value in winners.items() if keyword != removed}
        with contextlib.suppress(InputError):
            nep_in = replace_values(plan.baseline.nep_in, others)
            name = f"{COMBINED}-without-{removed}"
            found.append(replace(plan.baseline, name=name, phase=ABLATION, nep_in=nep_in, parameter=removed))
    return found


def learn_from(configuration: Configuration, fraction: float) -> Configuration:
    """Train a configuration on a part of the frames."""
    name = f"{configuration.name}-on-{subset_name(fraction)}"
    return replace(configuration, name=name, phase=LEARNING_CURVE, parameter=None, value=None, fraction=fraction)


def subset_name(fraction: float) -> str:
    """Name of a part of the training frames, as its file has it."""
    return f"train-{fraction:g}"


def extend(plan: Plan, configuration: Configuration) -> Configuration | None:
    """Train a configuration longer, from scratch on a longer schedule; None if there is no phase 3."""
    if plan.steps_factor == 1:
        return None
    steps = round(plan.steps_factor * configuration.steps)
    nep_in = replace(configuration.nep_in, generation=steps)
    return replace(configuration, name=f"{configuration.name}-extended", phase="extended", steps=steps, nep_in=nep_in)


def make_runs(
    configuration: Configuration,
    seeds: Sequence[int],
    data: Mapping[str, str | None],
    known: Mapping[str, str],
    first: int = 0,
) -> tuple[Run, ...]:
    """Give the replicates of a configuration their names.

    Parameters
    ----------
    configuration
        What to run.
    seeds
        Seed of each replicate.
    data
        SHA-256 of the frames of each split.
    known
        Name of each run that exists already, by its digest: the same training has one name only.
    first
        Number of the first of these replicates.
    """
    runs = []
    for replicate, seed in enumerate(seeds, first):
        digest = run_digest(configuration, seed, data)
        name = known.get(digest, f"{configuration.name}-r{replicate}-{digest}")
        runs.append(Run(name, digest, configuration, replicate, seed))
    return tuple(runs)


def run_digest(configuration: Configuration, seed: int, data: Mapping[str, str | None]) -> str:
    """Ten hex digits that depend on everything that decides the outcome of a run."""
    content = {
        "settings": configuration.settings,
        "seed": seed,
        "steps": configuration.steps,
        "optimizer": OPTIMIZER,
        "data": dict(data),
        "schema": SCHEMA,
    }
    if configuration.engine != "embedded":
        content |= {"engine": configuration.engine, "optimizer": "snes"}
    if configuration.time_limit is not None:
        content["time_limit"] = configuration.time_limit
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def _parameter(spec: StudySpec, baseline: Configuration, keyword: str, values: Sequence[Value]) -> Parameter:
    _refuse_senseless(spec, keyword)
    found = {_content(baseline): baseline}
    for value in values:
        configuration = _variant(spec, baseline, keyword, value)
        found.setdefault(_content(configuration), configuration)
    return Parameter(keyword, baseline.settings.get(keyword, ["default"]), tuple(found.values())[1:])


def _content(configuration: Configuration) -> tuple[tuple[str, Value], ...]:
    """Settings as they can be looked up."""
    return tuple((keyword, tuple(values)) for keyword, values in configuration.settings.items())


def _refuse_senseless(spec: StudySpec, keyword: str) -> None:
    """Refuse keywords that nep.in may hold but whose values cannot be compared."""
    reasons = {
        "type": "the elements cannot be varied",
        "generation": "the number of steps is study.steps for every run",
    }
    if keyword in KEYWORDS and KEYWORDS[keyword].status == "ignored" and spec.engine == "embedded":
        reasons[keyword] = "it has no meaning in gradient training"
    if keyword in reasons:
        raise InputError(f"sweep.{keyword}: {reasons[keyword]}; remove this key", path=spec.path)


def _variant(spec: StudySpec, baseline: Configuration, keyword: str, value: Value) -> Configuration:
    try:
        nep_in = replace_values(baseline.nep_in, {keyword: list(value)})
    except InputError as error:
        raise InputError(f"sweep.{keyword} has the value {list(value)}: {error.message}", path=spec.path) from None
    name = _name(keyword, value)
    return replace(baseline, name=name, phase="sweep", nep_in=nep_in, parameter=keyword, value=value)


def _name(keyword: str, value: Value) -> str:
    """Name that is safe in a path and not too long for one: ``n_max=2-4``."""
    words = "-".join(str(word) for word in value)
    safe = re.sub(r"[^A-Za-z0-9.+_-]", "_", words)
    if safe != words or len(safe) > LONGEST_VALUE:
        safe = f"{safe[:LONGEST_VALUE]}-{hashlib.sha256(words.encode()).hexdigest()[:6]}"
    return f"{keyword}={safe}"
