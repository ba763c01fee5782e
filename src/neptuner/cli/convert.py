"""``neptuner convert``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from neptuner.potential.model import Model
    from neptuner.potential.settings import Settings


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN.txt", help="The potential: NEP3, NEP4 or NEP5.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.txt", help="Where to write it as NEP4; may be IN.txt.")],
    sort_species: Annotated[
        bool, typer.Option("--sort-species", help="Put the species in alphabetical order.")
    ] = False,
    order: Annotated[str | None, typer.Option(metavar='"O Mg ..."', help="Put the species in this order.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Write a potential as NEP4, which current GPUMD and calorine read: exactly the same function."""
    from neptuner.errors import InputError
    from neptuner.potential.convert import reorder_species, to_nep4
    from neptuner.potential.model import Model

    if sort_species and order is not None:
        raise InputError("--sort-species and --order are both given; choose one")
    if target.is_dir() or not target.parent.is_dir():
        raise InputError("cannot be written; expected the name of a file in a folder that exists", path=target)
    before = Model.read(source)
    after = to_nep4(before)
    if sort_species or order is not None:
        wanted = sorted(before.settings.elements) if order is None else order.split()
        after = reorder_species(after, wanted)
    after.write(target)
    if as_json:
        found = {"version_from": before.settings.version, "elements": after.settings.elements}
        print(json.dumps({**found, "parameters": len(after.values)}))
    else:
        print(f"{target}: {_what_was_done(before, after)}")
    for note in _notes(after.settings):
        print(f"note: {note}", file=sys.stderr)


def _what_was_done(before: Model, after: Model) -> str:
    version, elements = before.settings.version, after.settings.elements
    done = {
        3: f"NEP3 -> NEP4, its network repeated for each of {len(elements)} species",
        4: "was NEP4 already",
        5: "NEP5 -> NEP4, its type biases in one more neuron",
    }[version]
    moved = elements != before.settings.elements
    species = f"species {'now ' if moved else ''}{' '.join(elements)}"
    return f"{done}; {species}; {len(after.values)} parameters"


def _notes(settings: Settings) -> Iterator[str]:
    if len(settings.neuron) == 2:
        yield (
            "the potential has two hidden layers, which only GPUMD's nep and neptuner evaluate;"
            " GPUMD's gpumd ignores the second one"
        )
    if settings.typewise_cutoff is not None or (settings.zbl is not None and settings.zbl.inner_is_half):
        yield "the potential keeps the type-wise factors of GPUMD 3.9.5 to 4.6, which later versions do not read"
