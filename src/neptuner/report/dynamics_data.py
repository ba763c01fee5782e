"""The part ``md`` of ``results.json`` as plain frozen records; what does not exist is None or absent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Screen:
    """Whether a model survived a run at constant energy."""

    passed: bool | None
    """None while nobody knows."""
    sentence: str
    drift: float | None
    """In meV/atom/ps."""


@dataclass(frozen=True)
class Running:
    """Running average of the conductivity, each ``(n,)``."""

    time: Array
    """In ps."""
    mean: Array
    """In W/mK."""
    low: Array
    high: Array
    """Mean minus and plus its standard error."""


@dataclass(frozen=True)
class Spectrum:
    """Spectral conductivity, each ``(n,)``."""

    omega: Array
    """Angular frequency in rad/ps."""
    kappa: Array
    """In W/m/K/THz."""
    error: Array | None


@dataclass(frozen=True)
class MdRun:
    """One run of molecular dynamics."""

    id: str
    kind: str
    model: str
    state: str
    replicate: int | None
    seed: int | None
    fe: float | None
    """In 1/angstrom."""
    kappa: float | None
    error: str | None
    seconds: float | None


@dataclass(frozen=True)
class MdModel:
    """Conductivity of one model."""

    key: str
    """``baseline`` or ``final``."""
    name: str
    trial: str
    kappa: float | None
    """In W/mK."""
    standard_error: float | None
    interval: tuple[float, float] | None
    error_from: str
    n_runs: int
    """Finished runs that the value comes from."""
    blocked_error: float | None
    spread_error: float | None
    ns_per_day: float | None
    running: Running | None
    spectrum: Spectrum | None
    scan: str
    """Verdict of a driving-force scan; empty without one."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Conductivity of the final model minus that of the baseline."""

    difference: float | None
    interval: tuple[float, float] | None
    resolved: bool
    sentence: str


@dataclass(frozen=True)
class Point:
    """A model of the correction of the force error."""

    key: str
    """``baseline``, ``final``, or the name of a configuration."""
    name: str
    force_rmse: float
    """In eV/angstrom."""
    kappa: float
    """In W/mK."""
    error: float


@dataclass(frozen=True)
class Correction:
    """Extrapolation of the conductivity to models without force error."""

    split: str
    points: tuple[Point, ...]
    kappa: float
    """Without force error, in W/mK."""
    standard_error: float | None
    curve: tuple[Array, Array, Array]
    """Of the fit, each ``(n,)``: force RMSE, conductivity, its standard error."""
    sentence: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Dynamics:
    """Molecular dynamics of a study."""

    state: str
    verdict: str
    note: str
    temperature: float | None
    fe: tuple[float, ...]
    direction: str
    time_ps: float | None
    equilibration_ps: float | None
    screen_ps: float | None
    time_step: float | None
    thermostat: str
    replicates: int | None
    atoms: int | None
    supercell: tuple[int, ...]
    structure: str
    """Where the first structure comes from."""
    screens: Mapping[str, Screen]
    models: Mapping[str, MdModel]
    comparison: Comparison | None
    correction: Correction | None
    correction_problem: str
    """Why there is no correction although it was asked for."""
    runs: tuple[MdRun, ...]
    warnings: tuple[str, ...]

    @property
    def measured(self) -> tuple[MdModel, ...]:
        """Models with a conductivity."""
        return tuple(model for model in self.models.values() if model.kappa is not None)

    def runs_of(self, model: MdModel) -> tuple[MdRun, ...]:
        """Runs that the conductivity of a model comes from: those at the first driving force."""
        return tuple(r for r in self.runs if (r.kind, r.model) == ("kappa", model.key) and r.fe in self.fe[:1])


def read_dynamics(raw: Mapping[str, Any] | None) -> Dynamics | None:
    """Read the object ``md``; None where no molecular dynamics was asked for.

    Raises
    ------
    AttributeError, KeyError, TypeError or ValueError
        If it does not follow docs/results.md.
    """
    if raw is None:
        return None
    return Dynamics(
        state=str(raw.get("state") or "waiting"),
        verdict=str(raw["verdict"]),
        note=str(raw.get("note") or ""),
        temperature=_number(raw.get("temperature_k")),
        fe=tuple(float(f) for f in raw.get("fe_per_angstrom") or ()),
        direction=str(raw.get("direction") or "x"),
        time_ps=_number(raw.get("time_ps")),
        equilibration_ps=_number(raw.get("equilibration_ps")),
        screen_ps=_number(raw.get("screen_ps")),
        time_step=_number(raw.get("time_step_fs")),
        thermostat=str(raw.get("thermostat") or ""),
        replicates=_integer(raw.get("replicates")),
        atoms=_integer(raw.get("atoms")),
        supercell=tuple(int(n) for n in raw.get("supercell") or ()),
        structure=str((raw.get("structure") or {}).get("source") or ""),
        screens={key: _screen(screen) for key, screen in (raw.get("screen") or {}).items()},
        models={key: _model(key, model) for key, model in (raw.get("models") or {}).items()},
        comparison=_comparison(raw.get("comparison")),
        correction=_correction(raw.get("correction")),
        correction_problem=str((raw.get("correction") or {}).get("problem") or ""),
        runs=tuple(_run(run) for run in raw.get("runs") or ()),
        warnings=_texts(raw.get("warnings")),
    )


def _screen(raw: Mapping[str, Any]) -> Screen:
    passed = raw.get("passed")
    sentence = raw.get("sentence") or raw.get("error") or "not run yet"
    return Screen(
        None if passed is None else bool(passed), str(sentence), _number(raw.get("drift_mev_per_atom_per_ps"))
    )


def _model(key: str, raw: Mapping[str, Any]) -> MdModel:
    return MdModel(
        key=key,
        name=str(raw["name"]),
        trial=str(raw.get("trial") or ""),
        kappa=_number(raw.get("kappa")),
        standard_error=_number(raw.get("standard_error")),
        interval=_pair(raw.get("interval")),
        error_from=str(raw.get("error_from") or ""),
        n_runs=sum(run.get("state") == "done" for run in raw.get("runs") or ()),
        blocked_error=_number(raw.get("blocked_error")),
        spread_error=_number(raw.get("spread_error")),
        ns_per_day=_number(raw.get("ns_per_day")),
        running=_running(raw.get("running")),
        spectrum=_spectrum(raw.get("spectrum")),
        scan=str((raw.get("scan") or {}).get("verdict") or ""),
        warnings=_texts(raw.get("warnings")),
    )


def _running(raw: Mapping[str, Any] | None) -> Running | None:
    if not raw:
        return None
    return Running(*(_array(raw[key]) for key in ("time_ps", "mean", "low", "high")))


def _spectrum(raw: Mapping[str, Any] | None) -> Spectrum | None:
    if not raw:
        return None
    error = raw.get("error")
    return Spectrum(_array(raw["omega"]), _array(raw["kappa"]), None if error is None else _array(error))


def _comparison(raw: Mapping[str, Any] | None) -> Comparison | None:
    if not raw:
        return None
    return Comparison(
        _number(raw.get("difference")), _pair(raw.get("interval")), bool(raw.get("resolved")), str(raw["sentence"])
    )


def _correction(raw: Mapping[str, Any] | None) -> Correction | None:
    if not raw or _number(raw.get("kappa")) is None:
        return None
    curve = raw["curve"]
    return Correction(
        split=str(raw["split"]),
        points=tuple(_point(point) for point in raw["points"]),
        kappa=float(raw["kappa"]),
        standard_error=_number(raw.get("standard_error")),
        curve=(_array(curve["force_rmse"]), _array(curve["kappa"]), _array(curve["error"])),
        sentence=str(raw["sentence"]),
        warnings=_texts(raw.get("warnings")),
    )


def _point(raw: Mapping[str, Any]) -> Point:
    numbers = (float(raw[key]) for key in ("force_rmse", "kappa", "standard_error"))
    return Point(str(raw["model"]), str(raw["name"]), *numbers)


def _run(raw: Mapping[str, Any]) -> MdRun:
    return MdRun(
        id=str(raw["id"]),
        kind=str(raw["kind"]),
        model=str(raw["model"]),
        state=str(raw["state"]),
        replicate=_integer(raw.get("replicate")),
        seed=_integer(raw.get("seed")),
        fe=_number(raw.get("fe_per_angstrom")),
        kappa=_number(raw.get("kappa")),
        error=raw.get("error"),
        seconds=_number(raw.get("seconds")),
    )


def _array(values: Sequence[float | None]) -> Array:
    """Numbers, with nan for what is null."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _pair(raw: Sequence[float | None] | None) -> tuple[float, float] | None:
    if raw is None:
        return None
    low, high = (_number(value) for value in raw)
    return None if low is None or high is None else (low, high)


def _texts(raw: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(str(text) for text in raw or ())


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _integer(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else round(number)
