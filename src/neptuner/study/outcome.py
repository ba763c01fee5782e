"""What a finished training left, as the numbers a study keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import NeptunerError
from neptuner.files.loss_out import read_loss_out, read_validation_out
from neptuner.study.judge import QUANTITIES, SPLITS, Tail, tail

Rmse = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Numbers of one finished run; a loss that does not exist is None."""

    parameters: int
    """Number of trainable parameters."""
    seconds: float
    ms_per_step: float
    tails: Mapping[str, Mapping[str, Tail | None]]
    """Last rows of each loss curve: ``tails[quantity][split]``."""
    rmse: Mapping[str, Rmse | None]
    """Of the kept model over each whole split."""
    memory: int | None = None
    """Largest of its process in bytes; None where it is not known."""


def read_outcome(folder: Path, summary: Mapping[str, Any], last_rows: int) -> Outcome:
    """Read the loss curves of a training directory.

    Parameters
    ----------
    folder
        Training directory.
    summary
        Content of its ``train.json``; it also tells which losses exist.
    last_rows
        Rows at the end of a curve that count.

    Raises
    ------
    NeptunerError
        If a file is missing or damaged, or a loss is not finite because the training diverged.
    """
    curves = _curves(folder)
    rmse = {split: _rmse(summary.get(split)) for split in SPLITS}
    tails = {
        quantity: {split: _tail(curves[split], quantity, split, rmse[split], last_rows) for split in SPLITS}
        for quantity in QUANTITIES
    }
    try:
        parameters, seconds = int(summary["parameters"]), float(summary["seconds"])
        memory = summary.get("peak_memory")
        return Outcome(
            parameters, seconds, float(summary["ms_per_step"]), tails, rmse, None if memory is None else int(memory)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NeptunerError(f"{folder / 'train.json'}: is damaged ({error!r})") from None


Curves = Mapping[str, NDArray[np.float64]]


def _curves(folder: Path) -> dict[str, Curves]:
    """Loss curves by split and quantity."""
    loss, validation = read_loss_out(folder / "loss.out"), read_validation_out(folder / "validation.out")
    return {
        "train": {quantity: getattr(loss, f"{quantity}_train") for quantity in QUANTITIES},
        "validation": {quantity: getattr(validation, quantity) for quantity in QUANTITIES},
        "test": {quantity: getattr(loss, f"{quantity}_test") for quantity in QUANTITIES},
    }


def _rmse(summary: Mapping[str, Any] | None) -> Rmse | None:
    return None if summary is None else {f"rmse_{q}": summary.get(f"rmse_{q}") for q in QUANTITIES}


def _tail(curves: Curves, quantity: str, split: str, rmse: Rmse | None, last_rows: int) -> Tail | None:
    known = None if rmse is None else rmse[f"rmse_{quantity}"]
    if known is None:
        return None
    rows = curves[quantity][-last_rows:]
    if len(rows) == 0:
        raise NeptunerError(f"the {quantity} loss on {split} has no rows; is output_interval larger than steps?")
    if not (math.isfinite(known) and np.isfinite(rows).all()):
        raise NeptunerError(f"the {quantity} loss on {split} is not finite: the training diverged")
    return tail(rows, last_rows)
