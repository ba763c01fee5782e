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
from neptuner.study.statistics.faster import Curve, compare_curves
from neptuner.study.store import Store

MOST_RUNS = 2000
"""Trainings of a study beyond which only baseline and combined model are compared; each curve is a file to read."""


def compare_pace(state: StudyState, spec: StudySpec, store: Store) -> dict[str, Any] | None:
    """Compare every configuration with the baseline on validation; None if the baseline has no curve.

    Returns
    -------
    The ``sentence`` on the combined model, empty without one, and all ``comparisons`` by name.
    """
    baseline, combined = state.plan.baseline, state.combined
    compared = comparable(state)
    if sum(len(state.of(c)) for c in compared) > MOST_RUNS:
        compared = [c for c in (baseline, combined) if c is not None]
    curves = _curves(state, spec, store, compared)
    if not curves.get(baseline.name):
        return None
    extended = state.extended()
    pairs = [(baseline, extended["baseline"]), (combined, extended["combined"])]
    long = _curves(state, spec, store, [c for _, c in pairs if c is not None])
    longer = {short.name: long[c.name] for short, c in pairs if short is not None and c is not None and long[c.name]}
    found = compare_curves(curves, baseline.name, spec.last_rows, longer)
    said = "" if combined is None or combined.name not in found else found[combined.name].sentence
    head = "Loss curves on validation, combined against baseline: "
    return {
        "sentence": said and head + said[:1].lower() + said[1:],
        "comparisons": {name: asdict(comparison) for name, comparison in found.items()},
    }


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
