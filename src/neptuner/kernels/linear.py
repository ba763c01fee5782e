"""The two small matrix products everything dense in molecular dynamics is made of, over a block of atoms.

A block array ``X[row, :]`` holds one row for each input and the atoms (times harmonics) along the contiguous axis.
Four rows are taken at a time so that the running sum stays in the first-level cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel

Array = NDArray[np.floating]


@kernel
def contract(W: Array, X: Array, width: int, out: Array) -> None:
    """``out[n, p] = sum_r W[n, r] X[r, p]`` for p < width."""
    n_out, n_in = W.shape
    whole = n_in - n_in % 4
    for n in range(n_out):
        for p in range(width):
            out[n, p] = W.dtype.type(0.0)
    for r in range(0, whole, 4):
        for n in range(n_out):
            a, b, c, d = W[n, r], W[n, r + 1], W[n, r + 2], W[n, r + 3]
            for p in range(width):
                out[n, p] += a * X[r, p] + b * X[r + 1, p] + c * X[r + 2, p] + d * X[r + 3, p]
    for r in range(whole, n_in):
        for n in range(n_out):
            a = W[n, r]
            for p in range(width):
                out[n, p] += a * X[r, p]


@kernel
def expand(W: Array, G: Array, width: int, out: Array) -> None:
    """``out[r, p] = sum_n W[n, r] G[n, p]`` for p < width: the transpose of ``contract``."""
    n_in, n_out = W.shape
    whole = n_in - n_in % 4
    for r in range(n_out):
        for p in range(width):
            out[r, p] = W.dtype.type(0.0)
        for n in range(0, whole, 4):
            a, b, c, d = W[n, r], W[n + 1, r], W[n + 2, r], W[n + 3, r]
            for p in range(width):
                out[r, p] += a * G[n, p] + b * G[n + 1, p] + c * G[n + 2, p] + d * G[n + 3, p]
        for n in range(whole, n_in):
            a = W[n, r]
            for p in range(width):
                out[r, p] += a * G[n, p]
