"""``neptuner kappa``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def kappa(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders with run.in and kappa.out or hac.out, or of such.")
    ],
    direction: Annotated[str | None, typer.Option(help="Axes of the equilibrium current (default: xyz).")] = None,
    stacie: Annotated[bool, typer.Option(help="Use STACIE for heat_current.npz where it is installed.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Thermal conductivity with error bars from molecular dynamics, ours or GPUMD's."""
    from neptuner.engines.conductivity import conductivity

    result = conductivity(directories, direction=direction, with_stacie=None if stacie else False)
    if as_json:
        print(json.dumps(result.to_dict(), allow_nan=False))
        return
    from rich.console import Console

    from neptuner.cli.kappa_text import kappa_text

    console = Console(highlight=False, soft_wrap=True, markup=False)
    for part in kappa_text(result):
        console.print(part)
