"""What molecular dynamics of a study begins with: a given structure, or a training frame that stands for the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.files.masses import default_masses
from neptuner.files.structure import Structure, read_structure, thicknesses

SPARE = 1.05
"""How much thicker than twice the cutoff a cell is made, since it may shrink when it is relaxed."""
FEWEST_ATOMS = 2
"""In model.xyz, as GPUMD has it."""
SAME_COMPOSITION = 0.02
"""Part of the atoms by which the composition of two frames may differ and still count as the same."""


@dataclass(frozen=True)
class Crystal:
    """The structure that every model of a study starts from."""

    structure: Structure
    source: str
    """Where it comes from, as part of a sentence."""
    path: str
    frame: int | None = None
    """Number of the training frame; None for a file of one structure."""

    @property
    def formula(self) -> str:
        """Its atoms, such as ``Mg4O4``."""
        counts = Counter(self.structure.species.tolist())
        return "".join(f"{symbol}{counts[symbol]}" for symbol in sorted(counts))


def read_crystal(path: Path, elements: Sequence[str]) -> Crystal:
    """Read the structure that study.toml names.

    Raises
    ------
    InputError
        If it cannot be read, or has an element that the potentials lack.
    """
    structure = read_structure(path)
    unknown = sorted(set(structure.species.tolist()) - set(elements))
    if unknown:
        listed = " ".join(elements)
        raise InputError(f"has {' '.join(unknown)}, which `type` of nep.in lacks ({listed})", path=path)
    # positions make the start; velocities come from the seed of each replicate
    return Crystal(replace(structure, velocities=None), path.name, str(path))


def choose_crystal(frames: Sequence[Frame], name: str) -> Crystal:
    """Choose the training frame to start from.

    Of the frames whose composition is nearest to that of all frames together, those with the most atoms; of
    these the one with the lowest largest force.

    Parameters
    ----------
    frames
        Frames with forces.
    name
        Of the file that they come from.

    Raises
    ------
    InputError
        If every frame has one atom only.
    """
    frames = [frame for frame in frames if frame.n_atoms >= FEWEST_ATOMS]
    if not frames:
        raise InputError("has no frame of two atoms or more to start from; name one as md.structure", path=name)
    distances = _composition_distances(frames)
    near = [f for f, d in zip(frames, distances, strict=True) if d <= distances.min() + SAME_COMPOSITION]
    largest = [frame for frame in near if frame.n_atoms == max(f.n_atoms for f in near)]
    forces = [largest_force(frame) for frame in largest]
    frame = largest[int(np.argmin(forces))]
    source = (
        f"frame {frame.number} of {name} ({frame.n_atoms} atoms, largest force {min(forces):.3g} eV/angstrom: the "
        f"lowest of the {len(largest)} largest frames whose composition is nearest to that of all)"
    )
    return Crystal(structure_of(frame), source, frame.path or name, frame.number)


def structure_of(frame: Frame) -> Structure:
    """Atoms and cell of a frame, with the masses of the elements."""
    return Structure(
        species=frame.species,
        positions=frame.positions,
        cell=frame.cell,
        pbc=frame.pbc,
        masses=default_masses(frame.species.tolist()),
        velocities=None,
        groups=np.zeros((0, frame.n_atoms), dtype=np.int64),
    )


def largest_force(frame: Frame) -> float:
    """Largest force on an atom of a frame in eV/angstrom; infinite without forces."""
    return np.inf if frame.forces is None else float(np.linalg.norm(frame.forces, axis=1).max())


def smallest_supercell(structure: Structure, cutoff: float) -> tuple[int, int, int]:
    """Fewest copies that make a cell thicker than twice the cutoff in every periodic direction."""
    needed = np.floor(2 * SPARE * cutoff / thicknesses(structure.cell)).astype(int) + 1
    first, second, third = (int(n) if periodic else 1 for n, periodic in zip(needed, structure.pbc, strict=True))
    return first, second, third


def radial_cutoff(settings: Iterable[Sequence[float]]) -> float:
    """Largest radial cutoff of several nep.in, from their `cutoff` (radial and angular, once or for each element)."""
    return max(max(cutoff[::2]) for cutoff in settings)


def _composition_distances(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Part of the atoms of each frame that would have to be others to give the composition of all, ``(n_frames,)``."""
    elements = sorted({symbol for frame in frames for symbol in frame.species.tolist()})
    counts = np.array([[np.count_nonzero(frame.species == e) for e in elements] for frame in frames], dtype=float)
    total = counts.sum(axis=0) / counts.sum()
    return np.asarray(np.abs(counts / counts.sum(axis=1, keepdims=True) - total).sum(axis=1) / 2)
