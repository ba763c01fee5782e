"""The best model so far, against the baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Best:
    """The configuration of lowest validation loss among those trained for as many steps as the baseline."""

    name: str
    """``baseline`` where nothing is better."""
    loss: float
    """Mean over replicates, by metric and strategy of the study, in eV/atom or eV/angstrom."""
    baseline: float
    """The same of the baseline."""
    gain: float
    """In per cent of the baseline's loss."""
    low: float | None
    """Lower end of the 95 % interval of the gain; None where it is not known."""
    high: float | None
    runs: tuple[str, ...]
    """Ids of its finished trainings."""
    baseline_runs: tuple[str, ...]


def best_so_far(results: dict[str, Any]) -> Best | None:
    """Choose among the finished trainings of ``results.json``; None before the baseline has a validation loss."""
    baseline = results["baseline"]
    reference = _loss(results, baseline)
    if reference is None:
        return None
    losses = {c["name"]: loss for c in _comparable(results) if (loss := _loss(results, c)) is not None}
    best = min(_comparable(results), key=lambda c: losses.get(c["name"], float("inf")))
    loss, gain = losses[best["name"]], _gain(results, best["name"])
    percent = 100.0 * (1.0 - loss / reference)
    ends = (gain.get("low"), gain.get("high"))
    runs = (tuple(best["runs"]), tuple(baseline["runs"]))
    return Best(best["name"], loss, reference, gain.get("gain", percent), *ends, *runs)


def _comparable(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield results["baseline"]
    for parameter in results["sweep"]:
        yield from parameter["values"]
    yield from (c for c in (results["combined"], *results.get("ablation", ())) if c is not None)


def _loss(results: dict[str, Any], configuration: dict[str, Any] | None) -> float | None:
    spread = ((configuration or {}).get("loss") or {}).get(results["metric"], {}).get("validation")
    return spread[results["strategy"]] if spread else None


def _gain(results: dict[str, Any], name: str) -> dict[str, Any]:
    """Gain with its interval; empty where there is none, as for the baseline itself."""
    gains = (results.get("statistics") or {}).get("gains", {})
    return gains.get(name, {}).get(results["metric"], {}).get("validation", {}).get(results["strategy"]) or {}
