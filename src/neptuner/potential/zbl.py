"""The universal screened nuclear repulsion of Ziegler, Biersack and Littmark (ZBL) in GPUMD's three forms.

An unordered pair of atoms at the distance r has the energy

    phi(r) = fc(r) K Z_i Z_j / r sum_m a_m exp(-b_m s),   s = r (Z_i^0.23 + Z_j^0.23) 2.134563 / angstrom,

where fc is 1 up to an inner radius, falls to 0 at an outer one as half a cosine, and K is Coulomb's constant. The
radii are those of the file (universal), or limited by covalent radii (type-wise), or given for each pair of species
together with a_m and b_m (flexible).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.elements import ATOMIC_NUMBERS, covalent_radii
from neptuner.files.nep_txt import NepTxt
from neptuner.units import COULOMB

Floats = NDArray[np.float64]

SCREENING = (0.18175, 3.1998, 0.50986, 0.94229, 0.28022, 0.4029, 0.02817, 0.20162)
"""a_1 b_1 .. a_4 b_4 of the universal screening function."""
SCREENING_POWER = 0.23
SCREENING_SCALE = 2.134563
"""Inverse of 0.46850 angstrom, to GPUMD's digits."""
NUMBERS_OF_A_PAIR = 10


@dataclass(frozen=True)
class Zbl:
    """Which of the three forms, and its numbers."""

    inner: float
    """Radius in angstrom up to which the repulsion is whole; 0 in the flexible form."""
    outer: float
    """Radius in angstrom from which on there is none; 0 in the flexible form."""
    factor: float | None = None
    """Type-wise form: the outer radius of a pair is at most this times the sum of its covalent radii."""
    pairs: tuple[tuple[float, ...], ...] | None = None
    """Flexible form: inner and outer radius and a_1 b_1 .. a_4 b_4 of the pairs 1-1, 1-2, .., 2-2, .. of species."""
    inner_is_half: bool = False
    """Whether a type-wise inner radius is half the outer one (GPUMD 3.9.5 to 4.6) instead of 0 (from 4.7 on)."""

    @classmethod
    def from_nep_txt(cls, nep_txt: NepTxt) -> Zbl | None:
        """Take what a ``nep.txt`` says; None without a `zbl` line.

        The factor stands on that line from GPUMD 4.7 on, and at the end of the `cutoff` line before.
        """
        if nep_txt.zbl is None:
            return None
        inner, outer, *factor = nep_txt.zbl
        old = [number for number in (nep_txt.typewise_cutoff or ())[2:] if number > 0]
        pairs = None
        if inner == outer == 0:
            n = len(nep_txt.elements) * (len(nep_txt.elements) + 1) // 2
            tail = nep_txt.values[-n * NUMBERS_OF_A_PAIR :].reshape(n, NUMBERS_OF_A_PAIR)
            pairs = tuple(tuple(row) for row in tail.tolist())
        return cls(inner, outer, next(iter(factor + old), None), pairs, bool(old))

    @property
    def header(self) -> tuple[float, ...]:
        """Numbers of the `zbl` line of ``nep.txt``."""
        if self.factor is None or self.inner_is_half:
            return self.inner, self.outer
        return self.inner, self.outer, self.factor


def zbl_table(zbl: Zbl, elements: Sequence[str]) -> Floats:
    """The numbers of each pair of species in one form for all three kinds, ``(n_types, n_types, 12)``.

    They are the inner and outer radius in angstrom, the strength K Z_i Z_j in eV angstrom, the inverse screening
    length in 1/angstrom, and a_1 b_1 .. a_4 b_4.

    Raises
    ------
    InputError
        If a radius is not known, or a flexible form does not fit the number of elements.
    """
    Z = np.array([ATOMIC_NUMBERS[symbol] for symbol in elements], dtype=float)
    table = np.empty((len(Z), len(Z), 12))
    table[:, :, 0], table[:, :, 1] = _radii(zbl, elements)
    table[:, :, 2] = COULOMB * np.multiply.outer(Z, Z)
    table[:, :, 3] = np.add.outer(Z**SCREENING_POWER, Z**SCREENING_POWER) * SCREENING_SCALE
    table[:, :, 4:] = SCREENING
    if zbl.pairs is not None:
        _fill_flexible(table, zbl.pairs)
    return table


def pair_energy(r: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Energy phi of pairs in eV and dphi/dr in eV/angstrom, each ``(n,)``.

    Parameters
    ----------
    r
        Distances in angstrom, ``(n,)``.
    rows
        The numbers of each pair as in :func:`zbl_table`, ``(n, 12)``.
    """
    inner, outer, strength, inverse_length = rows.T[:4]
    a, b = rows.T[4::2], rows.T[5::2] * inverse_length
    terms = a * np.exp(-b * r)
    bare = strength / r * terms.sum(axis=0)
    slope = -strength / r * (b * terms).sum(axis=0) - bare / r
    fc, dfc = _switch(r, inner, outer)
    return fc * bare, fc * slope + dfc * bare


def _switch(r: Floats, inner: Floats, outer: Floats) -> tuple[Floats, Floats]:
    """One up to the inner radius, zero from the outer one on, half a cosine between; and its derivative."""
    between = (r >= inner) & (r < outer)
    rate = np.pi / np.where(between, outer - inner, 1.0)
    angle = rate * (r - inner)
    fc = np.where(between, 0.5 + 0.5 * np.cos(angle), (r < inner).astype(float))
    return fc, np.where(between, -0.5 * rate * np.sin(angle), 0.0)


def _radii(zbl: Zbl, elements: Sequence[str]) -> tuple[Floats | float, Floats | float]:
    if zbl.factor is None:
        return zbl.inner, zbl.outer
    radii = np.array(covalent_radii(elements))
    outer = np.minimum(zbl.factor * np.add.outer(radii, radii), zbl.outer)
    return (0.5 if zbl.inner_is_half else 0.0) * outer, outer


def _fill_flexible(table: Floats, pairs: tuple[tuple[float, ...], ...]) -> None:
    first, second = np.triu_indices(len(table))
    lengths = {len(pair) for pair in pairs}
    if len(pairs) != len(first) or lengths != {NUMBERS_OF_A_PAIR}:
        raise InputError(
            f"flexible ZBL has {len(pairs)} pairs of {sorted(lengths)} numbers, expected {len(first)} of "
            f"{NUMBERS_OF_A_PAIR}: one for each unordered pair of the {len(table)} elements"
        )
    own = np.array(pairs)
    for i, j in ((first, second), (second, first)):
        table[i, j, :2], table[i, j, 4:] = own[:, :2], own[:, 2:]
