"""What a study will run and cost, said before it starts: ``prediction.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from neptuner.study.cost.calibration import Calibration
from neptuner.study.cost.model import Cost, CostModel, Sizes, makespan
from neptuner.study.md.estimate import estimate_md
from neptuner.study.outlook import Winners, all_won, following, half_won
from neptuner.study.plan import Configuration, Parameter, Plan
from neptuner.study.prepare import PreparedStudy
from neptuner.study.spec import StudySpec

REPORT_BYTES = 4_000_000
"""Of a report with its figures."""
BUSY = 0.85
"""A training that gets less of its processors than this runs beside other work."""

LUCK = (0.5, 0.0, 1.0)
"""How much wins in the likely, the least and the most expensive study, and which values: by rank of their cost."""

Waves = list[list[Configuration]]
"""Trainings that start together; each wave waits for the one before."""


@dataclass(frozen=True)
class Total:
    """Of a whole study."""

    trials: int
    seconds: float
    memory: int
    """Of one training, in bytes."""
    disk: int
    """Bytes of the study directory."""


@dataclass(frozen=True)
class Prediction:
    """How much a study takes, as far as it can be known before the results."""

    places: int
    """Trainings at a time."""
    first: float
    """Seconds of the baseline and the sweep."""
    likely: Total
    """If every second parameter has a winner, of the middle of its costs."""
    least: Total
    """If nothing beats the baseline."""
    most: Total
    """If every parameter is won by its dearest value."""
    costs: Mapping[str, Cost]
    """Of a training of each configuration that is planned from the first."""
    share: float
    """Of its processors that a training got when this was measured."""
    md: float | None = None
    """Seconds of molecular dynamics after the trainings; None if there is none, or another program does it."""

    def as_json(self) -> dict[str, Any]:
        """Plain content."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """The prediction in words."""
        likely, least, most = self.likely, self.least, self.most
        trials, limits = f"{most.trials}", ""
        if least.trials != most.trials:
            trials = f"{least.trials} to {most.trials}"
            limits = f" ({duration(least.seconds)} if nothing wins, at most {duration(most.seconds)})"
        said = (
            f"predicted: {trials} trainings, about {duration(likely.seconds)} with {self.places} at a time{limits}, "
            f"{most.memory / 1e6:,.0f} MB of memory each, {most.disk / 1e6:,.0f} MB of disk"
        )
        if self.md is not None:
            said += f"; then {duration(self.md)} of molecular dynamics"
        if self.share < BUSY:
            said += (
                f"; other work on this machine leaves a training {100 * self.share:.0f} % of its processors, without "
                f"it about {duration(self.share * likely.seconds)}"
            )
        return said


def predict(study: PreparedStudy, calibration: Calibration, places: int) -> Prediction:
    """Predict the cost of a study from a calibration.

    Parameters
    ----------
    study
        The study.
    calibration
        Times of some of its configurations.
    places
        Trainings at a time.
    """
    spec, plan = study.spec, study.plan
    model = cost_model(study, calibration)
    costs = {one.name: model.cost(one) for one in plan.first}
    likely, least, most = (
        _total(study, _waves(plan, spec, costs, luck), model, places, calibration.slowdown) for luck in LUCK
    )
    first = [costs[one.name].seconds for one in plan.first for _ in spec.seeds]
    seconds = makespan([first], places, calibration.slowdown)
    md = _dynamics(study, calibration, model, places)
    return Prediction(places, seconds, likely, least, most, costs, calibration.measured[0].share, md)


def cost_model(study: PreparedStudy, calibration: Calibration) -> CostModel:
    """Make the model of a study's costs."""
    atoms = {split: sum(frame.n_atoms for frame in frames) for split, frames in study.frames.items()}
    return CostModel(calibration, Sizes(atoms, len(study.frames["train"])), study.plan.first)


def winners_of(plan: Plan, costs: Mapping[str, Cost], luck: float) -> Winners:
    """Winners of a study that is so dear: none, every second parameter, or all, each value by the rank of its cost."""
    if not luck:
        return {}
    return (all_won if luck == 1.0 else half_won)(plan, lambda parameter: _by_rank(parameter, costs, luck))


def _by_rank(parameter: Parameter, costs: Mapping[str, Cost], luck: float) -> Configuration:
    ordered = sorted(parameter.values, key=lambda one: costs[one.name].seconds)
    return ordered[min(len(ordered) - 1, int(luck * len(ordered)))]


def _waves(plan: Plan, spec: StudySpec, costs: Mapping[str, Cost], luck: float) -> Waves:
    """Trainings of a study with such winners, every replicate one."""
    won = winners_of(plan, costs, luck)
    extra = round(luck * max(0, spec.most_replicates - spec.replicates))
    further = [one for _ in range(extra) for one in (plan.baseline, *won.values())][: spec.extra_runs]
    first = [one for one in plan.first for _ in spec.seeds]
    then = [one for one in following(plan, spec, won) for _ in range(spec.replicates + extra)]
    return [first, further, then, *_rungs(plan, spec)]


def _rungs(plan: Plan, spec: StudySpec) -> Waves:
    """A joint search, its settings taken to cost what the baseline does."""
    search = spec.search
    if search is None:
        return []
    waves = []
    for rung in range(search.rungs):
        steps = max(1, round(plan.baseline.steps / search.reduction ** (search.rungs - 1 - rung)))
        trials = -(-search.trials // search.reduction**rung)
        waves.append([replace(plan.baseline, steps=steps)] * trials)
    return waves


def _total(study: PreparedStudy, waves: Waves, model: CostModel, places: int, slowdown: float) -> Total:
    costs = [[model.cost(one) for one in wave] for wave in waves]
    every = [cost for wave in costs for cost in wave]
    data = sum(path.stat().st_size for path in (study.spec.train, study.spec.test) if path is not None)
    return Total(
        len(every),
        makespan([[cost.seconds for cost in wave] for wave in costs], places, slowdown),
        max(cost.memory for cost in every),
        data + REPORT_BYTES + sum(cost.disk for cost in every),
    )


def _dynamics(study: PreparedStudy, calibration: Calibration, model: CostModel, places: int) -> float | None:
    """Seconds of molecular dynamics: of half of its runs with the baseline, and of half with the likely final model."""
    spec, plan = study.spec.md, study.plan
    if calibration.md is None or spec is None or study.crystal is None:
        return None
    costs = {one.name: model.cost(one) for one in plan.first}
    final = following(plan, study.spec, winners_of(plan, costs, LUCK[0]))[:1] or [plan.baseline]
    estimate, (atom_step, before) = estimate_md(spec, study.crystal, plan, study.spec.seed), calibration.md
    slower = calibration.slowdown * (1.0 + model.evaluation(final[0].nep_in)) / 2.0
    step = slower * atom_step * estimate.atoms
    screen, run = (calibration.start + before + step * steps for steps in (estimate.screen_steps, estimate.steps))
    runs = [run] * (estimate.runs + estimate.corrections)
    return makespan([[screen] * estimate.screens, runs], places, calibration.slowdown)


def duration(seconds: float) -> str:
    """Write a time in the unit a reader thinks in."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
