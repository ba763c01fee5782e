"""What a study has cost so far, and when it may end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from neptuner.live.trials import Trials
from neptuner.study.records import DONE, PENDING, RUNNING


def cost_now(results: dict[str, Any], trials: Trials, written: float | None) -> dict[str, Any]:
    """Compare the time spent on the trainings with the predicted one, and estimate what is left.

    Parameters
    ----------
    results
        Content of ``results.json``.
    trials
        How far the trainings are.
    written
        When ``results.json`` was written, in seconds since 1970; None if nobody works on the study.

    Returns
    -------
    ``spent``, ``likely``, ``least``, ``most`` and ``left``, and for molecular dynamics ``md_spent`` and
    ``md_predicted``, in seconds; ``ratio``, the actual time of single trainings by the predicted one; each None where
    it is not known.
    """
    cost = results.get("cost") or {}
    predicted, actual = cost.get("predicted") or {}, cost.get("actual") or {}
    spent = actual.get("seconds")
    if spent is not None and written is not None and trials.open:
        spent += max(0.0, time.time() - written)
    totals = {key: (predicted.get(key) or {}).get("seconds") for key in ("likely", "least", "most")}
    md = {"md_spent": actual.get("md_seconds"), "md_predicted": predicted.get("md")}
    left = _seconds_left(results, trials, predicted)
    return {"spent": spent, **totals, **md, "left": left, "ratio": (cost.get("ratio") or {}).get("training")}


def _seconds_left(results: dict[str, Any], trials: Trials, predicted: Mapping[str, Any]) -> float | None:
    """Steps to go times the mean time of a step, shared among the places; None before a training has finished."""
    done = [t for t in trials.rows if t["state"] == DONE and t["seconds"]]
    steps = sum(t["steps"] for t in done)
    if not steps or results["finished"]:
        return 0.0 if results["finished"] else None
    places: int = predicted.get("places") or max(1, sum(t["state"] == RUNNING for t in trials.rows))
    going = [t for t in trials.rows if t["state"] in (PENDING, RUNNING)]
    to_go = sum(max(0, t["steps"] - trials.step(t["id"])) for t in going)
    to_go += _unplanned(results, predicted) * steps / len(done)
    return float(sum(t["seconds"] for t in done) / steps * to_go / places)


def _unplanned(results: dict[str, Any], predicted: Mapping[str, Any]) -> int:
    """Trainings that are likely to follow, but depend on results that are not known yet."""
    decided = any(trial["phase"] not in ("baseline", "sweep") for trial in results["trials"])
    searching = (results.get("search") or {"state": "done"})["state"] != "done"
    likely: int = (predicted.get("likely") or {}).get("trials", 0)
    return max(0, likely - len(results["trials"])) if searching or not decided else 0
