"""What a training leaves in its directory, in GPUMD's formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neptuner.files.atomic import write_text
from neptuner.files.frames import Frame
from neptuner.files.loss_out import VALIDATION_HEADER, format_loss_row, format_validation_row, read_loss_out
from neptuner.files.predictions import write_predictions
from neptuner.kernels.engine import Outputs
from neptuner.potential.model import Model
from neptuner.training.loss import Errors
from neptuner.training.records import Row

SUMMARY = "train.json"
"""Written last of all: a directory that has it holds a finished training."""

CURVES = ("loss.out", "validation.out")


MODEL_FILES = (
    "nep.txt",
    "nep.restart",
    "loss.out",
    "validation.out",
    *(f"{kind}_{name}.out" for name in ("train", "test") for kind in ("energy", "force", "virial", "stress")),
)
"""Everything else that a finished training has written."""


def start_outputs(folder: Path, *, validation: bool, keep_rows: bool = False) -> None:
    """Remove what an earlier training left, so that a ``loss.out`` always belongs to the training that runs.

    With ``keep_rows`` the training goes on from the earlier one and its rows stay.
    """
    (folder / SUMMARY).unlink(missing_ok=True)
    if not keep_rows:
        for name in CURVES:
            (folder / name).unlink(missing_ok=True)
    if validation and not (folder / "validation.out").exists():
        write_text(folder / "validation.out", VALIDATION_HEADER)


def go_on_with_outputs(folder: Path, step: int, best: Model | None) -> None:
    """Bring a folder back to how it was at a checkpoint: rows up to a step, and the best model of then."""
    (folder / SUMMARY).unlink(missing_ok=True)
    for name in CURVES:
        path = folder / name
        if path.exists():
            kept = [line for line in path.read_text().splitlines(keepends=True) if _belongs(line, step)]
            write_text(path, "".join(kept))
    if best is not None:
        best.write(folder / "nep.txt")


def _belongs(line: str, step: int) -> bool:
    words = line.split()
    whole = line.endswith("\n") and bool(words)
    return whole and (words[0] == "#" or (words[0].isdecimal() and int(words[0]) <= step))


def last_step(folder: Path) -> int:
    """Step of the last row of ``loss.out``; 0 if there is none."""
    path = folder / "loss.out"
    steps = read_loss_out(path).steps if path.exists() and path.stat().st_size else np.zeros(0)
    return int(steps[-1]) if len(steps) else 0


def append_row(folder: Path, row: Row, first_step: int = 0) -> None:
    """Add a row to ``loss.out`` and, where frames are held out, to ``validation.out``; missing errors are 0."""
    train, test = _three(row.train), _three(row.test)
    step = first_step + row.step
    with (folder / "loss.out").open("a") as file:
        file.write(format_loss_row(step, row.total, row.l1, row.l2, *train, *test))
    if row.validation is not None:
        with (folder / "validation.out").open("a") as file:
            file.write(format_validation_row(step, *_three(row.validation)))


def _three(errors: Errors | None) -> tuple[float, float, float]:
    if errors is None:
        return 0.0, 0.0, 0.0
    return errors.energy, errors.force, 0.0 if errors.virial != errors.virial else errors.virial


def write_outputs(folder: Path, name: str, frames: Sequence[Frame], outputs: Outputs) -> None:
    """Write ``energy_``, ``force_``, ``virial_`` and ``stress_{name}.out``."""
    write_predictions(folder, name, frames, outputs.energy, outputs.forces.astype(float), outputs.virial)


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write ``train.json``."""
    write_text(folder / SUMMARY, json.dumps(summary, indent=1) + "\n", sync=True)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Content of ``train.json``; None if the training is not finished."""
    path = folder / SUMMARY
    content: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return content
