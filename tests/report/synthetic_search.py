"""The part ``search`` of a results.json, made of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np


def synthetic_search(trials: int = 14, *, speeds: bool = True, rungs: tuple[int, ...] = (250, 1000)) -> dict[str, Any]:
    """A search that is over; with more than one rung every third trial was trained in full, the last as a control."""
    rng = np.random.default_rng(3)
    tried = [_trial(n + 1, rng, speeds, rungs) for n in range(trials)]
    known = [_model("baseline", "baseline", 0.16, 5e4, speeds), _model("combined", "combined", 0.14, 3e4, speeds)]
    last = len(rungs) - 1
    full = [
        {**_model(t["name"], "search", t["loss"], t["md_speed"], speeds), "values": t["params"]}
        for t in tried
        if t["rung"] == last and t["feasible"]
    ]
    every = [*known, *full]
    front = (
        [m for m in every if not any(beats(o, m) for o in every)] if speeds else [min(full, key=lambda m: m["loss"])]
    )
    best = min(full, key=lambda m: m["loss"])
    pruning = {
        "reduction": 3,
        "promoted": [t["name"] for t in tried if t["rung"] == last][:-1],
        "control": [tried[-1]["name"]],
        "rank_correlation": [{"from": 0, "to": 1, "trials": 5, "coefficient": -0.25}],
        "prediction_error_percent": 3.2,
        "control_kept": 1,
        "control_best": False,
    }
    return {
        "state": "done",
        "sampler": "tpe",
        "objectives": ["accuracy", "md_speed"] if speeds else ["accuracy"],
        "budget": trials,
        "seed": 1,
        "rungs": list(rungs),
        "reduction": 3,
        "constraints": {"md_speed_min": 2e4 if speeds else None, "memory_max_mb": None},
        "space": {"n_max": {"low": [2, 2], "high": [8, 8], "step": [2, 2], "log": False}, "neuron": [[10], [40]]},
        "refused": [{"values": {"n_max": [2, 9]}, "reason": "`n_max 2 9`: no"}],
        "trials": tried,
        "known": known,
        "best": {**best, "reduction": 100 * (0.16 - best["loss"]) / 0.16},
        "pareto": sorted(front, key=lambda m: m["md_speed"] or 0.0),
        "importances": {"n_max": {"mean": 0.7, "sd": 0.12}, "neuron": {"mean": 0.3, "sd": 0.08}},
        "pruning": pruning if last else None,
    }


def beats(one: dict[str, Any], other: dict[str, Any]) -> bool:
    no_worse = one["loss"] <= other["loss"] and one["md_speed"] >= other["md_speed"]
    return no_worse and (one["loss"] < other["loss"] or one["md_speed"] > other["md_speed"])


def _trial(number: int, rng: np.random.Generator, speeds: bool, rungs: tuple[int, ...]) -> dict[str, Any]:
    rung = len(rungs) - 1 if number % 3 == 1 or number == 14 else 0
    speed = float(10 ** rng.uniform(4.0, 5.0)) if speeds else None
    feasible = speed is None or speed >= 2e4
    return {
        "name": f"search-{number:04d}",
        "origin": "tpe",
        "params": {"n_max": rng.integers(2, 8, 2).tolist(), "neuron": [int(rng.choice([10, 40]))]},
        "state": "failed" if number == 6 else "done",
        "error": "killed by signal 9 (SIGKILL)" if number == 6 else None,
        "rung": rung,
        "steps": rungs[rung],
        "control": number == 14,
        "loss": None if number == 6 else float(rng.uniform(0.12, 0.2)),
        "loss_in_full": None,
        "losses": {},
        "md_speed": speed,
        "memory_mb": None,
        "feasible": feasible and number != 6,
        "violations": {},
        "directory": f"trials/search-{number:04d}-r0-0123456789",
    }


def _model(name: str, phase: str, loss: float, speed: float | None, speeds: bool) -> dict[str, Any]:
    return {
        "name": name,
        "phase": phase,
        "values": {"n_max": [4, 4], "neuron": [10]},
        "loss": loss,
        "md_speed": speed if speeds else None,
        "feasible": True,
        "directory": f"trials/{name}-r0-0123456789",
        "nep": f"trials/{name}-r0-0123456789/nep.txt",
    }
