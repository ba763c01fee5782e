"""The loops over atoms of molecular dynamics beside the forces: kicks, drifts and sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]


@kernel
def kicked(velocities: Floats, forces: Floats, masses: Floats, time: float) -> Floats:
    """Velocities after forces have acted for a time, ``(n_atoms, 3)``."""
    new = np.empty_like(velocities)
    for i in range(velocities.shape[0]):
        factor = time / masses[i]
        for axis in range(3):
            new[i, axis] = velocities[i, axis] + factor * forces[i, axis]
    return new


@kernel
def drifted(positions: Floats, velocities: Floats, time: float) -> Floats:
    """Positions after a time, ``(n_atoms, 3)``."""
    new = np.empty_like(positions)
    for i in range(positions.shape[0]):
        for axis in range(3):
            new[i, axis] = positions[i, axis] + time * velocities[i, axis]
    return new


@kernel
def kinetic_tensor(velocities: Floats, masses: Floats) -> Floats:
    """Sum of m v v over atoms, ``(3, 3)``; its trace is twice the kinetic energy."""
    total = np.zeros((3, 3))
    for i in range(velocities.shape[0]):
        for a in range(3):
            momentum = masses[i] * velocities[i, a]
            for b in range(a, 3):
                total[a, b] += momentum * velocities[i, b]
    total[1, 0], total[2, 0], total[2, 1] = total[0, 1], total[0, 2], total[1, 2]
    return total


@kernel
def heat_tensor(virials: Floats, velocities: Floats) -> Floats:
    """Sum of W_ab v_b over atoms, ``(3, 3)``; the sums of its rows are the heat current's potential part."""
    total = np.zeros((3, 3))
    for i in range(velocities.shape[0]):
        for a in range(3):
            for b in range(3):
                total[a, b] += virials[i, a, b] * velocities[i, b]
    return total


@kernel
def driven(forces: Floats, virials: Floats, driving: Floats) -> Floats:
    """Add the forces of a heat-driving field, sum_a driving_a W_i,ab, and take off the mean, ``(n_atoms, 3)``."""
    new = np.empty_like(forces)
    mean = np.zeros(3)
    for i in range(forces.shape[0]):
        for b in range(3):
            added = 0.0
            for a in range(3):
                added += driving[a] * virials[i, a, b]
            new[i, b] = forces[i, b] + added
            mean[b] += new[i, b]
    mean /= forces.shape[0]
    for i in range(forces.shape[0]):
        for b in range(3):
            new[i, b] -= mean[b]
    return new


@kernel
def fastest(velocities: Floats) -> tuple[int, float]:
    """Atom with the highest speed, and that speed squared."""
    atom, most = 0, -1.0
    for i in range(velocities.shape[0]):
        square = 0.0
        for axis in range(3):
            square += velocities[i, axis] * velocities[i, axis]
        if square > most:
            atom, most = i, square
    return atom, most


@kernel
def chain_moved(
    positions: Floats, momenta: Floats, masses: Floats, twice_kinetic: float, kt: float, freedom: int, steps: Floats
) -> float:
    """Move a Nose-Hoover chain by steps of its own; return the factor for the velocities.

    Parameters
    ----------
    positions, momenta, masses
        Of the chain, ``(length,)``; the first two are changed.
    twice_kinetic
        Twice the kinetic energy of the atoms in eV.
    kt
        Boltzmann's constant times the target temperature in eV.
    freedom
        Degrees of freedom of the atoms.
    steps
        In internal units of time.
    """
    last, factor = positions.shape[0] - 1, 1.0
    for step in steps:
        momenta[last] += 0.5 * step * _chain_push(momenta, masses, twice_kinetic, kt, freedom, last)
        for k in range(last - 1, -1, -1):
            drag = np.exp(-0.25 * step * momenta[k + 1] / masses[k + 1])
            push = _chain_push(momenta, masses, twice_kinetic, kt, freedom, k)
            momenta[k] = drag * (drag * momenta[k] + 0.5 * step * push)
        for k in range(last + 1):
            positions[k] += step * momenta[k] / masses[k]
        scale = np.exp(-step * momenta[0] / masses[0])
        twice_kinetic *= scale * scale
        factor *= scale
        for k in range(last):
            drag = np.exp(-0.25 * step * momenta[k + 1] / masses[k + 1])
            push = _chain_push(momenta, masses, twice_kinetic, kt, freedom, k)
            momenta[k] = drag * (drag * momenta[k] + 0.5 * step * push)
        momenta[last] += 0.5 * step * _chain_push(momenta, masses, twice_kinetic, kt, freedom, last)
    return factor


@kernel
def _chain_push(momenta: Floats, masses: Floats, twice_kinetic: float, kt: float, freedom: int, k: int) -> float:
    """Force on the k-th thermostat: on the first by the atoms, on the others by the one before."""
    return twice_kinetic - freedom * kt if k == 0 else momenta[k - 1] ** 2 / masses[k - 1] - kt


@kernel
def correlate_rows(history: Floats, now: Floats, sums: Floats, newest: int) -> None:
    """Add the products of a vector with every row of a ring of earlier ones to the sum of their lag.

    Parameters
    ----------
    history
        Ring of vectors, ``(n_lags, size)``.
    now
        ``(size,)``.
    sums
        ``(n_lags,)``, by lag in steps of the ring.
    newest
        Row of the ring that was written last.
    """
    lags = history.shape[0]
    for row in range(lags):
        total = 0.0
        for p in range(now.shape[0]):
            total += history[row, p] * now[p]
        sums[(newest - row) % lags] += total


@kernel
def square_displacements(history: Floats, now: Floats, sums: Floats, newest: int) -> None:
    """Add the squared displacements since every row of a ring to the sum of their lag.

    Parameters
    ----------
    history
        Ring of positions, ``(n_lags, 3, n_atoms)``.
    now
        ``(3, n_atoms)``.
    sums
        ``(n_lags, 3)``.
    newest
        Row of the ring that was written last.
    """
    lags = history.shape[0]
    for row in range(lags):
        for axis in range(3):
            total = 0.0
            for i in range(now.shape[1]):
                moved = now[axis, i] - history[row, axis, i]
                total += moved * moved
            sums[(newest - row) % lags, axis] += total


@kernel
def count_pairs(
    positions: Floats,
    types: NDArray[np.int32],
    cell: Floats,
    inverse: Floats,
    periodic: NDArray[np.bool_],
    width: float,
    counts: Longs,
) -> None:
    """Count pairs by distance and species, by the nearest image.

    Parameters
    ----------
    positions, types
        ``(n_atoms, 3)`` in angstrom and ``(n_atoms,)``.
    cell, inverse
        Lattice vectors, one a row, and the inverse of that matrix.
    periodic
        Periodic directions.
    width
        Of a bin in angstrom.
    counts
        ``(n_bins, n_types, n_types)``; a pair adds one for each of its orders.
    """
    bins = counts.shape[0]
    reach2 = (width * bins) ** 2
    d, s = np.empty(3), np.empty(3)
    for i in range(positions.shape[0]):
        for j in range(i):
            for axis in range(3):
                d[axis] = positions[i, axis] - positions[j, axis]
            for axis in range(3):
                s[axis] = d[0] * inverse[0, axis] + d[1] * inverse[1, axis] + d[2] * inverse[2, axis]
                s[axis] = np.rint(s[axis]) if periodic[axis] else 0.0
            r2 = 0.0
            for axis in range(3):
                d[axis] -= s[0] * cell[0, axis] + s[1] * cell[1, axis] + s[2] * cell[2, axis]
                r2 += d[axis] * d[axis]
            if r2 < reach2:
                place = min(int(np.sqrt(r2) / width), bins - 1)
                counts[place, types[i], types[j]] += 1
                counts[place, types[j], types[i]] += 1
