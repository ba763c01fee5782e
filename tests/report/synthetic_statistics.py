"""The statistics of a synthetic study, from the losses of its trainings by the functions of the study itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from neptuner.study.statistics.gains import judged, noise_floor, paired_gains, rank_stability
from neptuner.study.statistics.interactions import interaction, removals
from neptuner.study.statistics.replication import adjusted

SPLITS = ("train", "validation", "test")
QUANTITIES = ("energy", "force", "virial")


def losses_of(
    trials: Iterable[dict[str, Any]], quantity: str, split: str, strategy: str
) -> dict[str, dict[int, float]]:
    """Losses of trainings on all frames, as long as the baseline's, by name and seed."""
    found: dict[str, dict[int, float]] = {}
    for trial in trials:
        if trial["phase"] not in ("extended", "learning_curve") and trial["loss"] and trial["loss"][quantity][split]:
            found.setdefault(trial["name"], {})[trial["seed"]] = trial["loss"][quantity][split][strategy]
    return found


def synthetic_statistics(trials: list[dict[str, Any]], sweep: list[dict[str, Any]], split: str) -> dict[str, Any]:
    """The part ``statistics`` of results.json; the metric is the force, the strategy AVG."""
    losses = losses_of(trials, "force", split, "avg")
    phases = {t["name"]: t["phase"] for t in trials}
    has = bool(losses.get("baseline"))
    gains = paired_gains(losses, "baseline") if has else {}
    verdicts = {}
    for phase in dict.fromkeys(phases.values()):
        family = {name: gain for name, gain in gains.items() if phases[name] == phase}
        p = adjusted(family)
        verdicts |= {
            name: {"gain": asdict(g), "adjusted_p": p.get(name), "verdict": judged(g, p.get(name), None)}
            for name, g in family.items()
        }
    return {
        "split": split,
        "looks": 1,
        "noise_floor": {s: _floor(trials, s) for s in SPLITS},
        "gains": _gains(trials) if has else {},
        "verdicts": verdicts,
        "stability": _stability(trials, sweep) if has else {},
        "interaction": _interaction(losses, sweep),
        "ablation": _removals(losses, trials),
    }


def _floor(trials: list[dict[str, Any]], split: str) -> dict[str, Any] | None:
    losses = losses_of(trials, "force", split, "avg")
    if not losses.get("baseline"):
        return None
    rows = [t["loss"]["force"][split]["sd"] for t in trials if t["name"] == "baseline" and t["loss"]]
    return asdict(noise_floor(losses, "baseline", sum(rows) / len(rows)))


def _gains(trials: list[dict[str, Any]]) -> dict[str, Any]:
    names = {t["name"]: None for t in trials if t["name"] != "baseline" and t["phase"] != "extended"}
    found: dict[str, Any] = {
        n: {q: {s: dict.fromkeys(("min", "avg")) for s in SPLITS} for q in QUANTITIES} for n in names
    }
    for quantity in QUANTITIES:
        for split in SPLITS:
            for strategy in ("min", "avg"):
                losses = losses_of(trials, quantity, split, strategy)
                for name, gain in (paired_gains(losses, "baseline") if losses else {}).items():
                    found[name][quantity][split][strategy] = asdict(gain)
    return found


def _stability(trials: list[dict[str, Any]], sweep: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    losses = losses_of(trials, "force", "validation", "avg")
    return {
        p["parameter"]: rank_stability(losses, ["baseline", *(c["name"] for c in p["values"])], draws=200)
        for p in sweep
    }


def _interaction(losses: dict[str, dict[int, float]], sweep: list[dict[str, Any]]) -> dict[str, Any] | None:
    singles = {p["parameter"]: p["best"] for p in sweep if p["chosen"]}
    found = interaction(losses, "baseline", "combined", singles) if "combined" in losses else None
    return None if found is None else asdict(found)


def _removals(losses: dict[str, dict[int, float]], trials: list[dict[str, Any]]) -> dict[str, Any]:
    without = {t["parameter"]: t["name"] for t in trials if t["phase"] == "ablation"}
    gains = removals(losses, "combined", without) if without else {}
    p = adjusted(gains)
    return {
        keyword: {
            "name": without[keyword],
            "gain": asdict(gain),
            "adjusted_p": p.get(keyword),
            "verdict": judged(gain, p.get(keyword), None),
        }
        for keyword, gain in gains.items()
    }
