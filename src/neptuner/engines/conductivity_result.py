"""Conductivity of a material with everything it rests on, and how it is written to JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neptuner import __version__
from neptuner.files.digest import file_hash
from neptuner.transport.cepstral import Cepstral
from neptuner.transport.comparison import Agreement
from neptuner.transport.driving_force import Scan
from neptuner.transport.green_kubo import GreenKubo
from neptuner.transport.hnemd import Hnemd, RunMean, Running
from neptuner.transport.spectral import Spectral
from neptuner.transport.stacie_adapter import Stacie

Record = dict[str, Any]


@dataclass(frozen=True)
class Driven:
    """Runs at one driving force."""

    fe: float
    """Absolute value in 1/angstrom."""
    direction: str
    names: tuple[str, ...]
    hnemd: Hnemd
    running: Running
    predicted_error: float
    """Standard error in W/mK that the fluctuation-dissipation theorem expects of runs of this length; nan where
    the conductivity comes out below zero."""
    planned_time_ps: float
    """Production time, all runs together, after which it expects a standard error of 2 %; nan where the conductivity
    is less than twice its error."""
    volume: float
    """Mean over runs in cubic angstrom."""
    spectral: Spectral | None
    all_rows: float
    """Conductivity with the transient, of the runs of `spectral` over the same time, in W/mK."""


@dataclass(frozen=True)
class Equilibrium:
    """Runs without a driving force."""

    names: tuple[str, ...]
    directions: str
    green_kubo: GreenKubo | None
    """From hac.out."""
    cepstral: Cepstral | None
    """From heat_current.npz."""
    stacie: Stacie | None
    by_direction: tuple[float, ...]
    """Conductivity along each direction in W/mK, from hac.out; empty without it."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Conductivity:
    """Conductivity of a material at one temperature, from all its runs."""

    kappa: float
    """In W/mK."""
    standard_error: float
    interval: tuple[float, float]
    """95 % interval."""
    method: str
    """``hnemd``, ``hnemd-scan`` (extrapolated to zero driving force), ``green-kubo`` or ``cepstral``."""
    temperature: float
    """Target in kelvin."""
    n_atoms: int
    composition: dict[str, int]
    driven: tuple[Driven, ...]
    """By driving force, ascending."""
    scan: Scan | None
    equilibrium: Equilibrium | None
    agreement: Agreement | None
    """Of driven runs and equilibrium fluctuations."""
    warnings: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def runs(self) -> int:
        """Number of runs that `kappa` comes from."""
        if self.driven:
            return sum(len(one.names) for one in self.driven)
        return len(self.equilibrium.names) if self.equilibrium is not None else 0

    def to_dict(self) -> Record:
        """Everything but the curves, as JSON can hold it; numbers that are not finite are None."""
        alone = _driven(self.driven[0]) if len(self.driven) == 1 else {}
        found = {
            "kappa": self.kappa,
            "standard_error": self.standard_error,
            "interval": self.interval,
            "runs": self.runs,
            "method": self.method,
            "temperature": self.temperature,
            "atoms": self.n_atoms,
            "composition": self.composition,
            **alone,
            "forces": [_driven(one) for one in self.driven] if len(self.driven) > 1 else None,
            "scan": None if self.scan is None else _scan(self.scan),
            "green_kubo": None if self.equilibrium is None else _equilibrium(self.equilibrium),
            "agreement": None if self.agreement is None else _plain(vars(self.agreement)),
            "warnings": list(self.warnings),
            "provenance": {
                "neptuner": __version__,
                "sha256": {str(path): file_hash(path) for path in dict.fromkeys(self.files)},
            },
        }
        return {key: _plain(value) for key, value in found.items()}


def _driven(one: Driven) -> Record:
    found = one.hnemd
    return {
        "fe": one.fe,
        "direction": one.direction,
        "volume": one.volume,
        "time_ps": found.time_ps,
        "cut_ps": max(run.cut_ps for run in found.runs),
        "kappa": found.kappa,
        "standard_error": found.standard_error,
        "interval": found.interval,
        "errors": {
            "standard_error_from": found.error_from,
            "runs": found.spread_error,
            "runs_interval": found.spread_interval,
            "blocking": found.blocked_error,
            "blocking_interval": found.blocked_interval,
            "agreement": found.agreement,
            "predicted": one.predicted_error,
        },
        "planned_time_for_2_percent_ps": one.planned_time_ps,
        "per_run": [{"run": name, **_run(run)} for name, run in zip(one.names, found.runs, strict=True)],
        "spectral": None if one.spectral is None else _spectral(one.spectral, one.all_rows),
    }


def _run(run: RunMean) -> Record:
    return {
        "kappa": run.kappa,
        "blocked_error": run.blocked.standard_error,
        "time_ps": run.time_ps,
        "cut_ps": run.cut_ps,
        "block_ps": run.blocked.block_size * run.row_ps,
        "independent_values": run.blocked.independent,
        "plateau": run.blocked.plateau,
    }


def _spectral(found: Spectral, all_rows: float) -> Record:
    return {
        "runs": len(found.run_integrals),
        "integral": found.integral,
        "integral_error": found.integral_error,
        "running_average_over_the_same_time": all_rows,
        "max_omega": float(found.omega[-1]),
    }


def _scan(found: Scan) -> Record:
    points = zip(found.fe.tolist(), found.kappa.tolist(), found.error.tolist(), strict=True)
    return {
        **{name: value for name, value in vars(found).items() if name not in ("fe", "kappa", "error")},
        "points": [{"fe": fe, "kappa": kappa, "standard_error": error} for fe, kappa, error in points],
    }


def _equilibrium(one: Equilibrium) -> Record:
    curves = ("time", "running", "running_error", "warnings")
    found = one.green_kubo
    values = None if found is None else {name: value for name, value in vars(found).items() if name not in curves}
    return {
        "runs": list(one.names),
        "directions": one.directions,
        "autocorrelation": values and {**values, "by_direction": one.by_direction},
        "cepstral": None if one.cepstral is None else vars(one.cepstral),
        "stacie": None if one.stacie is None else vars(one.stacie),
    }


def _plain(value: Any) -> Any:
    """Turn what numbers are made of into what JSON is made of."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
