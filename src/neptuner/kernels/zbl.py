"""Screened nuclear repulsion of close pairs, on top of a NEP."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_rows import GX, GY, GZ, UX, UY, UZ
from neptuner.kernels.compile import kernel
from neptuner.kernels.rows import INVERSE_R, U

Array = NDArray[np.floating]
Integers = NDArray[np.int32]


@kernel
def add_zbl(S: Array, first: int, last: int, lane_type: Integers, table: Array) -> float:
    """Add half the ZBL force of the pairs of one atom to rows GX, GY, GZ; return half their energy in eV.

    ``table`` are the centre's rows of ``potential.zbl.zbl_table``, ``(n_types, 12)``.
    """
    real = S.dtype.type
    half, one, total = real(0.5), real(1.0), 0.0
    for p in range(U(first), U(last)):
        t = lane_type[p]
        if t >= table.shape[0] or S[INVERSE_R + p] * table[t, 1] <= one:
            continue
        inverse_r = S[INVERSE_R + p]
        r, inner, outer = one / inverse_r, table[t, 0], table[t, 1]
        phi = slope = real(0.0)
        for k in range(4):
            decay = table[t, 5 + 2 * k] * table[t, 3]
            term = table[t, 4 + 2 * k] * np.exp(-decay * r)
            phi += term
            slope -= decay * term
        strength = table[t, 2] * inverse_r
        slope = strength * (slope - phi * inverse_r)
        phi *= strength
        if r > inner:
            width = real(np.pi) / (outer - inner)
            fc = half * (one + np.cos(width * (r - inner)))
            slope = slope * fc - phi * half * width * np.sin(width * (r - inner))
            phi *= fc
        total += half * phi
        S[GX + p] += half * slope * S[UX + p]
        S[GY + p] += half * slope * S[UY + p]
        S[GZ + p] += half * slope * S[UZ + p]
    return total
