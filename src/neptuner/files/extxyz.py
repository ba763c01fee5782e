"""Extended XYZ as GPUMD's ``nep`` reads it (``train.xyz``, ``test.xyz``), and as ASE writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.atom_lines import read_count, read_numbers, read_species, split_words
from neptuner.files.atomic import write_text
from neptuner.files.comment_line import (
    Place,
    read_cell,
    read_columns,
    read_nine,
    read_number,
    read_pbc,
    read_weights,
    split_comment,
    volume,
)
from neptuner.files.frames import Frame, allows_shear
from neptuner.files.text import open_text

LARGEST = 1e18
"""Positions and forces are smaller; their squares still fit into single precision."""

LARGEST_DISAGREEMENT = 1e-3
"""Largest difference in eV/atom between a virial and a stress given together, as in GPUMD."""

# GPUMD keeps the later of each off-diagonal pair of the nine row-major values: yx, zy and zx.
_SIX_OF_NINE = [0, 4, 8, 3, 7, 6]
_NINE_OF_SIX = [0, 3, 5, 3, 1, 4, 5, 4, 2]
_PLAIN = re.compile(r"[^\s\"'=]+")


def read_frames(path: str | Path) -> list[Frame]:
    """Read every frame of an extended XYZ file.

    Raises
    ------
    InputError
        For the first thing in the file that GPUMD would refuse, misread or silently skip.
    """
    with open_text(path) as file:
        frames = list(_frames(file, str(path)))
    if not frames:
        raise InputError("is empty, expected frames in extended XYZ", path=path)
    return frames


def read_frame(n_atoms: int, block: Sequence[str], place: Place) -> Frame:
    """Read one frame from its lines after the count: the comment line and the lines of its atoms.

    Raises
    ------
    InputError
        For the first thing that GPUMD would refuse, misread or silently skip.
    """
    if not block:
        raise place.error(f"the file ends where the comment line of a frame of {n_atoms} atoms is expected")
    used, info = split_comment(block[0], place)
    cell = read_cell(used, place)
    columns, width = read_columns(used, place)
    tokens = split_words(block, n_atoms, width, place)
    read = [columns[name] for name in ("pos", "forces") if name in columns]
    vectors = read_numbers(tokens, width, read, place, LARGEST)
    weight, energy_weight = read_weights(used, place)
    return Frame(
        species=read_species(tokens[columns["species"].first :: width], place),
        positions=vectors[0],
        cell=cell,
        pbc=read_pbc(used, place),
        energy=read_number(used, "energy", place),
        forces=vectors[1] if "forces" in columns else None,
        virial=_read_virial(used, cell, n_atoms, place, is_trajectory="Time" in info),
        weight=weight,
        energy_weight=energy_weight,
        info=info,
        path=place.path,
        number=place.frame,
        line=place.line,
    )


def write_frames(path: str | Path, frames: Iterable[Frame]) -> None:
    """Write frames, atomically and without loss; :func:`read_frames` gives the same numbers back.

    A shear virial that :func:`~neptuner.files.frames.mask_missing_shear` set to nan becomes the zeros it was;
    other partly missing virials cannot be written.

    Raises
    ------
    InputError
        For a virial or an ``info`` value that the format cannot hold; the file is then left as it was.
    """
    write_text(path, "".join(_format_frame(frame) for frame in frames))


def _frames(file: TextIO, path: str) -> Iterator[Frame]:
    line, number = 1, 1
    for head in file:
        place = Place(path, number, line)
        if head.isspace():
            _refuse_hidden_frames(file, place)
            return
        n_atoms = read_count(head, place)
        block = list(islice(file, n_atoms + 1))
        yield read_frame(n_atoms, block, place)
        line, number = line + 1 + n_atoms + 1, number + 1


def _refuse_hidden_frames(file: TextIO, place: Place) -> None:
    if any(not line.isspace() for line in file):
        raise place.error("is a blank line, where GPUMD silently stops reading; delete the line", place.line)


def _read_virial(
    used: Mapping[str, str], cell: NDArray[np.float64], n_atoms: int, place: Place, *, is_trajectory: bool
) -> NDArray[np.float64] | None:
    """Total virial in eV, ``(6,)``, from ``virial`` or from ``stress`` (eV/angstrom^3, ASE's sign).

    The trajectories of GPUMD, which have a Time, give the whole pressure as ``stress``, kinetic part included
    and positive when compressed, beside the virial of the potential: there the virial alone counts.
    """
    virial, stress = read_nine(used, "virial", place), read_nine(used, "stress", place)
    if stress is None or (is_trajectory and virial is not None):
        return None if virial is None else virial[_SIX_OF_NINE]
    from_stress = -volume(*cell.tolist()) * stress[_SIX_OF_NINE] + 0.0  # without the sign of -0.0
    if virial is None:
        return from_stress
    difference = float(np.abs(virial[_SIX_OF_NINE] - from_stress).max()) / n_atoms
    if difference > LARGEST_DISAGREEMENT:
        raise place.error(
            f"virial and -volume*stress differ by {difference:.3g} eV/atom; delete one of them "
            "(virial is positive under compression, stress under tension)"
        )
    return virial[_SIX_OF_NINE]


def _format_frame(frame: Frame) -> str:
    columns = frame.positions if frame.forces is None else np.hstack([frame.positions, frame.forces])
    atoms = [
        f"{symbol} {' '.join(map(repr, row))}\n"
        for symbol, row in zip(frame.species.tolist(), columns.tolist(), strict=True)
    ]
    return f"{frame.n_atoms}\n{_format_comment(frame)}\n{''.join(atoms)}"


def _format_comment(frame: Frame) -> str:
    properties = "species:S:1:pos:R:3" + ("" if frame.forces is None else ":forces:R:3")
    parts = [f'Lattice="{_join(frame.cell.ravel())}"', f"Properties={properties}"]
    if frame.energy is not None:
        parts.append(f"energy={float(frame.energy)!r}")
    if (virial := _writable_virial(frame)) is not None:
        parts.append(f'virial="{_join(virial[_NINE_OF_SIX])}"')
    if frame.weight != 1.0:
        parts.append(f"weight={float(frame.weight)!r}")
    if frame.energy_weight != 1.0:
        parts.append(f"energy_weight={float(frame.energy_weight)!r}")
    parts.append(f'pbc="{" ".join("FT"[periodic] for periodic in frame.pbc)}"')
    return " ".join(parts + [_format_info(key, value) for key, value in frame.info.items()])


def _writable_virial(frame: Frame) -> NDArray[np.float64] | None:
    if frame.virial is None or np.isnan(frame.virial).all():
        return None
    missing = np.isnan(frame.virial)
    if not missing.any():
        return frame.virial
    if missing.tolist() == [False] * 3 + [True] * 3 and allows_shear(frame):
        return np.where(missing, 0.0, frame.virial)
    raise InputError(
        "has a partly missing virial, which extended XYZ cannot hold; give all of it or none",
        path=frame.path,
        frame=frame.number,
        line=frame.line,
    )


def _format_info(key: str, value: str) -> str:
    name = key if _PLAIN.fullmatch(key) else f'"{key}"'
    single = len(value) > 1 and value[0] == value[-1] == "'"
    text = f"{name}={value}" if _PLAIN.fullmatch(value) or single else f'{name}="{value}"'
    # Reading it back is the surest test of what a key or a value may hold.
    if set('"=\n\r') & set(key) or set("\n\r") & set(value) or _read_back(text) != {key: value}:
        raise InputError(f"the information {key!r}: {value!r} cannot be written to extended XYZ")
    return text


def _read_back(text: str) -> dict[str, str] | None:
    try:
        used, info = split_comment(text, Place("", 0, 0))
    except InputError:
        return None
    return None if used else info


def _join(values: NDArray[np.float64]) -> str:
    return " ".join(map(repr, values.tolist()))
