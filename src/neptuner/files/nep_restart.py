"""``nep.restart``: where the search of GPUMD's ``nep`` stands, a mean and a spread for each parameter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.atomic import write_text
from neptuner.files.text import read_text

Floats = NDArray[np.float64]


def read_nep_restart(path: str | Path, count: int) -> tuple[Floats, Floats]:
    """Read mean and spread of every parameter, ``(count,)`` each, in the order of ``nep.txt``.

    Parameters
    ----------
    path
        File to read.
    count
        Number of parameters that the settings ask for.

    Raises
    ------
    InputError
        If there is no such file, a line is not two finite numbers with a positive spread, or there are fewer or more
        lines than parameters.
    """
    lines = [(number, line) for number, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]
    if len(lines) != count:
        raise InputError(
            f"found {len(lines)} rows, expected {count}, one for each parameter; n_max, basis_size, l_max, neuron, type"
            " and version of nep.in must be those of the run that wrote it, or delete the file to start anew",
            path=path,
        )
    table = np.array([_read_row(line, path, number) for number, line in lines]).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def write_nep_restart(path: str | Path, mu: Floats, sigma: Floats) -> None:
    """Write mean and spread of every parameter, ``(n_parameters,)`` each, atomically and as GPUMD does."""
    write_text(path, "".join(f"{m:15.7e} {s:15.7e}\n" for m, s in zip(mu.tolist(), sigma.tolist(), strict=True)))


def _read_row(line: str, path: str | Path, number: int) -> tuple[float, float]:
    try:
        mu, sigma = (float(word) for word in line.split())
    except ValueError:
        mu = sigma = np.nan
    if not (np.isfinite(mu) and np.isfinite(sigma) and sigma > 0):
        raise InputError(
            f"found `{line.strip()[:40]}`, expected two finite numbers, a mean and a positive spread;"
            " delete the file to start anew",
            path=path,
            line=number,
        )
    return mu, sigma
