"""The sweep over a group of frames for a whole population.

The dense part and the few angular pairs are done one individual after the other, with atoms in vectors; the many radial
pairs for all individuals together, with the population in vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel
from neptuner.kernels.geometry import Geometry
from neptuner.kernels.invariants import invariants, invariants_reverse
from neptuner.kernels.linear import contract, expand
from neptuner.kernels.network import hidden_layer, input_gradient, output_sum
from neptuner.kernels.population_block import LANES, AngularPairs, Block, Group, Shape, gather

Array = NDArray[np.floating]
Floats = NDArray[np.float64]


class Individuals(NamedTuple):
    """Parameters of a population; the first axis of every array is the individual."""

    c_radial: Array
    """``(population, n_types, n_max + 1, n_types * basis)``: centre; n; neighbour and k."""
    c_angular: Array
    W0: Array
    """``(population, n_networks, neurons, dim)``, times ``q_scaler``."""
    b0: Array
    W1: Array
    """``(population, n_networks, neurons of layer 2, neurons of layer 1)``; no rows with one hidden layer."""
    b1: Array
    w: Array
    """``(population, n_networks, neurons of the last layer)``"""
    bias: Floats
    """``(population, n_types)`` in eV, common bias included, subtracted."""


class Targets(NamedTuple):
    """What forces are compared with, in the order of the batch."""

    forces: Array
    """``(n_atoms, 3)`` in eV/angstrom."""
    weight: Array
    """``(n_atoms,)``"""


class Sums(NamedTuple):
    """Outputs for the frames of the batch: see ``population.PopulationOutputs``."""

    energy: Floats
    virial: Floats
    force_square: Floats


class Dense(NamedTuple):
    """Values, or derivatives of the energy by them, of one individual on the way from densities to energies."""

    A: Array
    """``(functions, n_harmonics * width)``"""
    a: Array
    """A over lanes, ``(n_harmonics, functions * width)``: see ``kernels.invariants``."""
    q: Array
    h1: Array
    h2: Array


class Pulls(NamedTuple):
    """Scratch of one individual for the forces of a block."""

    g: Array
    """Angular functions g_n of each pair, ``(functions, n_slots * width)``, 0 where there is no pair."""
    dg: Array
    pair: Array
    """Angular part of p_ij, ``(3, n_slots * width)``."""
    own: Array
    """Force and virial of each atom as a centre, ``(9, width)``."""


@kernel
def population_sweep(
    geometry: Geometry,
    shape: Shape,
    population: Individuals,
    group: Group,
    targets: Targets,
    sums: Sums,
) -> None:
    """Add the energies, virials and squared force errors of a group's frames for every individual."""
    size, n_atoms, dtype = population.bias.shape[0], len(group.atoms), population.W0.dtype
    lanes = -(-size // LANES) * LANES
    forces, own_forces = np.zeros((n_atoms, 3, lanes), dtype), np.zeros((size, 3, n_atoms), dtype)
    for number in range(group.blocks.shape[0]):
        block = gather(geometry, shape, group, number)
        D = np.zeros((len(block.rows), block.R.shape[0], lanes), dtype)
        _each_individual(shape, population, group, block, D, own_forces, sums)
        _radial_forces(block, D, forces)
    _force_errors(group, targets, forces, own_forces, sums)


@kernel
def _each_individual(
    shape: Shape, population: Individuals, group: Group, block: Block, D: Array, forces: Array, sums: Sums
) -> None:
    """Set D ``(n_atoms, n_types * basis, lanes)``; add energies, virials and forces but the radial on neighbours."""
    width, n_lm, n_frames = block.R.shape[1], block.angular.harmonics.shape[2], len(group.start) - 1
    v, g, pulls = _dense(population, n_lm, width), _dense(population, n_lm, width), _pulls(population, block)
    gR, U = np.empty((D.shape[1], width), D.dtype), np.empty(width, D.dtype)
    energy, virial = np.empty(n_frames), np.empty((n_frames, 6))
    net = block.species if population.W0.shape[1] > 1 else 0
    for p in range(population.bias.shape[0]):
        _energies(shape, population, block, p, net, v, U)
        _derivatives(shape, population, block, p, net, v, g, gR)
        for i in range(D.shape[0]):
            for r in range(D.shape[1]):
                D[i, r, p] = gR[r, i]
        c = population.c_angular[p, block.species]
        _functions(c, block.angular, block.angular.f, pulls.g)
        _functions(c, block.angular, block.angular.df, pulls.dg)
        pulls.own[:] = D.dtype.type(0.0)
        _angular_forces(block.angular, g.a, pulls)
        _radial_own(block.radial.own, gR, pulls.own)
        energy[:], virial[:] = 0.0, 0.0
        for i in range(D.shape[0]):
            energy[block.frame[i]] += np.float64(U[i]) - population.bias[p, block.species]
        _book(block, pulls, forces[p], virial)
        for s in range(n_frames):
            sums.energy[group.first_frame + s, p] += energy[s]
            for part in range(6):
                sums.virial[group.first_frame + s, part, p] += virial[s, part]


@kernel
def _dense(population: Individuals, n_lm: int, width: int) -> Dense:
    dtype, functions = population.W0.dtype, population.c_angular.shape[2]
    return Dense(
        np.empty((functions, width * n_lm), dtype),
        np.zeros((n_lm, functions * width), dtype),
        np.zeros((population.W0.shape[3], width), dtype),
        np.empty((population.W0.shape[2], width), dtype),
        np.empty((population.W1.shape[2], width), dtype),
    )


@kernel
def _pulls(population: Individuals, block: Block) -> Pulls:
    dtype, functions, width = population.W0.dtype, population.c_angular.shape[2], block.R.shape[1]
    size = block.angular.vector.shape[0] * width
    return Pulls(
        np.zeros((functions, size), dtype),
        np.zeros((functions, size), dtype),
        np.empty((3, size), dtype),
        np.empty((9, width), dtype),
    )


@kernel
def _slots(v: Dense, n_radial: int) -> Array:
    """View the angular rows of q as ``(n_invariants, functions * width)``."""
    lanes = v.a.shape[1]
    angular = v.q[n_radial:]
    return angular.reshape((angular.size // lanes, lanes))


@kernel
def _to_lanes(A: Array, a: Array) -> None:
    """Copy ``A[n, lm * width + i]`` to ``a[lm, n * width + i]``."""
    functions, n_lm = A.shape[0], a.shape[0]
    width = A.shape[1] // n_lm
    for n in range(functions):
        for lm in range(n_lm):
            row, lane = A[n, lm * width : (lm + 1) * width], a[lm, n * width : (n + 1) * width]
            for i in range(width):
                lane[i] = row[i]


@kernel
def _energies(shape: Shape, population: Individuals, block: Block, p: int, net: int, v: Dense, U: Array) -> None:
    """Fill ``v`` and the site energies, bias excluded."""
    n_radial, width, n_lm = population.c_radial.shape[2], block.R.shape[1], v.a.shape[0]
    contract(population.c_radial[p, block.species], block.R, width, v.q[:n_radial])
    contract(population.c_angular[p, block.species], block.B, width * n_lm, v.A)
    _to_lanes(v.A, v.a)
    invariants(v.a, shape.l_max, shape.monomials, shape.factors, shape.five_body, _slots(v, n_radial))
    hidden_layer(population.W0[p, net], population.b0[p, net], v.q, width, v.h1)
    if population.W1.shape[2] == 0:
        output_sum(population.w[p, net], v.h1, width, U)
    else:
        hidden_layer(population.W1[p, net], population.b1[p, net], v.h1, width, v.h2)
        output_sum(population.w[p, net], v.h2, width, U)


@kernel
def _derivatives(
    shape: Shape, population: Individuals, block: Block, p: int, net: int, v: Dense, g: Dense, gR: Array
) -> None:
    """Set ``g.a``, and ``gR``, the derivative of site energies by radial densities."""
    n_radial, width = population.c_radial.shape[2], block.R.shape[1]
    W0, W1, w = population.W0[p, net], population.W1[p, net], population.w[p, net]
    input_gradient(W0, W1, w, v.h1, v.h2, width, g.h1, g.h2, g.q)
    expand(population.c_radial[p, block.species], g.q[:n_radial], width, gR)
    q, gq = _slots(v, n_radial), _slots(g, n_radial)
    invariants_reverse(v.a, shape.l_max, shape.monomials, shape.factors, shape.five_body, q, gq, g.a)


@kernel
def _functions(c: Array, angular: AngularPairs, f: Array, out: Array) -> None:
    """``out[n, place of pair] = sum_k c[n, tk] f[k, pair]``."""
    basis = f.shape[0]
    whole = basis - basis % 3
    row = np.empty(f.shape[1], f.dtype)
    for n in range(c.shape[0]):
        for t in range(len(angular.bounds) - 1):
            low, high, first = angular.bounds[t], angular.bounds[t + 1], t * basis
            part = row[low:high]
            for q in range(high - low):
                part[q] = c.dtype.type(0.0)
            for k in range(0, whole, 3):
                c0, c1, c2 = c[n, first + k], c[n, first + k + 1], c[n, first + k + 2]
                f0, f1, f2 = f[k, low:high], f[k + 1, low:high], f[k + 2, low:high]
                for q in range(high - low):
                    part[q] += c0 * f0[q] + c1 * f1[q] + c2 * f2[q]
            for k in range(whole, basis):
                c0, f0 = c[n, first + k], f[k, low:high]
                for q in range(high - low):
                    part[q] += c0 * f0[q]
        target = out[n]
        for q in range(len(angular.place)):
            target[np.uintp(angular.place[q])] = row[q]


@kernel
def _angular_forces(angular: AngularPairs, ga: Array, pulls: Pulls) -> None:
    """Set ``pulls.pair``, and add to ``pulls.own``."""
    n_slots, _, n_lm, width = angular.harmonics.shape
    functions, dtype, real = pulls.g.shape[0], ga.dtype, ga.dtype.type
    g, dg = pulls.g.reshape((functions, n_slots, width)), pulls.dg.reshape((functions, n_slots, width))
    a, pair, odd = ga.reshape((n_lm, functions, width)), pulls.pair.reshape((3, n_slots, width)), functions % 2
    # separate arrays: only then does the compiler know that they do not overlap, and vectorises
    across, along, inward = np.empty(width, dtype), np.empty(width, dtype), np.empty(width, dtype)
    px, py, pz = np.empty(width, dtype), np.empty(width, dtype), np.empty(width, dtype)
    for s in range(n_slots):
        for i in range(width):
            px[i] = real(0.0)
            py[i] = real(0.0)
            pz[i] = real(0.0)
            inward[i] = real(0.0)
        for lm in range(n_lm):
            if odd:
                g0, d0, a0 = g[0, s], dg[0, s], a[lm, 0]
                for i in range(width):
                    across[i] = g0[i] * a0[i]
                    along[i] = d0[i] * a0[i]
            else:
                for i in range(width):
                    across[i] = real(0.0)
                    along[i] = real(0.0)
            for n in range(odd, functions, 2):
                g0, g1, d0, d1, a0, a1 = g[n, s], g[n + 1, s], dg[n, s], dg[n + 1, s], a[lm, n], a[lm, n + 1]
                for i in range(width):
                    across[i] += g0[i] * a0[i] + g1[i] * a1[i]
                    along[i] += d0[i] * a0[i] + d1[i] * a1[i]
            Y, Yx = angular.harmonics[s, 0, lm], angular.harmonics[s, 1, lm]
            Yy, Yz = angular.harmonics[s, 2, lm], angular.harmonics[s, 3, lm]
            for i in range(width):
                inward[i] += along[i] * Y[i]
                px[i] += across[i] * Yx[i]
                py[i] += across[i] * Yy[i]
                pz[i] += across[i] * Yz[i]
        x, y, z = angular.vector[s, 0], angular.vector[s, 1], angular.vector[s, 2]
        for i in range(width):
            pair[0, s, i] = px[i] + inward[i] * x[i]
            pair[1, s, i] = py[i] + inward[i] * y[i]
            pair[2, s, i] = pz[i] + inward[i] * z[i]
        _angular_own(pair, angular.vector, s, pulls.own)


@kernel
def _angular_own(pair: Array, vector: Array, s: int, own: Array) -> None:
    """Add one slot's forces and virials (xx yy zz xy yz zx) of the centres."""
    r = vector[s, 3]
    for c in range(3):
        pull, next_pull, side = pair[c, s], pair[(c + 1) % 3, s], vector[s, c]
        force, square, shear = own[c], own[3 + c], own[6 + c]
        for i in range(len(r)):
            force[i] += pull[i]
        for i in range(len(r)):
            square[i] -= r[i] * side[i] * pull[i]
        for i in range(len(r)):
            shear[i] -= r[i] * side[i] * next_pull[i]


@kernel
def _radial_own(factors: Array, D: Array, own: Array) -> None:
    """Add the radial part of the centres' forces and virials: ``own[c, i] += sum_tk factors[c, tk, i] D[tk, i]``."""
    rows, width = D.shape
    whole = rows - rows % 3
    for c in range(9):
        target = own[c]
        for r in range(0, whole, 3):
            d0, d1, d2 = D[r], D[r + 1], D[r + 2]
            w0, w1, w2 = factors[c, r], factors[c, r + 1], factors[c, r + 2]
            for i in range(width):
                target[i] += d0[i] * w0[i] + d1[i] * w1[i] + d2[i] * w2[i]
        for r in range(whole, rows):
            d0, w0 = D[r], factors[c, r]
            for i in range(width):
                target[i] += d0[i] * w0[i]


@kernel
def _book(block: Block, pulls: Pulls, forces: Array, virial: Floats) -> None:
    """Add the forces ``(3, n_atoms)`` and virials ``(n_frames, 6)`` of one individual's block to those of the group."""
    place, row, own = block.angular.place, block.angular.row, pulls.own
    for axis in range(3):
        force, pull = forces[axis], pulls.pair[axis]
        for q in range(len(place)):
            force[np.uintp(row[q])] -= pull[np.uintp(place[q])]
        for i in range(len(block.rows)):
            force[np.uintp(block.rows[i])] += own[axis, i]
    for i in range(len(block.rows)):
        for c in range(6):
            virial[block.frame[i], c] += own[3 + c, i]


@kernel
def _radial_forces(block: Block, D: Array, forces: Array) -> None:
    """Take the radial forces off the neighbours for all individuals: ``forces[row, axis, individual]``."""
    start, unit, df = block.radial.start, block.radial.unit, block.radial.df
    basis, lanes, real = df.shape[0], D.shape[2], D.dtype.type
    whole = basis - basis % 3
    slope = np.empty(lanes, D.dtype)
    for i in range(D.shape[0]):
        for t in range(start.shape[1] - 1):
            for q in range(start[i, t], start[i, t + 1]):
                for p in range(lanes):
                    slope[p] = real(0.0)
                for k in range(0, whole, 3):
                    first = t * basis + k
                    a, b, c, da, db, dc = (
                        df[k, q],
                        df[k + 1, q],
                        df[k + 2, q],
                        D[i, first],
                        D[i, first + 1],
                        D[i, first + 2],
                    )
                    for p in range(lanes):
                        slope[p] += a * da[p] + b * db[p] + c * dc[p]
                for k in range(whole, basis):
                    a, da = df[k, q], D[i, t * basis + k]
                    for p in range(lanes):
                        slope[p] += a * da[p]
                for axis in range(3):
                    force, part = forces[block.radial.row[q], axis], unit[axis, q]
                    for p in range(lanes):
                        force[p] -= slope[p] * part


@kernel
def _force_errors(group: Group, targets: Targets, forces: Array, own_forces: Array, sums: Sums) -> None:
    """Sum weighted squared force errors over the atoms of each frame."""
    total = np.empty(sums.energy.shape[1], forces.dtype)
    for s in range(len(group.start) - 1):
        for i in range(group.start[s], group.start[s + 1]):
            row, weight = group.first_row + i, targets.weight[group.first_row + i]
            total[:] = forces.dtype.type(0.0)
            for axis in range(3):
                predicted, expected = forces[i, axis], targets.forces[row, axis]
                for p in range(len(total)):
                    error = predicted[p] + own_forces[p, axis, i] - expected
                    total[p] += error * error
            for p in range(len(total)):
                sums.force_square[group.first_frame + s, p] += weight * total[p]
