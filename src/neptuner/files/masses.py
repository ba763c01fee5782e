"""Standard atomic masses, as GPUMD has them (``src/model/read_xyz.cu``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.elements import ELEMENTS

_TABLE = """
1.008 4.002602 6.94 9.0121831 10.81 12.011 14.007 15.999 18.998403163 20.1797 22.98976928 24.305 26.9815385 28.085
30.973761998 32.06 35.45 39.948 39.0983 40.078 44.955908 47.867 50.9415 51.9961 54.938044 55.845 58.933194 58.6934
63.546 65.38 69.723 72.63 74.921595 78.971 79.904 83.798 85.4678 87.62 88.90584 91.224 92.90637 95.95 98 101.07
102.9055 106.42 107.8682 112.414 114.818 118.71 121.76 127.6 126.90447 131.293 132.90545196 137.327 138.90547
140.116 140.90766 144.242 145 150.36 151.964 157.25 158.92535 162.5 164.93033 167.259 168.93422 173.045 174.9668
178.49 180.94788 183.84 186.207 190.23 192.217 195.084 196.966569 200.592 204.38 207.2 208.9804 210 210 222 223 226
227 232.0377 231.03588 238.02891 237 244 243 247 247 251 252 257 258 259 262
"""

ATOMIC_MASSES: dict[str, float] = dict(zip(ELEMENTS, map(float, _TABLE.split()), strict=False))
"""Masses of H to Lr in atomic mass units; of elements without stable isotopes, a mass number."""


def default_masses(species: Sequence[str]) -> NDArray[np.float64]:
    """Masses of atoms that have none of their own, ``(n_atoms,)``, in atomic mass units.

    Raises
    ------
    InputError
        If an element lies beyond lawrencium.
    """
    try:
        return np.array([ATOMIC_MASSES[symbol] for symbol in species])
    except KeyError as error:
        raise InputError(f"no mass is known for {error.args[0]}; add a column `mass:R:1`") from None
