"""The atom lines of extended XYZ: words, chemical symbols and numbers, read in bulk."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.comment_line import Column, Place, real
from neptuner.files.elements import ATOMIC_NUMBERS, ELEMENTS

_MARK = "\0"
_SYMBOLS = np.array(["", *ELEMENTS])


def read_count(head: str, place: Place) -> int:
    """Number of atoms from the first line of a frame."""
    token = head.strip()
    if token.isascii() and token.isdecimal() and len(token) < 10 and int(token) > 0:
        return int(token)
    hint = "; does the frame before have more atom lines than its count says?" if place.frame > 1 else ""
    raise place.error(f"found `{shorten(head)}`, expected the number of atoms and nothing else{hint}", place.line)


def split_words(block: Sequence[str], n_atoms: int, width: int, place: Place) -> list[str]:
    """Words of the atom lines, ``n_atoms * width`` of them; ``block`` begins with the comment line.

    All lines are split at once, each closed by a mark; line by line only to name the culprit.
    """
    tokens = "".join(block[1:]).replace("\n", f" {_MARK} ").split()
    if len(block) == n_atoms + 1 and not block[-1].endswith("\n"):
        tokens.append(_MARK)
    marks = tokens[width :: width + 1]
    if len(tokens) != n_atoms * (width + 1) or marks.count(_MARK) != n_atoms:
        raise _broken_rows(block, n_atoms, width, place)
    del tokens[width :: width + 1]
    return tokens


def read_species(symbols: Sequence[str], place: Place) -> NDArray[np.str_]:
    """Chemical symbols, ``(n_atoms,)``."""
    try:
        numbers = np.array([ATOMIC_NUMBERS[symbol] for symbol in symbols])
    except KeyError as error:
        culprit = str(error.args[0])
        raise place.error(
            f"{culprit} is not a chemical symbol; write them as in Mg or O (upper and lower case matter)",
            place.line + 2 + symbols.index(culprit),
        ) from None
    species: NDArray[np.str_] = _SYMBOLS[numbers]
    return species


def read_numbers(
    tokens: Sequence[str], width: int, columns: Sequence[Column], place: Place, bound: float = math.inf
) -> list[NDArray[np.float64]]:
    """Numbers of the atoms, each ``(n_atoms, count)``; floats in bulk, one by one only to name the culprit."""
    numbers: list[str] = []
    for column in columns:
        for k in range(column.first, column.first + column.count):
            numbers += tokens[k::width]
    n_atoms = len(tokens) // width
    try:
        values = np.array(list(map(float, numbers))).reshape(-1, n_atoms)
    except ValueError:
        raise _no_number(numbers, n_atoms, place, bound) from None
    if not (np.abs(values) < bound).all() or "_" in (text := "".join(numbers)) or not text.isascii():
        raise _no_number(numbers, n_atoms, place, bound)
    splits = np.cumsum([column.count for column in columns])[:-1]
    return [np.ascontiguousarray(part.T) for part in np.split(values, splits)]


def shorten(line: str, width: int = 40) -> str:
    """A line cut to what fits into a sentence."""
    line = line.strip()
    return line if len(line) <= width else line[: width - 3] + "..."


def _broken_rows(block: Sequence[str], n_atoms: int, width: int, place: Place) -> InputError:
    first_atom = place.line + 2
    for index, row in enumerate(map(str.split, block[1:])):
        if len(row) == 1 < width and row[0].isdecimal():
            return place.error(
                f"the next frame starts here, after {index} of {n_atoms} atoms; mend it or its count",
                first_atom + index,
            )
        if len(row) != width:
            message = f"the atom line has {len(row)} columns, expected {width} as Properties says"
            return place.error(message, first_atom + index)
    found = len(block) - 1
    message = f"the file ends after {found} of {n_atoms} atoms; complete the frame or delete it"
    return place.error(message, first_atom + found - 1)


def _no_number(numbers: Sequence[str], n_atoms: int, place: Place, bound: float) -> InputError:
    for index, token in enumerate(numbers):
        line = place.line + 2 + index % n_atoms
        try:
            number = real(token)
        except ValueError:
            return place.error(f"found `{shorten(token)}`, expected a finite number", line)
        if abs(number) >= bound:
            return place.error(f"found `{shorten(token)}`, expected a number below {bound:g} in size", line)
    raise AssertionError("called without a culprit")
