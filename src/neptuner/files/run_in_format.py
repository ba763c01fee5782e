"""The text of a ``run.in`` for a given version of GPUMD."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from neptuner.errors import InputError
from neptuner.files.gpumd_version import LATEST, GpumdVersion
from neptuner.files.nep_in_keywords import Value, format_number
from neptuner.files.script import (
    ComputeHac,
    ComputeHnemd,
    ComputeMsd,
    ComputeRdf,
    ComputeShc,
    DumpRestart,
    DumpThermo,
    DumpXyz,
    Ensemble,
    Group,
    Measure,
    Minimize,
    Run,
    Script,
    Velocity,
)

_Words = tuple[Value, ...]
_FLAGS = ("velocity", "force", "potential")


def format_script(script: Script, version: GpumdVersion = LATEST) -> str:
    """The text of a ``run.in`` that says the same to a version of GPUMD.

    Raises
    ------
    InputError
        If that version cannot do what the script asks for.
    """
    lines: list[_Words] = [("replicate", *script.replicate)] if script.replicate != (1, 1, 1) else []
    lines.append(("potential", script.potential))
    time_step = 1.0
    for action in script.actions:
        if not isinstance(action, Run):
            lines.append(_line(action, version))
            continue
        lines += _run_lines(action, time_step, version)
        time_step = action.time_step
    return "".join(f"{' '.join(map(format_number, line))}\n" for line in lines)


def _run_lines(run: Run, time_step: float, version: GpumdVersion) -> Iterator[_Words]:
    if run.max_distance is not None:
        yield "time_step", run.time_step, run.max_distance
    elif run.time_step != time_step:
        yield "time_step", run.time_step
    if run.correct_velocity is not None:
        yield "correct_velocity", run.correct_velocity, *(() if run.correct_group is None else (run.correct_group,))
    yield _ensemble(run.ensemble)
    for measure in run.measures:
        yield _line(measure, version)
    yield "run", run.steps


def _ensemble(ensemble: Ensemble) -> _Words:
    if ensemble.kind == "nve":
        return "ensemble", "nve"
    words: _Words = ("ensemble", ensemble.kind, ensemble.t_start, ensemble.t_stop, ensemble.t_coupling)
    return (*words, *ensemble.pressures, *ensemble.moduli, ensemble.p_coupling) if ensemble.pressures else words


def _group(group: Group | None) -> _Words:
    return () if group is None else ("group", group.method, group.label)


def _line(record: Velocity | Minimize | Measure, version: GpumdVersion) -> _Words:
    match record:
        case Velocity():
            return "velocity", record.temperature, *(() if record.seed is None else ("seed", record.seed))
        case Minimize():
            return _minimize(record, version)
        case DumpXyz():
            return _dump_xyz(record, version)
        case DumpThermo():
            return "dump_thermo", record.interval
        case DumpRestart():
            return "dump_restart", record.interval
        case _:
            return _compute(record)


def _compute(record: ComputeHnemd | ComputeHac | ComputeShc | ComputeMsd | ComputeRdf) -> _Words:
    match record:
        case ComputeHnemd():
            return "compute_hnemd", record.interval, *record.force
        case ComputeHac():
            return "compute_hac", record.sample, record.correlation_steps, record.output
        case ComputeShc():
            lags = (record.sample, record.correlation_steps)
            return "compute_shc", *lags, record.direction, record.num_omega, record.max_omega, *_group(record.group)
        case ComputeMsd():
            return "compute_msd", record.sample, record.correlation_steps, *_group(record.group)
        case ComputeRdf():
            return "compute_rdf", record.cutoff, record.bins, record.interval
        case _:
            assert_never(record)


def _minimize(minimize: Minimize, version: GpumdVersion) -> _Words:
    words: _Words = ("minimize", minimize.method, minimize.force_tolerance, minimize.max_steps)
    if not minimize.box_change and not minimize.hydrostatic:
        return words
    if not version.minimizes_cell:
        raise InputError(f"GPUMD {version} cannot relax the cell in `minimize`; use 4.0 or newer")
    return *words, int(minimize.box_change), int(minimize.hydrostatic)


def _dump_xyz(dump: DumpXyz, version: GpumdVersion) -> _Words:
    if version.dump_xyz_takes_interval_first:
        precision = () if dump.precision == "single" else ("precision", dump.precision)
        return "dump_xyz", dump.interval, dump.filename, *_group(dump.group), *precision, *dump.quantities
    if dump.precision != "single":
        raise InputError(f"GPUMD {version} has no `precision` in `dump_xyz`; leave it out")
    return _older_dump_xyz(dump, version) if version.has_dump_xyz else _dump_exyz(dump, version)


def _older_dump_xyz(dump: DumpXyz, version: GpumdVersion) -> _Words:
    if "group_labels" in dump.quantities and not version.dump_xyz_writes_groups:
        raise InputError(f"GPUMD {version} cannot write `group_labels` in `dump_xyz`; leave it out or use 4.2 or newer")
    group = (-1, 0) if dump.group is None else (dump.group.method, dump.group.label)
    quantities = ["group" if name == "group_labels" else name for name in dump.quantities]
    return "dump_xyz", *group, dump.interval, dump.filename, *quantities


def _dump_exyz(dump: DumpXyz, version: GpumdVersion) -> _Words:
    if dump.filename != "dump.xyz" or dump.group is not None or not set(dump.quantities) <= set(_FLAGS):
        raise InputError(
            f"GPUMD {version} writes trajectories of all atoms to dump.xyz only, with {', '.join(_FLAGS)};"
            " ask for no more or use 4.0 or newer"
        )
    return "dump_exyz", dump.interval, *(int(name in dump.quantities) for name in _FLAGS)
