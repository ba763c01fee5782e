"""What a training frame is: atoms in a cell, with the energy, forces and virial to be learnt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.elements import ATOMIC_NUMBERS

SYMMETRY_TOLERANCE = 1e-3
"""Part of the summed squared forces below which an off-diagonal moment counts as zero; see missing_shear."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One configuration of atoms and its labels; a label that does not exist is None."""

    species: NDArray[np.str_]
    """Chemical symbols, ``(n_atoms,)``."""
    positions: NDArray[np.float64]
    """Cartesian positions in angstrom, ``(n_atoms, 3)``; they need not lie in the cell."""
    cell: NDArray[np.float64]
    """Lattice vectors in angstrom, ``(3, 3)``, one a row."""
    pbc: tuple[bool, bool, bool] = (True, True, True)
    """Periodic directions as written; training is periodic in all three, as in GPUMD."""
    energy: float | None = None
    """Total energy in eV."""
    forces: NDArray[np.float64] | None = None
    """Forces in eV/angstrom, ``(n_atoms, 3)``."""
    virial: NDArray[np.float64] | None = None
    """Total virial in eV, ``(6,)``: xx yy zz xy yz zx, positive when compressed; nan where it is missing."""
    weight: float = 1.0
    """Weight of the frame; it enters the loss squared."""
    energy_weight: float = 1.0
    """Weight of its squared energy error."""
    info: Mapping[str, str] = field(default_factory=dict)
    """Every other key of the comment line, as written."""
    path: str | None = None
    """File it was read from."""
    number: int | None = None
    """Its place in that file, counted from 1."""
    line: int | None = None
    """Its first line in that file, counted from 1."""

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.species)

    @property
    def volume(self) -> float:
        """Volume of the cell in cubic angstrom; positive for a left-handed cell too."""
        return float(abs(np.linalg.det(self.cell)))


def elements_of(frames: Iterable[Frame]) -> tuple[str, ...]:
    """Elements of frames, by atomic number."""
    symbols = {symbol for frame in frames for symbol in np.unique(frame.species).tolist()}
    return tuple(sorted(symbols, key=ATOMIC_NUMBERS.__getitem__))


def check_frames(
    frames: Iterable[Frame], elements: Sequence[str], *, need_forces: bool = True, need_energy: bool = True
) -> None:
    """Check that frames can be trained on with the elements of nep.in.

    Raises
    ------
    InputError
        For the first frame with an element that is not in ``elements``, without energy or without forces.
    """
    known = set(elements)
    for frame in frames:
        unknown = sorted(set(frame.species.tolist()) - known)
        if unknown:
            listed = " ".join(elements)
            raise _frame_error(frame, f"has {' '.join(unknown)}, which `type` of nep.in lacks ({listed}); add it there")
        if need_energy and frame.energy is None:
            raise _frame_error(frame, "has no energy; add energy=<total energy in eV> to its comment line")
        if need_forces and frame.forces is None:
            raise _frame_error(frame, "has no forces; add three columns `forces:R:3` in eV/angstrom")


def missing_shear(frames: Sequence[Frame]) -> NDArray[np.bool_]:
    """Frames whose shear virial was written as zeros because it is missing, ``(n_frames,)``.

    That is: xy, yz and zx are all exactly 0.0, the frame has at least two atoms, and its forces say that no
    symmetry makes them vanish. The moment of the forces, sum_i F_i F_i, transforms like the virial: a
    symmetry of the frame that forbids shear forbids off-diagonal moments too. So one above a
    thousandth of the trace is enough. Frames without forces, or with forces of zero, are never reported.
    """
    return np.array([_lacks_shear(frame) for frame in frames], dtype=np.bool_)


def mask_missing_shear(frames: Sequence[Frame]) -> tuple[list[Frame], int]:
    """Set the shear virials found by :func:`missing_shear` to nan; return the frames and how many changed."""
    missing = missing_shear(frames)
    masked = [_without_shear(frame) if lacks else frame for frame, lacks in zip(frames, missing, strict=True)]
    return masked, int(missing.sum())


def allows_shear(frame: Frame) -> bool:
    """Whether the forces show that no symmetry of the frame makes its shear virial vanish."""
    if frame.forces is None or frame.n_atoms < 2:
        return False
    moment = frame.forces.T @ frame.forces
    largest = np.abs(moment[[0, 1, 2], [1, 2, 0]]).max()
    return bool(largest > SYMMETRY_TOLERANCE * np.trace(moment))


def _lacks_shear(frame: Frame) -> bool:
    return frame.virial is not None and not frame.virial[3:].any() and allows_shear(frame)


def _without_shear(frame: Frame) -> Frame:
    assert frame.virial is not None
    return replace(frame, virial=np.concatenate([frame.virial[:3], np.full(3, np.nan)]))


def _frame_error(frame: Frame, message: str) -> InputError:
    return InputError(message, path=frame.path, frame=frame.number, line=frame.line)
