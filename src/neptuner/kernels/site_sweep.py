"""Site energies, forces and virials of blocks of atoms from positions, in one pass over memory.

The sweep of molecular dynamics: nothing is kept of a pair but its place in a neighbour list. Blocks are rows
``(begin, end, species)`` of positions in ``Chunk.atoms``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_rows import (
    DG,
    GX,
    GY,
    GZ,
    SIZE,
    G,
    basis_functions,
    chebyshev_rows,
    expansion,
    harmonic_rows,
    partial_forces,
    radial_functions,
    slopes,
    sort_lanes,
    unit_vectors,
)
from neptuner.kernels.cell_list import NeighborList
from neptuner.kernels.compile import kernel
from neptuner.kernels.invariants import invariants, invariants_reverse
from neptuner.kernels.linear import contract, expand
from neptuner.kernels.network import hidden_layer, input_gradient, output_sum
from neptuner.kernels.rows import (
    DFC,
    DX,
    DX_DR,
    DY,
    DZ,
    FC,
    INVERSE_R,
    INVERSE_RC,
    LANES,
    SLOPE,
    VALUE,
    Number,
    U,
    chebyshev_sums,
    chebyshev_values,
    derivative_series,
    measure,
)
from neptuner.kernels.site_weights import SiteWeights
from neptuner.kernels.zbl import add_zbl

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

FORCE_ONLY, WITH_VIRIAL = 4, 16
"""Width of the rows that forces are summed in: fx fy fz 0, then W_xx W_xy W_xz 0, W_yx .., W_zx .."""


PADDING = 16
"""The angular lanes of an atom are a multiple of this: two vectors, for which the compiler unrolls loops."""


SCRATCH = SIZE + int(GZ + LANES)
"""Numbers of scratch that a sweep needs for its rows."""


class Chunk(NamedTuple):
    """Atoms that one thread takes at a time."""

    atoms: Integers
    """Atoms by species, ``(n,)``."""
    homes: Integers
    """Where among the images each atom itself stands, ``(n,)``."""
    blocks: Longs
    """``(n_blocks, 3)``: begin, end, species."""
    radial: NeighborList
    angular: NeighborList


class Sites(NamedTuple):
    """Outputs of a chunk."""

    energies: Floats
    """Site energies, ``(n_atoms,)`` in eV; only those of the chunk's atoms are set."""
    sums: Array
    """Forces and virials to be added up over chunks, ``(n_atoms, 4 or 16)``."""
    virial: Floats
    """Total virial of the chunk, ``(9,)``; only where ``sums`` has no virials."""


class Work(NamedTuple):
    """Scratch of a block."""

    S: Array
    """Rows of the angular pairs of a block."""
    S_radial: Array
    """Rows of the radial pairs of an atom."""
    near: Array
    """Vectors of the radial pairs within the cutoff, ``(width, 3 * room)`` with room for every listed pair."""
    near_atom: Integers
    """Image at the far end of each, ``(width, room)``."""
    near_start: Longs
    """First of them of each species, ``(width, n_types + 1)``; each species is padded to a multiple of eight."""
    lane_atom: Integers
    """Image at the far end of each angular pair."""
    lane_type: Integers
    """Its species; the number of species for padding."""
    lane_start: Longs
    """First lane of each species of each atom of the block, ``(width, n_types + 2)``; the last one ends its padding."""
    order: Integers
    bounds: Longs
    R: Array
    R_slope: Array
    a: Array
    """Expansion coefficients, flat ``[lm, n, atom]``."""
    ga: Array
    B: Array
    """Angular densities, flat ``[t k, lm, atom]``, and A, flat ``[n, lm, atom]``: the density route only."""
    A: Array
    q: Array
    gq: Array
    x: Array
    gx: Array
    h1: Array
    h2: Array
    g1: Array
    g2: Array
    U: Array
    series: Array
    """Chebyshev series of one species and of its derivative, padded by zeros to 1 + 4 m numbers."""
    slope_series: Array


@kernel
def site_sweep(x: Floats, origin: Integers, chunk: Chunk, weights: SiteWeights, scratch: Array, out: Sites) -> None:
    """Set site energies of a chunk's atoms, and forces and virials that they give to all atoms.

    Parameters
    ----------
    x
        Positions of atoms and images, ``(n_images, 3)`` in angstrom.
    origin
        Atom of each image.
    chunk
        Atoms and their neighbours.
    weights
        The potential.
    scratch
        ``(SCRATCH,)``, of the precision of the weights, for nobody else meanwhile. It is handed in because new pages of
        memory cost more than a small system.
    out
        Outputs.
    """
    _clear(out)
    w = _work(weights, chunk, scratch)
    for b in range(chunk.blocks.shape[0]):
        begin, end, a = chunk.blocks[b, 0], chunk.blocks[b, 1], chunk.blocks[b, 2]
        m = end - begin
        for i in range(m):
            find_radial_pairs(x, chunk, begin + i, weights.inverse_cutoff[0, a], i, w)
        lanes = angular_lanes(x, chunk, begin, m, weights.inverse_cutoff[1, a], w)
        angular_forward(weights, a, m, lanes, w)
        # a loop of its own: vectors just written number by number are slow to read back
        for i in range(m):
            radial_forward(weights.inverse_cutoff[0, a], i, w)
        _networks(weights, a, m, w)
        angular_backward(weights, a, m, lanes, w)
        for i in range(m):
            atom = chunk.atoms[begin + i]
            energy = w.U[i] - weights.networks.bias[a]
            first, last = w.lane_start[i, 0], w.lane_start[i, -1]
            if weights.zbl.shape[0] > 0:
                energy += add_zbl(w.S, first, last, w.lane_type, weights.zbl[a])
            out.energies[atom] = energy
            scatter(w.S, first, last, w.lane_atom, 0, origin, atom, out)
            radial_backward(origin, atom, weights.inverse_cutoff[0, a], i, w, out)


@kernel
def _clear(out: Sites) -> None:
    for i in range(out.sums.shape[0]):
        for column in range(out.sums.shape[1]):
            out.sums[i, column] = out.sums.dtype.type(0.0)
    for k in range(out.virial.shape[0]):
        out.virial[k] = 0.0


@kernel
def _work(weights: SiteWeights, chunk: Chunk, scratch: Array) -> Work:
    networks, dtype, blocks = weights.networks, weights.c_radial.dtype, chunk.blocks
    width = 1
    for b in range(blocks.shape[0]):
        width = max(width, blocks[b, 1] - blocks[b, 0])
    n_types = weights.c_radial.shape[0]
    n_lm = weights.harmonics.up.shape[0] ** 2 - 1
    functions, basis = weights.series.shape[2], weights.series.shape[3]
    dim, h1, h2 = networks.W0.shape[2], networks.W0.shape[1], networks.W1.shape[1]
    room = 8 * n_types
    for k in range(chunk.radial.start.shape[0]):
        room = max(room, chunk.radial.start[k, -1] - chunk.radial.start[k, 0] + 8 * n_types)
    padded = 1 + (weights.c_radial.shape[2] // n_types + 2) // 4 * 4
    dense = 0 if weights.direct else n_lm * width
    S = scratch[:SIZE]
    _clear_rows(S, functions if weights.direct else basis)
    return Work(
        S,
        scratch[SIZE:SCRATCH],
        np.empty((width, 3 * room), dtype),
        np.empty((width, room), np.int32),
        np.empty((width, n_types + 1), np.int64),
        np.empty(LANES, np.int32),
        np.empty(LANES, np.int32),
        np.empty((width, n_types + 2), np.int64),
        np.empty(LANES, np.int32),
        np.zeros(n_types + 2, np.int64),
        np.zeros((weights.c_radial.shape[2], width), dtype),
        np.zeros((weights.c_radial.shape[2], width), dtype),
        np.zeros((n_lm, functions * width), dtype),
        np.zeros((n_lm, functions * width), dtype),
        np.zeros((n_types * basis, dense), dtype),
        np.zeros((functions, dense), dtype),
        np.zeros((dim, width), dtype),
        np.zeros((dim, width), dtype),
        np.zeros((dim, width), dtype),
        np.zeros((dim, width), dtype),
        np.zeros((h1, width), dtype),
        np.zeros((h2, width), dtype),
        np.zeros((h1, width), dtype),
        np.zeros((h2, width), dtype),
        np.zeros(width, dtype),
        np.zeros(padded, dtype),
        np.zeros(padded, dtype),
    )


@kernel
def _clear_rows(S: Array, functions: int) -> None:
    """Clear the three rows behind the last radial function, which are read and multiplied by zero."""
    for row in (G, DG):
        for p in range(row + U(functions) * LANES, row + U(functions + 3) * LANES):
            S[p] = S.dtype.type(0.0)


@kernel
def close_pairs(
    x: Floats,
    home: int,
    neighbor: Integers,
    first: int,
    last: int,
    rc2: Number,
    vectors: Array,
    row: int,
    stride: int,
    far: Integers,
    lane: int,
) -> int:
    """Copy the pairs of a list that are within the cutoff to lanes from ``lane`` on; return the next free lane.

    Vectors go to ``vectors[row + lane]`` and one and two strides behind, neighbours to ``far[lane]``. Every pair is
    written and the lane moves on only if it is close: there is no branch to predict.
    """
    real = vectors.dtype.type
    x0, y0, z0 = x[home, 0], x[home, 1], x[home, 2]
    lane, row, stride = U(lane), U(row), U(stride)
    for p in range(U(first), U(last)):
        j = U(neighbor[p])
        dx, dy, dz = real(x[j, 0] - x0), real(x[j, 1] - y0), real(x[j, 2] - z0)
        place = row + lane
        vectors[place] = dx
        vectors[place + stride] = dy
        vectors[place + stride + stride] = dz
        far[lane] = neighbor[p]
        lane += U(dx * dx + dy * dy + dz * dz < rc2)
    return lane


@kernel
def pad_lanes(
    multiple: int, home: int, length: Number, vectors: Array, row: int, stride: int, far: Integers, lane: int
) -> int:
    """Add pairs of the given length until the lane is a multiple of the given number."""
    real, lane = vectors.dtype.type, U(lane)
    while lane % U(multiple):
        place = U(row) + lane
        vectors[place] = real(0.0)
        vectors[place + U(stride)] = real(0.0)
        vectors[place + U(stride) + U(stride)] = length
        far[lane] = home
        lane += U(1)
    return lane


@kernel
def angular_lanes(x: Floats, chunk: Chunk, begin: int, m: int, inverse_cutoff: Array, w: Work) -> int:
    """Find the angular pairs of a block among its neighbour lists; return the number of lanes, padding included."""
    n_types, one, lane = inverse_cutoff.shape[0], w.S.dtype.type(1.0), U(0)
    for i in range(m):
        home, start = chunk.homes[begin + i], chunk.angular.start[begin + i]
        w.lane_start[i, 0] = lane
        for t in range(n_types):
            inverse_rc, before = inverse_cutoff[t], lane
            rc2 = one / (inverse_rc * inverse_rc)
            lane = close_pairs(
                x, home, chunk.angular.neighbor, start[t], start[t + 1], rc2, w.S, DX, LANES, w.lane_atom, lane
            )
            for p in range(before, lane):
                w.S[INVERSE_RC + p] = inverse_rc
                w.lane_type[p] = t
            w.lane_start[i, t + 1] = lane
        before = lane
        lane = pad_lanes(PADDING, home, one, w.S, DX, LANES, w.lane_atom, lane)
        for p in range(before, lane):
            w.S[INVERSE_RC + p] = one
            w.lane_type[p] = n_types
        w.lane_start[i, n_types + 1] = lane
    return int(lane)


@kernel
def angular_forward(weights: SiteWeights, a: int, m: int, lanes: int, w: Work) -> None:
    """Fill the rows of a block's angular pairs and its expansion coefficients."""
    n_types, functions, basis = weights.series.shape[1], weights.series.shape[2], weights.series.shape[3]
    n_lm, width = w.a.shape[0], w.U.shape[0]
    measure(w.S, lanes)
    unit_vectors(w.S, lanes)
    chebyshev_rows(w.S, lanes, basis)
    harmonic_rows(w.S, lanes, weights.harmonics)
    if weights.direct:
        sort_lanes(w.lane_type, lanes, w.order, w.bounds)
        radial_functions(w.S, lanes, w.order, w.bounds, weights.series[a], weights.slope_series[a])
        flat = w.a.ravel()
        for i in range(m):
            first, last = w.lane_start[i, 0], w.lane_start[i, n_types + 1]
            expansion(w.S, first, last, functions, n_lm, flat, i, width, functions * width)
        return
    basis_functions(w.S, lanes, basis)
    flat = w.B.ravel()
    for i in range(m):
        for t in range(n_types):
            first, last = w.lane_start[i, t], w.lane_start[i, t + 1]
            expansion(w.S, first, last, basis, n_lm, flat, t * basis * n_lm * width + i, n_lm * width, width)
    contract(weights.c_angular[a], w.B, n_lm * width, w.A)
    _exchange(w.A, w.a, width)


@kernel
def _exchange(source: Array, target: Array, width: int) -> None:
    """Copy ``source[n, m * width + i]`` to ``target[m, n * width + i]``."""
    for n in range(source.shape[0]):
        for m in range(target.shape[0]):
            for i in range(width):
                target[m, n * width + i] = source[n, m * width + i]


@kernel
def find_radial_pairs(x: Floats, chunk: Chunk, place: int, inverse_cutoff: Array, column: int, w: Work) -> None:
    """Keep the radial pairs of an atom, of every species padded to a multiple of eight."""
    home, start, one, lane = chunk.homes[place], chunk.radial.start[place], w.S.dtype.type(1.0), U(0)
    vectors, far, room = w.near[column], w.near_atom[column], w.near_atom.shape[1]
    for t in range(inverse_cutoff.shape[0]):
        rc2 = one / (inverse_cutoff[t] * inverse_cutoff[t])
        w.near_start[column, t] = lane
        lane = close_pairs(x, home, chunk.radial.neighbor, start[t], start[t + 1], rc2, vectors, 0, room, far, lane)
        lane = pad_lanes(8, home, one / inverse_cutoff[t], vectors, 0, room, far, lane)
    w.near_start[column, inverse_cutoff.shape[0]] = lane


@kernel
def radial_rows(w: Work, column: int, low: int, high: int, inverse_cutoff: Array) -> None:
    """Fill the rows of the kept radial pairs low <= p < high of an atom."""
    S, near, start = w.S_radial, w.near[column], w.near_start[column]
    room, first, lanes = U(w.near_atom.shape[1]), U(low), U(high - low)
    for q in range(lanes):
        S[DX + q] = near[first + q]
        S[DY + q] = near[room + first + q]
        S[DZ + q] = near[room + room + first + q]
    for t in range(inverse_cutoff.shape[0]):
        inverse_rc = inverse_cutoff[t]
        for q in range(U(max(start[t], low) - low), U(max(min(start[t + 1], high), low) - low)):
            S[INVERSE_RC + q] = inverse_rc
    measure(S, lanes)


@kernel
def radial_forward(inverse_cutoff: Array, column: int, w: Work) -> None:
    """Set the column of ``w.R``: sums of fc T_k over the neighbours of each species."""
    start, n_types = w.near_start[column], inverse_cutoff.shape[0]
    size = w.R.shape[0] // n_types
    for r in range(w.R.shape[0]):
        w.R[r, column] = w.R.dtype.type(0.0)
    for low in range(0, start[n_types], int(LANES)):
        high = min(low + int(LANES), start[n_types])
        radial_rows(w, column, low, high, inverse_cutoff)
        for t in range(n_types):
            first, last = max(start[t], low) - low, min(start[t + 1], high) - low
            if first < last:
                chebyshev_sums(w.S_radial, first, last, size, w.R, t * size, column)


@kernel
def _networks(weights: SiteWeights, a: int, m: int, w: Work) -> None:
    """From densities and expansion coefficients to energies and back."""
    networks = weights.networks
    net = a if networks.W0.shape[0] > 1 else 0
    n_radial, l_max = weights.c_radial.shape[1], weights.harmonics.up.shape[0] - 1
    lanes = w.a.shape[1]
    angular, by_angular = w.q[n_radial:], w.gq[n_radial:]
    slots, by_slots = (
        angular.reshape((angular.size // lanes, lanes)),
        by_angular.reshape((angular.size // lanes, lanes)),
    )
    contract(weights.c_radial[a], w.R, m, w.q[:n_radial])
    invariants(w.a, l_max, weights.monomials, weights.factors, weights.five_body, slots)
    _scale(w.q, networks.q_scaler, m, w.x)
    hidden_layer(networks.W0[net], networks.b0[net], w.x, m, w.h1)
    if networks.W1.shape[1] == 0:
        output_sum(networks.w[net], w.h1, m, w.U)
    else:
        hidden_layer(networks.W1[net], networks.b1[net], w.h1, m, w.h2)
        output_sum(networks.w[net], w.h2, m, w.U)
    input_gradient(networks.W0[net], networks.W1[net], networks.w[net], w.h1, w.h2, m, w.g1, w.g2, w.gx)
    _scale(w.gx, networks.q_scaler, m, w.gq)
    expand(weights.c_radial[a], w.gq[:n_radial], m, w.R_slope)
    invariants_reverse(w.a, l_max, weights.monomials, weights.factors, weights.five_body, slots, by_slots, w.ga)


@kernel
def _scale(q: Array, scaler: Array, atoms: int, x: Array) -> None:
    for d in range(q.shape[0]):
        for i in range(atoms):
            x[d, i] = scaler[d] * q[d, i]


@kernel
def angular_backward(weights: SiteWeights, a: int, m: int, lanes: int, w: Work) -> None:
    """Fill rows GX, GY, GZ of a block's angular pairs with their partial forces."""
    n_types, functions, basis = weights.series.shape[1], weights.series.shape[2], weights.series.shape[3]
    n_lm, width = w.a.shape[0], w.U.shape[0]
    if weights.direct:
        flat = w.ga.ravel()
        for i in range(m):
            first, last = w.lane_start[i, 0], w.lane_start[i, n_types + 1]
            slopes(w.S, first, last, functions, n_lm, flat, i, width, functions * width)
    else:
        _exchange(w.ga, w.A, width)
        expand(weights.c_angular[a], w.A, n_lm * width, w.B)
        flat = w.B.ravel()
        for i in range(m):
            for t in range(n_types):
                last = w.lane_start[i, t + 1] if t + 1 < n_types else w.lane_start[i, n_types + 1]
                column = t * basis * n_lm * width + i
                slopes(w.S, w.lane_start[i, t], last, basis, n_lm, flat, column, n_lm * width, width)
    partial_forces(w.S, lanes, weights.harmonics)


@kernel
def radial_backward(origin: Integers, atom: int, inverse_cutoff: Array, column: int, w: Work, out: Sites) -> None:
    """Add the forces of an atom's radial pairs."""
    S, start, n_types = w.S_radial, w.near_start[column], inverse_cutoff.shape[0]
    size = w.R.shape[0] // n_types
    for low in range(0, start[n_types], int(LANES)):
        high = min(low + int(LANES), start[n_types])
        radial_rows(w, column, low, high, inverse_cutoff)
        for t in range(n_types):
            first, last = max(start[t], low) - low, min(start[t + 1], high) - low
            if first >= last:
                continue
            for k in range(size):
                w.series[k] = w.R_slope[t * size + k, column]
            derivative_series(w.series, w.slope_series)
            chebyshev_values(S, first, last, w.series, w.slope_series)
        for q in range(U(high - low)):
            slope = S[DFC + q] * S[VALUE + q] + S[FC + q] * S[DX_DR + q] * S[SLOPE + q]
            slope *= S[INVERSE_R + q]
            S[GX + q] = slope * S[DX + q]
            S[GY + q] = slope * S[DY + q]
            S[GZ + q] = slope * S[DZ + q]
        scatter(S, 0, high - low, w.near_atom[column], low, origin, atom, out)


@kernel
def scatter(
    S: Array, first: int, last: int, neighbor: Integers, shift: int, origin: Integers, atom: int, out: Sites
) -> None:
    """Add the partial forces of lanes to both atoms, and their virial to the neighbour.

    F_i += p_ij, F_j -= p_ij, W_j -= r_ij (x) p_ij (GPUMD ``src/force/nep.cu``). Lane p has the neighbour
    ``neighbor[p + shift]``.
    """
    sums, real = out.sums, S.dtype.type
    fx = fy = fz = real(0.0)
    for p in range(U(first), U(last)):
        fx += S[GX + p]
        fy += S[GY + p]
        fz += S[GZ + p]
    sums[atom, 0] += fx
    sums[atom, 1] += fy
    sums[atom, 2] += fz
    if sums.shape[1] == WITH_VIRIAL:
        for p in range(U(first), U(last)):
            j = U(origin[U(neighbor[p + U(shift)])])
            px, py, pz = S[GX + p], S[GY + p], S[GZ + p]
            dx, dy, dz = S[DX + p], S[DY + p], S[DZ + p]
            sums[j, 0] -= px
            sums[j, 1] -= py
            sums[j, 2] -= pz
            sums[j, 4] -= dx * px
            sums[j, 5] -= dx * py
            sums[j, 6] -= dx * pz
            sums[j, 8] -= dy * px
            sums[j, 9] -= dy * py
            sums[j, 10] -= dy * pz
            sums[j, 12] -= dz * px
            sums[j, 13] -= dz * py
            sums[j, 14] -= dz * pz
        return
    for p in range(U(first), U(last)):
        j = U(origin[U(neighbor[p + U(shift)])])
        sums[j, 0] -= S[GX + p]
        sums[j, 1] -= S[GY + p]
        sums[j, 2] -= S[GZ + p]
    _add_total_virial(S, first, last, out.virial)


@kernel
def _add_total_virial(S: Array, first: int, last: int, virial: Floats) -> None:
    real = S.dtype.type
    for axis in range(3):
        x = y = z = real(0.0)
        row = DX + U(axis) * LANES
        for p in range(U(first), U(last)):
            d = S[row + p]
            x += d * S[GX + p]
            y += d * S[GY + p]
            z += d * S[GZ + p]
        virial[3 * axis] -= x
        virial[3 * axis + 1] -= y
        virial[3 * axis + 2] -= z
