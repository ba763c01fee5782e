"""Angular invariants of a block of atoms, their derivative, and the reverse of value and tangent.

Everything runs over *lanes*, the pairs (n, atom) of a block: ``a[lm, lane]`` are the real expansion coefficients,
``q[slot, lane]`` the invariants, slot 0 being l = 1. Every product is then one long loop over lanes (five times faster
than one (n, atom) after the other). Lanes without an atom hold old, finite numbers that nobody reads.

``monomials`` holds (slot, i, j, k) of each term of the four-body invariants with their ``factors``; ``five_body`` is
the slot of q1111 or -1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import inner_kernel
from neptuner.potential.invariants import FIVE_BODY_FACTOR, FOUR_BODY, cubic_monomials
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]
Integers = NDArray[np.int64]


def invariant_terms(settings: Settings, dtype: type[np.floating]) -> tuple[Integers, Array, int]:
    """Tabulate the terms behind the flags of ``l_max``: monomials ``(n, 4)``, factors ``(n,)``, slot of q1111."""
    monomials, factors, five_body, slot = [], [], -1, settings.l_three_body
    for on, degrees in zip(settings.l_max[1:], FOUR_BODY, strict=True):
        if not on:
            continue
        if degrees is None:
            five_body = slot
        else:
            for i, j, k, factor in cubic_monomials(*degrees):
                monomials.append((slot, i, j, k))
                factors.append(factor)
        slot += 1
    return np.array(monomials, dtype=np.int64).reshape(-1, 4), np.array(factors, dtype), five_body


@inner_kernel
def invariants(a: Array, l_max: int, monomials: Integers, factors: Array, five_body: int, q: Array) -> None:
    """Set ``q[slot, lane]``."""
    lanes = a.shape[1]
    q[:] = a.dtype.type(0.0)
    for degree in range(1, l_max + 1):
        row = q[degree - 1]
        for m in range(degree * degree - 1, degree * degree + 2 * degree):
            x = a[m]
            for p in range(lanes):
                row[p] += x[p] * x[p]
    for term in range(monomials.shape[0]):
        row, factor = q[monomials[term, 0]], factors[term]
        x, y, z = a[monomials[term, 1]], a[monomials[term, 2]], a[monomials[term, 3]]
        for p in range(lanes):
            row[p] += factor * x[p] * y[p] * z[p]
    if five_body >= 0:
        row, one, factor = q[five_body], q[0], a.dtype.type(FIVE_BODY_FACTOR)
        for p in range(lanes):
            row[p] = factor * one[p] * one[p]


@inner_kernel
def invariants_reverse(
    a: Array, l_max: int, monomials: Integers, factors: Array, five_body: int, q: Array, gq: Array, ga: Array
) -> None:
    """``ga = J^T gq``: derivative of a function of q by a, given its derivative by q."""
    real, lanes = a.dtype.type, a.shape[1]
    slope = np.empty(lanes, a.dtype)
    for degree in range(1, l_max + 1):
        g = gq[degree - 1]
        for p in range(lanes):
            slope[p] = real(2.0) * g[p]
        if degree == 1 and five_body >= 0:
            one, five, factor = q[0], gq[five_body], real(4.0 * FIVE_BODY_FACTOR)
            for p in range(lanes):
                slope[p] += factor * one[p] * five[p]
        for m in range(degree * degree - 1, degree * degree + 2 * degree):
            x, out = a[m], ga[m]
            for p in range(lanes):
                out[p] = slope[p] * x[p]
    for term in range(monomials.shape[0]):
        g, factor = gq[monomials[term, 0]], factors[term]
        for turn in range(3):
            y = a[monomials[term, 1 + (turn + 1) % 3]]
            z = a[monomials[term, 1 + (turn + 2) % 3]]
            out = ga[monomials[term, 1 + turn]]
            for p in range(lanes):
                out[p] += factor * g[p] * y[p] * z[p]


@inner_kernel
def invariants_tangent(
    a: Array, da: Array, l_max: int, monomials: Integers, factors: Array, five_body: int, q: Array, dq: Array
) -> None:
    """``dq = J da``: change of the invariants along a change of a."""
    real, lanes = a.dtype.type, a.shape[1]
    dq[:] = real(0.0)
    for degree in range(1, l_max + 1):
        row = dq[degree - 1]
        for m in range(degree * degree - 1, degree * degree + 2 * degree):
            x, dx = a[m], da[m]
            for p in range(lanes):
                row[p] += real(2.0) * x[p] * dx[p]
    for term in range(monomials.shape[0]):
        row, factor = dq[monomials[term, 0]], factors[term]
        for turn in range(3):
            dx = da[monomials[term, 1 + turn]]
            y = a[monomials[term, 1 + (turn + 1) % 3]]
            z = a[monomials[term, 1 + (turn + 2) % 3]]
            for p in range(lanes):
                row[p] += factor * dx[p] * y[p] * z[p]
    if five_body >= 0:
        row, one, done, factor = dq[five_body], q[0], dq[0], real(2.0 * FIVE_BODY_FACTOR)
        for p in range(lanes):
            row[p] = factor * one[p] * done[p]


@inner_kernel
def invariants_tangent_reverse(
    a: Array,
    da: Array,
    l_max: int,
    monomials: Integers,
    factors: Array,
    five_body: int,
    q: Array,
    dq: Array,
    q_bar: Array,
    dq_bar: Array,
    a_bar: Array,
) -> None:
    """Reverse of value and tangent by a: ``a_bar = J^T q_bar + (d(J da)/da)^T dq_bar``.

    The reverse by ``da`` is ``invariants_reverse`` of ``dq_bar``.
    """
    real, lanes = a.dtype.type, a.shape[1]
    value, change = np.empty(lanes, a.dtype), np.empty(lanes, a.dtype)
    for degree in range(1, l_max + 1):
        g, dg = q_bar[degree - 1], dq_bar[degree - 1]
        for p in range(lanes):
            value[p] = real(2.0) * g[p]
            change[p] = real(2.0) * dg[p]
        if degree == 1 and five_body >= 0:
            one, done, g, dg = q[0], dq[0], q_bar[five_body], dq_bar[five_body]
            factor = real(4.0 * FIVE_BODY_FACTOR)
            for p in range(lanes):
                value[p] += factor * (one[p] * g[p] + done[p] * dg[p])
                change[p] += factor * one[p] * dg[p]
        for m in range(degree * degree - 1, degree * degree + 2 * degree):
            x, dx, out = a[m], da[m], a_bar[m]
            for p in range(lanes):
                out[p] = value[p] * x[p] + change[p] * dx[p]
    for term in range(monomials.shape[0]):
        g, dg, factor = q_bar[monomials[term, 0]], dq_bar[monomials[term, 0]], factors[term]
        for turn in range(3):
            j, k = monomials[term, 1 + (turn + 1) % 3], monomials[term, 1 + (turn + 2) % 3]
            y, z, dy, dz, out = a[j], a[k], da[j], da[k], a_bar[monomials[term, 1 + turn]]
            for p in range(lanes):
                out[p] += factor * (g[p] * y[p] * z[p] + dg[p] * (dy[p] * z[p] + y[p] * dz[p]))
