"""``rdf.out``: radial distribution functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.number_rows import Row, read_rows
from neptuner.files.text import read_text

_HEADER = "#radius"


@dataclass(frozen=True, eq=False)
class Rdf:
    """What one run appended to ``rdf.out``."""

    radius: NDArray[np.float64]
    """Middle of each bin in angstrom, ``(n_bins,)``."""
    pairs: tuple[str, ...]
    """What each column is of: "total", then pairs of elements such as "Mg-O"."""
    g: NDArray[np.float64]
    """Radial distribution functions, ``(n_bins, n_pairs)``; 1 where there is no order."""


def read_rdf(path: str | Path) -> list[Rdf]:
    """Read an ``rdf.out``; each run that appended to it is one entry.

    Raises
    ------
    InputError
        If there is no such file, a block lacks its header, or a line other than an unfinished last one does
        not have as many numbers as its header has names.
    """
    lines = enumerate(read_text(path).split("\n"), start=1)
    headers = [(number, tuple(line.split()[1:])) for number, line in lines if line.startswith(_HEADER)]
    rows = read_rows(path, ())
    if rows and (not headers or rows[0].line < headers[0][0]):
        raise InputError(f"numbers stand before a line `{_HEADER} total ...`, which names them", path=path, line=1)
    ends = [number for number, _ in headers[1:]] + [np.inf]
    return [
        _block(pairs, [row for row in rows if start < row.line < end], path)
        for (start, pairs), end in zip(headers, ends, strict=False)
    ]


def format_rdf(rdf: Rdf) -> str:
    """Lines of ``rdf.out`` to append with their header, byte for byte as GPUMD writes them."""
    table = np.column_stack([rdf.radius, rdf.g]).tolist()
    rows = "".join(" ".join(f"{value:.5f}" for value in row) + "\n" for row in table)
    return f"{' '.join((_HEADER, *rdf.pairs))}\n{rows}"


def _block(pairs: tuple[str, ...], rows: Sequence[Row], path: str | Path) -> Rdf:
    width = 1 + len(pairs)
    for row in rows:
        if len(row.values) != width:
            raise InputError(
                f"found {len(row.values)} numbers, expected {width} as in the header of the block",
                path=path,
                line=row.line,
            )
    table = np.array([row.values for row in rows]).reshape(-1, width)
    return Rdf(table[:, 0].copy(), pairs, table[:, 1:].copy())
