"""The three small matrix products everything dense in training is made of, over blocks of atoms.

A block array ``X[row, :]`` holds one row for each input and ``BLOCK`` atoms of one species along it, two vectors; lanes
without an atom hold finite numbers, zero in what is accumulated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.vectors import BLOCK, LANES, fma, load, splat, store, totals

Array = NDArray[np.floating]


@inner_kernel
def contract(W: Array, X: Array, out: Array) -> None:
    """``out[n, :] = sum_r W[n, r] X[r, :]``."""
    n_out, n_in = W.shape
    whole = n_out - n_out % 4
    for n in range(0, whole, 4):
        a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = splat(W.dtype.type(0.0))
        for r in range(n_in):
            x0, x1 = load(X, r * BLOCK), load(X, r * BLOCK + LANES)
            a, b, c, d = splat(W[n, r]), splat(W[n + 1, r]), splat(W[n + 2, r]), splat(W[n + 3, r])
            a0, a1 = fma(a, x0, a0), fma(a, x1, a1)
            b0, b1 = fma(b, x0, b0), fma(b, x1, b1)
            c0, c1 = fma(c, x0, c0), fma(c, x1, c1)
            d0, d1 = fma(d, x0, d0), fma(d, x1, d1)
        _store_four(out, n, a0, a1, b0, b1, c0, c1, d0, d1)
    for n in range(whole, n_out):
        a0 = a1 = splat(W.dtype.type(0.0))
        for r in range(n_in):
            a = splat(W[n, r])
            a0, a1 = fma(a, load(X, r * BLOCK), a0), fma(a, load(X, r * BLOCK + LANES), a1)
        _store_one(out, n, a0, a1)


@inner_kernel
def expand(W: Array, G: Array, out: Array) -> None:
    """``out[r, :] = sum_n W[n, r] G[n, :]``: the transpose of ``contract``."""
    n_in, n_out = W.shape
    whole = n_out - n_out % 4
    for r in range(0, whole, 4):
        a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = splat(W.dtype.type(0.0))
        for n in range(n_in):
            x0, x1 = load(G, n * BLOCK), load(G, n * BLOCK + LANES)
            a, b, c, d = splat(W[n, r]), splat(W[n, r + 1]), splat(W[n, r + 2]), splat(W[n, r + 3])
            a0, a1 = fma(a, x0, a0), fma(a, x1, a1)
            b0, b1 = fma(b, x0, b0), fma(b, x1, b1)
            c0, c1 = fma(c, x0, c0), fma(c, x1, c1)
            d0, d1 = fma(d, x0, d0), fma(d, x1, d1)
        _store_four(out, r, a0, a1, b0, b1, c0, c1, d0, d1)
    for r in range(whole, n_out):
        a0 = a1 = splat(W.dtype.type(0.0))
        for n in range(n_in):
            a = splat(W[n, r])
            a0, a1 = fma(a, load(G, n * BLOCK), a0), fma(a, load(G, n * BLOCK + LANES), a1)
        _store_one(out, r, a0, a1)


@inner_kernel
def _store_one(out: Array, row: int, first: Any, second: Any) -> None:
    store(out, row * BLOCK, first)
    store(out, row * BLOCK + LANES, second)


@inner_kernel
def _store_four(out: Array, row: int, a0: Any, a1: Any, b0: Any, b1: Any, c0: Any, c1: Any, d0: Any, d1: Any) -> None:
    _store_one(out, row, a0, a1)
    _store_one(out, row + 1, b0, b1)
    _store_one(out, row + 2, c0, c1)
    _store_one(out, row + 3, d0, d1)


@inner_kernel
def accumulate(G: Array, X: Array, H: Array, Y: Array, dW: Array) -> None:
    """``dW[n, r] += sum_p G[n, p] X[r, p] + H[n, p] Y[r, p]``: the gradient of ``contract`` of a value and a tangent.

    X and Y have rows up to a multiple of eight.
    """
    n_out, n_in = dW.shape
    part = np.empty(LANES, dW.dtype)
    for r in range(0, n_in, LANES):
        for n in range(n_out):
            a = b = c = d = e = f = g = h = splat(dW.dtype.type(0.0))
            for p in range(n * BLOCK, (n + 1) * BLOCK, LANES):
                one, two, q = load(G, p), load(H, p), p + (r - n) * BLOCK
                a = fma(one, load(X, q), fma(two, load(Y, q), a))
                b = fma(one, load(X, q + BLOCK), fma(two, load(Y, q + BLOCK), b))
                c = fma(one, load(X, q + 2 * BLOCK), fma(two, load(Y, q + 2 * BLOCK), c))
                d = fma(one, load(X, q + 3 * BLOCK), fma(two, load(Y, q + 3 * BLOCK), d))
                e = fma(one, load(X, q + 4 * BLOCK), fma(two, load(Y, q + 4 * BLOCK), e))
                f = fma(one, load(X, q + 5 * BLOCK), fma(two, load(Y, q + 5 * BLOCK), f))
                g = fma(one, load(X, q + 6 * BLOCK), fma(two, load(Y, q + 6 * BLOCK), g))
                h = fma(one, load(X, q + 7 * BLOCK), fma(two, load(Y, q + 7 * BLOCK), h))
            sums, place = totals(a, b, c, d, e, f, g, h), n * n_in + r
            if r + LANES <= n_in:
                store(dW, place, load(dW, place) + sums)
            else:
                store(part, 0, sums)
                for k in range(n_in - r):
                    dW[n, r + k] += part[k]
