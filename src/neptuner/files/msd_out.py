"""``msd.out``: mean-square displacement and the self-diffusion coefficient it grows by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.files.number_rows import read_rows


@dataclass(frozen=True, eq=False)
class Msd:
    """What one run appended to ``msd.out``."""

    time: NDArray[np.float64]
    """Lag in picoseconds, ``(n_lags,)``, from 0."""
    msd: NDArray[np.float64]
    """Mean-square displacement in square angstrom, ``(n_lags, 3)``: x y z."""
    sdc: NDArray[np.float64]
    """Self-diffusion coefficient in square angstrom per picosecond, ``(n_lags, 3)``."""


def read_msd(path: str | Path) -> list[Msd]:
    """Read an ``msd.out`` of all atoms or of one group; each run that appended to it is one entry.

    Raises
    ------
    InputError
        If there is no such file or a line other than an unfinished last one is not a row of seven numbers;
        files of GPUMD's `all_groups` have more.
    """
    table = np.array([row.values for row in read_rows(path, (7,))]).reshape(-1, 7)
    starts = np.flatnonzero(np.diff(table[:, 0]) <= 0) + 1
    blocks = np.split(table, starts) if len(table) else []
    return [Msd(block[:, 0].copy(), block[:, 1:4].copy(), block[:, 4:].copy()) for block in blocks]


def format_msd(msd: Msd) -> str:
    """Lines of ``msd.out`` to append, byte for byte as GPUMD writes them."""
    table = np.column_stack([msd.time, msd.msd, msd.sdc])
    return "".join(f"{row[0]:g}{row[1]: g} {' '.join(f'{value:g}' for value in row[2:])}\n" for row in table.tolist())
