"""The state of a study as the content of ``results.json`` (``docs/results.md``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from neptuner import __version__
from neptuner.study.assessment import assess
from neptuner.study.judge import QUANTITIES, SPLITS, reduction_of_tail
from neptuner.study.plan import ABLATION, LEARNING_CURVE, OPTIMIZER, SCHEMA, Configuration, Parameter
from neptuner.study.records import DONE, FAILED, Record
from neptuner.study.spec import StudySpec
from neptuner.study.state import Spreads, StudyState


def make_results(
    spec: StudySpec, state: StudyState, data: Mapping[str, Any], machine: Mapping[str, Any]
) -> dict[str, Any]:
    """Assemble everything that is known now.

    Parameters
    ----------
    spec, state
        The study and where it stands.
    data
        ``{path, sha256, frames, atoms}`` of each split, or None.
    machine
        Versions and the machine.
    """
    base = state.baseline()
    return {
        "schema": SCHEMA,
        "neptuner": __version__,
        "name": spec.name,
        "finished": state.finished,
        "metric": spec.metric,
        "strategy": spec.strategy,
        "last_rows": spec.last_rows,
        "replicates": spec.replicates,
        "steps": state.plan.baseline.steps,
        "steps_factor": spec.steps_factor,
        "seed": spec.seed,
        "optimizer": OPTIMIZER,
        "data": dict(data),
        "machine": dict(machine),
        "baseline": _configuration(state, state.plan.baseline),
        "sweep": [_parameter(state, parameter) for parameter in state.plan.sweep],
        "winners": {keyword: list(value) for keyword, value in state.winners.items()},
        "combined": _configuration(state, state.combined),
        "ablation": [_configuration(state, c) for c in state.phases()[ABLATION]],
        "extended": {key: _configuration(state, c) for key, c in state.extended().items()},
        "learning_curve": [_configuration(state, c) for c in state.phases()[LEARNING_CURVE]],
        "statistics": assess(state, spec),
        "trials": [_run(record, base) for record in state.records.values()],
        "failed": _failures(state),
        "search": None,
        "cost": None,
        "md": None,
    }


def _parameter(state: StudyState, parameter: Parameter) -> dict[str, Any]:
    verdict = state.judge(parameter)
    best = None if verdict.best is None else parameter.values[verdict.best]
    return {
        "parameter": parameter.keyword,
        "baseline_value": parameter.baseline_value,
        "values": [_configuration(state, configuration) for configuration in parameter.values],
        "best_value": None if best is None else _value(best),
        "best": None if best is None else best.name,
        "gain": verdict.gain,
        "gain_sd": verdict.gain_sd,
        "mean_improvement": verdict.mean_improvement,
        "chosen": verdict.chosen,
    }


def _configuration(state: StudyState, configuration: Configuration | None) -> dict[str, Any] | None:
    if configuration is None:
        return None
    finished = [record for record in state.of(configuration) if record.state == DONE]
    outcomes = [record.outcome for record in finished if record.outcome is not None]
    return {
        **_identity(configuration),
        "runs": [record.run.id for record in finished],
        "parameters": outcomes[0].parameters if outcomes else None,
        "seconds": _mean(outcome.seconds for outcome in outcomes),
        "loss": _plain(state.spreads(configuration)),
        "reduction": _plain(state.reductions(configuration)),
        "rmse": {split: _mean_rmse([outcome.rmse[split] for outcome in outcomes]) for split in SPLITS},
    }


def _run(record: Record, base: Spreads) -> dict[str, Any]:
    run, outcome = record.run, record.outcome
    tails = outcome.tails if outcome else {q: dict.fromkeys(SPLITS) for q in QUANTITIES}
    return {
        "id": run.id,
        **_identity(run.configuration),
        "replicate": run.replicate,
        "seed": run.seed,
        "directory": f"trials/{run.id}",
        "state": record.state,
        "error": record.error,
        "parameters": outcome.parameters if outcome else None,
        "seconds": outcome.seconds if outcome else None,
        "ms_per_step": outcome.ms_per_step if outcome else None,
        "loss": {q: {s: asdict(t) if (t := tails[q][s]) else None for s in SPLITS} for q in QUANTITIES},
        "reduction": {q: {s: reduction_of_tail(base[q][s], tails[q][s]) for s in SPLITS} for q in QUANTITIES},
        "rmse": dict(outcome.rmse) if outcome else dict.fromkeys(SPLITS),
    }


def _identity(configuration: Configuration) -> dict[str, Any]:
    return {
        "name": configuration.name,
        "phase": configuration.phase,
        "parameter": configuration.parameter,
        "value": _value(configuration),
        "settings": configuration.settings,
        "fraction": configuration.fraction,
        "steps": configuration.steps,
    }


def _failures(state: StudyState) -> list[dict[str, Any]]:
    failures = [
        {"id": record.run.id, "name": record.run.configuration.name, "error": record.error}
        for record in state.records.values()
        if record.state == FAILED
    ]
    if state.combination_error:
        failures.append({"id": "combined", "name": "combined", "error": state.combination_error})
    return failures


def _value(configuration: Configuration) -> list[Any] | None:
    return None if configuration.value is None else list(configuration.value)


def _plain(spreads: Spreads) -> dict[str, dict[str, Any]]:
    return {q: {s: asdict(v) if v else None for s, v in by_split.items()} for q, by_split in spreads.items()}


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return float(np.mean(known)) if known else None


def _mean_rmse(rmses: list[dict[str, float | None] | None]) -> dict[str, float | None] | None:
    known = [rmse for rmse in rmses if rmse is not None]
    if not known:
        return None
    return {key: _mean(v for rmse in known if (v := rmse[key]) is not None) for key in known[0]}
