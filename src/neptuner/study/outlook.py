"""What may follow a sweep whose winners are not known yet, for predictions of cost and time left."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from neptuner.errors import InputError
from neptuner.study.plan import Configuration, Parameter, Plan, ablate, combine, extend, learn_from
from neptuner.study.spec import StudySpec

Winners = Mapping[str, Configuration]
"""The best value of each keyword that has one."""


def half_won(plan: Plan, choose: Callable[[Parameter], Configuration]) -> Winners:
    """Winners of a likely study: every second parameter has one."""
    return {one.keyword: choose(one) for one in plan.sweep[::2]}


def all_won(plan: Plan, choose: Callable[[Parameter], Configuration]) -> Winners:
    """Winners of the longest study: every parameter has one."""
    return {one.keyword: choose(one) for one in plan.sweep}


def following(plan: Plan, spec: StudySpec, won: Winners) -> list[Configuration]:
    """Everything that comes after the sweep, but a joint search, if these are the winners."""
    values = {keyword: one.value for keyword, one in won.items() if one.value is not None}
    try:
        combined = combine(plan, values) if values else None
    except InputError:  # values that do not go together
        combined = None
    removed = ablate(plan, values) if spec.ablation and combined is not None and len(values) > 1 else []
    longer = [extend(plan, one) for one in (plan.baseline, combined) if one is not None]
    parts = [learn_from(combined or plan.baseline, fraction) for fraction in spec.learning_curve]
    return [one for one in (combined, *removed, *longer, *parts) if one is not None]


def likely_steps(plan: Plan, spec: StudySpec) -> list[int]:
    """Steps of a run of each configuration that is likely to follow the sweep."""
    won = half_won(plan, lambda parameter: parameter.values[len(parameter.values) // 2])
    return [one.steps for one in following(plan, spec, won)]
