"""What can be known of a simulation before its first step: mistakes, and things worth saying."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neptuner.errors import InputError
from neptuner.files.script import (
    ComputeHac,
    ComputeHnemd,
    ComputeMsd,
    ComputeRdf,
    ComputeShc,
    DumpXyz,
    Measure,
    Run,
    Script,
    Velocity,
)
from neptuner.files.structure import Structure, thicknesses
from neptuner.potential.model import Model

THINNEST_FOR_RDF = 2.5
"""Cutoffs of compute_rdf that must fit into the cell, as in GPUMD."""


def check_script(script: Script, structure: Structure) -> None:
    """Check what run.in asks of this structure.

    Raises
    ------
    InputError
        With the line, for the first thing that cannot be done.
    """
    for action in script.actions:
        if not isinstance(action, Run):
            continue
        if action.correct_group is not None:
            _check_group(script, structure, action.correct_group, None, action.line)
        _check_barostat(script, structure, action)
        for measure in action.measures:
            _check_measure(script, structure, action, measure)


def _check_measure(script: Script, structure: Structure, run: Run, measure: Measure) -> None:
    if isinstance(measure, DumpXyz | ComputeShc | ComputeMsd) and measure.group is not None:
        _check_group(script, structure, measure.group.method, measure.group.label, measure.line)
    if isinstance(measure, ComputeHac | ComputeShc | ComputeMsd):
        samples = run.steps // measure.sample
        if samples < measure.correlation_steps:
            raise InputError(
                f"the run of {run.steps} steps has {samples} samples, expected at least {measure.correlation_steps},"
                " as many as correlation steps; make the run longer",
                path=script.path,
                line=measure.line,
            )
    if isinstance(measure, ComputeRdf):
        thinnest = float(thicknesses(structure.cell)[list(structure.pbc)].min(initial=np.inf))
        if measure.cutoff * THINNEST_FOR_RDF > thinnest:
            raise InputError(
                f"the cutoff is {measure.cutoff:g} angstrom, expected at most {thinnest / THINNEST_FOR_RDF:.4g}:"
                f" the cell is {thinnest:.4g} thick; lower it or replicate the cell",
                path=script.path,
                line=measure.line,
            )
    if isinstance(measure, ComputeHnemd) and run.target_temperature is None:
        raise InputError(
            "compute_hnemd divides by the target temperature, but no thermostat was set up to here;"
            " take `ensemble nvt_nhc`",
            path=script.path,
            line=measure.line,
        )


def _check_group(script: Script, structure: Structure, method: int, label: int | None, line: int | None) -> None:
    methods = len(structure.groups)
    if not 0 <= method < methods:
        raise InputError(
            f"asks for grouping method {method}, but model.xyz has {methods}; add `group:I:N` to its Properties",
            path=script.path,
            line=line,
        )
    labels = structure.groups[method]
    if label is not None and not np.any(labels == label):
        raise InputError(
            f"asks for group {label} of grouping method {method}, which has groups 0 to {labels.max()}",
            path=script.path,
            line=line,
        )


def _check_barostat(script: Script, structure: Structure, run: Run) -> None:
    count, line = len(run.ensemble.pressures), run.ensemble.line
    if count == 0:
        return
    orthogonal = not np.any(structure.cell - np.diag(np.diagonal(structure.cell)))
    if count < 6 and not orthogonal:
        raise InputError(
            f"{count} target pressure(s) need an orthogonal cell; give six pressures and six moduli",
            path=script.path,
            line=line,
        )
    if count != 3 and not all(structure.pbc):
        raise InputError(
            "needs a cell that is periodic in all directions; give three pressures and three moduli",
            path=script.path,
            line=line,
        )


def check_trajectories(script: Script, folder: Path, taken: set[str]) -> None:
    """Check where trajectories go.

    Parameters
    ----------
    script, folder
        What is asked for, and where.
    taken
        Names of the other files of the simulation.

    Raises
    ------
    InputError
        With the line, for one in the place of another file or in a folder that is not there.
    """
    others = {(folder / name).resolve() for name in taken}
    runs = [action for action in script.actions if isinstance(action, Run)]
    for measure in (m for run in runs for m in run.measures if isinstance(m, DumpXyz)):
        file = folder / measure.filename
        if file.resolve() in others:
            message = f"`{measure.filename}` is the name of another file of the simulation; take one of its own"
            raise InputError(message, path=script.path, line=measure.line)
        if not file.parent.is_dir():
            message = f"there is no folder `{file.parent}` for `{measure.filename}`; make it first"
            raise InputError(message, path=script.path, line=measure.line)


def remarks(script: Script, structure: Structure, model: Model, seed: int) -> list[str]:
    """Sentences worth knowing before a simulation."""
    said, cutoff = [], model.settings.cutoff[0]
    runs = [action for action in script.actions if isinstance(action, Run)]
    transport = [m for run in runs for m in run.measures if isinstance(m, ComputeHnemd | ComputeHac | ComputeShc)]
    thin = float(thicknesses(structure.cell)[list(structure.pbc)].min(initial=np.inf))
    if transport and thin < 2.0 * cutoff:
        said.append(
            f"the cell is {thin:.4g} angstrom thick, less than twice the cutoff of {cutoff:g}: heat transport in so"
            " small a cell is not that of the bulk"
        )
    velocities = [action for action in script.actions if isinstance(action, Velocity)]
    if structure.velocities is not None and velocities:
        said.append("model.xyz has velocities, so `velocity` is ignored, as in GPUMD")
    elif any(action.seed is None for action in velocities):
        said.append(f"`velocity` has no seed: {seed} is taken (--seed)")
    for run in runs:
        if run.ensemble.kind == "nvt_lan" and any(isinstance(m, ComputeHnemd) for m in run.measures):
            said.append("compute_hnemd with nvt_lan: noise and friction scatter the heat current; take nvt_nhc")
        if run.target_temperature is None and any(isinstance(m, ComputeHac) for m in run.measures):
            said.append("compute_hac without a thermostat up to there: its temperature is the mean of the run")
    return said
