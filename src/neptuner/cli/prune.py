"""``neptuner prune``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def prune(
    model: Annotated[Path, typer.Argument(metavar="NEP.txt", help="The potential.")],
    data: Annotated[
        Path | None, typer.Argument(metavar="DATA.xyz", help="Labelled frames, best those it was trained on.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Most that an RMSE over the data may grow.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar='"neuron 20"', help="A size to prune to, or with --tolerance not below; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the smaller nep.txt there.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads (default: every processor).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Say what the parts of a potential are worth, and leave out those without effect, or with little."""
    from neptuner.engines import pruning
    from neptuner.errors import InputError

    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise InputError("cannot be written; expected the name of a file in a folder that exists", path=out)
    if out is not None and data is not None and out.exists() and data.exists() and out.samefile(data):
        raise InputError("holds the frames, which the potential would overwrite; give --out another name", path=out)
    result = pruning.prune(model, data, tolerance=tolerance, keep=keep or [], out=out, threads=threads)
    if as_json:
        print(json.dumps(result))
        return
    from neptuner.cli.prune_text import prune_lines

    print("\n".join(prune_lines(result)))
    if out is not None:
        print(f"{out}: written; `neptuner train DIR --start {out}` trains it on, with the sizes above in DIR/nep.in")
