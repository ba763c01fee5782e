"""The two sweeps over blocks of atoms that evaluation and training are made of.

``energy_sweep`` gives site energies, forces and virials. ``gradient_sweep`` takes the derivatives of a loss by them and
adds its derivative by every parameter: the transpose of P turns them into a tangent of what descriptors are made of,
which is pushed forward and then, with the value, reversed (design notes, section 1).

Blocks are rows ``(begin, end, species)`` of positions in ``atoms``; ``atoms`` are indices into the geometry and
``shifts`` what to add to reach the row of the output arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_functions import harmonic_tangents, harmonics, radial_functions, unit_vectors
from neptuner.kernels.angular_slots import Slots, fill_slots, make_slots
from neptuner.kernels.angular_sums import (
    coefficient_gradient,
    energy_slopes,
    expansion_tangent,
    function_gradients,
    function_tangents,
    pair_tangents,
    partial_forces,
    scatter_forces,
)
from neptuner.kernels.block_energy import (
    Dense,
    Terms,
    angular_part,
    cut_dense,
    dense_size,
    energy_gradient,
    forward,
    scale,
)
from neptuner.kernels.block_linear import accumulate, contract
from neptuner.kernels.block_network import layer_reverse, layer_tangent, output_reverse, output_sum
from neptuner.kernels.compile import inner_kernel, kernel
from neptuner.kernels.geometry import Geometry
from neptuner.kernels.invariants import invariants_reverse, invariants_tangent, invariants_tangent_reverse
from neptuner.kernels.radial_pairs import radial_density, radial_forces, radial_scratch, radial_transpose
from neptuner.kernels.training_weights import TrainingWeights
from neptuner.kernels.vectors import BLOCK
from neptuner.kernels.weights import Weights

Array = NDArray[np.floating]
Integers = NDArray[np.int64]


class Part(NamedTuple):
    """Atoms of a batch that one thread takes at a time."""

    blocks: Integers
    atoms: Integers
    """Of the whole batch, like ``shifts``."""
    shifts: Integers


@kernel
def density_sweep(geometry: Geometry, terms: Terms, first: int, last: int, radial: Array) -> None:
    """Fill the radial densities of atoms first <= i < last, ``(n_atoms, n_types * basis)``."""
    S = radial_scratch(geometry.radial, radial)
    radial_density(geometry.radial, first, last, geometry.types, terms.inverse_cutoff[0], S, radial)


@inner_kernel
def _gather(radial: Array, atoms: Integers, begin: int, m: int, R: Array) -> None:
    """Bring radial densities side by side, zeros where there is no atom."""
    for i in range(m):
        values = radial[atoms[begin + i]]
        for r in range(values.shape[0]):
            R[r, i] = values[r]
    for i in range(m, BLOCK):
        for r in range(radial.shape[1]):
            R[r, i] = radial.dtype.type(0.0)


@inner_kernel
def _pairs_of_block(
    geometry: Geometry, weights: TrainingWeights, terms: Terms, part: Part, begin: int, m: int, a: int, w: Slots
) -> None:
    """Lay out the angular pairs of a block and evaluate their radial functions and harmonics."""
    fill_slots(geometry.angular, part.atoms, part.shifts, begin, m, part.atoms.shape[0], terms.rows, w)
    radial_functions(terms.inverse_cutoff[1, a], weights.series[a], weights.slopes[a], terms.rows, w)
    unit_vectors(terms.rows, w)
    harmonics(terms.harmonics, terms.rows, w)


@kernel
def descriptor_sweep(
    geometry: Geometry, radial: Array, weights: TrainingWeights, terms: Terms, part: Part, scratch: Array, out: Array
) -> None:
    """Set the unscaled descriptors of the blocks' atoms, ``(n, dim)``."""
    w = make_slots(geometry.angular.start, part.blocks, part.atoms, terms.rows, scratch)
    v = cut_dense(weights, terms.rows, np.zeros(dense_size(weights, terms.rows), out.dtype))
    for b in range(part.blocks.shape[0]):
        begin, a = part.blocks[b, 0], part.blocks[b, 2]
        m = part.blocks[b, 1] - begin
        _pairs_of_block(geometry, weights, terms, part, begin, m, a, w)
        _gather(radial, part.atoms, begin, m, v.R)
        forward(weights, terms, a, w, v)
        for i in range(m):
            for d in range(out.shape[1]):
                out[part.atoms[begin + i] + part.shifts[begin + i], d] = v.q[d, i]


@kernel
def energy_sweep(
    geometry: Geometry,
    radial: Array,
    weights: TrainingWeights,
    terms: Terms,
    part: Part,
    scratch: Array,
    kept: Array,
    energies: NDArray[np.float64],
    forces: Array,
    virial: Array,
) -> None:
    """Set site energies ``(n,)`` and forces ``(n + 1, 3)`` that the blocks' atoms give, and add virials ``(n, 6)``.

    The virial is booked on the centre, as GPUMD's trainer does: only its sum over a frame has a meaning.

    Parameters
    ----------
    geometry, radial, weights, terms, part
        Pairs, radial densities, parameters, and blocks.
    scratch
        For the angular pairs, of ``scratch_size``.
    kept
        ``(n_blocks, dense_size)`` where the values of every block are kept for ``gradient_sweep``, or one row.
    energies, forces, virial
        Outputs; the last row of forces takes what belongs to no atom.
    """
    forces[:] = forces.dtype.type(0.0)
    w = make_slots(geometry.angular.start, part.blocks, part.atoms, terms.rows, scratch)
    S = radial_scratch(geometry.radial, radial)
    g = cut_dense(weights, terms.rows, np.zeros(kept.shape[1], kept.dtype))
    U, D_slopes = np.empty(BLOCK, kept.dtype), np.empty((weights.c_radial.shape[2], BLOCK), kept.dtype)
    networks = weights.networks
    for b in range(part.blocks.shape[0]):
        begin, a = part.blocks[b, 0], part.blocks[b, 2]
        m, net = part.blocks[b, 1] - begin, a if networks.W0.shape[0] > 1 else 0
        v = cut_dense(weights, terms.rows, kept[b % kept.shape[0]])
        _pairs_of_block(geometry, weights, terms, part, begin, m, a, w)
        _gather(radial, part.atoms, begin, m, v.R)
        forward(weights, terms, a, w, v)
        output_sum(networks.w[net], v.h1 if networks.W1.shape[1] == 0 else v.h2, U)
        D = g.R[: D_slopes.shape[0]]
        energy_gradient(weights, terms, a, v, g, D, D_slopes)
        energy_slopes(terms.rows, w, g.a)
        partial_forces(terms.harmonics, terms.rows, w)
        scatter_forces(part.atoms, part.shifts, begin, m, terms.rows, w, forces, virial)
        for i in range(m):
            atom, shift = part.atoms[begin + i], part.shifts[begin + i]
            energies[atom + shift] = U[i] - networks.bias[a]
        cutoffs = terms.inverse_cutoff[0, a]
        radial_forces(geometry.radial, part.atoms, part.shifts, begin, m, cutoffs, D, D_slopes, S, forces, virial)


@kernel
def gradient_sweep(
    geometry: Geometry,
    radial: Array,
    weights: TrainingWeights,
    terms: Terms,
    part: Part,
    scratch: Array,
    kept: Array,
    energy_tangent: Array,
    force_tangent: Array,
    virial_tangent: Array,
    gradient: Weights,
) -> None:
    """Add to ``gradient`` the derivative by every parameter of the loss whose derivatives by outputs are given.

    Parameters
    ----------
    geometry, radial, weights, terms, part, scratch
        As in ``energy_sweep``.
    kept
        Values of every block that ``energy_sweep`` has left; of another number of rows if it has not.
    energy_tangent, force_tangent, virial_tangent
        Loss derivatives by site energy ``(n,)``, force ``(n + 1, 3)``, the last row zero, and virial of the atom's
        frame ``(n, 6)``.
    gradient
        Sums, shaped like ``weights.networks``; those of ``c`` are by coefficients of fc T_k.
    """
    w = make_slots(geometry.angular.start, part.blocks, part.atoms, terms.rows, scratch)
    S = radial_scratch(geometry.radial, radial)
    size = dense_size(weights, terms.rows)
    flat = np.zeros((4, size), radial.dtype)
    dv, bar, dbar = (
        cut_dense(weights, terms.rows, flat[1]),
        cut_dense(weights, terms.rows, flat[2]),
        cut_dense(weights, terms.rows, flat[3]),
    )
    dz1, dz2 = np.zeros_like(dv.h1), np.zeros_like(dv.h2)
    U_bar, exists = np.empty(BLOCK, flat.dtype), np.empty(BLOCK, flat.dtype)
    known = kept.shape[0] == part.blocks.shape[0]
    for b in range(part.blocks.shape[0]):
        begin, a = part.blocks[b, 0], part.blocks[b, 2]
        m = part.blocks[b, 1] - begin
        v = cut_dense(weights, terms.rows, kept[b] if known else flat[0])
        _pairs_of_block(geometry, weights, terms, part, begin, m, a, w)
        if not known:
            _gather(radial, part.atoms, begin, m, v.R)
            forward(weights, terms, a, w, v)
        for i in range(BLOCK):
            exists[i] = flat.dtype.type(1.0 if i < m else 0.0)
            U_bar[i] = flat.dtype.type(0.0)
        for i in range(m):
            U_bar[i] = energy_tangent[part.atoms[begin + i] + part.shifts[begin + i]]
            gradient.bias[a] -= U_bar[i]
        _tangent_of_block(geometry, terms, part, begin, m, a, radial.shape[1], force_tangent, virial_tangent, S, w, dv)
        _push_forward(weights, terms, a, v, dv, dz1, dz2)
        _reverse_networks(weights, a, v, dv, dz1, dz2, U_bar, exists, bar, dbar, gradient)
        _reverse_coefficients(weights, terms, a, v, dv, bar, dbar, w, gradient)


@inner_kernel
def _tangent_of_block(
    geometry: Geometry,
    terms: Terms,
    part: Part,
    begin: int,
    m: int,
    a: int,
    n_densities: int,
    force_tangent: Array,
    virial_tangent: Array,
    S: Array,
    w: Slots,
    dv: Dense,
) -> None:
    """Fill ``dv.R`` and ``dv.a`` with the transpose of P applied to the loss derivatives."""
    dR = dv.R[:n_densities]
    pairs, cutoffs = geometry.radial, terms.inverse_cutoff[0, a]
    radial_transpose(pairs, part.atoms, part.shifts, begin, m, cutoffs, force_tangent, virial_tangent, S, dR)
    pair_tangents(part.atoms, part.shifts, begin, m, force_tangent, virial_tangent, terms.rows, w)
    harmonic_tangents(terms.harmonics, terms.rows, w)
    function_tangents(terms.rows, w)
    expansion_tangent(terms.rows, w, dv.a)


@inner_kernel
def _push_forward(weights: TrainingWeights, terms: Terms, a: int, v: Dense, dv: Dense, dz1: Array, dz2: Array) -> None:
    """Push the tangent forward to the last hidden layer."""
    networks = weights.networks
    net = a if networks.W0.shape[0] > 1 else 0
    contract(weights.c_radial[a], dv.R, dv.q)
    q, dq = angular_part(v, weights), angular_part(dv, weights)
    invariants_tangent(v.a, dv.a, terms.l_max, terms.monomials, terms.factors, terms.five_body, q, dq)
    scale(dv.q, networks.q_scaler, dv.x)
    layer_tangent(networks.W0[net], v.h1, dv.x, dz1, dv.h1)
    if networks.W1.shape[1]:
        layer_tangent(networks.W1[net], v.h2, dv.h1, dz2, dv.h2)


@inner_kernel
def _reverse_networks(
    weights: TrainingWeights,
    a: int,
    v: Dense,
    dv: Dense,
    dz1: Array,
    dz2: Array,
    U_bar: Array,
    exists: Array,
    bar: Dense,
    dbar: Dense,
    gradient: Weights,
) -> None:
    """Reverse value and tangent from the output to the descriptors."""
    networks = weights.networks
    net = a if networks.W0.shape[0] > 1 else 0
    W0, W1, w = networks.W0[net], networks.W1[net], networks.w[net]
    W0_bar, W1_bar, w_bar = gradient.W0[net], gradient.W1[net], gradient.w[net]
    if W1.shape[0] == 0:
        output_reverse(w, v.h1, dv.h1, U_bar, exists, bar.h1, dbar.h1, w_bar)
    else:
        output_reverse(w, v.h2, dv.h2, U_bar, exists, bar.h2, dbar.h2, w_bar)
        layer_reverse(W1, v.h2, v.h1, dv.h1, dz2, bar.h2, dbar.h2, W1_bar, gradient.b1[net], bar.h1, dbar.h1)
    layer_reverse(W0, v.h1, v.x, dv.x, dz1, bar.h1, dbar.h1, W0_bar, gradient.b0[net], bar.x, dbar.x)
    scale(bar.x, networks.q_scaler, bar.q)
    scale(dbar.x, networks.q_scaler, dbar.q)


@inner_kernel
def _reverse_coefficients(
    weights: TrainingWeights,
    terms: Terms,
    a: int,
    v: Dense,
    dv: Dense,
    bar: Dense,
    dbar: Dense,
    w: Slots,
    gradient: Weights,
) -> None:
    """Reverse value and tangent from the descriptors to the expansion coefficients."""
    accumulate(bar.q, v.R, dbar.q, dv.R, gradient.c_radial[a])
    q, dq = angular_part(v, weights), angular_part(dv, weights)
    q_bar, dq_bar = angular_part(bar, weights), angular_part(dbar, weights)
    l_max, monomials, factors, five_body = terms.l_max, terms.monomials, terms.factors, terms.five_body
    invariants_tangent_reverse(v.a, dv.a, l_max, monomials, factors, five_body, q, dq, q_bar, dq_bar, bar.a)
    invariants_reverse(v.a, l_max, monomials, factors, five_body, q, dq_bar, dbar.a)
    function_gradients(terms.rows, w, bar.a, dbar.a)
    coefficient_gradient(terms.rows, w, gradient.c_angular[a])
