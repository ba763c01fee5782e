"""``thermo.out``: temperature, energies, pressure and cell along a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.files.number_rows import format_columns, read_rows


@dataclass(frozen=True, eq=False)
class Thermo:
    """The rows of ``thermo.out``, of one run or of several appended to it."""

    temperature: NDArray[np.float64]
    """In kelvin, ``(n_rows,)``."""
    kinetic: NDArray[np.float64]
    """Total kinetic energy in eV, ``(n_rows,)``."""
    potential: NDArray[np.float64]
    """Total potential energy in eV, ``(n_rows,)``."""
    pressure: NDArray[np.float64]
    """In gigapascal, positive when compressed, ``(n_rows, 6)``: xx yy zz yz xz xy."""
    cell: NDArray[np.float64]
    """Lattice vectors in angstrom, ``(n_rows, 3, 3)``, one a row."""


def read_thermo(path: str | Path) -> Thermo:
    """Read a ``thermo.out`` with 18 columns or, as GPUMD before 4.0 wrote orthogonal cells, with 12.

    Raises
    ------
    InputError
        If there is no such file or a line other than an unfinished last one is not such a row.
    """
    rows = [row.values for row in read_rows(path, (12, 18))]
    table = np.array([row[:9] for row in rows]).reshape(-1, 9)
    cells = [row[9:] if len(row) == 18 else np.diag(row[9:]).ravel().tolist() for row in rows]
    return Thermo(
        temperature=table[:, 0].copy(),
        kinetic=table[:, 1].copy(),
        potential=table[:, 2].copy(),
        pressure=table[:, 3:].copy(),
        cell=np.array(cells).reshape(-1, 3, 3),
    )


def format_thermo_row(
    temperature: float,
    kinetic: float,
    potential: float,
    pressure: Sequence[float] | NDArray[np.float64],
    cell: NDArray[np.float64],
) -> str:
    """One line of ``thermo.out`` to append, line end included, byte for byte as GPUMD writes it.

    Parameters
    ----------
    temperature, kinetic, potential
        In kelvin and eV.
    pressure
        xx yy zz yz xz xy in gigapascal, ``(6,)``.
    cell
        Lattice vectors in angstrom, ``(3, 3)``, one a row.
    """
    return format_columns([temperature, kinetic, potential, *pressure, *np.ravel(cell)], "20.10e") + "\n"
