"""``shc.out``: virial-velocity correlation and spectral heat current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.number_rows import Row, read_rows


@dataclass(frozen=True, eq=False)
class Shc:
    """What one run appended to ``shc.out`` for one group of atoms."""

    time: NDArray[np.float64]
    """Lag in picoseconds, ``(2 * correlation_steps - 1,)``, from negative to positive."""
    k_in: NDArray[np.float64]
    """In-plane correlation in eV angstrom/ps, Hann-windowed, as long as ``time``."""
    k_out: NDArray[np.float64]
    """Out-of-plane correlation, likewise."""
    omega: NDArray[np.float64]
    """Angular frequency in rad/ps, ``(num_omega,)``."""
    j_in: NDArray[np.float64]
    """In-plane spectral heat current in eV angstrom/ps per rad/ps, ``(num_omega,)``."""
    j_out: NDArray[np.float64]
    """Out-of-plane spectral heat current, likewise."""


def read_shc(path: str | Path) -> list[Shc]:
    """Read a ``shc.out``; each run and group that appended to it is one entry.

    The rows of a block are told apart by their first column: times from -t to t, then frequencies.

    Raises
    ------
    InputError
        If there is no such file, a line other than an unfinished last one is not a row of three numbers, or
        the times of a block are not complete.
    """
    rows = read_rows(path, (3,))
    blocks, start = [], 0
    while start < len(rows):
        middle, stop = _extent(rows, start, path)
        table = np.array([row.values for row in rows[start:stop]])
        times, frequencies = table[: middle - start].T.copy(), table[middle - start :].T.copy()
        blocks.append(Shc(*times, *frequencies))
        start = stop
    return blocks


def format_shc(shc: Shc) -> str:
    """Lines of ``shc.out`` to append, byte for byte as GPUMD writes them."""
    times = np.column_stack([shc.time, shc.k_in, shc.k_out])
    frequencies = np.column_stack([shc.omega, shc.j_in, shc.j_out])
    return "".join(f"{a:g} {b:g} {c:g}\n" for a, b, c in np.vstack([times, frequencies]).tolist())


def _extent(rows: Sequence[Row], start: int, path: str | Path) -> tuple[int, int]:
    """Where the frequencies of a block begin, and where it ends."""
    first = [row.values[0] for row in rows[start:]]
    zero = next((index for index, value in enumerate(first) if value >= 0), len(first))
    middle = 2 * zero + 1
    if first[zero:middle] != [-value for value in reversed(first[: zero + 1])]:
        raise InputError(
            f"the times that begin here are not symmetric about 0 ({zero} are negative); delete the block if a run"
            " was killed while writing it",
            path=path,
            line=rows[start].line,
        )
    stop = next((index for index in range(middle, len(first)) if first[index] <= 0), len(first))
    return start + middle, start + stop
