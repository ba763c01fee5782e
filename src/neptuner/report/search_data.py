"""The part ``search`` of ``results.json`` as plain frozen records; what does not exist is None or absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neptuner.report.statistics_data import finite


@dataclass(frozen=True)
class Tried:
    """One trial of the search, or a model of an earlier phase that it began with."""

    name: str
    phase: str
    """``search``, or that of the earlier phase."""
    values: Mapping[str, str]
    """Keyword of nep.in to its arguments."""
    state: str = "done"
    origin: str = ""
    steps: int | None = None
    rung: int = 0
    loss: float | None = None
    """On validation, after so many steps, in eV/atom or eV/angstrom."""
    speed: float | None = None
    """In atom-steps per second."""
    feasible: bool = True
    error: str | None = None
    nep: str | None = None
    """Path of its nep.txt, relative to the study directory."""


@dataclass(frozen=True)
class Pruning:
    """How well short trainings foretold those in full."""

    promoted: int
    control: int
    control_kept: int
    control_best: bool
    error: float | None
    """Of the foretold loss, in per cent."""
    correlations: tuple[tuple[int, int, int, float | None], ...]
    """From which rung to which, number of trials, and Spearman's coefficient."""


@dataclass(frozen=True)
class Search:
    """Joint search of a study."""

    state: str
    sampler: str
    objectives: tuple[str, ...]
    budget: int
    rungs: tuple[int, ...]
    """Steps of each length of training."""
    reduction: int
    speed_min: float | None
    memory_max: float | None
    refused: int
    trials: tuple[Tried, ...]
    known: tuple[Tried, ...]
    best: str | None
    best_reduction: float | None
    """Against the baseline with the same seed, in per cent."""
    pareto: tuple[Tried, ...]
    importances: Mapping[str, tuple[float, float]]
    pruning: Pruning | None

    @property
    def in_full(self) -> tuple[Tried, ...]:
        """Every model that was trained in full, those of earlier phases first."""
        done = tuple(t for t in self.trials if t.rung == len(self.rungs) - 1 and t.loss is not None)
        return (*self.known, *done)


def read_search(raw: Mapping[str, Any] | None) -> Search | None:
    """Read ``results["search"]``; None without a search."""
    if not raw:
        return None
    constraints, best = raw.get("constraints") or {}, raw.get("best") or {}
    return Search(
        state=str(raw["state"]),
        sampler=str(raw["sampler"]),
        objectives=tuple(raw["objectives"]),
        budget=int(raw["budget"]),
        rungs=tuple(int(steps) for steps in raw["rungs"]),
        reduction=int(raw["reduction"]),
        speed_min=finite(constraints.get("md_speed_min")),
        memory_max=finite(constraints.get("memory_max_mb")),
        refused=len(raw.get("refused") or ()),
        trials=tuple(_trial(t) for t in raw.get("trials") or ()),
        known=tuple(_model(m) for m in raw.get("known") or ()),
        best=best.get("name"),
        best_reduction=finite(best.get("reduction")),
        pareto=tuple(_model(m) for m in raw.get("pareto") or ()),
        importances={k: (float(v["mean"]), float(v["sd"])) for k, v in (raw.get("importances") or {}).items()},
        pruning=_pruning(raw.get("pruning")),
    )


def _trial(raw: Mapping[str, Any]) -> Tried:
    return Tried(
        name=str(raw["name"]),
        phase="search",
        values=_values(raw["params"]),
        state=str(raw["state"]),
        origin=str(raw["origin"]),
        steps=int(raw["steps"]),
        rung=int(raw["rung"]),
        loss=finite(raw.get("loss")),
        speed=finite(raw.get("md_speed")),
        feasible=bool(raw["feasible"]),
        error=raw.get("error"),
    )


def _model(raw: Mapping[str, Any]) -> Tried:
    return Tried(
        name=str(raw["name"]),
        phase=str(raw["phase"]),
        values=_values(raw["values"]),
        loss=finite(raw.get("loss")),
        speed=finite(raw.get("md_speed")),
        feasible=bool(raw["feasible"]),
        nep=raw.get("nep"),
    )


def _values(raw: Mapping[str, Any]) -> dict[str, str]:
    return {keyword: " ".join(_word(word) for word in words) for keyword, words in raw.items()}


def _word(word: Any) -> str:
    return f"{word:g}" if isinstance(word, float) else str(word)


def _pruning(raw: Mapping[str, Any] | None) -> Pruning | None:
    if not raw:
        return None
    return Pruning(
        promoted=len(raw["promoted"]),
        control=len(raw["control"]),
        control_kept=int(raw["control_kept"]),
        control_best=bool(raw["control_best"]),
        error=finite(raw.get("prediction_error_percent")),
        correlations=tuple(
            (int(c["from"]), int(c["to"]), int(c["trials"]), finite(c.get("coefficient")))
            for c in raw["rank_correlation"]
        ),
    )
