"""Molecular dynamics with GPUMD's own ``gpumd``: a folder prepared for its version, run, and its errors shown."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from neptuner.engines.md_summary import OUTPUTS
from neptuner.engines.program import end, find_program, how_it_failed, printed_version, start
from neptuner.errors import InputError, Interrupted, NeptunerError
from neptuner.files.atomic import write_bytes, write_text
from neptuner.files.gpumd_version import LATEST, GpumdVersion
from neptuner.files.nep_txt import NepTxt, format_nep_txt, read_nep_txt
from neptuner.files.run_in import format_script
from neptuner.files.script import Script
from neptuner.files.structure import Structure, write_structure
from neptuner.signals import StopWish, stop_wish

VARIABLE = "NEPTUNER_GPUMD"
"""Environment variable that names the executable."""

LOG = "gpumd.log"
"""What GPUMD prints goes to this file."""

_BANNER = re.compile(r"welcome to use gpumd.*?version\s+(\d+(?:\.\d+)+)", re.IGNORECASE | re.DOTALL)
_LAST_PRINTED = GpumdVersion(5, 6)
_WORD_OF_LATEST = b"group_labels"


def find_executable(given: str | Path | None = None) -> Path:
    """Where ``gpumd`` is: as given, as ``$NEPTUNER_GPUMD`` says, or on the search path.

    Raises
    ------
    InputError
        If there is no such program.
    """
    return find_program("gpumd", VARIABLE, given)


def executable_version(executable: Path) -> GpumdVersion:
    """Version of an executable, from the banner that it prints before it looks for its input.

    Raises
    ------
    InputError
        If it cannot be started or prints no such banner.
    """
    printed = printed_version(executable, _BANNER, "gpumd")
    # The development version still prints the number of the last release, whose dump_xyz it does not understand.
    return LATEST if printed == _LAST_PRINTED and _WORD_OF_LATEST in executable.read_bytes() else printed


def check_model(path: str | Path, version: GpumdVersion) -> NepTxt:
    """Read a model and check that a version of GPUMD runs it.

    Raises
    ------
    InputError
        If that version would refuse the model or silently misread it.
    """
    model = read_nep_txt(path)
    for is_unfit, message in _OBSTACLES:
        if is_unfit(model, version):
            raise InputError(message.format(version=version), path=path)
    return model


def prepare(
    directory: Path, script: Script, structure: Structure, model_path: str | Path, version: GpumdVersion
) -> None:
    """Write run.in, model.xyz and nep.txt for a version of GPUMD; the folder is made if need be.

    Raises
    ------
    InputError
        If that version cannot do what the script asks for or run the model, or the model lacks an element.
    """
    model = check_model(model_path, version)
    lacking = sorted(set(structure.species.tolist()) - set(model.elements))
    if lacking:
        raise InputError(
            f"has {' '.join(lacking)}, which the model lacks ({' '.join(model.elements)})", path=structure.path
        )
    text = format_script(replace(script, potential="nep.txt"), version)
    # Copied as it is where possible; older versions take the flag of q222 for off unless it is written as 2.
    content = Path(model_path).read_bytes() if version.reads_l_max_flags else format_nep_txt(model).encode()
    directory.mkdir(parents=True, exist_ok=True)
    write_bytes(directory / "nep.txt", content)
    write_structure(directory / "model.xyz", structure)
    write_text(directory / "run.in", text)


def run(directory: Path, executable: Path, *, overwrite: bool = False) -> None:
    """Run GPUMD in a prepared folder until it ends; what it prints goes to gpumd.log. For the main thread only.

    Parameters
    ----------
    directory
        Folder with run.in, model.xyz and the potential.
    executable
        GPUMD's ``gpumd``.
    overwrite
        Delete the results of an earlier run, to which GPUMD would append.

    Raises
    ------
    InputError
        If there are results of an earlier run.
    NeptunerError
        If GPUMD ends with an error; its last lines are shown.
    Interrupted
        If a signal asked to stop; GPUMD is ended.
    """
    _clear(directory, overwrite)
    with tempfile.TemporaryFile() as errors, (directory / LOG).open("wb") as log:
        with stop_wish() as wish:
            code = _wait(start(executable, directory, log, errors), wish)
        errors.seek(0)
        complaint = errors.read()
        log.write(complaint)
    if code:
        raise NeptunerError(how_it_failed(code, complaint, directory / LOG))


def _clear(directory: Path, overwrite: bool) -> None:
    left = [directory / name for name in OUTPUTS if (directory / name).exists()]
    if left and not overwrite:
        raise InputError("is there from an earlier run, and GPUMD would append to it; delete or move it", path=left[0])
    for path in left:
        path.unlink()


def _wait(process: subprocess.Popen[bytes], wish: StopWish) -> int:
    while process.poll() is None:
        if wish.signal is not None:
            end(process)
            raise Interrupted(f"stopped by {wish.signal}, and GPUMD with it; its outputs so far are usable")
        time.sleep(0.05)
    return process.returncode


_OBSTACLES: tuple[tuple[Callable[[NepTxt, GpumdVersion], bool], str], ...] = (
    (
        lambda model, _: len(model.neuron) > 1,
        "has two hidden layers, which no version of gpumd runs; run it with `neptuner md`",
    ),
    (
        lambda model, version: model.version == 3 and not version.runs_nep3,
        "is a NEP3, which GPUMD {version} no longer runs; make a NEP4 of it with `neptuner convert IN.txt OUT.txt`",
    ),
    (
        lambda model, version: model.version == 5 and not version.runs_nep5,
        "is a NEP5, which GPUMD {version} does not know; make a NEP4 of it with `neptuner convert IN.txt OUT.txt`",
    ),
    (
        lambda model, version: any(model.l_max[3:]) and not version.has_all_invariants,
        "has invariants (l_max) that GPUMD {version} does not know; use 5.4 or newer",
    ),
    (
        lambda model, version: len(model.cutoff) > 2 and not version.has_cutoffs_by_element,
        "has a cutoff for each element, which GPUMD {version} does not know; use 4.7 or newer",
    ),
    (
        lambda model, version: model.typewise_cutoff is not None and not version.has_cutoffs_by_radius,
        "has cutoffs by covalent radius, which GPUMD {version} does not know; use 3.9.5 to 4.6",
    ),
)
"""What keeps a version from running a model, and what to say."""
