"""A small data set whose labels belong together: energies, forces and virials of one smooth potential.

Four elements in the structure of caesium chloride, Mg and Ca on one site, O and S on the other; cells of 16 and 24
atoms with thermal displacements and strains of all six kinds. The potential is a Morse pair potential plus an
embedding energy, so that no pair potential, such as the quick model of the audit, is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame

Floats = NDArray[np.float64]

CUTOFF = 5.0
LATTICE = 3.3
DISPLACEMENT, STRAIN = 0.12, 0.02
RADIUS = {"Mg": 1.5, "Ca": 1.6, "O": 1.35, "S": 1.5}
FREE_ENERGY = {"Mg": -1.5, "Ca": -2.0, "O": -4.4, "S": -3.1}
"""Energies of isolated atoms in eV."""
MIXTURES = ((1.0, 1.0), (0.5, 1.0), (0.0, 1.0), (0.5, 0.5), (1.0, 0.5), (0.75, 0.75))
"""Parts of Mg on its site, and of O on its own."""
REPEATS = ((2, 2, 2), (3, 2, 2), (2, 3, 2))
NEP_IN = "type 4 Mg Ca O S\ncutoff 6 4\n"

_VOIGT = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))
_IMAGES = np.array(list(product((-1, 0, 1), repeat=3)), dtype=float)


@dataclass
class DataSet:
    """Frames of both files, and the ``nep.in``."""

    train: list[Frame]
    test: list[Frame]
    nep_in: str = NEP_IN


def generate(seed: int = 0, n_train: int = 48, n_test: int = 18) -> DataSet:
    """Make a data set without faults; the same seed gives the same one."""
    rng = np.random.default_rng(seed)
    frames = [_random_frame(k, rng) for k in range(n_train + n_test)]
    order = rng.permutation(len(frames)).tolist()
    shuffled = [frames[k] for k in order]
    return DataSet(shuffled[:n_train], shuffled[n_train:])


def write(data: DataSet, folder: Path) -> tuple[Path, Path, Path]:
    """Write ``train.xyz``, ``test.xyz`` and ``nep.in``."""
    paths = folder / "train.xyz", folder / "test.xyz", folder / "nep.in"
    write_frames(paths[0], data.train)
    write_frames(paths[1], data.test)
    paths[2].write_text(data.nep_in)
    return paths


def labelled(frame: Frame) -> Frame:
    """Give a frame the energy, forces and virial of the potential, rounded as programs write them."""
    energy, forces, virial = _evaluate(frame)
    return replace(frame, energy=round(energy, 6), forces=forces.round(6), virial=virial.round(5))


def _random_frame(k: int, rng: np.random.Generator) -> Frame:
    magnesium, oxygen = MIXTURES[k % len(MIXTURES)]
    repeat = np.array(REPEATS[k % len(REPEATS)])
    corners = np.array(list(product(*map(range, repeat))), dtype=float)
    sites = np.vstack([corners, corners + 0.5])
    species = np.concatenate([
        _mixed("Mg", "Ca", magnesium, len(corners), rng), _mixed("O", "S", oxygen, len(corners), rng)
    ])  # fmt: skip
    tilt = STRAIN * rng.normal(size=(3, 3))
    deformation = np.eye(3) + 0.5 * (tilt + tilt.T)
    cell = np.diag(LATTICE * repeat) @ deformation
    positions = sites * LATTICE @ deformation + DISPLACEMENT * rng.normal(size=(len(sites), 3))
    return labelled(Frame(species, positions.round(8), cell.round(8)))


def _mixed(one: str, other: str, part: float, n: int, rng: np.random.Generator) -> NDArray[np.str_]:
    return rng.permutation(np.where(np.arange(n) < round(part * n), one, other))


def _evaluate(frame: Frame) -> tuple[float, Floats, Floats]:
    """Energy, forces ``(n_atoms, 3)`` and virial ``(6,)`` in eV and angstrom."""
    vector = frame.positions[None, :, None] + _IMAGES @ frame.cell - frame.positions[:, None, None]
    r = np.linalg.norm(vector, axis=-1)
    inside = (r > 0) & (r < CUTOFF)
    r = np.where(inside, r, 1.0)
    radius = np.array([RADIUS[symbol] for symbol in frame.species.tolist()])
    r0 = (radius[:, None] + radius)[:, :, None]
    like = np.array([symbol in ("Mg", "Ca") for symbol in frame.species.tolist()])
    depth = np.where(like[:, None] == like, 0.05, 0.45)[:, :, None]
    smooth, slope = (1 - (r / CUTOFF) ** 2) ** 3, -6 * r / CUTOFF**2 * (1 - (r / CUTOFF) ** 2) ** 2
    e = np.exp(-1.6 * (r - r0))
    pair, dpair = depth * (e * e - 2 * e), depth * 1.6 * (2 * e - 2 * e * e)
    near = np.exp(-1.8 * (r - r0))
    phi, dphi = (np.where(inside, f, 0.0) for f in (pair * smooth, dpair * smooth + pair * slope))
    rho, drho = (np.where(inside, f, 0.0) for f in (near * smooth, -1.8 * near * smooth + near * slope))
    density = rho.sum(axis=(1, 2))
    embedding = -0.6 * np.sqrt(density)
    root = -0.3 / np.sqrt(density)
    both = dphi + (root[:, None] + root)[:, :, None] * drho
    pull = both[..., None] * vector / r[..., None]
    virial = np.array([-0.5 * (pull[..., a] * vector[..., b]).sum() for a, b in _VOIGT])
    free = sum(FREE_ENERGY[symbol] for symbol in frame.species.tolist())
    return float(0.5 * phi.sum() + embedding.sum() + free), pull.sum(axis=(1, 2)), virial
