"""Radial basis functions and real spherical harmonics of the pairs of one atom.

They do not depend on a parameter, so that a whole population shares them and their cost is of little account.
"""

from __future__ import annotations

from math import factorial, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel

Array = NDArray[np.floating]
Floats = NDArray[np.float64]


@kernel
def measure(x: Array, y: Array, z: Array, inverse_rc: float, r: Array, cutoff: Array) -> None:
    """Set distances, and the rows of ``cutoff``: 2 (r/rc - 1)^2 - 1, its slope, fc, and its slope."""
    real = r.dtype.type
    half, one, two, four, turn = real(0.5), real(1.0), real(2.0), real(4.0), real(pi)
    for p in range(len(x)):
        r[p] = np.sqrt(x[p] * x[p] + y[p] * y[p] + z[p] * z[p])
        u = min(r[p] * inverse_rc, one)
        cutoff[0, p] = two * (u - one) * (u - one) - one
        cutoff[1, p] = four * (u - one) * inverse_rc
        cutoff[2, p] = half * (one + np.cos(turn * u))
        cutoff[3, p] = -half * turn * inverse_rc * np.sin(turn * u)


@kernel
def radial_basis(cutoff: Array, n: int, f: Array, df: Array) -> None:
    """Evaluate f_k and f_k' by the Chebyshev recursion.

    Parameters
    ----------
    cutoff
        From ``measure``.
    n
        Number of pairs.
    f, df
        Output, ``(basis, >= n)`` each.
    """
    real = f.dtype.type
    half, one, two, four = real(0.5), real(1.0), real(2.0), real(4.0)
    x, dx, fc, dfc = cutoff[0], cutoff[1], cutoff[2], cutoff[3]
    for p in range(n):
        f[0, p] = fc[p]
        df[0, p] = dfc[p]
    # first the bare T_k in f and T_k'(x) in df, then the cutoff function in place
    if f.shape[0] > 1:
        for p in range(n):
            f[1, p] = x[p]
            df[1, p] = one
    if f.shape[0] > 2:
        for p in range(n):
            f[2, p] = two * x[p] * x[p] - one
            df[2, p] = four * x[p]
    for k in range(3, f.shape[0]):
        for p in range(n):
            f[k, p] = two * x[p] * f[k - 1, p] - f[k - 2, p]
        for p in range(n):
            df[k, p] = two * (f[k - 1, p] + x[p] * df[k - 1, p]) - df[k - 2, p]
    for k in range(1, f.shape[0]):
        for p in range(n):
            value = half * (f[k, p] + one)
            df[k, p] = value * dfc[p] + half * df[k, p] * dx[p] * fc[p]
            f[k, p] = value * fc[p]


def harmonic_norms(l_max: int) -> Floats:
    """Norms of the real harmonics, ``(l_max + 1, l_max + 1)``, index l, m."""
    norms = np.zeros((l_max + 1, l_max + 1))
    for degree in range(l_max + 1):
        for m in range(degree + 1):
            both = 2.0 if m else 1.0
            norms[degree, m] = sqrt(both * (2 * degree + 1) / (4 * pi) * factorial(degree - m) / factorial(degree + m))
    return norms


@kernel
def _legendre_derivatives(z: float, l_max: int, D: Floats) -> None:
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
def real_harmonics(x: float, y: float, z: float, r: float, norms: Floats, work: Floats, out: Floats) -> None:
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
