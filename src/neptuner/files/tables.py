"""Tables of numbers that grow while a program runs and may be cut off in their last line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.text import read_text


def read_growing_table(path: str | Path, n_columns: int, decimals: int) -> NDArray[np.float64]:
    """Rows of a table that its writer may have been killed in, ``(n_rows, n_columns)``.

    Lines that begin with ``#`` and blank lines are skipped. An incomplete last line is dropped: one with too
    few columns or, lacking its line end, with too few decimals in its last number. Numbers may be nan or inf,
    as a diverged training writes them.

    Parameters
    ----------
    path
        File to read.
    n_columns
        Columns of a row.
    decimals
        Decimals of the number in the last column.

    Raises
    ------
    InputError
        If there is no such file or any other line is not such a row.
    """
    text = read_text(path)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if _is_row(line)]
    torn = bool(lines) and _is_torn(lines[-1][1], text, n_columns, decimals)
    rows = [_read_row(line, n_columns, path, number) for number, line in (lines[:-1] if torn else lines)]
    return np.array(rows, dtype=np.float64).reshape(-1, n_columns)


def continuous_steps(raw_steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Steps that go on rising where a restarted run began to count anew, ``(n_rows,)``."""
    jumps = np.zeros_like(raw_steps)
    back = np.flatnonzero(np.diff(raw_steps) <= 0)
    jumps[back + 1] = raw_steps[back]
    return raw_steps + np.cumsum(jumps)


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _is_torn(line: str, text: str, n_columns: int, decimals: int) -> bool:
    words = line.split()
    if len(words) < n_columns:
        return True
    return not text.endswith("\n") and len(words[-1].partition(".")[2]) < decimals


def _read_row(line: str, n_columns: int, path: str | Path, number: int) -> list[float]:
    words = line.split()
    try:
        row = [float(word) for word in words]
    except ValueError:
        row = []
    if len(row) != n_columns or row[0] != int(row[0]):
        raise InputError(
            f"found `{line.strip()[:40]}` ({len(words)} columns), expected {n_columns} with a step first;"
            " delete the line if a run was killed while writing it",
            path=path,
            line=number,
        )
    return row
