"""The linear pair operator of one atom: densities, forces P(D, E) and the transpose (design notes, section 1).

Rows are cut out before a loop over pairs, so that its index starts at zero: an index that the compiler cannot prove
to be positive is checked for every element, and the loop is not vectorised.

Arrays of one block of atoms hold the atom in an inner index: ``D[tk, i]`` and ``E[tk, i * n_harmonics + lm]`` with
``tk = t * basis + k``; ``column`` is the atom's i.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel

Array = NDArray[np.floating]
Number: TypeAlias = "np.floating[Any]"
Integers = NDArray[np.int64]


@kernel
def radial_density(start: Integers, f: Array, out: Array) -> None:
    """Sum f_k over the neighbours of each species: ``out[tk]``; ``start`` is the atom's row of pair bounds."""
    size, first = f.shape[0], start[0]
    for t in range(start.shape[0] - 1):
        for k in range(size):
            row = f[k, start[t] - first : start[t + 1] - first]
            total = f.dtype.type(0.0)
            for p in range(row.shape[0]):
                total += row[p]
            out[t * size + k] = total


@kernel
def angular_density(start: Integers, f: Array, harmonics: Array, out: Array) -> None:
    """Sum f_k Y_lm over the neighbours of each species: ``out[tk, lm]``."""
    size, first, n_lm = f.shape[0], start[0], out.shape[1]
    out[:] = f.dtype.type(0.0)
    for t in range(start.shape[0] - 1):
        for p in range(start[t], start[t + 1]):
            for k in range(size):
                value, row = f[k, p - first], t * size + k
                for m in range(n_lm):
                    out[row, m] += value * harmonics[p, 0, m]


@kernel
def radial_forces(
    start: Integers,
    neighbor: NDArray[np.int32],
    vector: Array,
    df: Array,
    D: Array,
    column: int,
    scratch: Array,
    atom: int,
    shift: int,
    forces: Array,
    virial: Array,
) -> None:
    """Add the radial part of P: forces on the atom and its neighbours, virial (xx yy zz xy yz zx) on the atom."""
    size, first = df.shape[0], start[0]
    real = df.dtype.type
    for t in range(start.shape[0] - 1):
        low, high = start[t] - first, start[t + 1] - first
        slope = scratch[low:high]
        for p in range(high - low):
            slope[p] = real(0.0)
        for k in range(size):
            d, row = D[t * size + k, column], df[k, low:high]
            for p in range(high - low):
                slope[p] += d * row[p]
    fx = fy = fz = vxx = vyy = vzz = vxy = vyz = vzx = real(0.0)
    for q in range(start[0], start[start.shape[0] - 1]):
        x, y, z, p_r = vector[0, q], vector[1, q], vector[2, q], scratch[q - first]
        px, py, pz = p_r * x, p_r * y, p_r * z
        j = neighbor[q] + shift
        forces[j, 0] -= px
        forces[j, 1] -= py
        forces[j, 2] -= pz
        fx += px
        fy += py
        fz += pz
        rx, ry, rz = vector[3, q] * x, vector[3, q] * y, vector[3, q] * z
        vxx -= rx * px
        vyy -= ry * py
        vzz -= rz * pz
        vxy -= rx * py
        vyz -= ry * pz
        vzx -= rz * px
    _add(forces, atom, fx, fy, fz)
    _add_virial(virial, atom, vxx, vyy, vzz, vxy, vyz, vzx)


@kernel
def _contract_basis(
    f: Array, df: Array, p: int, E: Array, first_row: int, offset: int, values: Array, slopes: Array
) -> None:
    """Set ``values[lm] = sum_k f_k E_k,lm`` and ``slopes`` likewise with f_k', for pair p of the atom.

    Three rows at a time: with four the compiler would need too many checks for overlap and would not vectorise.
    """
    size, n_lm = f.shape[0], values.shape[0]
    whole = size - size % 3
    for m in range(n_lm):
        values[m] = f.dtype.type(0.0)
        slopes[m] = f.dtype.type(0.0)
    for k in range(0, whole, 3):
        a, b, c = f[k, p], f[k + 1, p], f[k + 2, p]
        da, db, dc = df[k, p], df[k + 1, p], df[k + 2, p]
        row = first_row + k
        e0, e1 = E[row, offset : offset + n_lm], E[row + 1, offset : offset + n_lm]
        e2 = E[row + 2, offset : offset + n_lm]
        for m in range(n_lm):
            values[m] += a * e0[m] + b * e1[m] + c * e2[m]
            slopes[m] += da * e0[m] + db * e1[m] + dc * e2[m]
    for k in range(whole, size):
        a, da = f[k, p], df[k, p]
        e0 = E[first_row + k, offset : offset + n_lm]
        for m in range(n_lm):
            values[m] += a * e0[m]
            slopes[m] += da * e0[m]


@kernel
def angular_forces(
    start: Integers,
    neighbor: NDArray[np.int32],
    vector: Array,
    f: Array,
    df: Array,
    harmonics: Array,
    E: Array,
    column: int,
    atom: int,
    shift: int,
    forces: Array,
    virial: Array,
) -> None:
    """Add the angular part of P."""
    # separate arrays: only then does the compiler know that they do not overlap, and vectorises (3 times faster)
    values, slopes = np.empty(harmonics.shape[2], f.dtype), np.empty(harmonics.shape[2], f.dtype)
    size, first, n_lm = f.shape[0], start[0], harmonics.shape[2]
    real, offset = f.dtype.type, column * harmonics.shape[2]
    fx = fy = fz = vxx = vyy = vzz = vxy = vyz = vzx = real(0.0)
    for t in range(start.shape[0] - 1):
        for p in range(start[t], start[t + 1]):
            _contract_basis(f, df, p - first, E, t * size, offset, values, slopes)
            Y, Yx, Yy, Yz = harmonics[p, 0], harmonics[p, 1], harmonics[p, 2], harmonics[p, 3]
            along = px = py = pz = real(0.0)
            for m in range(n_lm):
                along += slopes[m] * Y[m]
                px += values[m] * Yx[m]
                py += values[m] * Yy[m]
                pz += values[m] * Yz[m]
            x, y, z, r = vector[0, p], vector[1, p], vector[2, p], vector[3, p]
            px += along * x
            py += along * y
            pz += along * z
            j = neighbor[p] + shift
            forces[j, 0] -= px
            forces[j, 1] -= py
            forces[j, 2] -= pz
            fx += px
            fy += py
            fz += pz
            vxx -= r * x * px
            vyy -= r * y * py
            vzz -= r * z * pz
            vxy -= r * x * py
            vyz -= r * y * pz
            vzx -= r * z * px
    _add(forces, atom, fx, fy, fz)
    _add_virial(virial, atom, vxx, vyy, vzz, vxy, vyz, vzx)


@kernel
def _add(forces: Array, atom: int, x: Number, y: Number, z: Number) -> None:
    forces[atom, 0] += x
    forces[atom, 1] += y
    forces[atom, 2] += z


@kernel
def _add_virial(
    virial: Array, atom: int, xx: Number, yy: Number, zz: Number, xy: Number, yz: Number, zx: Number
) -> None:
    virial[atom, 0] += xx
    virial[atom, 1] += yy
    virial[atom, 2] += zz
    virial[atom, 3] += xy
    virial[atom, 4] += yz
    virial[atom, 5] += zx


@kernel
def pair_tangents(
    start: Integers,
    neighbor: NDArray[np.int32],
    vector: Array,
    atom: int,
    shift: int,
    force_tangent: Array,
    virial_tangent: Array,
    out: Array,
) -> None:
    """Pull loss derivatives by forces and virial back to the partial forces p_ij: ``out[axis, pair of the atom]``."""
    first = start[0]
    gx, gy, gz = force_tangent[atom, 0], force_tangent[atom, 1], force_tangent[atom, 2]
    wxx, wyy, wzz = virial_tangent[atom, 0], virial_tangent[atom, 1], virial_tangent[atom, 2]
    wxy, wyz, wzx = virial_tangent[atom, 3], virial_tangent[atom, 4], virial_tangent[atom, 5]
    for q in range(first, start[start.shape[0] - 1]):
        j = neighbor[q] + shift
        r = vector[3, q]
        x, y, z = r * vector[0, q], r * vector[1, q], r * vector[2, q]
        out[0, q - first] = gx - force_tangent[j, 0] - wxx * x - wzx * z
        out[1, q - first] = gy - force_tangent[j, 1] - wyy * y - wxy * x
        out[2, q - first] = gz - force_tangent[j, 2] - wzz * z - wyz * y


@kernel
def radial_transpose(start: Integers, vector: Array, df: Array, tangents: Array, dR: Array, column: int) -> None:
    """Set ``dR[tk, column]``, the radial part of the transpose of P; ``tangents`` row 0 is overwritten."""
    size, first = df.shape[0], start[0]
    last = start[start.shape[0] - 1]
    x, y, z = vector[0, first:last], vector[1, first:last], vector[2, first:last]
    along, gy, gz = tangents[0], tangents[1], tangents[2]
    for p in range(last - first):
        along[p] = along[p] * x[p] + gy[p] * y[p] + gz[p] * z[p]
    for t in range(start.shape[0] - 1):
        low, high = start[t] - first, start[t + 1] - first
        change = along[low:high]
        for k in range(size):
            total, row = df.dtype.type(0.0), df[k, low:high]
            for p in range(high - low):
                total += row[p] * change[p]
            dR[t * size + k, column] = total


@kernel
def angular_transpose(
    start: Integers,
    vector: Array,
    f: Array,
    df: Array,
    harmonics: Array,
    tangents: Array,
    dB: Array,
    column: int,
) -> None:
    """Set the column of ``dB[tk, i * n_harmonics + lm]``, the angular part of the transpose of P."""
    size, first, n_lm = f.shape[0], start[0], harmonics.shape[2]
    offset = column * n_lm
    last = start[start.shape[0] - 1]
    across, inward = np.empty((last - first, n_lm), f.dtype), np.empty((last - first, n_lm), f.dtype)
    for p in range(first, last):
        gx, gy, gz = tangents[0, p - first], tangents[1, p - first], tangents[2, p - first]
        along = gx * vector[0, p] + gy * vector[1, p] + gz * vector[2, p]
        Y, Yx, Yy, Yz = harmonics[p, 0], harmonics[p, 1], harmonics[p, 2], harmonics[p, 3]
        u, w = across[p - first], inward[p - first]
        for m in range(n_lm):
            u[m] = gx * Yx[m] + gy * Yy[m] + gz * Yz[m]
        for m in range(n_lm):
            w[m] = along * Y[m]
    for t in range(start.shape[0] - 1):
        low, high = start[t] - first, start[t + 1] - first
        paired = high - (high - low) % 2
        for k in range(size):
            density = dB[t * size + k, offset : offset + n_lm]
            for m in range(n_lm):
                density[m] = f.dtype.type(0.0)
            # two pairs at a time: half the loads and stores of the sum
            for p in range(low, paired, 2):
                a, da, b, db = f[k, p], df[k, p], f[k, p + 1], df[k, p + 1]
                u, w, v, x = across[p], inward[p], across[p + 1], inward[p + 1]
                for m in range(n_lm):
                    density[m] += a * u[m] + da * w[m] + b * v[m] + db * x[m]
            for p in range(paired, high):
                a, da, u, w = f[k, p], df[k, p], across[p], inward[p]
                for m in range(n_lm):
                    density[m] += a * u[m] + da * w[m]
