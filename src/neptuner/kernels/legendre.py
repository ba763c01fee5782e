"""Numbers of the recursions for spherical harmonics."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.pair_functions import harmonic_norms

Array = NDArray[np.floating]


class Harmonics(NamedTuple):
    """Numbers of the recursion of normalised Legendre derivatives, each ``(l_max + 1, l_max + 1)``, index l, m.

    ``Q[l, m] = up[l, m] z Q[l-1, m] - down[l, m] Q[l-2, m]``, ``Q[m, m] = diagonal[m, m]`` and
    ``dQ[l, m]/dz = slope[l, m] Q[l, m+1]``.
    """

    diagonal: Array
    up: Array
    down: Array
    slope: Array


def harmonics_of(l_max: int, dtype: type[np.floating]) -> Harmonics:
    """Tabulate the recursion of orthonormal real harmonics up to ``l_max``."""
    size = l_max + 1
    norm = np.pad(harmonic_norms(l_max), (0, 1))
    tables = [np.zeros((size, size)) for _ in range(4)]
    diagonal, up, down, slope = tables
    for degree in range(size):
        diagonal[degree, degree] = norm[degree, degree] * float(np.prod(np.arange(1, 2 * degree, 2)))
        for m in range(degree):
            before = norm[degree, m] / (degree - m)
            up[degree, m] = (2 * degree - 1) * before / norm[degree - 1, m]
            down[degree, m] = (degree + m - 1) * before / norm[degree - 2, m] if degree - 2 >= m else 0.0
            slope[degree, m] = norm[degree, m] / norm[degree, m + 1]
    return Harmonics(*(table.astype(dtype) for table in tables))
