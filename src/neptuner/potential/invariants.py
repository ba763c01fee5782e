"""Four-body invariants: Wigner 3j symbols, and their expansion in real spherical harmonics.

``q_abc = sum_{m1+m2+m3=0} (a b c; m1 m2 m3) A_{a m1} A_{b m2} A_{c m3}`` with complex A (Fan et al., J. Chem. Phys.
157, 114801 (2022); constants of GPUMD ``src/utilities/nep_utilities.cuh``).
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import product
from math import factorial, sqrt

FOUR_BODY = ((2, 2, 2), None, (1, 1, 2), (1, 2, 3), (2, 3, 3), (1, 3, 4))
"""The l of each flag behind ``l_max``; None stands for q1111, which is 7/15 of the square of the l = 1 invariant."""

FIVE_BODY_FACTOR = 7.0 / 15.0
"""q1111 in units of the square of the l = 1 three-body invariant."""


@cache
def wigner_3j(a: int, b: int, c: int, ma: int, mb: int, mc: int) -> float:
    """Evaluate the Wigner 3j symbol by Racah's formula."""
    if ma + mb + mc or not abs(a - b) <= c <= a + b or abs(ma) > a or abs(mb) > b or abs(mc) > c:
        return 0.0
    triangle = factorial(a + b - c) * factorial(a - b + c) * factorial(b + c - a) / factorial(a + b + c + 1)
    for j, m in ((a, ma), (b, mb), (c, mc)):
        triangle *= factorial(j + m) * factorial(j - m)
    total = 0.0
    for k in range(max(0, b - c - ma, a - c + mb), min(a + b - c, a - ma, b + mb) + 1):
        denominator = factorial(k) * factorial(a + b - c - k) * factorial(a - ma - k) * factorial(b + mb - k)
        denominator *= factorial(c - b + ma + k) * factorial(c - a - mb + k)
        total += (-1) ** k / denominator
    return float((-1) ** (a - b - mc) * sqrt(triangle) * total)


def harmonic_index(degree: int, order: int) -> int:
    """Place of a real harmonic: l = 1 first, within l the order m = 0, 1c, 1s, 2c, 2s, ... (order < 0 is sine)."""
    place = 0 if order == 0 else 2 * abs(order) - (order > 0)
    return degree * degree - 1 + place


def _as_real(degree: int, order: int) -> list[tuple[int, complex]]:
    """Write complex A_lm (Condon-Shortley) as a combination of the real ones: (index, factor) pairs."""
    if order == 0:
        return [(harmonic_index(degree, 0), 1.0)]
    m = abs(order)
    sign = (-1.0) ** m if order > 0 else 1.0
    imaginary = 1j if order > 0 else -1j
    return [
        (harmonic_index(degree, m), sign / sqrt(2)),
        (harmonic_index(degree, -m), sign * imaginary / sqrt(2)),
    ]


def cubic_monomials(a: int, b: int, c: int) -> list[tuple[int, int, int, float]]:
    """Expand q_abc in monomials of the real A: rows ``(i, j, k, factor)``, each index triple once."""
    factors: dict[tuple[int, int, int], complex] = defaultdict(complex)
    for ma, mb in product(range(-a, a + 1), range(-b, b + 1)):
        symbol = wigner_3j(a, b, c, ma, mb, -ma - mb)
        if symbol == 0.0:
            continue
        terms = product(_as_real(a, ma), _as_real(b, mb), _as_real(c, -ma - mb))
        for (i, fi), (j, fj), (k, fk) in terms:
            low, middle, high = sorted((i, j, k))
            factors[low, middle, high] += symbol * fi * fj * fk
    return [(*indices, factor.real) for indices, factor in sorted(factors.items()) if abs(factor) > 1e-12]
