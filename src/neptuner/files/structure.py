"""``model.xyz`` and ``restart.xyz``: the atoms that molecular dynamics begins from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.files.atom_lines import read_count, read_numbers, read_species, split_words
from neptuner.files.atomic import write_text
from neptuner.files.comment_line import Column, Place, read_cell, read_columns, read_pbc, split_comment
from neptuner.files.masses import default_masses
from neptuner.files.text import open_text

_COUNTS = {"mass": 1, "charge": 1, "vel": 3}


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms in a cell, with what molecular dynamics knows of them."""

    species: NDArray[np.str_]
    """Chemical symbols, ``(n_atoms,)``."""
    positions: NDArray[np.float64]
    """Cartesian positions in angstrom, ``(n_atoms, 3)``; they need not lie in the cell."""
    cell: NDArray[np.float64]
    """Lattice vectors in angstrom, ``(3, 3)``, one a row."""
    pbc: tuple[bool, bool, bool]
    """Periodic directions."""
    masses: NDArray[np.float64]
    """In atomic mass units, ``(n_atoms,)``."""
    velocities: NDArray[np.float64] | None
    """In angstrom per femtosecond, ``(n_atoms, 3)``."""
    groups: NDArray[np.int64]
    """Label of each atom in each grouping method, ``(n_methods, n_atoms)``."""
    path: str | None = None
    """File it was read from."""

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.species)


def thicknesses(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances between opposite faces of a cell ``(3, 3)`` in angstrom, ``(3,)``."""
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0))


def read_structure(path: str | Path) -> Structure:
    """Read a ``model.xyz`` or ``restart.xyz``; the column `charge` and unknown ones are passed over.

    Raises
    ------
    InputError
        With the line, for the first thing that GPUMD would refuse, misread or silently skip.
    """
    place = Place(str(path), 1, 1)
    with open_text(path) as file:
        head = file.readline()
        n_atoms = read_count(head, place)
        if n_atoms < 2:
            raise place.error("has 1 atom, expected at least 2 as in GPUMD", 1)
        block = list(islice(file, n_atoms + 1))
        more = next((index for index, line in enumerate(file) if not line.isspace()), None)
    if not block:
        raise place.error(f"the file ends where the comment line of {n_atoms} atoms is expected")
    structure = _read_frame(n_atoms, block, place)
    if more is not None:
        message = f"goes on after its {n_atoms} atoms, expected one frame; mend the count or delete the rest"
        raise place.error(message, n_atoms + 3 + more)
    return structure


def write_structure(path: str | Path, structure: Structure) -> None:
    """Write a structure, atomically and without loss; :func:`read_structure` gives the same numbers back."""
    write_text(path, format_structure(structure))


def format_structure(structure: Structure) -> str:
    """The text of a ``model.xyz``; masses are always written, velocities and groups where there are some."""
    columns = [structure.species.tolist()]
    columns += [list(map(repr, numbers)) for numbers in structure.positions.T.tolist()]
    columns.append(list(map(repr, structure.masses.tolist())))
    if structure.velocities is not None:
        columns += [list(map(repr, numbers)) for numbers in structure.velocities.T.tolist()]
    columns += [list(map(str, labels)) for labels in structure.groups.tolist()]
    atoms = "".join(f"{' '.join(words)}\n" for words in zip(*columns, strict=True))
    return f"{structure.n_atoms}\n{_format_comment(structure)}\n{atoms}"


def replicate(structure: Structure, numbers: tuple[int, int, int]) -> Structure:
    """Repeat a structure along its lattice vectors, in GPUMD's order: the original atoms innermost, then c, b, a.

    Velocities, masses and group labels are copied.
    """
    shifts = np.array(list(np.ndindex(*numbers)), dtype=np.float64) @ structure.cell
    copies = len(shifts)
    velocities = structure.velocities
    return replace(
        structure,
        species=np.tile(structure.species, copies),
        positions=(shifts[:, None, :] + structure.positions).reshape(-1, 3),
        cell=structure.cell * np.array(numbers)[:, None],
        masses=np.tile(structure.masses, copies),
        velocities=None if velocities is None else np.tile(velocities, (copies, 1)),
        groups=np.tile(structure.groups, (1, copies)),
    )


def _read_frame(n_atoms: int, block: Sequence[str], place: Place) -> Structure:
    used, _ = split_comment(block[0], place)
    cell, pbc = read_cell(used, place), read_pbc(used, place)
    columns, width = read_columns(used, place)
    _check_counts(columns, place)
    tokens = split_words(block, n_atoms, width, place)
    names = [name for name in ("pos", *_COUNTS) if name in columns]
    numbers = dict(zip(names, read_numbers(tokens, width, [columns[name] for name in names], place), strict=True))
    species = read_species(tokens[columns["species"].first :: width], place)
    return Structure(
        species=species,
        positions=numbers["pos"],
        cell=cell,
        pbc=pbc,
        masses=_check_masses(numbers["mass"][:, 0], place) if "mass" in numbers else default_masses(species.tolist()),
        velocities=numbers.get("vel"),
        groups=_read_groups(tokens, width, columns.get("group"), place),
        path=place.path,
    )


def _check_counts(columns: Mapping[str, Column], place: Place) -> None:
    for name, expected in _COUNTS.items():
        if name in columns and columns[name].count != expected:
            raise place.error(f"Properties gives `{name}` {columns[name].count} column(s), expected {expected}")


def _check_masses(masses: NDArray[np.float64], place: Place) -> NDArray[np.float64]:
    if (masses <= 0).any():
        atom = int(np.argmax(masses <= 0))
        raise place.error(f"found the mass {masses[atom]:g}, expected more than 0", place.line + 2 + atom)
    return masses


def _read_groups(tokens: Sequence[str], width: int, column: Column | None, place: Place) -> NDArray[np.int64]:
    n_atoms = len(tokens) // width
    if column is None:
        return np.zeros((0, n_atoms), dtype=np.int64)
    words = [tokens[column.first + method :: width] for method in range(column.count)]
    for labels in words:
        for atom, label in enumerate(labels):
            if not (label.isascii() and label.isdecimal() and int(label) < n_atoms):
                message = f"found the group label `{label}`, expected a whole number from 0 to {n_atoms - 1}"
                raise place.error(message, place.line + 2 + atom)
    return np.array([list(map(int, labels)) for labels in words], dtype=np.int64)


def _format_comment(structure: Structure) -> str:
    properties = "species:S:1:pos:R:3:mass:R:1"
    properties += "" if structure.velocities is None else ":vel:R:3"
    properties += f":group:I:{len(structure.groups)}" if len(structure.groups) else ""
    lattice = " ".join(map(repr, structure.cell.ravel().tolist()))
    pbc = " ".join("FT"[periodic] for periodic in structure.pbc)
    return f'pbc="{pbc}" Lattice="{lattice}" Properties={properties}'
