"""The folder of ``neptuner train`` trained by GPUMD's own ``nep``, and the same files afterwards.

``nep`` runs in the sub-folder ``gpumd`` and gets the validation frames as its test.xyz, so that the test columns of its
loss.out are the validation curve. What it has completed is taken over while it runs; after a kill it goes on from the
last complete state of its search.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from neptuner.engines.gpumd_session import Session, Task
from neptuner.engines.gpumd_training_outputs import conclude
from neptuner.engines.inputs import Inputs, read_inputs
from neptuner.engines.member import CHECKPOINT
from neptuner.engines.nep_folder import has_masked_virial
from neptuner.engines.observer import Observer, Silent
from neptuner.engines.options import SNES, TrainOptions
from neptuner.engines.outputs import read_summary
from neptuner.engines.program import find_program, printed_version
from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.files.gpumd_version import GpumdVersion
from neptuner.files.nep_in_gpumd import SEARCH_KEYWORDS, check_for_gpumd, search_keywords
from neptuner.files.text import read_text
from neptuner.signals import stop_wish
from neptuner.training.defaults import default_steps

VARIABLE = "NEPTUNER_NEP"
"""Environment variable that names the executable."""

LAST_ROWS = 10
"""Rows at the end of loss.out that get errors of test.xyz."""

_BANNER = re.compile(r"welcome to use gpumd.*?version\s+(\d+(?:\.\d+)+).*?nep executable", re.IGNORECASE | re.DOTALL)
_HAS_ENERGY_WEIGHT = GpumdVersion(4, 0)
_FAR_DOWN = -100.0
_CLOCK = (
    "GPUMD seeds its search from the clock: the seed chose held-out frames only, and the same call gives another model"
)


def find_nep(given: str | Path | None = None) -> Path:
    """Where ``nep`` is: as given, as ``$NEPTUNER_NEP`` says, or on the search path.

    Raises
    ------
    InputError
        If there is no such program.
    """
    return find_program("nep", VARIABLE, given)


def nep_version(executable: Path) -> GpumdVersion:
    """Version of a ``nep``, from the banner that it prints before it looks for its input.

    The development version prints the number of the last release, whose keywords it shares.

    Raises
    ------
    InputError
        If it cannot be started or prints no such banner.
    """
    return printed_version(executable, _BANNER, "nep")


def train_with_gpumd(
    folder: str | Path = ".",
    executable: str | Path | None = None,
    *,
    steps: int | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    seed: int = 1,
    validation_fraction: float | None = None,
    keep_zero_shear: bool = False,
    resume: bool = False,
    checkpoint_interval: float = 60.0,
    last_rows: int = LAST_ROWS,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Let GPUMD's ``nep`` train in a directory laid out for it; see :func:`neptuner.engines.embedded.train`.

    Leaves what that function leaves: nep.txt (best on validation, else of the last row), nep.restart, loss.out,
    validation.out, the prediction files of train.xyz and test.xyz and, at the very end, train.json; until then
    checkpoint.npz. The training columns of loss.out are GPUMD's, of one mini-batch; those of the test set, and the last
    rows of validation.out, are our predictions with the model of the row, and 0 (GPUMD's) in earlier rows.

    Parameters
    ----------
    folder
        The directory.
    executable
        GPUMD's ``nep``; None: ``$NEPTUNER_NEP`` or the one on the search path.
    steps
        Generations; None takes ``generation`` of nep.in.
    time_limit
        Seconds for the whole training, those before a resumption included; then ``nep`` is ended.
    threads
        Threads of our own predictions; None takes every processor.
    seed
        Of the held-out frames; GPUMD takes its seed from the clock.
    validation_fraction
        Share of train.xyz to hold out where there is no valid.xyz; None: nothing.
    keep_zero_shear
        Believe shear virials of exactly zero where the forces say that they are missing.
    resume
        Go on from checkpoint.npz, if there is one; the generations done count.
    checkpoint_interval
        Seconds between two checkpoints.
    last_rows
        Rows at the end of loss.out that get errors of test.xyz, if ``nep`` had written as many.
    observer
        Is told how the training goes.

    Returns
    -------
    The content of train.json.

    Raises
    ------
    InputError
        For bad input, or settings that the version of GPUMD does not take, before anything is trained.
    NeptunerError
        If GPUMD ends with an error, which is shown.
    Interrupted
        If a signal asked to stop; ``resume`` goes on.
    """
    called = perf_counter()
    options = TrainOptions(
        SNES, steps, time_limit, threads, seed, validation_fraction, keep_zero_shear, None, resume,
        checkpoint_interval=checkpoint_interval,
    )  # fmt: skip
    options.check()
    if last_rows < 1:
        raise InputError(f"the number of last rows is {last_rows}, expected 1 or more")
    inputs = read_inputs(Path(folder), options)
    if resume and (finished := read_summary(Path(folder))) is not None:
        return finished
    task = _plan(Path(folder), inputs, options, executable, last_rows)
    with stop_wish() as wish:
        session = Session(task, observer or Silent(), perf_counter() - called)
        ended = session.run(wish)
    return conclude(session, ended)


def refuse_options(*, optimizer: str | None, start: Path | None, committee: int, patience: int | None) -> None:
    """Refuse options of our own trainers that mean nothing to GPUMD.

    Raises
    ------
    InputError
        For the first of them that was given.
    """
    given = {
        f"--optimizer {optimizer}": optimizer not in (None, SNES),
        "--start": start is not None,
        "--committee": committee != 1,
        "--patience": patience is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise InputError(f"{option} is for our own trainers, not for --engine gpumd, which trains by SNES")


def _plan(folder: Path, inputs: Inputs, options: TrainOptions, executable: str | Path | None, last_rows: int) -> Task:
    """Check everything against the version of GPUMD."""
    if not options.resume and (folder / CHECKPOINT).exists():
        raise InputError(
            "an unfinished training stands here; go on with it (--resume), or delete the file to begin anew",
            path=folder / CHECKPOINT,
        )
    program = find_nep(executable)
    version = nep_version(program)
    check_for_gpumd(inputs.nep_in, version, folder / "nep.in")
    _check_weights(inputs, version)
    no_shear = _lacks_all_shear(inputs.train)
    return Task(
        folder,
        program,
        version,
        inputs,
        options,
        _generations(inputs, options),
        last_rows,
        nep_in=replace(inputs.nep_in, lambda_shear=0.0) if no_shear else inputs.nep_in,
        search=search_keywords(read_text(folder / "nep.in")),
        keep_masked=no_shear,
        remarks=(*_keyword_remarks(inputs), *_data_remarks(inputs, no_shear=no_shear), _CLOCK),
    )


def _generations(inputs: Inputs, options: TrainOptions) -> int:
    steps, interval = options.steps or default_steps(inputs.nep_in, snes=True), inputs.nep_in.output_interval
    if steps < interval:
        raise InputError(
            f"{steps} generations are fewer than output_interval {interval}, so that GPUMD would write no model;"
            " raise the one or lower the other"
        )
    return steps


def _check_weights(inputs: Inputs, version: GpumdVersion) -> None:
    weighted = next((frame for frame in inputs.train if frame.energy_weight != 1.0), None)
    if weighted is not None and version < _HAS_ENERGY_WEIGHT:
        raise InputError(
            f"has an energy_weight, which GPUMD {version} does not know; use {_HAS_ENERGY_WEIGHT} or newer",
            path=weighted.path,
            frame=weighted.number,
            line=weighted.line,
        )


def _lacks_all_shear(frames: list[Frame]) -> bool:
    """Whether there are virials, and every one of them lacks its shear."""
    with_virial = [frame for frame in frames if frame.virial is not None]
    return bool(with_virial) and all(has_masked_virial(frame) for frame in with_virial)


def _keyword_remarks(inputs: Inputs) -> list[str]:
    passed_on = ("population", *SEARCH_KEYWORDS)
    return [f"{keyword} is ignored" for keyword in inputs.nep_in.ignored if keyword not in passed_on]


def _data_remarks(inputs: Inputs, *, no_shear: bool) -> list[str]:
    said = []
    if inputs.masked:
        what = "GPUMD trains with lambda_shear 0" if no_shear else "GPUMD gets those frames without a virial"
        said.append(
            f"{inputs.masked} frames have shear virials of exactly zero that their forces do not allow: they are taken"
            f" for missing, and {what} (--keep-zero-shear to believe them)"
        )
    if not inputs.validation:
        said.append("no frames are held out for validation; the best individual of the last row is kept")
    lowest = min(frame.energy / frame.n_atoms for frame in inputs.train if frame.energy is not None)
    if lowest < _FAR_DOWN:
        said.append(
            f"energies go down to {lowest:.0f} eV/atom, of which GPUMD's single precision loses parts of a meV; shift"
            " them by an energy of each species"
        )
    return said
