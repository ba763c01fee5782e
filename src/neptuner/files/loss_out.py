"""Loss curves: GPUMD's ``loss.out``, and ``validation.out`` beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neptuner.files.tables import continuous_steps, read_growing_table

VALIDATION_HEADER = "# step energy(eV/atom) force(eV/A) virial(eV/atom)\n"
"""First line of ``validation.out``."""

_LOSS_DECIMALS = 5
_VALIDATION_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Loss:
    """The rows of ``loss.out``, each array ``(n_rows,)``; RMSEs in eV/atom or eV/angstrom, 0 if missing."""

    columns: ClassVar[tuple[str, ...]] = (
        "steps", "total", "l1", "l2",
        "energy_train", "force_train", "virial_train", "energy_test", "force_test", "virial_test",
    )  # fmt: skip
    """Names of the arrays in the order of the file."""

    steps: NDArray[np.int64]
    """Steps, going on through restarts."""
    total: NDArray[np.float64]
    l1: NDArray[np.float64]
    l2: NDArray[np.float64]
    energy_train: NDArray[np.float64]
    force_train: NDArray[np.float64]
    virial_train: NDArray[np.float64]
    energy_test: NDArray[np.float64]
    force_test: NDArray[np.float64]
    virial_test: NDArray[np.float64]
    raw_steps: NDArray[np.int64]
    """Steps as written; a restart begins anew."""


@dataclass(frozen=True, eq=False)
class Validation:
    """The rows of ``validation.out``, each array ``(n_rows,)``; RMSEs in eV/atom, eV/angstrom, eV/atom."""

    steps: NDArray[np.int64]
    """Steps, going on through restarts."""
    energy: NDArray[np.float64]
    force: NDArray[np.float64]
    virial: NDArray[np.float64]
    raw_steps: NDArray[np.int64]
    """Steps as written; a restart begins anew."""


def read_loss_out(path: str | Path) -> Loss:
    """Read a ``loss.out``, with or without header lines, of one run or of several appended to it.

    Raises
    ------
    InputError
        If there is no such file or a line other than an unfinished last one is not a row of ten numbers.
    """
    table = read_growing_table(path, len(Loss.columns), _LOSS_DECIMALS)
    raw_steps = table[:, 0].astype(np.int64)
    curves = dict(zip(Loss.columns[1:], np.ascontiguousarray(table.T[1:]), strict=True))
    return Loss(steps=continuous_steps(raw_steps), raw_steps=raw_steps, **curves)


def format_loss_row(
    step: int,
    total: float,
    l1: float,
    l2: float,
    energy_train: float,
    force_train: float,
    virial_train: float,
    energy_test: float = 0.0,
    force_test: float = 0.0,
    virial_test: float = 0.0,
) -> str:
    """One line of ``loss.out`` to append, line end included, byte for byte as GPUMD writes it.

    Numbers too wide for GPUMD's columns, which it would run together, keep a blank between them.
    """
    losses = (total, l1, l2)
    rmses = (energy_train, force_train, virial_train, energy_test, force_test, virial_test)
    return f"{step:<7d} " + "".join(f"{x:<10.5f} " for x in losses) + "".join(f"{x:<12.5f} " for x in rmses) + "\n"


def read_validation_out(path: str | Path) -> Validation:
    """Read a ``validation.out``; see :func:`read_loss_out`."""
    table = read_growing_table(path, 4, _VALIDATION_DECIMALS)
    raw_steps = table[:, 0].astype(np.int64)
    energy, force, virial = np.ascontiguousarray(table.T[1:])
    return Validation(continuous_steps(raw_steps), energy, force, virial, raw_steps)


def format_validation_row(step: int, energy: float, force: float, virial: float) -> str:
    """One line of ``validation.out`` to append after :data:`VALIDATION_HEADER`, line end included."""
    return f"{step:<7d} {energy:<12.6f} {force:<12.6f} {virial:<12.6f}\n"
