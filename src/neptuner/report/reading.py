"""From ``results.json`` to the records of :mod:`neptuner.report.data`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neptuner.errors import InputError
from neptuner.report.data import (
    QUANTITIES,
    SPLITS,
    Configuration,
    DataSet,
    Key,
    Parameter,
    Results,
    Run,
    Statistic,
)
from neptuner.report.dynamics_data import read_dynamics
from neptuner.report.search_data import read_search
from neptuner.report.statistics_data import finite, read_statistics
from neptuner.study.damage import refuse_damage

SCHEMA = 1


def load_results(study_dir: Path) -> Results:
    """Read ``results.json`` of a study directory.

    Raises
    ------
    InputError
        The file is absent, is no JSON object, or has another schema.
    """
    path = Path(study_dir) / "results.json"
    raw = _read_object(path)
    if raw.get("schema") != SCHEMA:
        raise InputError(
            f"schema is {raw.get('schema')!r}, expected {SCHEMA}; make the report with the version of "
            f"neptuner that wrote the file ({raw.get('neptuner', 'unknown')})",
            path=path,
        )
    with refuse_damage(path):
        return _results(path.parent, raw)


def text(value: Any) -> str:
    """Return a value of nep.in as its words, joined by blanks."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(text(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("no results.json here; run `neptuner study` first", path=path.parent) from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"is not valid JSON ({error})", path=path) from error
    if not isinstance(raw, dict):
        raise InputError(f"holds {type(raw).__name__}, expected a JSON object", path=path)
    return raw


def _results(folder: Path, raw: dict[str, Any]) -> Results:
    extended = raw.get("extended") or {}
    return Results(
        folder=folder,
        version=str(raw.get("neptuner", "unknown")),
        name=str(raw["name"]),
        finished=bool(raw.get("finished")),
        metric=_one_of(raw["metric"], QUANTITIES),
        strategy=_one_of(raw["strategy"], ("avg", "min")),
        last_rows=int(raw["last_rows"]),
        replicates=int(raw["replicates"]),
        steps=_integer(raw.get("steps")),
        steps_factor=finite(raw.get("steps_factor")),
        seed=_integer(raw.get("seed")),
        optimizer=str(raw.get("optimizer") or "unknown"),
        data=_data(raw.get("data") or {}),
        machine={key: str(value) for key, value in (raw.get("machine") or {}).items()},
        baseline=_configuration(raw.get("baseline")),
        sweep=tuple(_parameter(p) for p in raw.get("sweep") or ()),
        winners={key: text(value) for key, value in (raw.get("winners") or {}).items()},
        combined=_configuration(raw.get("combined")),
        baseline_extended=_configuration(extended.get("baseline")),
        combined_extended=_configuration(extended.get("combined")),
        ablation=_configurations(raw.get("ablation")),
        learning_curve=tuple(sorted(_configurations(raw.get("learning_curve")), key=lambda c: c.fraction)),
        statistics=read_statistics(raw.get("statistics")),
        faster=_sentence(raw.get("faster")),
        leakage=_sentence(raw.get("leakage")),
        runs=tuple(_run(r) for r in raw.get("trials") or ()),
        failed=tuple((str(f["id"]), str(f.get("error") or "no reason given")) for f in raw.get("failed") or ()),
        md=read_dynamics(raw.get("md")),
        search=read_search(raw.get("search")),
        cost=raw.get("cost"),
    )


def _sentence(raw: dict[str, Any] | None) -> str:
    return str(raw.get("sentence") or "") if raw else ""


def _data(raw: dict[str, Any]) -> tuple[DataSet, ...]:
    return tuple(
        DataSet(s, text(raw[s].get("path") or ""), str(raw[s].get("sha256") or ""), *_counts(raw[s]))
        for s in SPLITS
        if raw.get(s)
    )


def _counts(raw: dict[str, Any]) -> tuple[int | None, int | None]:
    return _integer(raw.get("frames")), _integer(raw.get("atoms"))


def _configuration(raw: dict[str, Any] | None) -> Configuration | None:
    if not raw:
        return None
    return Configuration(
        name=str(raw["name"]),
        phase=str(raw["phase"]),
        parameter=raw.get("parameter"),
        value=None if raw.get("value") is None else text(raw["value"]),
        settings={key: text(value) for key, value in (raw.get("settings") or {}).items()},
        runs=tuple(str(r) for r in raw.get("runs") or ()),
        parameters=_integer(raw.get("parameters")),
        seconds=finite(raw.get("seconds")),
        steps=_integer(raw.get("steps")),
        fraction=finite(raw.get("fraction")) or 1.0,
        loss=_statistics(raw.get("loss")),
        reduction=_statistics(raw.get("reduction")),
        rmse=_rmse(raw.get("rmse")),
    )


def _configurations(raw: Sequence[dict[str, Any] | None] | None) -> tuple[Configuration, ...]:
    return tuple(c for item in raw or () if (c := _configuration(item)) is not None)


def _parameter(raw: dict[str, Any]) -> Parameter:
    return Parameter(
        name=str(raw["parameter"]),
        baseline_value=text(raw.get("baseline_value")),
        values=_configurations(raw.get("values")),
        best_value=None if raw.get("best_value") is None else text(raw["best_value"]),
        best=raw.get("best"),
        gain=finite(raw.get("gain")),
        gain_sd=finite(raw.get("gain_sd")),
        mean_improvement=finite(raw.get("mean_improvement")),
        chosen=bool(raw.get("chosen")),
    )


def _run(raw: dict[str, Any]) -> Run:
    return Run(
        id=str(raw["id"]),
        name=str(raw["name"]),
        phase=str(raw["phase"]),
        state=str(raw["state"]),
        replicate=_integer(raw.get("replicate")),
        seed=_integer(raw.get("seed")),
        directory=raw.get("directory"),
        error=raw.get("error"),
        seconds=finite(raw.get("seconds")),
        ms_per_step=finite(raw.get("ms_per_step")),
        loss=_statistics(raw.get("loss")),
    )


def _cells(raw: dict[str, Any] | None) -> dict[Key, dict[str, Any]]:
    """Flatten ``raw[quantity][split]``, leaving out what is null at any level."""
    return {
        (quantity, split): cell
        for quantity, splits in (raw or {}).items()
        for split, cell in (splits or {}).items()
        if cell
    }


def _statistics(raw: dict[str, Any] | None) -> dict[Key, Statistic]:
    names = ("min", "avg", "min_sd", "avg_sd")
    found = {key: Statistic(*(finite(cell.get(n)) for n in names)) for key, cell in _cells(raw).items()}
    return {key: s for key, s in found.items() if s.min is not None or s.avg is not None}


def _rmse(raw: dict[str, Any] | None) -> dict[Key, float]:
    return {
        (name.removeprefix("rmse_"), split): number
        for split, names in (raw or {}).items()
        for name, value in (names or {}).items()
        if (number := finite(value)) is not None
    }


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"found {value!r}, expected one of {', '.join(allowed)}")
    return str(value)


def _integer(value: Any) -> int | None:
    number = finite(value)
    return None if number is None else round(number)
