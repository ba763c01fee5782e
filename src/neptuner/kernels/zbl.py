"""Screened nuclear repulsion of close pairs, on top of a NEP."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.angular_slots import Rows, Slots
from neptuner.kernels.compile import inner_kernel
from neptuner.kernels.geometry import PairList
from neptuner.kernels.vectors import LANES, get, put

Array = NDArray[np.floating]


@inner_kernel
def add_zbl(pairs: PairList, i: int, table: Array, rows: Rows, w: Slots) -> float:
    """Add half the ZBL force of the pairs of a block's i-th atom to rows ``force``; return half their energy in eV.

    ``table`` are the centre's rows of ``potential.zbl.zbl_table``, ``(n_types, 12)``.
    """
    S, stride, real, total = w.S, w.stride, table.dtype.type, 0.0
    for t in range(table.shape[0]):
        for p in range(pairs.start[i, t], pairs.start[i, t + 1]):
            lane = w.begin[i // LANES] + i % LANES + (p - pairs.start[i, 0]) * LANES
            inverse_r = get(S, rows.inverse_r * stride + lane)
            if inverse_r * table[t, 1] <= real(1.0):
                continue
            energy, slope = _repulsion(inverse_r, table[t])
            total += energy
            for axis in range(3):
                force = (rows.force + axis) * stride + lane
                put(S, force, get(S, force) + slope * get(S, (rows.x + axis) * stride + lane))
    return total


@inner_kernel
def _repulsion(inverse_r: float, row: Array) -> tuple[float, float]:
    """Half the energy of a pair within the outer cutoff and its derivative by the distance."""
    real = row.dtype.type
    half, one = real(0.5), real(1.0)
    r, inner, outer = one / inverse_r, row[0], row[1]
    phi = slope = real(0.0)
    for k in range(4):
        decay = row[5 + 2 * k] * row[3]
        term = row[4 + 2 * k] * np.exp(-decay * r)
        phi += term
        slope -= decay * term
    strength = half * row[2] * inverse_r
    slope = strength * (slope - phi * inverse_r)
    phi *= strength
    if r > inner:
        width = real(np.pi) / (outer - inner)
        fc = half * (one + np.cos(width * (r - inner)))
        slope = slope * fc - phi * half * width * np.sin(width * (r - inner))
        phi *= fc
    return phi, slope
