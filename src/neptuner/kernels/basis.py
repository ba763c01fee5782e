"""Radial basis functions and real spherical harmonics of pairs."""

from __future__ import annotations

from math import factorial, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel

Array = NDArray[np.floating]


@kernel
def radial_basis(radial: Array, first: int, last: int, f: Array, df: Array) -> None:
    """Evaluate f_k and f_k' of the pairs first <= p < last of one atom by the Chebyshev recursion.

    The matrix and bounds are passed and its rows cut here: the rows of a slice of a matrix have no known stride, and an
    index that may be negative must be checked, so that either would keep the loops from being vectorised.

    Parameters
    ----------
    radial
        ``(4, n_pairs)``: x = 2 (r/rc - 1)^2 - 1, dx/dr, fc, dfc/dr.
    first, last
        The atom's pairs.
    f, df
        Output, ``(basis, >= last - first)`` each.
    """
    n, size = last - first, f.shape[0]
    real = f.dtype.type
    half, one, two, four = real(0.5), real(1.0), real(2.0), real(4.0)
    x, dx = radial[0, first:last], radial[1, first:last]
    fc, dfc = radial[2, first:last], radial[3, first:last]
    for p in range(n):
        f[0, p] = fc[p]
        df[0, p] = dfc[p]
    # first the bare T_k in f and T_k'(x) in df, then the cutoff function in place
    if size > 1:
        for p in range(n):
            f[1, p] = x[p]
            df[1, p] = one
    if size > 2:
        for p in range(n):
            f[2, p] = two * x[p] * x[p] - one
            df[2, p] = four * x[p]
    for k in range(3, size):
        T, before, last_but_one = f[k], f[k - 1], f[k - 2]
        for p in range(n):
            T[p] = two * x[p] * before[p] - last_but_one[p]
        dT, d_before, d_last_but_one = df[k], df[k - 1], df[k - 2]
        for p in range(n):
            dT[p] = two * (before[p] + x[p] * d_before[p]) - d_last_but_one[p]
    for k in range(1, size):
        T, dT = f[k], df[k]
        for p in range(n):
            value = half * (T[p] + one)
            dT[p] = value * dfc[p] + half * dT[p] * dx[p] * fc[p]
            T[p] = value * fc[p]


def harmonic_norms(l_max: int) -> NDArray[np.float64]:
    """Norms of the real harmonics, ``(l_max + 1, l_max + 1)``, index l, m."""
    norms = np.zeros((l_max + 1, l_max + 1))
    for degree in range(l_max + 1):
        for m in range(degree + 1):
            both = 2.0 if m else 1.0
            norms[degree, m] = sqrt(both * (2 * degree + 1) / (4 * pi) * factorial(degree - m) / factorial(degree + m))
    return norms


@kernel
def _legendre_derivatives(z: float, l_max: int, D: Array) -> None:
    """Fill ``D[l, m]`` with the m-th derivative of the Legendre polynomial P_l at z, for m up to l + 1."""
    D[:] = 0.0
    D[0, 0] = 1.0
    for m in range(1, l_max + 1):
        D[m, m] = D[m - 1, m - 1] * (2 * m - 1)
    for m in range(l_max):
        D[m + 1, m] = z * (2 * m + 1) * D[m, m]
        for degree in range(m + 2, l_max + 1):
            D[degree, m] = ((2 * degree - 1) * z * D[degree - 1, m] - (degree + m - 1) * D[degree - 2, m]) / (
                degree - m
            )


@kernel
def real_harmonics(x: float, y: float, z: float, r: float, norms: Array, work: Array, out: Array) -> None:
    """Evaluate real harmonics of a unit vector and their gradients by r, in double precision.

    Parameters
    ----------
    x, y, z, r
        Unit vector and distance in angstrom.
    norms
        Of ``harmonic_norms``.
    work
        Scratch, ``(l_max + 2, l_max + 2)``.
    out
        Output, ``(4, n_harmonics)``: value, then derivatives by the components of r, in the order of
        ``potential.invariants.harmonic_index``.
    """
    l_max = norms.shape[0] - 1
    _legendre_derivatives(z, l_max, work)
    for degree in range(1, l_max + 1):
        # (x + iy)^m and (x + iy)^(m-1)
        cosine, sine, cosine_before, sine_before = 1.0, 0.0, 0.0, 0.0
        for m in range(degree + 1):
            radial, slope = norms[degree, m] * work[degree, m], norms[degree, m] * work[degree, m + 1]
            base = degree * degree - 1
            for part in range(2 if m else 1):
                place = base + (2 * m - 1 + part if m else 0)
                value = cosine if part == 0 else sine
                before_x = cosine_before if part == 0 else sine_before
                before_y = -sine_before if part == 0 else cosine_before
                gx, gy, gz = radial * m * before_x, radial * m * before_y, slope * value
                along = gx * x + gy * y + gz * z
                out[0, place] = radial * value
                out[1, place] = (gx - along * x) / r
                out[2, place] = (gy - along * y) / r
                out[3, place] = (gz - along * z) / r
            cosine_before, sine_before = cosine, sine
            cosine, sine = cosine * x - sine * y, sine * x + cosine * y
