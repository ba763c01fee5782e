"""``neptuner init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Folder with train.xyz.")] = Path(),
) -> None:
    """Write a study.toml in which every key is explained, from what is in a folder: frames, nep.in, model.xyz.

    Where there is no nep.in, one is written too. Nothing is overwritten.
    """
    from neptuner.audit.suggestion import suggest
    from neptuner.errors import InputError
    from neptuner.files.atomic import write_text
    from neptuner.files.nep_in import parse_nep_in, read_nep_in
    from neptuner.machine import usable_cpus
    from neptuner.study.draft import format_draft
    from neptuner.study.folder import look_into

    target, baseline = folder / "study.toml", folder / "nep.in"
    if target.exists():
        raise InputError("is there already, and nothing is overwritten; rename or delete it", path=target)
    found = look_into(folder)
    settings = None if found.nep_in else suggest(found.frames + found.test_frames).text
    nep_in = read_nep_in(baseline) if settings is None else parse_nep_in(settings, baseline)
    text = format_draft(found, nep_in, usable_cpus())
    if settings is not None:
        write_text(baseline, settings)
        print(f"{baseline}: settings to begin with, for {' '.join(nep_in.type)}")
    write_text(target, text)
    print(f"{target}: for the {len(found.frames):,} frames of {found.train.name}; read it, then give")
    print(f"neptuner study {target} --dry-run")
