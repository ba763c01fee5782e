"""The folder of ``neptuner md`` run by GPUMD's own ``gpumd``, and the same md.json afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from neptuner.engines.gpumd import check_model, executable_version, find_executable, run
from neptuner.engines.md_summary import input_hashes, read_finished, summary_head, write_summary
from neptuner.files.atomic import write_text
from neptuner.files.gpumd_version import GpumdVersion
from neptuner.files.run_in import format_script, read_script
from neptuner.files.script import DumpXyz, Run, Script
from neptuner.files.structure import read_structure

KEPT = "run.in.as-given"
"""What the run.in is called that was given, where another takes its place."""


def run_with_gpumd(
    folder: str | Path,
    executable: str | Path | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
    remark: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Let GPUMD carry out the run.in of a folder, written anew where its version wants another syntax.

    Parameters
    ----------
    folder
        Folder with ``run.in``, ``model.xyz`` and the potential that run.in names.
    executable
        GPUMD's ``gpumd``; None: ``$NEPTUNER_GPUMD`` or the one on the search path.
    overwrite
        Replace the results of an earlier run, to which GPUMD would append.
    resume
        Only report a finished run; begin an unfinished one anew, since GPUMD cannot go on.
    remark
        Takes sentences worth knowing.

    Returns
    -------
    The content of md.json.

    Raises
    ------
    InputError
        For bad input, or without a GPUMD that can do this.
    NeptunerError
        If GPUMD ends with an error.
    """
    folder = Path(folder)
    script, structure = read_script(folder / "run.in"), read_structure(folder / "model.xyz")
    if resume and (finished := read_finished(folder, input_hashes(folder, script))) is not None:
        return finished
    program = find_executable(executable)
    version = executable_version(program)
    check_model(folder / script.potential, version)
    if _rewrite(folder, script, version):
        remark(f"run.in is written anew for GPUMD {version}; the one given is kept as {KEPT}")
    begin = perf_counter()
    run(folder, program, overwrite=overwrite or resume)
    seconds = perf_counter() - begin
    summary = _summary(folder, script, version, structure.n_atoms, seconds)
    write_summary(folder, summary)
    return summary


def _rewrite(folder: Path, script: Script, version: GpumdVersion) -> bool:
    """Write run.in in the words of a version if it dumps trajectories, whose syntax has changed; tell whether."""
    if not any(isinstance(measure, DumpXyz) for run in _runs(script) for measure in run.measures):
        return False
    given, text = (folder / "run.in").read_text(), format_script(script, version)
    if given == text:
        return False
    if not (folder / KEPT).exists():
        write_text(folder / KEPT, given)
    write_text(folder / "run.in", text)
    return True


def _runs(script: Script) -> list[Run]:
    return [action for action in script.actions if isinstance(action, Run)]


def _summary(folder: Path, script: Script, version: GpumdVersion, n_atoms: int, seconds: float) -> dict[str, Any]:
    runs = _runs(script)
    steps, picoseconds = sum(run.steps for run in runs), 1e-3 * sum(run.steps * run.time_step for run in runs)
    a, b, c = script.replicate
    atoms = n_atoms * a * b * c
    return {
        **summary_head(finished=True, hashes=input_hashes(folder, script)),
        "engine": f"gpumd {version}",
        "seconds": seconds,
        "atoms": atoms,
        "steps": steps,
        "steps_asked": steps,
        "time_ps": picoseconds,
        "atom_steps_per_s": atoms * steps / seconds,
        "ns_per_day": 86400e-3 * picoseconds / seconds,
        "warnings": [],
    }
