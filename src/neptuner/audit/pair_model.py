"""A quick model that checks labels against each other: pair potentials, fitted to forces alone.

Energies and virials follow from forces: what a potential fitted to forces alone says of them must agree in unit, sign
and order with what stands in the file, whatever the zero of energy. The energy is a sum of pair functions

    U = 1/2 sum_ij phi_ab(r_ij),    phi_ab = sum_k c_abk f_k(r)

of the elements a and b with the radial functions f_k of a NEP (Chebyshev polynomials times a cosine), so that the
forces are linear in c. For oxides, nitrides and tellurides this reproduces nine tenths of the squared forces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.pairs import Pairs, find_pairs
from neptuner.files.frames import Frame, elements_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CUTOFF = 5.5
"""In angstrom."""
FUNCTIONS = 8
"""Radial functions of each pair of elements."""
MOST_ATOMS = 5000
"""Atoms of the frames that are fitted to, taken evenly from all."""
FORCES_PER_COEFFICIENT = 5
"""Force components that there must be for each coefficient."""
SOFTENING = 1e-6
"""Ridge of the fit, relative to the mean of the squares."""
NEAREST = 0.3
"""Pairs closer than this, in angstrom, are atoms on top of each other: no potential is fitted to them."""
ROUNDS = 8
"""Rounds in which frames that the others contradict lose their weight."""

_VOIGT = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))


@dataclass(frozen=True)
class Predictions:
    """What the quick model says of each frame."""

    forces: list[Floats]
    """``(n_atoms, 3)`` each, in eV/angstrom."""
    energy: Floats
    """Total energies up to a constant for each atom of an element, ``(n_frames,)`` in eV."""
    virial: Floats
    """Total virials xx yy zz xy yz zx, ``(n_frames, 6)`` in eV, positive when compressed."""


def predict_from_forces(frames: Sequence[Frame]) -> Predictions | None:
    """Fit the model to the forces of some frames and predict all.

    Large forces count less, and so do frames that the others contradict: some wrong ones do not spoil the fit.

    Parameters
    ----------
    frames
        Frames; those without forces, or with atoms on top of each other, do not take part in the fit.

    Returns
    -------
    None if there are too few forces.
    """
    elements = elements_of(frames)
    known = [frame for frame in frames if frame.forces is not None and frame.forces.any()]
    step = max(1, -(-sum(frame.n_atoms for frame in known) // MOST_ATOMS))
    chosen = known[::step]
    n_coefficients = len(elements) * (len(elements) + 1) // 2 * FUNCTIONS
    if sum(3 * frame.n_atoms for frame in chosen) < FORCES_PER_COEFFICIENT * n_coefficients:
        return None
    return _predict(frames, elements, _fit(chosen, elements, n_coefficients))


def _fit(frames: Sequence[Frame], elements: Sequence[str], n_coefficients: int) -> Floats:
    """Least squares over atoms weighed by their force and frames by their agreement, ``(n_coefficients,)``."""
    squares, moments, sizes = _normal_equations(frames, elements, n_coefficients)
    trust: Floats = np.ones(len(frames))
    coefficients: Floats = np.zeros(n_coefficients)
    for _ in range(ROUNDS):
        matrix = np.tensordot(trust, squares, 1)
        matrix[np.diag_indices_from(matrix)] += SOFTENING * np.trace(matrix) / n_coefficients + 1e-300
        coefficients = np.asarray(np.linalg.solve(matrix, trust @ moments), np.float64)
        misfit = sizes - 2.0 * moments @ coefficients + (squares @ coefficients) @ coefficients
        trust = 1.0 / (1.0 + (np.maximum(misfit, 0.0) / max(float(np.median(misfit)), 1e-12)) ** 2)
    return coefficients


def _normal_equations(
    frames: Sequence[Frame], elements: Sequence[str], n_coefficients: int
) -> tuple[Floats, Floats, Floats]:
    """Squares, moments and squared labels of each frame, a mean over its atoms.

    Their shapes are ``(n_frames, n_coefficients, n_coefficients)``, ``(n_frames, n_coefficients)`` and ``(n_frames,)``.
    """
    usual = max(float(np.median(np.concatenate([_sizes(frame) for frame in frames]))), 1e-6)
    squares, moments = np.empty((len(frames), n_coefficients, n_coefficients)), np.empty((len(frames), n_coefficients))
    labels = np.empty(len(frames))
    for pairs in _pairs(frames, elements):
        rows = _force_rows(pairs, len(elements))
        for k in range(pairs.n_frames):
            frame, here = frames[pairs.first + k], slice(pairs.start[k], pairs.start[k + 1])
            weight = np.repeat(1.0 / np.sqrt((usual**2 + _sizes(frame) ** 2) * frame.n_atoms), 3)
            mine = rows[here].reshape(-1, n_coefficients) * weight[:, None]
            forces = np.asarray(frame.forces).ravel() * weight
            squares[pairs.first + k], moments[pairs.first + k] = mine.T @ mine, forces @ mine
            labels[pairs.first + k] = forces @ forces
    return squares, moments, labels


def _sizes(frame: Frame) -> Floats:
    """Sizes of the forces, ``(n_atoms,)``; none without forces."""
    return np.zeros(0) if frame.forces is None else np.asarray(np.linalg.norm(frame.forces, axis=1))


def _pairs(frames: Sequence[Frame], elements: Sequence[str]) -> Iterator[Pairs]:
    """Pairs within the cutoff, but those of atoms on top of each other."""
    for pairs in find_pairs(frames, elements, CUTOFF):
        apart = pairs.distance > NEAREST
        near = (pairs.i[apart], pairs.j[apart], pairs.vector[apart], pairs.distance[apart])
        yield Pairs(pairs.first, pairs.start, pairs.types, *near)


def _force_rows(pairs: Pairs, n_elements: int) -> Floats:
    """Forces that each coefficient alone would make, ``(n_atoms, 3, n_coefficients)``."""
    _, slopes = _functions(pairs.distance)
    n_keys, n_atoms = n_elements * (n_elements + 1) // 2, len(pairs.types)
    unit = pairs.vector / pairs.distance[:, None]
    rows = np.empty((n_atoms, 3, n_keys, FUNCTIONS))
    slot = pairs.i * n_keys + _element_pairs(pairs, n_elements)
    for axis in range(3):
        for k in range(FUNCTIONS):
            sums = np.bincount(slot, slopes[k] * unit[:, axis], n_atoms * n_keys)
            rows[:, axis, :, k] = sums.reshape(n_atoms, n_keys)
    return rows.reshape(n_atoms, 3, -1)


def _predict(frames: Sequence[Frame], elements: Sequence[str], coefficients: Floats) -> Predictions:
    by_key = coefficients.reshape(-1, FUNCTIONS)
    forces: list[Floats] = []
    energy, virial = np.zeros(len(frames)), np.zeros((len(frames), 6))
    for pairs in _pairs(frames, elements):
        values, slopes = _functions(pairs.distance)
        mine = by_key[_element_pairs(pairs, len(elements))].T
        phi, slope = (values * mine).sum(axis=0), (slopes * mine).sum(axis=0) / pairs.distance
        frame_of, here = pairs.frame[pairs.i], slice(pairs.first, pairs.first + pairs.n_frames)
        energy[here] = np.bincount(frame_of, 0.5 * phi, pairs.n_frames)
        for column, (a, b) in enumerate(_VOIGT):
            moment = -0.5 * slope * pairs.vector[:, a] * pairs.vector[:, b]
            virial[here, column] = np.bincount(frame_of, moment, pairs.n_frames)
        parts = [np.bincount(pairs.i, slope * pairs.vector[:, axis], len(pairs.types)) for axis in range(3)]
        forces += np.split(np.stack(parts, axis=1), pairs.start[1:-1])
    return Predictions(forces, energy, virial)


def _functions(distance: Floats) -> tuple[Floats, Floats]:
    """Radial functions and their derivatives, ``(FUNCTIONS, n_pairs)`` both."""
    ratio = distance / CUTOFF
    x, dx = 2.0 * (ratio - 1.0) ** 2 - 1.0, 4.0 * (ratio - 1.0) / CUTOFF
    cut, dcut = 0.5 * (1.0 + np.cos(np.pi * ratio)), -0.5 * np.pi / CUTOFF * np.sin(np.pi * ratio)
    chebyshev, slope = [np.ones_like(x), x], [np.zeros_like(x), np.ones_like(x)]
    for _ in range(2, FUNCTIONS):
        slope.append(2.0 * chebyshev[-1] + 2.0 * x * slope[-1] - slope[-2])
        chebyshev.append(2.0 * x * chebyshev[-1] - chebyshev[-2])
    half = 0.5 * (np.array(chebyshev) + 1.0)
    return half * cut, half * dcut + 0.5 * np.array(slope) * dx * cut


def _element_pairs(pairs: Pairs, n_elements: int) -> Integers:
    """Index of the unordered pair of elements of each pair of atoms, ``(n_pairs,)``."""
    upper = np.triu_indices(n_elements)
    table = np.zeros((n_elements, n_elements), np.int64)
    table[upper] = np.arange(len(upper[0]))
    return np.maximum(table, table.T)[pairs.types[pairs.i], pairs.types[pairs.j]]
