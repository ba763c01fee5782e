"""Periodic images as atoms of their own, so that no kernel need know about boundary conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.compile import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]


class Images(NamedTuple):
    """The atoms of a cell and every image that may matter to them; ``find_images`` puts the atoms first."""

    origin: Integers
    """The atom that each is an image of, ``(n_images,)``."""
    shift: Integers
    """Lattice vectors to add to that atom's position, ``(n_images, 3)``."""


def sorted_images(images: Images, order: Integers) -> Images:
    """Put images into another order."""
    return Images(images.origin[order], images.shift[order])


def find_images(positions: Floats, cell: Floats, pbc: Sequence[bool], reach: float) -> Images:
    """List the images closer than ``reach`` to the cell into which the atoms are wrapped.

    Parameters
    ----------
    positions
        ``(n_atoms, 3)`` in angstrom; atoms may lie outside the cell.
    cell
        Lattice vectors in angstrom, one a row; those of directions without periodicity are not used.
    pbc
        Which directions are periodic.
    reach
        Distance in angstrom.

    Raises
    ------
    ValueError
        If periodic lattice vectors are linearly dependent.
    """
    cell = full_cell(cell, pbc)
    periodic = np.array(pbc, dtype=bool)
    inverse = np.linalg.inv(cell)
    fractional = positions @ inverse
    wrap = np.where(periodic, -np.floor(fractional), 0.0).astype(np.int32)
    # an image within reach of the cell is within reach of its bounding planes
    margin = np.where(periodic, reach * np.linalg.norm(inverse, axis=0), 0.0)
    inside = fractional + wrap
    low = np.where(periodic, np.ceil(-margin - inside), 0.0).astype(np.int32)
    high = np.where(periodic, np.floor(1.0 + margin - inside), 0.0).astype(np.int32)
    count = int((high - low + 1).prod(axis=1).sum())
    origin, shift = np.empty(count, np.int32), np.empty((count, 3), np.int32)
    _list_images(wrap, low, high, origin, shift)
    return Images(origin, shift)


def full_cell(cell: Floats, pbc: Sequence[bool]) -> Floats:
    """Replace lattice vectors of directions without periodicity by vectors orthogonal to the others.

    Raises
    ------
    ValueError
        If periodic lattice vectors are linearly dependent.
    """
    full = np.array(cell, dtype=np.float64)
    if not all(pbc):
        periodic = [axis for axis in range(3) if pbc[axis]]
        basis = np.linalg.qr(full[periodic].T, mode="complete")[0].T
        for axis, vector in zip((axis for axis in range(3) if not pbc[axis]), basis[len(periodic) :], strict=True):
            full[axis] = vector
    if not _spans_volume(full):
        raise ValueError("periodic lattice vectors are zero or linearly dependent")
    return full


@kernel
def _spans_volume(cell: Floats) -> bool:
    a, b, c = cell[0], cell[1], cell[2]
    volume = (
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
    lengths = np.sqrt((a * a).sum() * (b * b).sum() * (c * c).sum())
    return bool(abs(volume) > 1e-9 * lengths)


@kernel
def _list_images(wrap: Integers, low: Integers, high: Integers, origin: Integers, shift: Integers) -> None:
    n = wrap.shape[0]
    for i in range(n):
        origin[i] = i
        shift[i] = wrap[i]
    place = n
    for i in range(n):
        for a in range(low[i, 0], high[i, 0] + 1):
            for b in range(low[i, 1], high[i, 1] + 1):
                for c in range(low[i, 2], high[i, 2] + 1):
                    if a == 0 and b == 0 and c == 0:
                        continue
                    origin[place] = i
                    shift[place, 0] = wrap[i, 0] + a
                    shift[place, 1] = wrap[i, 1] + b
                    shift[place, 2] = wrap[i, 2] + c
                    place += 1


@kernel
def place_images(positions: Floats, cell: Floats, origin: Integers, shift: Integers, x: Floats) -> None:
    """Set the positions of the images, ``x``: ``(n_images, 3)`` in angstrom."""
    for p in range(x.shape[0]):
        a, b, c = shift[p, 0], shift[p, 1], shift[p, 2]
        for axis in range(3):
            x[p, axis] = positions[origin[p], axis] + a * cell[0, axis] + b * cell[1, axis] + c * cell[2, axis]


@kernel
def largest_displacement(x: Floats, before: Floats) -> float:
    """Largest distance in angstrom between two sets of positions, each ``(n, 3)``."""
    largest = 0.0
    for p in range(x.shape[0]):
        dx, dy, dz = x[p, 0] - before[p, 0], x[p, 1] - before[p, 1], x[p, 2] - before[p, 2]
        largest = max(largest, dx * dx + dy * dy + dz * dz)
    return float(np.sqrt(largest))
