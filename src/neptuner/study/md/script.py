"""The ``run.in`` of a study: a test of stability at constant energy, and a run for the thermal conductivity."""

from __future__ import annotations

import numpy as np

from neptuner.files.script import (
    Action,
    ComputeHnemd,
    ComputeShc,
    DumpThermo,
    Ensemble,
    Measure,
    Minimize,
    Run,
    Script,
    Velocity,
)
from neptuner.files.structure import Structure
from neptuner.study.md.spec import MdSpec

POTENTIAL = "nep.txt"
FORCE_TOLERANCE, RELAX_STEPS = 1e-3, 500
"""Where the relaxation before a run ends: largest force in eV/angstrom, steps."""
ROUGH_MODULUS = 100.0
"""In gigapascal; only sets how fast the barostat acts."""
MOST_STEPS_PER_ROW, ROWS = 1000, 200
"""Rows of kappa.out in a run; a run long enough for more has rows of a thousand steps."""
SHC_TIME_FS, SHC_SAMPLE_FS = 500.0, 2.0
"""Longest lag and distance of samples of the virial-velocity correlation in femtoseconds."""
SHC_FREQUENCIES, SHC_MAX_OMEGA = 200, 400.0
"""Number of angular frequencies, and the highest in rad/ps (64 THz)."""
SAME_LENGTH = 1e-6
"""Part of a length by which edges of a cube may differ."""


def screen_script(spec: MdSpec, supercell: tuple[int, int, int], seed: int) -> Script:
    """Relax, equilibrate in the given cell, and then run at constant energy."""
    steps = spec.steps(spec.screen_ps)
    interval = row_interval(steps)
    thermo = (DumpThermo(interval),)
    equilibration = _run(spec, spec.steps(spec.equilibration_ps / 2), _nvt(spec), (DumpThermo(interval),))
    nve = _run(spec, _whole_rows(steps, interval), Ensemble("nve"), thermo, target=spec.temperature)
    return Script(POTENTIAL, supercell, (*_start(spec, seed), equilibration, nve))


def kappa_script(spec: MdSpec, structure: Structure, supercell: tuple[int, int, int], seed: int, fe: float) -> Script:
    """Relax, equilibrate at zero pressure and then in the cell that came of it, and drive a heat current."""
    half, steps = spec.steps(spec.equilibration_ps / 2), spec.steps(spec.time_ps)
    interval = row_interval(steps)
    thermo, nvt = DumpThermo(interval), _nvt(spec)
    force = np.zeros(3)
    force[spec.direction] = fe
    first, second, third = force.tolist()
    measures: tuple[Measure, ...] = (ComputeHnemd(interval, (first, second, third)), *_spectral(spec, steps), thermo)
    runs = (
        _run(spec, half, _npt(spec, structure, half) or nvt, (thermo,)),
        _run(spec, half, nvt, (thermo,)),
        _run(spec, _whole_rows(steps, interval), nvt, measures),
    )
    return Script(POTENTIAL, supercell, (*_start(spec, seed), *runs))


def row_interval(steps: int) -> int:
    """Steps between two rows of the outputs of a run."""
    return max(1, min(MOST_STEPS_PER_ROW, steps // ROWS))


def total_steps(script: Script) -> int:
    """Time steps of a script, relaxation not counted."""
    return sum(action.steps for action in script.actions if isinstance(action, Run))


def _whole_rows(steps: int, interval: int) -> int:
    return -(-steps // interval) * interval


def _start(spec: MdSpec, seed: int) -> tuple[Action, ...]:
    # of relaxed atoms' kinetic energy half soon becomes potential energy
    return Minimize("fire", FORCE_TOLERANCE, RELAX_STEPS), Velocity(2.0 * spec.temperature, seed)


def _run(
    spec: MdSpec, steps: int, ensemble: Ensemble, measures: tuple[Measure, ...], *, target: float | None = None
) -> Run:
    return Run(
        steps,
        time_step=spec.time_step,
        ensemble=ensemble,
        target_temperature=ensemble.t_stop if target is None else target,
        measures=measures,
    )


def _nvt(spec: MdSpec) -> Ensemble:
    return Ensemble(spec.thermostat, spec.temperature, spec.temperature, spec.coupling)


def _npt(spec: MdSpec, structure: Structure, steps: int) -> Ensemble | None:
    """Zero pressure; None where a direction is not periodic, so that there is no pressure to be kept."""
    if not all(structure.pbc):
        return None
    components = _free_components(structure)
    # slow enough to be gentle, and fast enough to be over well before the end
    coupling = float(min(1000, max(100, steps // 5)))
    return Ensemble(
        "npt_scr", spec.temperature, spec.temperature, spec.coupling,
        (0.0,) * components, (ROUGH_MODULUS,) * components, coupling,
    )  # fmt: skip


def _free_components(structure: Structure) -> int:
    """How many components of the cell follow the pressure: 1 for a cube, 3 for right angles, 6 for others."""
    lengths = np.diag(structure.cell)
    if np.any(structure.cell - np.diag(lengths)):
        return 6
    return 1 if np.ptp(lengths) < SAME_LENGTH * np.abs(lengths).max() else 3


def _spectral(spec: MdSpec, steps: int) -> tuple[Measure, ...]:
    """Spectral heat current; none in a run shorter than its correlation time."""
    sample = max(1, round(SHC_SAMPLE_FS / spec.time_step))
    lags = min(1000, max(100, round(SHC_TIME_FS / (sample * spec.time_step))))
    if steps < 2 * sample * lags:
        return ()
    return (ComputeShc(sample, lags, spec.direction, SHC_FREQUENCIES, SHC_MAX_OMEGA),)
