"""``neptuner predict``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def predict(
    model: Annotated[Path, typer.Argument(metavar="NEP.txt", help="The potential.")],
    data: Annotated[Path, typer.Argument(metavar="DATA.xyz", help="Extended xyz file.")],
    out: Annotated[Path | None, typer.Option(help="Folder for GPUMD's energy_, force_, ..._test.out.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads (default: every processor).")] = None,
    worst: Annotated[int, typer.Option(metavar="N", help="List the N worst frames of each quantity.")] = 5,
    keep_zero_shear: Annotated[bool, typer.Option(help="Believe shear virials of exactly zero.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Predict energies, forces and virials of a data set and compare them with its labels."""
    from neptuner.engines import prediction

    result = prediction.predict(model, data, out=out, threads=threads, worst=worst, keep_zero_shear=keep_zero_shear)
    if as_json:
        print(json.dumps(result))
        return
    from rich.console import Console

    from neptuner.cli.prediction_tables import prediction_tables

    console = Console(highlight=False)
    console.print(f"{data}: {result['frames']:,} frames, {result['atoms']:,} atoms", soft_wrap=True, markup=False)
    for table in prediction_tables(result):
        console.print()
        console.print(table)
    if result["masked_shear_frames"]:
        print(f"note: zero shear virials of {result['masked_shear_frames']} frames are taken for missing")
