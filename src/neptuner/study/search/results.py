"""What a joint search found, as the content of ``results.json`` (``docs/results.md``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neptuner.study.judge import reduction
from neptuner.study.plan import Configuration
from neptuner.study.records import DONE, FAILED, Record
from neptuner.study.search.rungs import Standing, front_numbers, in_full, report_pruning
from neptuner.study.search.sampler import importances
from neptuner.study.search.search import Search
from neptuner.study.search.space import Values
from neptuner.study.state import StudyState

Candidate = dict[str, Any]
"""A model trained in full: ``{name, phase, values, loss, md_speed, feasible, directory, nep}``."""


def with_search(results: dict[str, Any], search: Search, state: StudyState) -> dict[str, Any]:
    """Complete the content of ``results.json`` by the joint search.

    Parameters
    ----------
    results
        What the trainings gave.
    search
        What was asked for and what came of it.
    state
        Where the study stands.
    """
    return {**results, "search": _search_results(search, state)}


def _search_results(search: Search, state: StudyState) -> dict[str, Any]:
    spec = search.spec
    about = {
        "state": "waiting" if not search.began else "done" if search.over else "running",
        "sampler": spec.sampler,
        "objectives": list(spec.objectives),
        "budget": spec.trials,
        "seed": spec.seed,
        "rungs": [spec.steps(state.plan.baseline.steps, rung) for rung in range(spec.rungs)],
        "reduction": spec.reduction,
        "constraints": {"md_speed_min": spec.md_speed_min, "memory_max_mb": spec.memory_max_mb},
        "space": {keyword: _dimension(dimension) for keyword, dimension in search.space.dimensions},
    }
    if not search.began:
        return {**about, **_NOTHING}
    standings = search.standings()
    offsets = search.offsets(standings)
    tried = [found for s in standings if (found := _in_full(search, s)) is not None]
    known = [_known(search, *found) for found in search.known()]
    candidates = _without_doubles([*known, *tried])
    best = _best(candidates)
    return {
        **about,
        "refused": [{"values": _lists(values), "reason": reason} for values, reason in search.refused],
        "trials": [_trial(search, state, s, offsets) for s in standings],
        "known": known,
        "best": None if best is None else {**best, "reduction": _reduction(best, known)},
        "pareto": _pareto(candidates),
        "importances": _importances(search) if search.over else None,
        "pruning": report_pruning(standings, spec.rungs, spec.reduction),
    }


_NOTHING: dict[str, Any] = {
    "refused": [], "trials": [], "known": [], "best": None, "pareto": [], "importances": None, "pruning": None,
}  # fmt: skip


def _trial(search: Search, state: StudyState, standing: Standing, offsets: Sequence[float]) -> dict[str, Any]:
    trial = standing.trial
    rung = max(standing.losses, default=trial.rungs[0])
    record = search.record(trial, rung)
    return {
        "name": trial.name,
        "origin": trial.origin,
        "params": _lists(trial.values),
        "state": "open" if standing.open else FAILED if standing.error else DONE,
        "error": standing.error,
        "rung": rung,
        "steps": search.spec.steps(state.plan.baseline.steps, rung),
        "control": trial.control,
        "loss": standing.losses.get(rung),
        "loss_in_full": in_full(standing.losses, offsets),
        "losses": {str(r): loss for r, loss in sorted(standing.losses.items())},
        "md_speed": standing.speed,
        "memory_mb": standing.memory,
        "feasible": standing.feasible,
        "violations": dict(standing.violations),
        "directory": _directory(record),
    }


def _in_full(search: Search, standing: Standing) -> Candidate | None:
    """A trial that was trained in full; None for any other."""
    last = search.spec.rungs - 1
    record = search.record(standing.trial, last) if last in standing.losses else None
    if record is None:
        return None
    return {
        "name": standing.trial.name,
        "phase": "search",
        "values": _lists(standing.trial.values),
        "loss": standing.losses[last],
        "md_speed": standing.speed,
        "feasible": standing.feasible,
        "directory": _directory(record),
        "nep": f"{_directory(record)}/nep.txt",
    }


def _known(search: Search, configuration: Configuration, record: Record, values: Values) -> Candidate:
    speed = None if search.speeds is None else search.speeds.of(configuration)
    minimum, most = search.spec.md_speed_min, search.spec.memory_max_mb
    memory = search.memory(record)
    slow = minimum is not None and isinstance(speed, float) and speed < minimum
    large = most is not None and memory is not None and memory > most
    return {
        "name": configuration.name,
        "phase": configuration.phase,
        "values": _lists(values),
        "loss": search.loss(record),
        "md_speed": speed if isinstance(speed, float) else None,
        "feasible": not slow and not large,
        "directory": _directory(record),
        "nep": f"{_directory(record)}/nep.txt",
    }


def _without_doubles(candidates: Sequence[Candidate]) -> list[Candidate]:
    """One candidate a training."""
    return list({candidate["directory"]: candidate for candidate in reversed(candidates)}.values())[::-1]


def _best(candidates: Sequence[Candidate]) -> Candidate | None:
    feasible = [c for c in candidates if c["feasible"] and c["loss"] is not None]
    return min(feasible, key=lambda candidate: float(candidate["loss"]), default=None)


def _reduction(best: Candidate, known: Sequence[Candidate]) -> float | None:
    """Reduction of the loss against the baseline's with the same seed, in per cent."""
    baseline = next((c["loss"] for c in known if c["phase"] == "baseline"), None)
    return None if baseline is None else reduction(baseline, best["loss"])


def _pareto(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Feasible models that no other beats in both loss and speed, by speed; the one of lowest loss without speeds."""
    usable = [c for c in candidates if c["feasible"] and c["loss"] is not None]
    timed = [c for c in usable if c["md_speed"] is not None]
    if not timed:
        best = _best(usable)
        return [] if best is None else [best]
    fronts = front_numbers([(c["loss"], -c["md_speed"]) for c in timed])
    front = [c for c, number in zip(timed, fronts, strict=True) if number == 0]
    return sorted(front, key=lambda c: (c["md_speed"], c["loss"]))


def _importances(search: Search) -> dict[str, dict[str, float]] | None:
    found = importances(search.space, search.history())
    return None if found is None else {name: {"mean": mean, "sd": sd} for name, (mean, sd) in found.items()}


def _dimension(dimension: Any) -> Any:
    if hasattr(dimension, "values"):
        return [list(value) for value in dimension.values]
    step = None if dimension.step is None else list(dimension.step)
    return {"low": list(dimension.low), "high": list(dimension.high), "step": step, "log": dimension.log}


def _lists(values: Values) -> dict[str, list[Any]]:
    return {keyword: list(value) for keyword, value in values.items()}


def _directory(record: Record | None) -> str | None:
    return None if record is None else f"trials/{record.run.id}"
