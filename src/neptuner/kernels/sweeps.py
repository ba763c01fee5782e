"""The two sweeps over blocks of atoms that evaluation and training are made of.

``energy_sweep`` gives site energies, forces and virials. ``gradient_sweep`` takes the derivatives of a loss by them and
adds its derivative by every parameter: the transpose of P turns them into a tangent of the densities, which is pushed
forward and then, with the value, reversed (design notes, section 1).

Blocks are rows ``(begin, end, species)`` of positions in ``atoms``; ``atoms`` are indices into the geometry and
``shifts`` what to add to reach the row of the output arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.basis import radial_basis
from neptuner.kernels.compile import kernel
from neptuner.kernels.geometry import Geometry
from neptuner.kernels.invariants import (
    from_lanes,
    invariants,
    invariants_reverse,
    invariants_tangent,
    invariants_tangent_reverse,
    to_lanes,
)
from neptuner.kernels.linear import accumulate, contract, expand
from neptuner.kernels.network import (
    hidden_layer,
    input_gradient,
    layer_reverse,
    layer_tangent,
    output_reverse,
    output_sum,
)
from neptuner.kernels.pairs import (
    angular_density,
    angular_forces,
    angular_transpose,
    pair_tangents,
    radial_density,
    radial_forces,
    radial_transpose,
)
from neptuner.kernels.weights import Weights

Array = NDArray[np.floating]
Integers = NDArray[np.int64]


class Terms(NamedTuple):
    """What the kernels know of ``l_max``: see ``kernels.invariants``."""

    l_max: int
    monomials: Integers
    factors: Array
    five_body: int


class Densities(NamedTuple):
    """Parameter-free sums over neighbours (design notes, section 1)."""

    radial: Array
    """``(n_atoms, n_types * basis)``"""
    angular: Array
    """``(n_atoms, n_types * basis, n_harmonics)``"""


class Dense(NamedTuple):
    """Values and tangents (or gradients) of a block on their way from densities to energies."""

    R: Array
    B: Array
    A: Array
    a: Array
    """A over lanes, ``(n_harmonics, functions * width)``: see ``kernels.invariants``."""
    q: Array
    x: Array
    h1: Array
    h2: Array


@kernel
def density_sweep(geometry: Geometry, first: int, last: int, densities: Densities) -> None:
    """Fill the densities of atoms first <= i < last."""
    radial, angular = geometry.radial, geometry.angular
    f, df, g, dg = _basis_scratch(geometry, densities)
    for atom in range(first, last):
        row = radial.start[atom]
        radial_basis(radial.radial, row[0], row[-1], f, df)
        radial_density(row, f, densities.radial[atom])
        row = angular.start[atom]
        radial_basis(angular.radial, row[0], row[-1], g, dg)
        angular_density(row, g, geometry.harmonics, densities.angular[atom])


@kernel
def _basis_scratch(geometry: Geometry, densities: Densities) -> tuple[Array, Array, Array, Array]:
    n_types = geometry.radial.start.shape[1] - 1
    dtype = geometry.harmonics.dtype
    most_radial, most_angular = geometry.radial.most_neighbors, geometry.angular.most_neighbors
    k_radial = densities.radial.shape[1] // n_types
    k_angular = densities.angular.shape[1] // n_types
    return (
        np.empty((k_radial, most_radial), dtype),
        np.empty((k_radial, most_radial), dtype),
        np.empty((k_angular, most_angular), dtype),
        np.empty((k_angular, most_angular), dtype),
    )


@kernel
def _dense(weights: Weights, n_lm: int, width: int) -> Dense:
    dtype, dim = weights.W0.dtype, weights.W0.shape[2]
    return Dense(
        np.empty((weights.c_radial.shape[2], width), dtype),
        np.empty((weights.c_angular.shape[2], width * n_lm), dtype),
        np.empty((weights.c_angular.shape[1], width * n_lm), dtype),
        np.zeros((n_lm, weights.c_angular.shape[1] * width), dtype),
        np.zeros((dim, width), dtype),
        np.empty((dim, width), dtype),
        np.empty((weights.W0.shape[1], width), dtype),
        np.empty((weights.W1.shape[1], width), dtype),
    )


@kernel
def _widest(blocks: Integers) -> int:
    width = 0
    for b in range(blocks.shape[0]):
        width = max(width, blocks[b, 1] - blocks[b, 0])
    return width


@kernel
def _scale(q: Array, scaler: Array, atoms: int, x: Array) -> None:
    for d in range(q.shape[0]):
        for i in range(atoms):
            x[d, i] = scaler[d] * q[d, i]


@kernel
def _slots(v: Dense, n_radial: int) -> Array:
    """View the angular rows of q as ``(n_invariants, lanes)``."""
    lanes = v.a.shape[1]
    angular = v.q[n_radial:]
    return angular.reshape((angular.size // lanes, lanes))


@kernel
def _reverse_invariants(terms: Terms, v: Dense, n_radial: int, m: int, g: Dense) -> None:
    """Set ``g.A`` from ``g.q``."""
    q, gq = _slots(v, n_radial), _slots(g, n_radial)
    invariants_reverse(v.a, terms.l_max, terms.monomials, terms.factors, terms.five_body, q, gq, g.a)
    from_lanes(g.a, m, g.A)


@kernel
def _forward(weights: Weights, terms: Terms, a: int, net: int, m: int, n_lm: int, v: Dense, U: Array) -> None:
    """Fill ``v`` and the site energies (bias excluded) of a block of species a from its densities."""
    n_radial = weights.c_radial.shape[1]
    contract(weights.c_radial[a], v.R, m, v.q[:n_radial])
    contract(weights.c_angular[a], v.B, m * n_lm, v.A)
    to_lanes(v.A, m, v.a)
    invariants(v.a, terms.l_max, terms.monomials, terms.factors, terms.five_body, _slots(v, n_radial))
    _scale(v.q, weights.q_scaler, m, v.x)
    hidden_layer(weights.W0[net], weights.b0[net], v.x, m, v.h1)
    if weights.W1.shape[1] == 0:
        output_sum(weights.w[net], v.h1, m, U)
    else:
        hidden_layer(weights.W1[net], weights.b1[net], v.h1, m, v.h2)
        output_sum(weights.w[net], v.h2, m, U)


@kernel
def _gather(densities: Densities, atoms: Integers, begin: int, end: int, v: Dense) -> None:
    n_lm = densities.angular.shape[2]
    for i in range(end - begin):
        atom = atoms[begin + i]
        for r in range(v.R.shape[0]):
            v.R[r, i] = densities.radial[atom, r]
        for r in range(v.B.shape[0]):
            for m in range(n_lm):
                v.B[r, i * n_lm + m] = densities.angular[atom, r, m]


@kernel
def energy_sweep(
    geometry: Geometry,
    densities: Densities,
    weights: Weights,
    terms: Terms,
    blocks: Integers,
    atoms: Integers,
    shifts: Integers,
    energies: NDArray[np.float64],
    forces: Array,
    virial: Array,
) -> None:
    """Set site energies ``(n,)`` and add forces ``(n, 3)`` and virials ``(n, 6)`` of the blocks' atoms.

    The virial is booked on the centre, as GPUMD's trainer does: only its sum over a frame has a meaning.
    """
    radial, angular = geometry.radial, geometry.angular
    n_lm, n_radial, width = geometry.harmonics.shape[2], weights.c_radial.shape[1], _widest(blocks)
    dtype = weights.W0.dtype
    v, g = _dense(weights, n_lm, width), _dense(weights, n_lm, width)
    U = np.empty(width, dtype)
    f, df, fa, dfa = _basis_scratch(geometry, densities)
    line = np.empty(f.shape[1], dtype)
    for b in range(blocks.shape[0]):
        begin, end, a = blocks[b, 0], blocks[b, 1], blocks[b, 2]
        m, net = end - begin, a if weights.W0.shape[0] > 1 else 0
        _gather(densities, atoms, begin, end, v)
        _forward(weights, terms, a, net, m, n_lm, v, U)
        input_gradient(weights.W0[net], weights.W1[net], weights.w[net], v.h1, v.h2, m, g.h1, g.h2, g.x)
        _scale(g.x, weights.q_scaler, m, g.q)
        expand(weights.c_radial[a], g.q[:n_radial], m, g.R)
        _reverse_invariants(terms, v, n_radial, m, g)
        expand(weights.c_angular[a], g.A, m * n_lm, g.B)
        for i in range(m):
            atom, shift = atoms[begin + i], shifts[begin + i]
            energies[atom + shift] = U[i] - weights.bias[a]
            row = radial.start[atom]
            radial_basis(radial.radial, row[0], row[-1], f, df)
            radial_forces(row, radial.neighbor, radial.vector, df, g.R, i, line, atom + shift, shift, forces, virial)
            row = angular.start[atom]
            radial_basis(angular.radial, row[0], row[-1], fa, dfa)
            angular_forces(
                row,
                angular.neighbor,
                angular.vector,
                fa,
                dfa,
                geometry.harmonics,
                g.B,
                i,
                atom + shift,
                shift,
                forces,
                virial,
            )


@kernel
def _tangent_of_block(
    geometry: Geometry,
    atoms: Integers,
    shifts: Integers,
    begin: int,
    m: int,
    force_tangent: Array,
    virial_tangent: Array,
    basis: tuple[Array, Array, Array, Array],
    tangents: Array,
    dv: Dense,
) -> None:
    """Fill ``dv.R`` and ``dv.B`` with the transpose of P applied to the loss derivatives."""
    radial, angular = geometry.radial, geometry.angular
    f, df, fa, dfa = basis
    for i in range(m):
        atom, shift = atoms[begin + i], shifts[begin + i]
        row = radial.start[atom]
        radial_basis(radial.radial, row[0], row[-1], f, df)
        pair_tangents(row, radial.neighbor, radial.vector, atom + shift, shift, force_tangent, virial_tangent, tangents)
        radial_transpose(row, radial.vector, df, tangents, dv.R, i)
        row = angular.start[atom]
        radial_basis(angular.radial, row[0], row[-1], fa, dfa)
        pair_tangents(
            row,
            angular.neighbor,
            angular.vector,
            atom + shift,
            shift,
            force_tangent,
            virial_tangent,
            tangents,
        )
        angular_transpose(row, angular.vector, fa, dfa, geometry.harmonics, tangents, dv.B, i)


@kernel
def gradient_sweep(
    geometry: Geometry,
    densities: Densities,
    weights: Weights,
    terms: Terms,
    blocks: Integers,
    atoms: Integers,
    shifts: Integers,
    energy_tangent: Array,
    force_tangent: Array,
    virial_tangent: Array,
    gradient: Weights,
) -> None:
    """Add to ``gradient`` the derivative by every parameter of the loss whose derivatives by outputs are given.

    Parameters
    ----------
    geometry, densities, weights, terms, blocks, atoms, shifts
        As in ``energy_sweep``.
    energy_tangent, force_tangent, virial_tangent
        Loss derivatives by site energy ``(n,)``, force ``(n, 3)`` and virial of the atom's frame ``(n, 6)``.
    gradient
        Sums, shaped like ``weights``.
    """
    n_lm, n_radial, width = geometry.harmonics.shape[2], weights.c_radial.shape[1], _widest(blocks)
    dtype = weights.W0.dtype
    v, dv, bar, dbar = (
        _dense(weights, n_lm, width),
        _dense(weights, n_lm, width),
        _dense(weights, n_lm, width),
        _dense(weights, n_lm, width),
    )
    dz1, dz2 = np.empty_like(v.h1), np.empty_like(v.h2)
    U, U_bar = np.empty(width, dtype), np.empty(width, dtype)
    basis = _basis_scratch(geometry, densities)
    tangents = np.empty((3, max(basis[0].shape[1], basis[2].shape[1])), dtype)
    for b in range(blocks.shape[0]):
        begin, end, a = blocks[b, 0], blocks[b, 1], blocks[b, 2]
        m, net = end - begin, a if weights.W0.shape[0] > 1 else 0
        _gather(densities, atoms, begin, end, v)
        _forward(weights, terms, a, net, m, n_lm, v, U)
        _tangent_of_block(geometry, atoms, shifts, begin, m, force_tangent, virial_tangent, basis, tangents, dv)
        for i in range(m):
            U_bar[i] = energy_tangent[atoms[begin + i] + shifts[begin + i]]
            gradient.bias[a] -= U_bar[i]
        _tangent(weights, terms, a, net, m, n_lm, v, dv, dz1, dz2)
        _reverse_networks(weights, net, m, v, dv, dz1, dz2, U_bar, bar, dbar, gradient)
        _scale(bar.x, weights.q_scaler, m, bar.q)
        _scale(dbar.x, weights.q_scaler, m, dbar.q)
        _reverse_coefficients(terms, a, m, n_lm, n_radial, v, dv, bar, dbar, gradient)


@kernel
def _tangent(
    weights: Weights,
    terms: Terms,
    a: int,
    net: int,
    m: int,
    n_lm: int,
    v: Dense,
    dv: Dense,
    dz1: Array,
    dz2: Array,
) -> None:
    """Push the tangent of the densities forward to the last hidden layer."""
    n_radial = weights.c_radial.shape[1]
    contract(weights.c_radial[a], dv.R, m, dv.q[:n_radial])
    contract(weights.c_angular[a], dv.B, m * n_lm, dv.A)
    to_lanes(dv.A, m, dv.a)
    q, dq = _slots(v, n_radial), _slots(dv, n_radial)
    invariants_tangent(v.a, dv.a, terms.l_max, terms.monomials, terms.factors, terms.five_body, q, dq)
    _scale(dv.q, weights.q_scaler, m, dv.x)
    layer_tangent(weights.W0[net], v.h1, dv.x, m, dz1, dv.h1)
    if weights.W1.shape[1]:
        layer_tangent(weights.W1[net], v.h2, dv.h1, m, dz2, dv.h2)


@kernel
def _reverse_networks(
    weights: Weights,
    net: int,
    m: int,
    v: Dense,
    dv: Dense,
    dz1: Array,
    dz2: Array,
    U_bar: Array,
    bar: Dense,
    dbar: Dense,
    gradient: Weights,
) -> None:
    """Reverse value and tangent from the output to the scaled descriptors."""
    if weights.W1.shape[1] == 0:
        output_reverse(weights.w[net], v.h1, dv.h1, U_bar, m, bar.h1, dbar.h1, gradient.w[net])
    else:
        output_reverse(weights.w[net], v.h2, dv.h2, U_bar, m, bar.h2, dbar.h2, gradient.w[net])
        layer_reverse(
            weights.W1[net],
            v.h2,
            v.h1,
            dv.h1,
            dz2,
            m,
            bar.h2,
            dbar.h2,
            gradient.W1[net],
            gradient.b1[net],
            bar.h1,
            dbar.h1,
        )
    layer_reverse(
        weights.W0[net],
        v.h1,
        v.x,
        dv.x,
        dz1,
        m,
        bar.h1,
        dbar.h1,
        gradient.W0[net],
        gradient.b0[net],
        bar.x,
        dbar.x,
    )


@kernel
def _reverse_coefficients(
    terms: Terms,
    a: int,
    m: int,
    n_lm: int,
    n_radial: int,
    v: Dense,
    dv: Dense,
    bar: Dense,
    dbar: Dense,
    gradient: Weights,
) -> None:
    """Reverse value and tangent from the descriptors to the expansion coefficients."""
    accumulate(bar.q[:n_radial], v.R, m, gradient.c_radial[a])
    accumulate(dbar.q[:n_radial], dv.R, m, gradient.c_radial[a])
    invariants_tangent_reverse(
        v.a,
        dv.a,
        terms.l_max,
        terms.monomials,
        terms.factors,
        terms.five_body,
        _slots(v, n_radial),
        _slots(dv, n_radial),
        _slots(bar, n_radial),
        _slots(dbar, n_radial),
        bar.a,
    )
    from_lanes(bar.a, m, bar.A)
    _reverse_invariants(terms, v, n_radial, m, dbar)
    accumulate(bar.A, v.B, m * n_lm, gradient.c_angular[a])
    accumulate(dbar.A, dv.B, m * n_lm, gradient.c_angular[a])
