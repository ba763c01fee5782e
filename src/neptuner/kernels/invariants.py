"""Angular invariants of a block of atoms, their derivative, and the reverse of value and tangent.

``A[n, i * n_lm + lm]`` are the real expansion coefficients, ``q[d, i]`` the descriptors; the angular part of q begins
at row ``first`` and has n as its fastest index. ``monomials`` holds (slot, i, j, k) of each term of the four-body
invariants with their ``factors``; ``five_body`` is the slot of q1111 or -1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel
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


@kernel
def invariants(
    A: Array,
    atoms: int,
    l_max: int,
    monomials: Integers,
    factors: Array,
    five_body: int,
    first: int,
    q: Array,
) -> None:
    """Fill the angular rows of ``q`` from A."""
    real, n_lm = A.dtype.type, l_max * (l_max + 2)
    n_functions = A.shape[0]
    for n in range(n_functions):
        for i in range(atoms):
            a = A[n, i * n_lm : (i + 1) * n_lm]
            for degree in range(1, l_max + 1):
                total = real(0.0)
                for m in range(degree * degree - 1, degree * degree + 2 * degree):
                    total += a[m] * a[m]
                q[first + (degree - 1) * n_functions + n, i] = total
            for slot in range(l_max, (q.shape[0] - first) // n_functions):
                q[first + slot * n_functions + n, i] = real(0.0)
            for term in range(monomials.shape[0]):
                value = factors[term] * a[monomials[term, 1]] * a[monomials[term, 2]] * a[monomials[term, 3]]
                q[first + monomials[term, 0] * n_functions + n, i] += value
            if five_body >= 0:
                one = q[first + n, i]
                q[first + five_body * n_functions + n, i] = real(FIVE_BODY_FACTOR) * one * one


@kernel
def invariants_reverse(
    A: Array,
    atoms: int,
    l_max: int,
    monomials: Integers,
    factors: Array,
    five_body: int,
    first: int,
    q: Array,
    gq: Array,
    gA: Array,
) -> None:
    """``gA = J^T gq``: derivative of a function of q by A, given its derivative by q."""
    real, n_lm = A.dtype.type, l_max * (l_max + 2)
    two, n_functions = real(2.0), A.shape[0]
    for n in range(n_functions):
        for i in range(atoms):
            a, g = A[n, i * n_lm : (i + 1) * n_lm], gA[n, i * n_lm : (i + 1) * n_lm]
            for degree in range(1, l_max + 1):
                slope = gq[first + (degree - 1) * n_functions + n, i]
                if degree == 1 and five_body >= 0:
                    five = gq[first + five_body * n_functions + n, i]
                    slope += two * real(FIVE_BODY_FACTOR) * q[first + n, i] * five
                for m in range(degree * degree - 1, degree * degree + 2 * degree):
                    g[m] = two * slope * a[m]
            for term in range(monomials.shape[0]):
                one, two_, three = monomials[term, 1], monomials[term, 2], monomials[term, 3]
                slope = factors[term] * gq[first + monomials[term, 0] * n_functions + n, i]
                g[one] += slope * a[two_] * a[three]
                g[two_] += slope * a[one] * a[three]
                g[three] += slope * a[one] * a[two_]


@kernel
def invariants_tangent(
    A: Array,
    dA: Array,
    atoms: int,
    l_max: int,
    monomials: Integers,
    factors: Array,
    five_body: int,
    first: int,
    q: Array,
    dq: Array,
) -> None:
    """``dq = J dA``: change of the angular rows of q along a change of A."""
    real, n_lm = A.dtype.type, l_max * (l_max + 2)
    two, n_functions = real(2.0), A.shape[0]
    for n in range(n_functions):
        for i in range(atoms):
            a, da = A[n, i * n_lm : (i + 1) * n_lm], dA[n, i * n_lm : (i + 1) * n_lm]
            for degree in range(1, l_max + 1):
                total = real(0.0)
                for m in range(degree * degree - 1, degree * degree + 2 * degree):
                    total += a[m] * da[m]
                dq[first + (degree - 1) * n_functions + n, i] = two * total
            for slot in range(l_max, (q.shape[0] - first) // n_functions):
                dq[first + slot * n_functions + n, i] = real(0.0)
            for term in range(monomials.shape[0]):
                j, k, m = monomials[term, 1], monomials[term, 2], monomials[term, 3]
                change = da[j] * a[k] * a[m] + a[j] * da[k] * a[m] + a[j] * a[k] * da[m]
                dq[first + monomials[term, 0] * n_functions + n, i] += factors[term] * change
            if five_body >= 0:
                change = two * real(FIVE_BODY_FACTOR) * q[first + n, i] * dq[first + n, i]
                dq[first + five_body * n_functions + n, i] = change


@kernel
def invariants_tangent_reverse(
    A: Array,
    dA: Array,
    atoms: int,
    l_max: int,
    monomials: Integers,
    factors: Array,
    five_body: int,
    first: int,
    q: Array,
    dq: Array,
    q_bar: Array,
    dq_bar: Array,
    A_bar: Array,
) -> None:
    """Reverse of value and tangent by A: ``A_bar = J^T q_bar + (d(J dA)/dA)^T dq_bar``.

    The reverse by ``dA`` is ``invariants_reverse`` of ``dq_bar``.
    """
    real, n_lm = A.dtype.type, l_max * (l_max + 2)
    two, n_functions = real(2.0), A.shape[0]
    for n in range(n_functions):
        for i in range(atoms):
            a, da = A[n, i * n_lm : (i + 1) * n_lm], dA[n, i * n_lm : (i + 1) * n_lm]
            bar = A_bar[n, i * n_lm : (i + 1) * n_lm]
            for degree in range(1, l_max + 1):
                row = first + (degree - 1) * n_functions + n
                value, change = q_bar[row, i], dq_bar[row, i]
                if degree == 1 and five_body >= 0:
                    five = first + five_body * n_functions + n
                    scale = two * real(FIVE_BODY_FACTOR)
                    value += scale * (q[row, i] * q_bar[five, i] + dq[row, i] * dq_bar[five, i])
                    change += scale * q[row, i] * dq_bar[five, i]
                for m in range(degree * degree - 1, degree * degree + 2 * degree):
                    bar[m] = two * (value * a[m] + change * da[m])
            for term in range(monomials.shape[0]):
                j, k, m = monomials[term, 1], monomials[term, 2], monomials[term, 3]
                row = first + monomials[term, 0] * n_functions + n
                value, change = factors[term] * q_bar[row, i], factors[term] * dq_bar[row, i]
                bar[j] += value * a[k] * a[m] + change * (da[k] * a[m] + a[k] * da[m])
                bar[k] += value * a[j] * a[m] + change * (da[j] * a[m] + a[j] * da[m])
                bar[m] += value * a[j] * a[k] + change * (da[j] * a[k] + a[j] * da[k])
