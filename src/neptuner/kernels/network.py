"""Networks of one or two hidden layers over a block of atoms of one species.

``x[d, i]`` are scaled descriptors; ``h1``, ``h2`` hidden values; one hidden layer is told by ``W1`` having no rows.
U = w . tanh(W1 tanh(W0 x - b0) - b1), biases subtracted (GPUMD ``src/utilities/nep_utilities.cuh``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import by_precision, kernel
from neptuner.kernels.linear import contract, expand

Array = NDArray[np.floating]

# x P(x^2) / Q(x^2), fitted to tanh on [-9, 9] to a relative 2e-8 by weighted least squares
P0, P1, P2, P3, P4 = (np.float32(p) for p in (0.99999998, 0.13381045, 0.0034956106, 2.0609431e-05, 1.3355102e-08))
Q0, Q1, Q2, Q3, Q4 = (np.float32(q) for q in (1.0, 0.46714361, 0.025877069, 0.00032856707, 7.7767476e-07))
MOST = np.float32(9.0)
"""Beyond it tanh is 1 in single precision."""


def _tanh_single(x: Any) -> Any:
    y = min(max(x, -MOST), MOST)
    t = y * y
    return y * ((((P4 * t + P3) * t + P2) * t + P1) * t + P0) / ((((Q4 * t + Q3) * t + Q2) * t + Q1) * t + Q0)


def _tanh_double(x: Any) -> Any:
    return np.tanh(x)


tanh = by_precision(_tanh_single, _tanh_double)
"""Hyperbolic tangent; in single precision to 4e-7 and without branches, so that loops over atoms are vectorised."""


@kernel
def hidden_layer(W: Array, b: Array, x: Array, atoms: int, h: Array) -> None:
    """``h = tanh(W x - b)``."""
    contract(W, x, atoms, h)
    for m in range(W.shape[0]):
        for i in range(atoms):
            h[m, i] = tanh(h[m, i] - b[m])


@kernel
def output_sum(w: Array, h: Array, atoms: int, U: Array) -> None:
    """``U[i] = sum_m w[m] h[m, i]``."""
    for i in range(atoms):
        U[i] = w.dtype.type(0.0)
    for m in range(w.shape[0]):
        for i in range(atoms):
            U[i] += w[m] * h[m, i]


@kernel
def seed_gradient(w: Array, h: Array, atoms: int, z_bar: Array) -> None:
    """``z_bar = (1 - h^2) w``: derivative of the output by the argument of the last hidden layer."""
    one = w.dtype.type(1.0)
    for m in range(w.shape[0]):
        for i in range(atoms):
            z_bar[m, i] = w[m] * (one - h[m, i] * h[m, i])


@kernel
def through_tanh(h: Array, n: int, atoms: int, g: Array) -> None:
    """``g *= 1 - h^2`` in place."""
    one = h.dtype.type(1.0)
    for m in range(n):
        for i in range(atoms):
            g[m, i] *= one - h[m, i] * h[m, i]


@kernel
def input_gradient(
    W0: Array, W1: Array, w: Array, h1: Array, h2: Array, atoms: int, g1: Array, g2: Array, gx: Array
) -> None:
    """Set ``gx[d, i] = dU_i/dx_d``; ``g1``, ``g2`` are scratch."""
    if W1.shape[0] == 0:
        seed_gradient(w, h1, atoms, g1)
    else:
        seed_gradient(w, h2, atoms, g2)
        expand(W1, g2, atoms, g1)
        through_tanh(h1, W0.shape[0], atoms, g1)
    expand(W0, g1, atoms, gx)
