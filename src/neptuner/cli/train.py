"""``neptuner train``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from neptuner.cli.suggestions import words


def train(
    directory: Annotated[Path, typer.Argument(help="Folder with nep.in, train.xyz and perhaps test.xyz.")] = Path(),
    optimizer: Annotated[
        str | None,
        typer.Option(
            autocompletion=words("soap", "adamw", "snes"), help="soap (the default), adamw, or snes as GPUMD."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps (default: see the manual).")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds for the whole training.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads (default: every processor).")] = None,
    seed: Annotated[int, typer.Option(help="Of every random number.")] = 1,
    validation: Annotated[
        float | None, typer.Option(help="Share of train.xyz held out, without valid.xyz (default: 0.1; snes: 0).")
    ] = None,
    keep_zero_shear: Annotated[bool, typer.Option(help="Believe shear virials of exactly zero.")] = False,
    start: Annotated[Path | None, typer.Option(help="nep.txt to start from; it may be smaller.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on with an unfinished training.")] = False,
    committee: Annotated[int, typer.Option(help="Models to train, from as many seeds.")] = 1,
    patience: Annotated[int | None, typer.Option(help="Stop after so many steps without a better model.")] = None,
    checkpoint_interval: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 60.0,
    engine: Annotated[
        str, typer.Option(autocompletion=words("embedded", "gpumd"), help="embedded: here; gpumd: GPUMD's program nep.")
    ] = "embedded",
    nep: Annotated[Path | None, typer.Option(help="GPUMD's nep (default: $NEPTUNER_NEP, or on the path).")] = None,
    last_rows: Annotated[int, typer.Option(help="Rows of loss.out with test errors, with --engine gpumd.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object on stdout.")] = False,
) -> None:
    """Train a NEP like GPUMD's nep: nep.in, train.xyz, test.xyz -> nep.txt, loss.out, *_train.out, *_test.out."""
    from neptuner.cli.training_progress import TrainingProgress
    from neptuner.engines import embedded
    from neptuner.engines.gpumd_training import refuse_options, train_with_gpumd
    from neptuner.errors import InputError, Interrupted

    if engine not in ("embedded", "gpumd"):
        raise InputError(f"the engine is {engine}, expected embedded or gpumd")
    if engine == "gpumd":
        refuse_options(optimizer=optimizer, start=start, committee=committee, patience=patience)
    with TrainingProgress() as progress:
        common: dict[str, Any] = {
            "steps": steps,
            "time_limit": time_limit,
            "threads": threads,
            "seed": seed,
            "validation_fraction": validation,
            "keep_zero_shear": keep_zero_shear,
            "resume": resume,
            "checkpoint_interval": checkpoint_interval,
            "observer": progress,
        }
        if engine == "gpumd":
            summary = train_with_gpumd(directory, nep, last_rows=last_rows, **common)
        else:
            summary = embedded.train(
                directory,
                optimizer=optimizer or "soap",
                start=start,
                committee=committee,
                patience=patience,
                **common,
            )
    progress.conclude(summary, directory)
    if as_json:
        print(json.dumps(summary))
    if summary["stopped"]:
        raise Interrupted(
            f"stopped after step {summary['steps']}; {directory / 'nep.txt'} is the best model so far, --resume goes on"
        )
