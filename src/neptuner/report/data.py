"""``results.json`` as plain frozen records; what does not exist is None or absent, never zero."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neptuner.errors import InputError
from neptuner.report.dynamics_data import Dynamics, read_dynamics

SCHEMA = 1
QUANTITIES = ("energy", "force", "virial")
SPLITS = ("train", "validation", "test")

Key = tuple[str, str]
"""A quantity and a split, for example ``("force", "test")``."""


@dataclass(frozen=True)
class Statistic:
    """Minimum and mean over the last rows of a loss curve, with standard deviations over replicates."""

    min: float | None = None
    avg: float | None = None
    min_sd: float | None = None
    avg_sd: float | None = None

    def value(self, strategy: str) -> float | None:
        """Return the value by ``min`` or ``avg``."""
        return self.min if strategy == "min" else self.avg

    def sd(self, strategy: str) -> float | None:
        """Return the standard deviation over replicates, by ``min`` or ``avg``; None when unknown."""
        return self.min_sd if strategy == "min" else self.avg_sd


@dataclass(frozen=True)
class Configuration:
    """One setting with all its replicates."""

    name: str
    phase: str
    parameter: str | None = None
    value: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """Keyword of nep.in to its values, joined by blanks."""
    runs: tuple[str, ...] = ()
    """Ids of its finished runs."""
    parameters: int | None = None
    seconds: float | None = None
    steps: int | None = None
    loss: Mapping[Key, Statistic] = field(default_factory=dict)
    """In eV/atom (energy, virial) and eV/angstrom (force)."""
    reduction: Mapping[Key, Statistic] = field(default_factory=dict)
    """In per cent of the baseline's loss; positive is better."""
    rmse: Mapping[Key, float] = field(default_factory=dict)
    """Of the kept model over the whole set; same units as the losses."""

    @property
    def done(self) -> bool:
        """Whether at least one replicate has finished."""
        return bool(self.runs)

    def loss_of(self, quantity: str, split: str) -> Statistic:
        """Return a loss, with None everywhere when it does not exist."""
        return self.loss.get((quantity, split), Statistic())

    def reduction_of(self, quantity: str, split: str) -> Statistic:
        """Return a reduction in per cent, with None everywhere when it does not exist."""
        return self.reduction.get((quantity, split), Statistic())


@dataclass(frozen=True)
class Parameter:
    """One hyper-parameter of the sweep and everything tried for it."""

    name: str
    baseline_value: str
    values: tuple[Configuration, ...] = ()
    best_value: str | None = None
    best: str | None = None
    gain: float | None = None
    gain_sd: float | None = None
    mean_improvement: float | None = None
    chosen: bool = False

    @property
    def best_configuration(self) -> Configuration | None:
        """The configuration with the lowest validation loss; None while there is none."""
        return next((c for c in self.values if c.name == self.best and c.done), None)


@dataclass(frozen=True)
class Run:
    """One training, finished or not."""

    id: str
    name: str
    phase: str
    state: str
    replicate: int | None = None
    seed: int | None = None
    directory: str | None = None
    error: str | None = None
    seconds: float | None = None
    ms_per_step: float | None = None
    scatter: Mapping[Key, tuple[float, float]] = field(default_factory=dict)
    """Mean and standard deviation of the last rows of its loss curves."""


@dataclass(frozen=True)
class DataSet:
    """One set of frames."""

    split: str
    path: str
    sha256: str
    frames: int | None
    atoms: int | None


@dataclass(frozen=True)
class Results:
    """Everything ``results.json`` says, and the folder it lies in."""

    folder: Path
    version: str
    name: str
    finished: bool
    metric: str
    strategy: str
    last_rows: int
    replicates: int
    steps: int | None
    steps_factor: float | None
    seed: int | None
    optimizer: str
    data: tuple[DataSet, ...]
    machine: Mapping[str, str]
    baseline: Configuration | None
    sweep: tuple[Parameter, ...]
    winners: Mapping[str, str]
    combined: Configuration | None
    baseline_extended: Configuration | None
    combined_extended: Configuration | None
    runs: tuple[Run, ...]
    failed: tuple[tuple[str, str], ...]
    """Id and sentence of each failed run."""
    md: Dynamics | None
    """Molecular dynamics; None if none was asked for."""

    @property
    def slots(self) -> tuple[tuple[str, Configuration | None], ...]:
        """The names of the four models a study compares, with what there is of each."""
        return (
            ("baseline", self.baseline),
            ("combined", self.combined),
            ("baseline-extended", self.baseline_extended),
            ("combined-extended", self.combined_extended),
        )

    @property
    def phases(self) -> tuple[Configuration, ...]:
        """The finished ones of baseline, combined, baseline-extended and combined-extended."""
        return tuple(c for _, c in self.slots if c is not None and c.done)

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """Every configuration with a finished run, in the order of the phases."""
        swept = tuple(c for p in self.sweep for c in p.values if c.done)
        first = int(self.has_baseline)
        return self.phases[:first] + swept + self.phases[first:]

    @property
    def has_baseline(self) -> bool:
        """Whether the baseline has a finished run."""
        return self.baseline is not None and self.baseline.done

    @property
    def nothing_won(self) -> bool:
        """Whether the sweep is over and no value beat the baseline."""
        swept = self.has_baseline and bool(self.sweep) and all(p.gain is not None for p in self.sweep)
        return swept and not any(p.chosen for p in self.sweep)

    @property
    def extends(self) -> bool:
        """Whether longer trainings are part of the study."""
        return self.steps_factor is None or self.steps_factor > 1

    @property
    def final(self) -> Configuration | None:
        """The model of the last phase reached: combined-extended, else combined, else None."""
        return next((c for c in (self.combined_extended, self.combined) if c is not None and c.done), None)

    @property
    def judged_split(self) -> str:
        """``test``, or ``validation`` where the study has no test set."""
        return "test" if any(d.split == "test" for d in self.data) else "validation"

    def run(self, identifier: str) -> Run | None:
        """Return a run by its id."""
        return next((r for r in self.runs if r.id == identifier), None)

    def folders(self, configuration: Configuration) -> list[Path]:
        """Return the trial directories of the finished runs of a configuration, by replicate."""
        found = (self.run(identifier) for identifier in configuration.runs)
        return [self.folder / r.directory for r in found if r is not None and r.directory is not None]


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
    try:
        return _results(path.parent, raw)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"does not follow schema {SCHEMA} of docs/results.md: {error!r}", path=path) from error


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
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
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
        steps_factor=_number(raw.get("steps_factor")),
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
        runs=tuple(_run(r) for r in raw.get("trials") or ()),
        failed=tuple((str(f["id"]), str(f.get("error") or "no reason given")) for f in raw.get("failed") or ()),
        md=read_dynamics(raw.get("md")),
    )


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
        seconds=_number(raw.get("seconds")),
        steps=_integer(raw.get("steps")),
        loss=_statistics(raw.get("loss")),
        reduction=_statistics(raw.get("reduction")),
        rmse=_rmse(raw.get("rmse")),
    )


def _parameter(raw: dict[str, Any]) -> Parameter:
    values = (_configuration(c) for c in raw.get("values") or ())
    return Parameter(
        name=str(raw["parameter"]),
        baseline_value=text(raw.get("baseline_value")),
        values=tuple(c for c in values if c is not None),
        best_value=None if raw.get("best_value") is None else text(raw["best_value"]),
        best=raw.get("best"),
        gain=_number(raw.get("gain")),
        gain_sd=_number(raw.get("gain_sd")),
        mean_improvement=_number(raw.get("mean_improvement")),
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
        seconds=_number(raw.get("seconds")),
        ms_per_step=_number(raw.get("ms_per_step")),
        scatter=_scatter(raw.get("loss")),
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
    found = {key: Statistic(*(_number(cell.get(n)) for n in names)) for key, cell in _cells(raw).items()}
    return {key: s for key, s in found.items() if s.min is not None or s.avg is not None}


def _scatter(raw: dict[str, Any] | None) -> dict[Key, tuple[float, float]]:
    pairs = {key: (_number(cell.get("avg")), _number(cell.get("sd"))) for key, cell in _cells(raw).items()}
    return {key: (avg, sd) for key, (avg, sd) in pairs.items() if avg is not None and sd is not None}


def _rmse(raw: dict[str, Any] | None) -> dict[Key, float]:
    return {
        (name.removeprefix("rmse_"), split): number
        for split, names in (raw or {}).items()
        for name, value in (names or {}).items()
        if (number := _number(value)) is not None
    }


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"found {value!r}, expected one of {', '.join(allowed)}")
    return str(value)


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _integer(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else round(number)
