"""What a study does next: the runs that are planned at first, and those that follow from results."""

from __future__ import annotations

from collections.abc import Sequence

from neptuner.study.plan import Configuration, ablate
from neptuner.study.records import DONE
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState

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
    state.decide()
    following = [state.combined, *_ablations(state, spec), *state.extended().values()]
    return [(configuration, spec.seeds) for configuration in following if configuration is not None], [_verdict(state)]


def _ablations(state: StudyState, spec: StudySpec) -> list[Configuration]:
    """The combined model without each of its changes; with one change only that is the baseline."""
    if not spec.ablation or state.combined is None or len(state.winners) < 2:
        return []
    return ablate(state.plan, state.winners)


def _verdict(state: StudyState) -> str:
    winners = ", ".join(f"{k} {' '.join(map(str, v))}" for k, v in state.winners.items())
    if state.combination_error:
        return f"winners: {winners}; they cannot be combined: {state.combination_error}"
    if not state.winners:
        return "no value beats the baseline on validation: there is no combined model"
    return f"winners on validation: {winners}"
