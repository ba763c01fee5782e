"""What a training leaves in its directory, in GPUMD's formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neptuner.files.atomic import write_text
from neptuner.files.frames import Frame
from neptuner.files.loss_out import VALIDATION_HEADER, format_loss_row, format_validation_row
from neptuner.files.predictions import write_predictions
from neptuner.kernels.engine import Outputs
from neptuner.training.loss import Errors
from neptuner.training.records import Row

SUMMARY = "train.json"
"""Written last of all: a directory that has it holds a finished training."""


def start_outputs(folder: Path, *, validation: bool) -> None:
    """Remove what an earlier training left, so that a ``loss.out`` always belongs to the training that runs."""
    for name in (SUMMARY, "loss.out", "validation.out"):
        (folder / name).unlink(missing_ok=True)
    if validation:
        write_text(folder / "validation.out", VALIDATION_HEADER)


def append_row(folder: Path, row: Row) -> None:
    """Add a row to ``loss.out`` and, where frames are held out, to ``validation.out``; missing errors are 0."""
    train, test = _three(row.train), _three(row.test)
    with (folder / "loss.out").open("a") as file:
        file.write(format_loss_row(row.step, row.total, row.l1, row.l2, *train, *test))
    if row.validation is not None:
        with (folder / "validation.out").open("a") as file:
            file.write(format_validation_row(row.step, *_three(row.validation)))


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
