"""What a study does next: the runs that are planned at first, and those that follow from results."""

from __future__ import annotations

from collections.abc import Sequence

from neptuner.study.assessment import looks, losses_of
from neptuner.study.plan import Configuration, ablate, learn_from
from neptuner.study.records import DONE
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState
from neptuner.study.statistics.replication import open_decisions

Planned = tuple[Configuration, Sequence[int]]
"""A configuration and the seeds to train it with."""


def first_runs(state: StudyState, spec: StudySpec) -> list[Planned]:
    """Baseline and sweep."""
    return [(configuration, spec.seeds) for configuration in state.plan.first]


def following_runs(state: StudyState, spec: StudySpec) -> tuple[list[Planned], list[str]]:
    """Plan what follows from the results so far.

    Returns
    -------
    Runs that are new, and what was decided, in sentences.
    """
    if state.decided or state.ledger.open():
        return [], []
    if not any(record.state == DONE for record in state.of(state.plan.baseline)):
        return [], []
    more = _further_seeds(state, spec)
    if more:
        names = ", ".join(configuration.name for configuration, _ in more)
        return more, [f"a decision is open: one more replicate of {names}"]
    state.decide()
    seeds = range(spec.seed, spec.seed + len(state.runs[state.plan.baseline.name]))
    following = [state.combined, *_ablations(state, spec), *state.extended().values(), *_learning(state, spec)]
    return [(configuration, seeds) for configuration in following if configuration is not None], [_verdict(state)]


def _further_seeds(state: StudyState, spec: StudySpec) -> list[Planned]:
    """One more replicate of each configuration on which a decision depends, within the budget."""
    if spec.most_replicates <= spec.replicates:
        return []
    configurations = {c.name: c for c in state.plan.first}
    losses = losses_of(state, configurations.values(), spec.metric, "validation", spec.strategy)
    groups = {parameter.keyword: [c.name for c in parameter.values] for parameter in state.plan.sweep}
    names = open_decisions(losses, state.plan.baseline.name, groups, looks=looks(spec), most=spec.most_replicates)
    planned = {name: len(state.runs[name]) for name in configurations}
    names = [name for name in names if planned[name] < spec.most_replicates]  # a failed run is not made up for
    if spec.extra_runs is not None:
        names = names[: max(0, spec.extra_runs - sum(planned.values()) + spec.replicates * len(planned))]
    if set(names) <= {state.plan.baseline.name}:
        return []
    return [(configurations[name], [spec.seed + planned[name]]) for name in names]


def _ablations(state: StudyState, spec: StudySpec) -> list[Configuration]:
    """The combined model without each of its changes; with one change only that is the baseline."""
    if not spec.ablation or state.combined is None or len(state.winners) < 2:
        return []
    return ablate(state.plan, state.winners)


def _learning(state: StudyState, spec: StudySpec) -> list[Configuration]:
    """The combined model, or the baseline where there is none, on parts of the training frames."""
    configuration = state.combined or state.plan.baseline
    return [learn_from(configuration, fraction) for fraction in spec.learning_curve]


def _verdict(state: StudyState) -> str:
    winners = ", ".join(f"{k} {' '.join(map(str, v))}" for k, v in state.winners.items())
    if state.combination_error:
        return f"winners: {winners}; they cannot be combined: {state.combination_error}"
    if not state.winners:
        return "no value beats the baseline on validation: there is no combined model"
    return f"winners on validation: {winners}"
