"""Better or merely faster: the loss curves of a study compared, when its trainings have ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from neptuner.errors import NeptunerError
from neptuner.files.loss_out import read_validation_out
from neptuner.study.assessment import comparable
from neptuner.study.outcome import Outcome
from neptuner.study.plan import Configuration
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState
from neptuner.study.statistics.faster import Comparison, Curve, compare_curves
from neptuner.study.store import Store

MOST_RUNS = 2000
"""Trainings of a study beyond which only baseline and combined model are compared; each curve is a file to read."""


def compare_pace(state: StudyState, spec: StudySpec, store: Store) -> dict[str, Any] | None:
    """Compare every configuration with the baseline on validation; None without a combined model or a baseline.

    Returns
    -------
    The ``sentence`` on the combined model, or on the best of what there is none of, and every comparison by name.
    """
    compared = comparable(state)
    if sum(len(state.of(c)) for c in compared) > MOST_RUNS:
        compared = [c for c in (state.plan.baseline, state.combined) if c is not None]
    curves = _curves(state, spec, store, compared)
    longer = {
        plain.name: each[0]
        for plain, extended in ((state.plan.baseline, "baseline"), (state.combined, "combined"))
        if plain is not None and (each := _extended(state, spec, store, extended))
    }
    if not curves.get(state.plan.baseline.name):
        return None
    found = compare_curves(curves, state.plan.baseline.name, spec.last_rows, longer)
    combined = None if state.combined is None else found.get(state.combined.name)
    return {
        "sentence": ""
        if combined is None
        else f"Loss curves on validation, combined against baseline: {_low(combined)}",
        "comparisons": {name: asdict(comparison) for name, comparison in found.items()},
    }


def _low(comparison: Comparison) -> str:
    return comparison.sentence[:1].lower() + comparison.sentence[1:]


def _extended(state: StudyState, spec: StudySpec, store: Store, key: str) -> list[dict[int, Curve]]:
    configuration = state.extended()[key]
    return [] if configuration is None else [c for c in _curves(state, spec, store, [configuration]).values() if c]


def _curves(
    state: StudyState, spec: StudySpec, store: Store, configurations: Iterable[Configuration]
) -> dict[str, dict[int, Curve]]:
    """Validation loss of every finished training, by configuration and seed."""
    return {
        configuration.name: {
            record.run.seed: curve
            for record in state.of(configuration)
            if record.outcome is not None and (curve := _curve(store, record.run.id, spec.metric, record.outcome))
        }
        for configuration in configurations
    }


def _curve(store: Store, name: str, metric: str, outcome: Outcome) -> Curve | None:
    try:
        table = read_validation_out(store.trials / name / "validation.out")
    except (OSError, NeptunerError):
        return None
    return Curve(table.steps, getattr(table, metric), outcome.ms_per_step)
