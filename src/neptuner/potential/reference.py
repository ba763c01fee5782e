"""The slow, obvious NEP in double precision: what every compiled kernel is tested against.

It follows the formulas of Fan et al., J. Chem. Phys. 157, 114801 (2022) with complex spherical harmonics, written
independently of the kernels; directions that are not periodic have no images. Costs grow with the number of images:
use it on small cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import factorial, pi, sqrt

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.chebyshev import Chebyshev
from numpy.polynomial.legendre import Legendre
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.potential.invariants import FIVE_BODY_FACTOR, FOUR_BODY, wigner_3j
from neptuner.potential.model import Model
from neptuner.potential.settings import Settings
from neptuner.potential.zbl import pair_energy, zbl_table

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """Everything a potential says about one frame."""

    energies: Floats
    """Site energies, ``(n_atoms,)`` in eV."""
    forces: Floats
    """``(n_atoms, 3)`` in eV/angstrom."""
    virials: Floats
    """Per-atom virials, ``(n_atoms, 3, 3)`` in eV, in gpumd's bookkeeping: W_j = -sum_i r_ij (x) dU_i/dr_ij."""
    descriptors: Floats
    """Unscaled descriptors, ``(n_atoms, dim)``."""

    @property
    def energy(self) -> float:
        """Total energy in eV."""
        return float(self.energies.sum())

    @property
    def virial(self) -> Floats:
        """Total virial, ``(6,)`` in eV: xx yy zz xy yz zx."""
        total: Floats = self.virials.sum(axis=0)
        return np.array([total[0, 0], total[1, 1], total[2, 2], total[0, 1], total[1, 2], total[2, 0]])


def evaluate(nep: Model, frame: Frame) -> Evaluation:
    """Evaluate energies, forces and per-atom virials of one frame."""
    settings, parameters = nep.settings, nep.parameters
    types = np.array([settings.elements.index(symbol) for symbol in frame.species])
    n = len(types)
    radial = _Pairs(frame, types, settings.pair_cutoffs[0])
    angular = _Pairs(frame, types, settings.pair_cutoffs[1])

    g, dg = radial.functions(np.asarray(parameters.c_radial))
    s = np.zeros((n, settings.functions[0]))
    np.add.at(s, radial.i, g)

    ga, dga = angular.functions(np.asarray(parameters.c_angular))
    harmonics, gradients = spherical_harmonics(angular.vectors, settings.l_three_body)
    A = np.zeros((n, settings.functions[1], len(harmonics)), dtype=complex)
    np.add.at(A, angular.i, ga[:, :, None] * harmonics.T[:, None, :])

    q_angular, jacobian = angular_invariants(A, settings)
    q = np.concatenate([s, q_angular.reshape(n, -1)], axis=1)
    energies, slopes = _networks(nep, types, q)
    slope_radial = slopes[:, : settings.functions[0]]
    slope_angular = slopes[:, settings.functions[0] :].reshape(n, settings.n_invariants, settings.functions[1])
    G = np.einsum("iLn,iLnm->inm", slope_angular, jacobian)

    p_radial = np.einsum("pn,pn->p", slope_radial[radial.i], dg)[:, None] * radial.units
    along = np.einsum("pnm,pn,mp->p", G[angular.i], dga, harmonics).real[:, None] * angular.units
    across = np.einsum("pnm,pn,mpx->px", G[angular.i], ga, gradients).real
    repulsion, p_repulsion = _repulsion(settings, angular)
    np.add.at(energies, angular.i, repulsion)
    forces, virials = np.zeros((n, 3)), np.zeros((n, 3, 3))
    for pairs, p in ((radial, p_radial), (angular, along + across), (angular, p_repulsion)):
        np.add.at(forces, pairs.i, p)
        np.add.at(forces, pairs.j, -p)
        np.add.at(virials, pairs.j, -pairs.vectors[:, :, None] * p[:, None, :])
    return Evaluation(energies, forces, virials, q)


class _Pairs:
    """All ordered pairs within the cutoffs, images included."""

    def __init__(self, frame: Frame, types: NDArray[np.int_], cutoffs: Floats) -> None:
        self.i, self.j, self.vectors = all_pairs(frame, float(cutoffs.max()))
        distances = np.linalg.norm(self.vectors, axis=1)
        near = distances < cutoffs[types[self.i], types[self.j]]
        self.i, self.j, self.vectors, self.distances = (
            self.i[near],
            self.j[near],
            self.vectors[near],
            distances[near],
        )
        self.units = self.vectors / self.distances[:, None]
        self.types = types[self.i], types[self.j]
        self.cutoffs = cutoffs[self.types]

    def functions(self, c: Floats) -> tuple[Floats, Floats]:
        """Radial functions g_n(r) and their derivatives, each ``(n_pairs, n_max + 1)``."""
        f, df = radial_basis(self.distances, self.cutoffs, c.shape[1])
        pair_c = c[:, :, self.types[0], self.types[1]]
        return np.einsum("nkp,kp->pn", pair_c, f), np.einsum("nkp,kp->pn", pair_c, df)


def _repulsion(settings: Settings, pairs: _Pairs) -> tuple[Floats, Floats]:
    """Share of the centre in the ZBL energy of each pair, ``(n_pairs,)``, and its derivative, ``(n_pairs, 3)``."""
    if settings.zbl is None:
        return np.zeros(len(pairs.i)), np.zeros_like(pairs.vectors)
    phi, slope = pair_energy(pairs.distances, zbl_table(settings.zbl, settings.elements)[pairs.types])
    return 0.5 * phi, 0.5 * slope[:, None] * pairs.units


def all_pairs(frame: Frame, cutoff: float) -> tuple[NDArray[np.int_], NDArray[np.int_], Floats]:
    """List every ordered pair of atoms or images closer than the cutoff: i, j and r_j - r_i (``(n_pairs, 3)``)."""
    cell = complete_cell(frame.cell, frame.pbc)
    thickness = abs(np.linalg.det(cell)) / np.linalg.norm(
        np.cross(np.roll(cell, -1, axis=0), np.roll(cell, -2, axis=0)), axis=1
    )
    fractional = frame.positions @ np.linalg.inv(cell)
    spread = np.ptp(fractional, axis=0)
    reach = [int(np.ceil(cutoff / t + w)) if p else 0 for t, w, p in zip(thickness, spread, frame.pbc, strict=True)]
    found = []
    for shift in product(*(range(-m, m + 1) for m in reach)):
        vectors = frame.positions[None, :, :] + np.array(shift) @ cell - frame.positions[:, None, :]
        close = np.linalg.norm(vectors, axis=2) < cutoff
        if not any(shift):
            np.fill_diagonal(close, False)
        i, j = np.nonzero(close)
        found.append((i, j, vectors[i, j]))
    i, j, vectors = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return i, j, vectors


def complete_cell(cell: Floats, pbc: tuple[bool, bool, bool]) -> Floats:
    """Replace the vectors of non-periodic directions, which may be anything, by unit vectors across all others."""
    periodic = np.array(pbc)
    complete = np.array(cell, dtype=float)
    _, _, basis = np.linalg.svd(complete[periodic])
    complete[~periodic] = basis[periodic.sum() :]
    return complete


def radial_basis(r: Floats, cutoff: Floats | float, size: int) -> tuple[Floats, Floats]:
    """Chebyshev basis f_k = (T_k(x) + 1)/2 fc(r), x = 2 (r/rc - 1)^2 - 1, and derivatives, each ``(size, n)``."""
    fc = 0.5 * (1.0 + np.cos(pi * r / cutoff))
    dfc = -0.5 * pi / cutoff * np.sin(pi * r / cutoff)
    x = 2.0 * (r / cutoff - 1.0) ** 2 - 1.0
    dx = 4.0 * (r / cutoff - 1.0) / cutoff
    f, df = [], []
    for k in range(size):
        chebyshev = Chebyshev.basis(k)
        f.append(0.5 * (chebyshev(x) + 1.0) * fc)
        df.append(0.5 * (chebyshev(x) + 1.0) * dfc + 0.5 * chebyshev.deriv()(x) * dx * fc)
    return np.array(f), np.array(df)


def spherical_harmonics(vectors: Floats, l_max: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Complex Y_lm(r/|r|), ``(n_lm, n)`` for l = 1..l_max and m = -l..l, and gradients by r, ``(n_lm, n, 3)``."""
    distances = np.linalg.norm(vectors, axis=1)
    x, y, z = (vectors / distances[:, None]).T
    rho = x + 1j * y
    values, gradients = [], []
    for degree in range(1, l_max + 1):
        legendre = Legendre.basis(degree).convert(kind=Polynomial)
        for order in range(-degree, degree + 1):
            m = abs(order)
            norm = (-1) ** m * sqrt((2 * degree + 1) / (4 * pi) * factorial(degree - m) / factorial(degree + m))
            D = legendre.deriv(m) if m else legendre
            value = norm * D(z) * rho**m
            in_plane = norm * D(z) * (m * rho ** (m - 1) if m else 0.0 * rho)
            gradient = np.stack([in_plane, 1j * in_plane, norm * D.deriv()(z) * rho**m], axis=1)
            if order < 0:
                value, gradient = (-1) ** m * value.conj(), (-1) ** m * gradient.conj()
            values.append(value)
            gradients.append(gradient)
    units = vectors / distances[:, None]
    free = np.array(gradients)
    tangential = free - np.einsum("lpx,px->lp", free, units)[:, :, None] * units
    return np.array(values), tangential / distances[:, None]


def angular_invariants(A: NDArray[np.complex128], settings: Settings) -> tuple[Floats, NDArray[np.complex128]]:
    """Invariants ``(n, n_invariants, n_max + 1)`` of A and J, ``(..., n_lm)``, such that dq = Re sum_lm J dA_lm."""
    place = {(d, m): d * d - 1 + m + d for d in range(1, settings.l_three_body + 1) for m in range(-d, d + 1)}
    q, jacobians = [], []
    for degree in range(1, settings.l_three_body + 1):
        part = slice(place[degree, -degree], place[degree, degree] + 1)
        jacobian = np.zeros_like(A)
        jacobian[:, :, part] = 2 * A[:, :, part].conj()
        q.append((abs(A[:, :, part]) ** 2).sum(axis=2))
        jacobians.append(jacobian)
    for on, degrees in zip(settings.l_max[1:], FOUR_BODY, strict=True):
        if not on:
            continue
        if degrees is None:
            q.append(FIVE_BODY_FACTOR * q[0] ** 2)
            jacobians.append(2 * FIVE_BODY_FACTOR * q[0][:, :, None] * jacobians[0])
            continue
        value, jacobian = _four_body(A, place, *degrees)
        q.append(value)
        jacobians.append(jacobian)
    return np.stack(q, axis=1), np.stack(jacobians, axis=1)


def _four_body(
    A: NDArray[np.complex128], place: dict[tuple[int, int], int], a: int, b: int, c: int
) -> tuple[Floats, NDArray[np.complex128]]:
    value, jacobian = np.zeros(A.shape[:2]), np.zeros_like(A)
    for ma, mb in product(range(-a, a + 1), range(-b, b + 1)):
        mc = -ma - mb
        if abs(mc) > c:
            continue
        symbol = wigner_3j(a, b, c, ma, mb, mc)
        i, j, k = place[a, ma], place[b, mb], place[c, mc]
        value += symbol * (A[:, :, i] * A[:, :, j] * A[:, :, k]).real
        jacobian[:, :, i] += symbol * A[:, :, j] * A[:, :, k]
        jacobian[:, :, j] += symbol * A[:, :, i] * A[:, :, k]
        jacobian[:, :, k] += symbol * A[:, :, i] * A[:, :, j]
    return value, jacobian


def _networks(nep: Model, types: NDArray[np.int_], q: Floats) -> tuple[Floats, Floats]:
    """Site energies ``(n,)`` and their derivatives by the unscaled descriptors ``(n, dim)``."""
    parameters = nep.parameters
    energies, slopes = np.zeros(len(q)), np.zeros_like(q)
    for atom, t in enumerate(types):
        network = 0 if nep.settings.version == 3 else t
        h = q[atom] * nep.q_scaler
        jacobian = np.diag(nep.q_scaler)
        for layer in parameters.hidden:
            h = np.tanh(layer.weight[network] @ h - layer.bias[network])
            jacobian = (1 - h**2)[:, None] * (layer.weight[network] @ jacobian)
        energies[atom] = parameters.output[network] @ h - parameters.bias[0]
        if parameters.type_bias is not None:
            energies[atom] -= parameters.type_bias[t]
        slopes[atom] = parameters.output[network] @ jacobian
    return energies, slopes
