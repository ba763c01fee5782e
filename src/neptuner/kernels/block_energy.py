"""What training and molecular dynamics do alike with a block of atoms: descriptors, networks, and the way back.

The atoms of a block are of one species and lie along the last axis of every array, ``BLOCK`` of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_slots import Rows, Slots, rows_of
from neptuner.kernels.angular_sums import expansion
from neptuner.kernels.block_linear import contract, expand
from neptuner.kernels.block_network import hidden_layer, input_gradient
from neptuner.kernels.compile import inner_kernel, kernel
from neptuner.kernels.invariants import invariant_terms, invariants, invariants_reverse
from neptuner.kernels.legendre import Harmonics, harmonics_of
from neptuner.kernels.training_weights import TrainingWeights
from neptuner.kernels.vectors import BLOCK, LANES, load, splat, store
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]
Integers = NDArray[np.int64]


class Terms(NamedTuple):
    """What the kernels know of the settings."""

    l_max: int
    monomials: Integers
    """Of ``kernels.invariants``."""
    factors: Array
    five_body: int
    inverse_cutoff: Array
    """Of the radial and angular part, ``(2, n_types, n_types)`` in 1/angstrom."""
    harmonics: Harmonics
    rows: Rows


def terms_of(settings: Settings, dtype: type[np.floating]) -> Terms:
    """Tabulate what the kernels must know of settings."""
    return Terms(
        settings.l_three_body,
        *invariant_terms(settings, dtype),
        (1.0 / settings.pair_cutoffs).astype(dtype),
        harmonics_of(settings.l_three_body, dtype),
        rows_of(settings),
    )


class Dense(NamedTuple):
    """Values, tangents or gradients of a block on their way to energies; rows are rounded up to whole vectors."""

    R: Array
    """Radial densities, or derivatives by them: the sums of fc T_k over the neighbours of each species."""
    a: Array
    """Expansion coefficients, ``(harmonics, functions * BLOCK)``."""
    q: Array
    x: Array
    h1: Array
    h2: Array


@inner_kernel
def _padded(rows: int) -> int:
    return (rows + LANES - 1) // LANES * LANES


@kernel
def dense_size(weights: TrainingWeights, rows: Rows) -> int:
    """Count the numbers of a ``Dense``."""
    networks = weights.networks
    neurons = _padded(networks.W0.shape[1]) + _padded(networks.W1.shape[1])
    others = _padded(weights.c_radial.shape[2]) + 2 * _padded(networks.W0.shape[2]) + neurons
    return (others + rows.harmonics * rows.functions) * BLOCK


@inner_kernel
def _cut(flat: Array, begin: int, rows: int, width: int) -> Array:
    return flat[begin * BLOCK : (begin + rows * width) * BLOCK].reshape((rows, width * BLOCK))


@inner_kernel
def cut_dense(weights: TrainingWeights, rows: Rows, flat: Array) -> Dense:
    """Cut ``dense_size`` numbers into the arrays of a block."""
    networks = weights.networks
    r, d = _padded(weights.c_radial.shape[2]), _padded(networks.W0.shape[2])
    m1, m2, a = _padded(networks.W0.shape[1]), _padded(networks.W1.shape[1]), rows.harmonics * rows.functions
    return Dense(
        _cut(flat, 0, r, 1),
        _cut(flat, r, rows.harmonics, rows.functions),
        _cut(flat, r + a, d, 1),
        _cut(flat, r + a + d, d, 1),
        _cut(flat, r + a + 2 * d, m1, 1),
        _cut(flat, r + a + 2 * d + m1, m2, 1),
    )


@inner_kernel
def scale(q: Array, scaler: Array, x: Array) -> None:
    """``x = scaler * q``."""
    for d in range(scaler.shape[0]):
        for p in range(d * BLOCK, (d + 1) * BLOCK, LANES):
            store(x, p, load(q, p) * scaler[d])


@inner_kernel
def angular_part(v: Dense, weights: TrainingWeights) -> Array:
    """View the angular rows of q as ``(n_invariants, functions * BLOCK)``."""
    n_radial, dim, lanes = weights.c_radial.shape[1], weights.networks.W0.shape[2], v.a.shape[1]
    return v.q[n_radial:dim].reshape(((dim - n_radial) * BLOCK // lanes, lanes))


@inner_kernel
def forward(weights: TrainingWeights, terms: Terms, a: int, w: Slots, v: Dense) -> None:
    """Fill ``v`` from its radial densities and the pairs of a block of species a."""
    networks = weights.networks
    net = a if networks.W0.shape[0] > 1 else 0
    contract(weights.c_radial[a], v.R, v.q)
    expansion(terms.rows, w, v.a)
    invariants(v.a, terms.l_max, terms.monomials, terms.factors, terms.five_body, angular_part(v, weights))
    scale(v.q, networks.q_scaler, v.x)
    hidden_layer(networks.W0[net], networks.b0[net], v.x, v.h1)
    if networks.W1.shape[1] > 0:
        hidden_layer(networks.W1[net], networks.b1[net], v.h1, v.h2)


@inner_kernel
def _derivative_series(series: Array, n_types: int, slopes: Array) -> None:
    """Set the series of the derivative by x of a Chebyshev series for each species of neighbour and each atom."""
    size = slopes.shape[0] // n_types
    for t in range(n_types):
        for p in range(t * size * BLOCK, (t * size + 1) * BLOCK, LANES):
            # d_k = d_k+2 + 2 (k + 1) c_k+1, and half of that for k = 0
            after = one_after = splat(series.dtype.type(0.0))
            for k in range(size - 1, -1, -1):
                store(slopes, p + k * BLOCK, one_after if k > 0 else 0.5 * one_after)
                value = after + load(series, p + k * BLOCK) * series.dtype.type(2 * k)
                after, one_after = one_after, value


@inner_kernel
def energy_gradient(
    weights: TrainingWeights, terms: Terms, a: int, v: Dense, g: Dense, D: Array, D_slopes: Array
) -> None:
    """Set ``g.a`` to dU/da, D to dU/dR and D_slopes to the derivative of its series."""
    networks = weights.networks
    net = a if networks.W0.shape[0] > 1 else 0
    input_gradient(networks.W0[net], networks.W1[net], networks.w[net], v.h1, v.h2, g.h1, g.h2, g.x)
    scale(g.x, networks.q_scaler, g.q)
    expand(weights.c_radial[a], g.q, D)
    _derivative_series(D, weights.c_radial.shape[0], D_slopes)
    q, gq = angular_part(v, weights), angular_part(g, weights)
    invariants_reverse(v.a, terms.l_max, terms.monomials, terms.factors, terms.five_body, q, gq, g.a)
