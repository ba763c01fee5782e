"""From directories of molecular dynamics in a study to conductivities with errors, by ``engines.conductivity``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neptuner.engines.conductivity import conductivity
from neptuner.engines.conductivity_result import Conductivity, Driven
from neptuner.errors import InputError
from neptuner.transport.driving_force import Scan


@dataclass(frozen=True)
class Analysis:
    """Conductivity of one model."""

    driven: Driven
    """At the driving force at which models are compared."""
    scan: Scan | None
    """Over all driving forces; None with one."""
    warnings: tuple[str, ...]


def analyse(study: Path, directories: Sequence[str], fe: float) -> Analysis:
    """Evaluate the runs of one model.

    Parameters
    ----------
    study
        The study directory.
    directories
        Of the runs, relative to it.
    fe
        Driving force in 1/angstrom at which models are compared; only its absolute value matters.

    Raises
    ------
    InputError
        If a file is missing or damaged, or no run has that force.
    """
    folders = [study / directory for directory in directories]
    try:
        found, problems = conductivity(folders), []
    except InputError as error:
        if len(folders) == 1:
            raise
        # a scan may be impossible where the conductivity at one force is not
        found, problems = _at_force(folders, fe), [f"no driving-force scan: {error.message}"]
    driven = next((one for one in found.driven if _same(one.fe, fe)), None)
    if driven is None:
        raise InputError(f"no run has the driving force {fe:g} 1/angstrom, at which models are compared")
    # paths that hold on this machine only are of no use in results.json
    warnings = [warning.replace(f"{study}/", "") for warning in (*problems, *found.warnings)]
    return Analysis(driven, found.scan, tuple(warnings))


def _at_force(folders: Sequence[Path], fe: float) -> Conductivity:
    alone = [conductivity([folder]) for folder in folders]
    chosen = [folder for folder, one in zip(folders, alone, strict=True) if _same(one.driven[0].fe, fe)]
    if not chosen:
        raise InputError(f"no run has the driving force {fe:g} 1/angstrom, at which models are compared")
    return conductivity(chosen)


def _same(first: float, second: float) -> bool:
    return bool(np.isclose(abs(first), abs(second), rtol=1e-6))
