"""Predicted and actual cost of a study: ``prediction.json`` and the part ``cost`` of ``results.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from neptuner.files.digest import file_hash
from neptuner.launch.base import Launcher
from neptuner.launch.local import LocalLauncher
from neptuner.study.cost.calibration import Calibration, calibrate
from neptuner.study.cost.prediction import Prediction, predict
from neptuner.study.plan import SCHEMA, Plan
from neptuner.study.prepare import PreparedStudy
from neptuner.study.records import Record
from neptuner.study.state import StudyState
from neptuner.study.store import Store, read_json

FILE = "prediction.json"
SESSION = "session"
"""Event of the journal at the beginning of a session; nobody worked before it."""
MOST_LOOKED_AT = 200
"""Trial directories whose size is taken; that of the others is the mean."""


def predicted(study: PreparedStudy, store: Store, launcher: Launcher, environment: Mapping[str, str]) -> Prediction:
    """Read the prediction of an earlier session, or make one and keep it.

    If study.toml has changed since, the cost is predicted anew from the times that were measured first.

    Raises
    ------
    NeptunerError
        If a calibration fails.
    """
    kept, digest, places = read_json(store.folder / FILE), file_hash(study.spec.path), launcher.free
    calibration = _calibration(kept)
    if kept is None or calibration is None or not _fits(calibration, study.plan):
        calibration = calibrate(study, places if isinstance(launcher, LocalLauncher) else 1, environment)
    elif kept["study"] == digest:
        places = kept["places"]
    prediction = predict(study, calibration, places)
    content = {"schema": SCHEMA, "study": digest, "places": places, "calibration": calibration.as_json()}
    store.write_json(FILE, {**content, "predicted": prediction.as_json()})
    return prediction


def _calibration(kept: Mapping[str, Any] | None) -> Calibration | None:
    """Take the times of an earlier session; None if there are none of this version."""
    try:
        return None if kept is None or kept["schema"] != SCHEMA else Calibration.from_json(kept["calibration"])
    except (KeyError, TypeError, ValueError):
        return None


def _fits(calibration: Calibration, plan: Plan) -> bool:
    """Whether the measured configurations are still those of the plan."""
    return bool(calibration.measured) and {m.name for m in calibration.measured} <= {c.name for c in plan.first}


class CostRecord:
    """Keeps the actual cost of a study beside the predicted one.

    Parameters
    ----------
    prediction
        What was predicted.
    store
        The study directory; the beginning of this session is written into its journal.
    """

    def __init__(self, prediction: Prediction, store: Store) -> None:
        self._prediction, self._folder = prediction, store.folder
        events = list(store.journal.read())
        self._before, self._all_before = worked(_of_trainings(events)), worked(events)
        store.journal.write(SESSION)
        self._begin = monotonic()
        self._seconds: float | None = None

    def content(self, state: StudyState) -> dict[str, Any]:
        """Give the part ``cost`` of ``results.json``; ratios are actual by predicted."""
        likely, actual = self._prediction.likely, self._actual(state)
        expected = {"seconds": likely.seconds, "memory": likely.memory, "disk": likely.disk}
        ratio = {key: _ratio(actual[key], value) if state.finished else None for key, value in expected.items()}
        predicted = {key: value for key, value in self._prediction.as_json().items() if key != "costs"}
        md = self._prediction.md
        ratio["md_seconds"] = None if actual["md_seconds"] is None or md is None else _ratio(actual["md_seconds"], md)
        training = _ratio_of_trainings(self._prediction, state.records.values())
        return {"predicted": predicted, "actual": actual, "ratio": {**ratio, "training": training}}

    def _actual(self, state: StudyState) -> dict[str, Any]:
        known = [record.outcome.memory for record in state.records.values() if record.outcome is not None]
        seconds, session = self._time(finished=state.finished), monotonic() - self._begin
        return {
            "trials": len(state.records),
            "seconds": seconds,
            "md_seconds": self._all_before + session - seconds if state.finished and self._prediction.md else None,
            "memory": max((one for one in known if one is not None), default=None),
            "disk": disk_of(self._folder) if state.finished else None,
        }

    def _time(self, *, finished: bool) -> float:
        """Seconds that sessions have spent on trainings; molecular dynamics after them does not count."""
        if self._seconds is not None:
            return self._seconds
        now = self._before + monotonic() - self._begin
        self._seconds = now if finished else None
        return now


def worked(events: Sequence[Mapping[str, Any]]) -> float:
    """Seconds between events, those before a session begins left out."""
    times = [datetime.fromisoformat(event["time"]).timestamp() for event in events]
    return sum(
        later - earlier
        for (earlier, later), event in zip(pairwise(times), events[1:], strict=True)
        if event["event"] != SESSION
    )


def _of_trainings(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what comes after the last training."""
    last = max((k for k, e in enumerate(events) if not e.get("id", "md/").startswith("md/")), default=-1)
    return events[: last + 1]


def disk_of(folder: Path) -> int:
    """Bytes of a study directory without molecular dynamics; of many trials some are looked at."""
    trials = sorted(path for path in (folder / "trials").iterdir() if path.is_dir())
    looked_at = trials[:: -(-len(trials) // MOST_LOOKED_AT) or 1]
    mean = sum(map(_bytes, looked_at)) / len(looked_at) if trials else 0.0
    others = [path for path in folder.iterdir() if path.name not in ("trials", "md")]
    return round(len(trials) * mean + sum(_bytes(path) if path.is_dir() else path.stat().st_size for path in others))


def _bytes(folder: Path) -> int:
    """Size of the files of a folder; a link counts as itself."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _ratio(actual: float | None, expected: float) -> float | None:
    return actual / expected if actual and expected else None


def _ratio_of_trainings(prediction: Prediction, records: Iterable[Record]) -> float | None:
    """Median ratio of the time of steps and rows, over the trainings whose cost was predicted one by one."""
    ratios = [
        record.outcome.seconds / prediction.costs[record.run.configuration.name].loop
        for record in records
        if record.outcome is not None and record.run.configuration.name in prediction.costs
    ]
    return median(ratios) if ratios else None
