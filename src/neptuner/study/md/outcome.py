"""What a finished run of molecular dynamics left, as the numbers a study keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import NeptunerError
from neptuner.files.script import DumpThermo, Run, Script
from neptuner.files.thermo_out import Thermo, read_thermo
from neptuner.study.md.analysis import analyse
from neptuner.study.md.models import MdRun

LARGEST_DRIFT = 0.1
"""Drift of the total energy in meV/atom/ps beyond which a model counts as unstable."""
LARGEST_DEVIATION = 0.5
"""Deviation of the temperature at the end from its target, as a part of that, beyond which it does, too."""
FEWEST_ROWS = 4


@dataclass(frozen=True)
class ScreenOutcome:
    """Whether a model survived a run at constant energy."""

    passed: bool
    sentence: str
    """What was seen."""
    drift: float | None
    """Slope of the total energy in meV/atom/ps; None after a blow-up."""
    temperature: float | None
    """Mean in kelvin, at constant energy."""
    last_temperature: float | None
    """Mean of the last quarter."""
    time_ps: float
    """At constant energy."""
    seconds: float | None
    ns_per_day: float | None


@dataclass(frozen=True)
class KappaOutcome:
    """Conductivity of one run."""

    kappa: float
    """In W/mK, without the transient."""
    blocked_error: float | None
    """Standard error by blocking; None where it is not known."""
    seconds: float | None
    ns_per_day: float | None


def explosion(summary: Mapping[str, Any]) -> str | None:
    """How a run blew up, in a sentence; None if it did not."""
    found = summary.get("exploded")
    return None if not found else str(found.get("sentence") or "the run blew up")


def read_screen(folder: Path, script: Script, n_atoms: int, target: float, summary: Mapping[str, Any]) -> ScreenOutcome:
    """Judge a run at constant energy.

    Parameters
    ----------
    folder
        Its directory.
    script
        What was run; its last run is the one at constant energy.
    n_atoms, target
        Atoms in the cell, and the temperature in kelvin that it was equilibrated at.
    summary
        Content of its md.json.

    Raises
    ------
    NeptunerError
        If its thermo.out is missing or damaged.
    """
    nve = next(action for action in reversed(script.actions) if isinstance(action, Run))
    time_ps = 1e-3 * nve.steps * nve.time_step
    cost = (_number(summary.get("seconds")), _number(summary.get("ns_per_day")))
    blown_up = explosion(summary)
    if blown_up is not None:
        return ScreenOutcome(False, f"it blew up: {blown_up}", None, None, None, time_ps, *cost)
    interval = next(m.interval for m in nve.measures if isinstance(m, DumpThermo))
    thermo, rows = read_thermo(folder / "thermo.out"), nve.steps // interval
    if len(thermo.temperature) < rows:
        raise NeptunerError(f"{folder / 'thermo.out'}: has {len(thermo.temperature)} rows, expected {rows} or more")
    drift = energy_drift(thermo, rows, n_atoms, 1e-3 * interval * nve.time_step)
    temperature = thermo.temperature[-rows:]
    mean, last = float(temperature.mean()), float(temperature[-max(1, rows // 4) :].mean())
    passed = abs(drift) <= LARGEST_DRIFT and abs(last - target) <= LARGEST_DEVIATION * target
    sentence = f"drift {drift:.2g} meV/atom/ps over {time_ps:g} ps at constant energy, {last:.0f} K at the end"
    return ScreenOutcome(bool(passed), sentence, drift, mean, last, time_ps, *cost)


def read_kappa_run(study: Path, run: MdRun, summary: Mapping[str, Any]) -> KappaOutcome:
    """Read the conductivity of one run.

    Parameters
    ----------
    study
        The study directory.
    run
        What was run.
    summary
        Content of its md.json.

    Raises
    ------
    NeptunerError
        If it blew up, or a file is missing or damaged.
    """
    blown_up = explosion(summary)
    if blown_up is not None:
        raise NeptunerError(blown_up)
    assert run.fe is not None
    alone = analyse(study, [run.id], run.fe).driven.hnemd
    cost = (_number(summary.get("seconds")), _number(summary.get("ns_per_day")))
    return KappaOutcome(alone.kappa, _number(alone.blocked_error), *cost)


def energy_drift(thermo: Thermo, rows: int, n_atoms: int, row_ps: float) -> float:
    """Slope of the total energy over the last rows, in meV/atom/ps; infinite where it is not a number."""
    if rows < FEWEST_ROWS:
        return 0.0
    energy: NDArray[np.float64] = (thermo.kinetic[-rows:] + thermo.potential[-rows:]) / n_atoms
    if not np.isfinite(energy).all():
        return float("inf")
    time = row_ps * np.arange(rows)
    time -= time.mean()
    return float(1e3 * (time @ energy) / (time @ time))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None
