"""Molecular dynamics of a study as the object ``md`` of ``results.json`` (``docs/results.md``)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.engines.conductivity_result import Driven
from neptuner.study.md.comparison import Findings, find, make_verdict
from neptuner.study.md.models import KAPPA, MdModel
from neptuner.study.md.phase import MdPhase, MdRecord
from neptuner.study.md.spec import AXES
from neptuner.study.records import FAILED
from neptuner.transport.comparison import Comparison
from neptuner.transport.driving_force import Scan

MOST_POINTS = 200
"""Of a curve."""


def with_md(results: dict[str, Any], phase: MdPhase) -> dict[str, Any]:
    """Complete the content of ``results.json`` by molecular dynamics.

    Parameters
    ----------
    results
        What the trainings gave.
    phase
        What is planned and what came of it.
    """
    failed = [
        {"id": r.run.id, "name": r.run.model.configuration.name, "error": r.error}
        for r in phase.records.values()
        if r.state == FAILED
    ]
    return {
        **results,
        "finished": results["finished"] and phase.finished,
        "failed": [*results["failed"], *failed],
        "md": md_results(phase),
    }


def md_results(phase: MdPhase) -> dict[str, Any]:
    """Assemble everything that molecular dynamics gave so far."""
    spec, crystal, found = phase.spec, phase.crystal, find(phase)
    return {
        "state": "waiting" if phase.maker is None else "done" if phase.finished else "running",
        "temperature_k": spec.temperature,
        "method": spec.method,
        "engine": spec.engine,
        "fe_per_angstrom": list(spec.fe),
        "direction": AXES[spec.direction],
        "time_ps": spec.time_ps,
        "equilibration_ps": spec.equilibration_ps,
        "screen_ps": spec.screen_ps,
        "time_step_fs": spec.time_step,
        "thermostat": spec.thermostat,
        "replicates": spec.replicates,
        "supercell": None if phase.maker is None else list(phase.maker.supercell),
        "atoms": None if phase.maker is None else phase.n_atoms,
        "structure": {
            "source": crystal.source,
            "path": crystal.path,
            "frame": crystal.frame,
            "formula": crystal.formula,
            "atoms": crystal.structure.n_atoms,
        },
        "screen": {key: _screen(phase.screen_of(key)) for key in phase.models},
        "models": {key: _model(phase, model, found) for key, model in phase.models.items()},
        "comparison": None if found.comparison is None else _comparison(found.comparison),
        "correction": found.correction,
        "runs": [_run(record) for record in phase.records.values()],
        "verdict": make_verdict(phase, found),
        "note": phase.note,
        "warnings": [*phase.problems, *found.warnings],
    }


def _screen(record: MdRecord | None) -> dict[str, Any]:
    outcome = record.screen if record is not None else None
    return {
        "run": record.run.id if record else None,
        "state": record.state if record else None,
        "error": record.error if record else None,
        "passed": outcome.passed if outcome else False if record and record.state == FAILED else None,
        "sentence": outcome.sentence if outcome else None,
        "drift_mev_per_atom_per_ps": _finite(outcome.drift) if outcome else None,
        "temperature_k": outcome.temperature if outcome else None,
        "last_temperature_k": outcome.last_temperature if outcome else None,
        "time_ps": outcome.time_ps if outcome else None,
        "force_rmse": None,
    }


def _model(phase: MdPhase, model: MdModel, found: Findings) -> dict[str, Any]:
    analysis, records = found.analyses.get(model.key), phase.of(KAPPA, model.key)
    driven = analysis.driven if analysis is not None else None
    scan = analysis.scan if analysis is not None else None
    speeds = [r.kappa.ns_per_day for r in records if r.kappa is not None and r.kappa.ns_per_day is not None]
    return {
        "name": model.configuration.name,
        "trial": model.record.run.id,
        "potential": f"trials/{model.record.run.id}/nep.txt",
        "potential_sha256": model.sha256,
        "force_rmse": {split: model.force_rmse(split) for split in ("validation", "test")},
        **_numbers(driven),
        "ns_per_day": float(np.mean(speeds)) if speeds else None,
        "runs": [_run(record) for record in records],
        "running": None if driven is None else _running(driven),
        "spectrum": None if driven is None else _spectrum(driven),
        "scan": None if scan is None else _scan(scan),
        "warnings": list(analysis.warnings) if analysis is not None else [],
    }


def _numbers(found: Driven | None) -> dict[str, Any]:
    """Conductivity and errors in W/mK, each None where it is not known."""
    keys = ("kappa", "standard_error", "interval", "error_from", "spread_error", "blocked_error", "predicted_error")
    if found is None:
        return dict.fromkeys((*keys, "production_ps", "cut_ps", "volume_cubic_angstrom"))
    known = found.hnemd
    return {
        "kappa": known.kappa,
        "standard_error": _finite(known.standard_error),
        "interval": _interval(known.interval),
        "error_from": known.error_from,
        "spread_error": _finite(known.spread_error),
        "blocked_error": _finite(known.blocked_error),
        "predicted_error": _finite(found.predicted_error),
        "production_ps": known.time_ps,
        "cut_ps": max(run.cut_ps for run in known.runs),
        "volume_cubic_angstrom": found.volume,
    }


def _run(record: MdRecord) -> dict[str, Any]:
    run, kappa = record.run, record.kappa
    outcome = kappa or record.screen
    return {
        "id": run.id,
        "directory": run.id,
        "kind": run.kind,
        "model": run.model.key,
        "replicate": run.replicate,
        "seed": run.seed,
        "fe_per_angstrom": run.fe,
        "steps": run.steps,
        "state": record.state,
        "error": record.error,
        "kappa": kappa.kappa if kappa else None,
        "blocked_error": _finite(kappa.blocked_error) if kappa else None,
        "seconds": outcome.seconds if outcome else None,
        "ns_per_day": outcome.ns_per_day if outcome else None,
    }


def _running(found: Driven) -> dict[str, list[float | None]]:
    running, chosen = found.running, _thinned(len(found.running.time_ps))
    low, high = running.mean - running.error, running.mean + running.error
    columns = {"time_ps": running.time_ps, "mean": running.mean, "low": low, "high": high}
    return {key: _list(values[chosen]) for key, values in columns.items()}


def _spectrum(found: Driven) -> dict[str, Any] | None:
    spectral = found.spectral
    if spectral is None:
        return None
    chosen = _thinned(len(spectral.omega))
    return {
        "omega": _list(spectral.omega[chosen]),
        "kappa": _list(spectral.mean[chosen]),
        "error": None if spectral.error is None else _list(spectral.error[chosen]),
        "integral": _finite(spectral.integral),
        "integral_error": _finite(spectral.integral_error),
    }


def _scan(scan: Scan) -> dict[str, Any]:
    return {
        "fe_per_angstrom": _list(scan.fe),
        "kappa": _list(scan.kappa),
        "standard_error": _list(scan.error),
        "kappa_zero": _finite(scan.k0),
        "kappa_zero_error": _finite(scan.k0_error),
        "coefficient": _finite(scan.coefficient),
        "linear": scan.linear,
        "recommended_fe_per_angstrom": _finite(scan.recommended_fe),
        "verdict": scan.verdict,
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "difference": found.difference,
        "standard_error": _finite(found.standard_error),
        "interval": _interval(found.interval),
        "p_value": _finite(found.p_value),
        "method": found.method,
        "correlation": _finite(found.correlation),
        "resolved": found.resolved,
        "time_ps": found.time_ps,
        "time_to_resolve_ps": _finite(found.time_for_difference_ps),
        "time_to_resolve_tenth_ps": _finite(found.time_for_tenth_ps),
        "sentence": found.sentence,
    }


def _thinned(count: int) -> NDArray[np.int64]:
    """Places of at most so many points, the last among them."""
    if count <= MOST_POINTS:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, MOST_POINTS).round().astype(np.int64))


def _list(values: NDArray[np.float64]) -> list[float | None]:
    """Numbers of a curve with six digits, None where there is none."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]


def _interval(interval: tuple[float, float]) -> list[float] | None:
    return list(interval) if np.isfinite(interval).all() else None


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
