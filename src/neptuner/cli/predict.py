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
    keep_zero_shear: Annotated[bool, typer.Option(help="Believe shear virials of exactly zero.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Predict energies, forces and virials of a data set and compare them with its labels."""
    from neptuner.engines import embedded

    result = embedded.predict(model, data, out=out, threads=threads, keep_zero_shear=keep_zero_shear)
    if as_json:
        print(json.dumps(result))
        return
    from rich.console import Console

    from neptuner.cli.training_progress import print_errors

    print_errors(Console(highlight=False), {data.stem: result})
    if result["masked_shear_frames"]:
        print(f"note: zero shear virials of {result['masked_shear_frames']} frames are taken for missing")
