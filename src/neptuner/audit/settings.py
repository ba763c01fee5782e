"""The nep.in against the frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neptuner.audit.findings import Finding, at_atom
from neptuner.errors import InputError
from neptuner.files.frames import Frame, elements_of
from neptuner.files.nep_in import NepIn, read_nep_in


def read_settings(path: Path) -> tuple[NepIn | None, list[Finding]]:
    """Read a ``nep.in``; what is wrong with it is a finding."""
    try:
        return read_nep_in(path), []
    except InputError as error:
        fix = "mend the line; docs/training.md lists the keywords"
        return None, [Finding("error", "nep-in", error.message, fix, str(path), None, error.line)]


def check_settings(frames: Sequence[Frame], nep_in: NepIn, path: Path) -> list[Finding]:
    """Find elements that only the frames or only the ``nep.in`` have."""
    found, listed, elements = [], " ".join(nep_in.type), elements_of(frames)
    for symbol in elements:
        if symbol not in nep_in.type:
            frame = next(frame for frame in frames if symbol in frame.species)
            atom = int(np.flatnonzero(frame.species == symbol)[0])
            message = f"{symbol} is not in the `type` line of {path} ({listed})"
            found.append(at_atom(frame, atom, "error", "element-not-in-type", message, f"add {symbol} to `type`"))
    unused = [symbol for symbol in nep_in.type if symbol not in elements]
    if unused:
        message = f"`type` has {' '.join(unused)}, of which there is no atom in any frame"
        fix = "take it out of `type`: its parameters would stay what chance made them"
        found.append(Finding("warning", "element-without-frames", message, fix, str(path)))
    return found
