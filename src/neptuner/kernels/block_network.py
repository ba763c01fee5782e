"""Networks of one or two hidden layers over a block of atoms: value, input gradient, and the reverse of both.

``x[d, :]`` are scaled descriptors; ``h1``, ``h2`` hidden values; one hidden layer is told by ``W1`` having no rows.
U = w . tanh(W1 tanh(W0 x - b0) - b1), biases subtracted (GPUMD ``src/utilities/nep_utilities.cuh``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.block_linear import accumulate, contract, expand
from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.network import tanh
from neptuner.kernels.vectors import BLOCK, LANES, fma, load, splat, store, total

Array = NDArray[np.floating]


@inner_kernel
def hidden_layer(W: Array, b: Array, x: Array, h: Array) -> None:
    """``h = tanh(W x - b)``."""
    contract(W, x, h)
    for m in range(W.shape[0]):
        for p in range(BLOCK):
            h[m, p] = tanh(h[m, p] - b[m])


@inner_kernel
def output_sum(w: Array, h: Array, U: Array) -> None:
    """``U = sum_m w[m] h[m, :]``."""
    for p in range(0, BLOCK, LANES):
        sums = splat(w.dtype.type(0.0))
        for m in range(w.shape[0]):
            sums = fma(load(h, m * BLOCK + p), w[m], sums)
        store(U, p, sums)


@inner_kernel
def input_gradient(W0: Array, W1: Array, w: Array, h1: Array, h2: Array, g1: Array, g2: Array, gx: Array) -> None:
    """Set ``gx[d, :] = dU/dx_d``; ``g1``, ``g2`` are scratch."""
    if W1.shape[0] == 0:
        _seed_gradient(w, h1, g1)
    else:
        _seed_gradient(w, h2, g2)
        expand(W1, g2, g1)
        for p in range(0, W0.shape[0] * BLOCK, LANES):
            h = load(h1, p)
            store(g1, p, load(g1, p) * (1.0 - h * h))
    expand(W0, g1, gx)


@inner_kernel
def _seed_gradient(w: Array, h: Array, z_bar: Array) -> None:
    """``z_bar = (1 - h^2) w``: derivative of the output by the argument of the last hidden layer."""
    for m in range(w.shape[0]):
        for p in range(m * BLOCK, (m + 1) * BLOCK, LANES):
            value = load(h, p)
            store(z_bar, p, (1.0 - value * value) * w[m])


@inner_kernel
def layer_tangent(W: Array, h: Array, dx: Array, dz: Array, dh: Array) -> None:
    """``dz = W dx``, ``dh = (1 - h^2) dz``."""
    contract(W, dx, dz)
    for p in range(0, W.shape[0] * BLOCK, LANES):
        value = load(h, p)
        store(dh, p, (1.0 - value * value) * load(dz, p))


@inner_kernel
def output_reverse(
    w: Array, h: Array, dh: Array, U_bar: Array, exists: Array, h_bar: Array, dh_bar: Array, w_bar: Array
) -> None:
    """Reverse of ``U_bar . U + sum_i dU_i`` through the output neuron; ``exists`` is 1 where there is an atom, else 0.

    ``U_bar`` is zero where there is none.
    """
    for m in range(w.shape[0]):
        sums = splat(w.dtype.type(0.0))
        for p in range(0, BLOCK, LANES):
            place, there, by_U = m * BLOCK + p, load(exists, p), load(U_bar, p)
            sums = fma(by_U, load(h, place), fma(there, load(dh, place), sums))
            store(h_bar, place, by_U * w[m])
            store(dh_bar, place, there * w[m])
        w_bar[m] += total(sums)


@inner_kernel
def layer_reverse(
    W: Array,
    h: Array,
    x: Array,
    dx: Array,
    dz: Array,
    h_bar: Array,
    dh_bar: Array,
    W_bar: Array,
    b_bar: Array,
    x_bar: Array,
    dx_bar: Array,
) -> None:
    """Reverse of ``hidden_layer`` and ``layer_tangent``; ``h_bar``, ``dh_bar`` become those of z and dz."""
    for m in range(W.shape[0]):
        sums = splat(W.dtype.type(0.0))
        for p in range(m * BLOCK, (m + 1) * BLOCK, LANES):
            value, by_tangent = load(h, p), load(dh_bar, p)
            slope = 1.0 - value * value
            by_value = slope * (load(h_bar, p) - 2.0 * value * load(dz, p) * by_tangent)
            store(h_bar, p, by_value)
            store(dh_bar, p, slope * by_tangent)
            sums = sums + by_value
        b_bar[m] -= total(sums)
    accumulate(h_bar, x, dh_bar, dx, W_bar)
    expand(W, h_bar, x_bar)
    expand(W, dh_bar, dx_bar)
