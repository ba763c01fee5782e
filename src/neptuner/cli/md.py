"""``neptuner md``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from neptuner.cli.suggestions import words


def md(
    directory: Annotated[Path, typer.Argument(help="Folder with run.in, model.xyz and the potential.")] = Path(),
    threads: Annotated[int | None, typer.Option(help="Threads (default: every processor).")] = None,
    seed: Annotated[int, typer.Option(help="Of thermostats, and of velocities without one.")] = 1,
    resume: Annotated[bool, typer.Option(help="Go on with an unfinished simulation.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace the results of an earlier simulation.")] = False,
    precision: Annotated[
        str,
        typer.Option(autocompletion=words("single", "double"), help="Of the work on pairs of atoms: single or double."),
    ] = "single",
    skin: Annotated[float, typer.Option(help="Extra reach of neighbour lists in angstrom.")] = 1.0,
    checkpoint_interval: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 60.0,
    engine: Annotated[
        str, typer.Option(autocompletion=words("embedded", "gpumd"), help="embedded: here; gpumd: GPUMD's program.")
    ] = "embedded",
    gpumd: Annotated[
        Path | None, typer.Option(help="GPUMD's gpumd (default: $NEPTUNER_GPUMD, or on the path).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object on stdout.")] = False,
) -> None:
    """Run molecular dynamics like GPUMD's gpumd: run.in, model.xyz, nep.txt -> thermo.out, kappa.out, hac.out, ..."""
    from neptuner.cli.md_progress import DynamicsProgress
    from neptuner.engines.dynamics import DynamicsOptions, run_dynamics
    from neptuner.engines.gpumd_dynamics import run_with_gpumd
    from neptuner.errors import InputError, Interrupted
    from neptuner.machine import usable_cpus

    if engine not in ("embedded", "gpumd"):
        raise InputError(f"the engine is {engine}, expected embedded or gpumd")
    options = DynamicsOptions(
        threads=usable_cpus() if threads is None else threads,
        precision=precision,
        skin=skin,
        seed=seed,
        resume=resume,
        overwrite=overwrite,
        checkpoint_interval=checkpoint_interval,
    )
    with DynamicsProgress() as progress:
        if engine == "gpumd":
            summary = run_with_gpumd(directory, gpumd, overwrite=overwrite, resume=resume, remark=progress.remark)
        else:
            summary = run_dynamics(directory, options, progress)
    progress.conclude(summary)
    if as_json:
        print(json.dumps(summary))
    if not summary["finished"]:
        raise Interrupted(f"stopped after step {summary['steps']} of {summary['steps_asked']}; --resume goes on")
