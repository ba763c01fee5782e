"""The comment line of an extended XYZ frame, as GPUMD understands it: ``key=value`` pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import hypot, isfinite

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError

USED_KEYS = frozenset({"lattice", "properties", "energy", "virial", "stress", "weight", "energy_weight", "pbc"})
"""Keys with a meaning here, in lower case; every other key is information."""

LARGEST_WEIGHT = 100.0
"""GPUMD's bound on ``weight``."""

_PAIR = re.compile(
    r"""
    (?: "(?P<quoted_key>[^"]+)" | (?P<key>[^\s="]+) ) \s* = \s*
    (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<single>'[^']*') | (?P<bare>[^\s"]*) )
    """,
    re.VERBOSE,
)
_TRUTH = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}


@dataclass(frozen=True)
class Place:
    """Where a frame stands, for error messages."""

    path: str
    frame: int
    line: int

    def error(self, message: str, line: int | None = None) -> InputError:
        """An error in this frame; at its comment line unless another line is named."""
        line = self.line + 1 if line is None else line
        return InputError(message, path=self.path, frame=self.frame, line=line)


@dataclass(frozen=True)
class Column:
    """One property of the atom lines: its first column and how many it has."""

    first: int
    count: int


def split_comment(comment: str, place: Place) -> tuple[dict[str, str], dict[str, str]]:
    """Split a comment line into the keys used here, in lower case, and all others as written.

    As in GPUMD, blanks around ``=`` do not matter; a used key given twice with different values is refused.
    """
    used: dict[str, str] = {}
    info: dict[str, str] = {}
    for match in _PAIR.finditer(comment):
        key = match["key"] or match["quoted_key"]
        value = match[match.lastgroup or "bare"]
        lower = key.lower()
        if lower not in USED_KEYS:
            info[key] = value
        elif used.get(lower, value) != value:
            raise place.error(f"`{key}` is given twice with different values; keep one of them")
        else:
            used[lower] = value
    if comment.replace('\\"', "").count('"') % 2:
        raise place.error('has a double quote that is not closed; write values as key="..."')
    return used, info


def real(token: str) -> float:
    """A finite number as GPUMD reads it; ValueError for anything else (nan, inf, ``1_0``)."""
    value = float(token)
    if not isfinite(value) or "_" in token or not token.isascii():
        raise ValueError(token)
    return value


def read_number(used: Mapping[str, str], key: str, place: Place) -> float | None:
    """One finite number, None if the key is absent."""
    if key not in used:
        return None
    try:
        return real(used[key])
    except ValueError:
        raise place.error(f"{key}={used[key]} is not a finite number") from None


def read_nine(used: Mapping[str, str], key: str, place: Place) -> NDArray[np.float64] | None:
    """Nine finite numbers in double quotes, ``(9,)``, None if the key is absent."""
    if key not in used:
        return None
    tokens = used[key].split()
    if len(tokens) == 6 and key != "lattice":
        raise place.error(f"`{key}` has 6 numbers, expected all 9: xx xy xz yx yy yz zx zy zz")
    if len(tokens) != 9:
        raise place.error(f"`{key}` has {len(tokens)} value(s), expected 9 numbers in double quotes")
    try:
        return np.array(list(map(real, tokens)))
    except ValueError as error:
        raise place.error(f"`{key}` holds {str(error).split()[-1]}, expected 9 finite numbers") from None


def read_cell(used: Mapping[str, str], place: Place) -> NDArray[np.float64]:
    """Lattice vectors in angstrom, ``(3, 3)``; they must span a volume."""
    nine = read_nine(used, "lattice", place)
    if nine is None:
        raise place.error('has no Lattice; add Lattice="ax ay az bx by bz cx cy cz" in angstrom')
    a, b, c = nine.reshape(3, 3).tolist()
    if volume(a, b, c) <= 1e-9 * hypot(*a) * hypot(*b) * hypot(*c):
        raise place.error("has a Lattice of zero volume; its three vectors must not lie in a plane")
    return nine.reshape(3, 3)


def volume(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    """Volume spanned by three vectors of either hand; a dozen times faster than ``numpy.linalg.det``."""
    return abs(
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    )


def read_pbc(used: Mapping[str, str], place: Place) -> tuple[bool, bool, bool]:
    """Periodic directions; all three if the key is absent."""
    tokens = used.get("pbc", "T T T").split()
    truths = [_TRUTH.get(token.lower()) for token in tokens]
    if len(truths) != 3 or None in truths:
        raise place.error(f'pbc="{used["pbc"]}" is not understood, expected three of T and F')
    return bool(truths[0]), bool(truths[1]), bool(truths[2])


def read_weights(used: Mapping[str, str], place: Place) -> tuple[float, float]:
    """``weight`` in (0, 100] and ``energy_weight`` of at least 0, both 1 if absent."""
    weight = read_number(used, "weight", place)
    energy_weight = read_number(used, "energy_weight", place)
    if weight is not None and not 0 < weight <= LARGEST_WEIGHT:
        raise place.error(f"weight={used['weight']}, expected 0 < weight <= {LARGEST_WEIGHT:g}")
    if energy_weight is not None and energy_weight < 0:
        raise place.error(f"energy_weight={used['energy_weight']} is negative, expected 0 or more")
    return 1.0 if weight is None else weight, 1.0 if energy_weight is None else energy_weight


def read_columns(used: Mapping[str, str], place: Place) -> tuple[Mapping[str, Column], int]:
    """Columns of the atom lines by name (species, pos, forces), and how many an atom line has."""
    if "properties" not in used:
        raise place.error("has no Properties; add Properties=species:S:1:pos:R:3:forces:R:3")
    try:
        return _split_properties(used["properties"])
    except ValueError as error:
        raise place.error(f"Properties={used['properties']} {error}") from None


@lru_cache(maxsize=64)
def _split_properties(properties: str) -> tuple[Mapping[str, Column], int]:
    """The same string stands in nearly every frame of a file, hence the cache."""
    fields = properties.lower().split(":")
    if len(fields) % 3 or not all(count.isdecimal() and int(count) > 0 for count in fields[2::3]):
        raise ValueError("is not a list of name:type:columns")
    columns, width = {}, 0
    for name, count in zip(fields[::3], map(int, fields[2::3]), strict=True):
        columns["forces" if name == "force" else name] = Column(width, count)
        width += count
    for name, expected in (("species", 1), ("pos", 3), ("forces", 3)):
        if name not in columns and name != "forces":
            raise ValueError(f"lacks `{name}`, expected species:S:1:pos:R:3:forces:R:3")
        if name in columns and columns[name].count != expected:
            raise ValueError(f"gives `{name}` {columns[name].count} column(s), expected {expected}")
    return columns, width
