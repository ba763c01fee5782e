"""``hac.out``: heat current autocorrelation and the conductivity it integrates to (Green-Kubo)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.files.number_rows import format_columns, read_rows


@dataclass(frozen=True, eq=False)
class Hac:
    """What one run appended to ``hac.out``."""

    time: NDArray[np.float64]
    """Lag in picoseconds, ``(n_rows,)``; the middle of the lags that a row is the mean of."""
    hac: NDArray[np.float64]
    """Autocorrelation in eV^3/u, ``(n_rows, 5)``: x in, x out, y in, y out, z."""
    rtc: NDArray[np.float64]
    """Running conductivity in W/mK, ``(n_rows, 5)``."""


def read_hac(path: str | Path) -> list[Hac]:
    """Read a ``hac.out``; each run that appended to it, found from time going back, is one entry.

    Raises
    ------
    InputError
        If there is no such file or a line other than an unfinished last one is not a row of eleven numbers.
    """
    table = np.array([row.values for row in read_rows(path, (11,))]).reshape(-1, 11)
    starts = np.flatnonzero(np.diff(table[:, 0]) <= 0) + 1
    blocks = np.split(table, starts) if len(table) else []
    return [Hac(block[:, 0].copy(), block[:, 1:6].copy(), block[:, 6:].copy()) for block in blocks]


def format_hac(hac: Hac) -> str:
    """Lines of ``hac.out`` to append, byte for byte as GPUMD writes them."""
    table = np.column_stack([hac.time, hac.hac, hac.rtc])
    return "".join(f"{format_columns(row, '25.15e')}\n" for row in table.tolist())
