"""``kappa.out``: thermal conductivity under a driving force (HNEMD), averaged over each output interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.files.number_rows import format_columns, read_rows


def read_kappa(path: str | Path) -> NDArray[np.float64]:
    """Rows of a ``kappa.out`` in W/mK, ``(n_rows, 5)``: x in, x out, y in, y out, z.

    Raises
    ------
    InputError
        If there is no such file or a line other than an unfinished last one is not a row of five numbers.
    """
    return np.array([row.values for row in read_rows(path, (5,))]).reshape(-1, 5)


def format_kappa_row(values: Sequence[float] | NDArray[np.float64]) -> str:
    """One line of ``kappa.out`` to append, line end included, byte for byte as GPUMD writes it."""
    return format_columns(values, "25.15f") + "\n"
