"""``nep.txt``, the model: a header of six or seven lines, then one number a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.atomic import write_text
from neptuner.files.elements import ATOMIC_NUMBERS
from neptuner.files.l_max import LENGTH, normal_l_max, written_l_max
from neptuner.files.text import read_text

_TOKEN = re.compile(r"nep([345])(_zbl)?")
_OTHER_TOKEN = re.compile(r"nep[345]?(?:_zbl)?_(.+?)\d?")
_OTHER_KINDS = {
    "charge": "with charges (qNEP)",
    "charge_vdw": "with charges and van der Waals coefficients (qNEP)",
    "vdw": "with van der Waals coefficients",
    "dipole": "of dipole moments (TNEP)",
    "polarizability": "of polarizabilities (TNEP)",
    "temperature": "of free energies that depend on temperature",
}


@dataclass(frozen=True, eq=False)
class NepTxt:
    """A potential-type model as its file holds it."""

    version: int
    """3 (one network for all elements), 4 (one each), or 5 (one each, with its own output bias)."""
    elements: tuple[str, ...]
    cutoff: tuple[float, ...]
    """Radial and angular cutoff in angstrom, once or for each element."""
    max_neighbors: tuple[int, int]
    """Largest number of radial and angular neighbours in the training data; zeros: not in the file."""
    n_max: tuple[int, int]
    basis_size: tuple[int, int]
    l_max: tuple[int, ...]
    """Seven numbers: largest l, then 0 or 1 for q222, q1111, q112, q123, q233, q134."""
    neuron: tuple[int, ...]
    """Neurons of each hidden layer, one or two."""
    values: NDArray[np.float64]
    """Every number after the header, in the order of the file, ``(n_values,)``."""
    zbl: tuple[float, ...] | None = None
    """Inner and outer radius in angstrom, maybe a factor; zeros: the parameters end ``values`` (flexible)."""
    typewise_cutoff: tuple[float, ...] | None = None
    """Three factors of covalent radii (radial, angular, ZBL; -1: off) that GPUMD 3.9.5 to 4.6 wrote.

    With such a ZBL factor the inner radius of a pair is half its outer one; with one in ``zbl`` it is 0.
    """


def read_nep_txt(path: str | Path) -> NepTxt:
    """Read a model.

    Raises
    ------
    InputError
        If it is not a NEP of energies, a header line is wrong, or numbers are missing or not finite.
    """
    lines = read_text(path).splitlines()
    header = _Header(lines, path)
    version, has_zbl, elements = header.first_line()
    zbl = header.zbl_line() if has_zbl else None
    cutoff, max_neighbors, typewise = header.cutoff_line(len(elements), zbl)
    n_max, basis_size = header.pair("n_max"), header.pair("basis_size")
    l_max = header.l_max_line()
    neuron = header.neuron_line()
    values = _read_values(lines, header.read, path)
    nep_txt = NepTxt(version, elements, cutoff, max_neighbors, n_max, basis_size, l_max, neuron, values, zbl, typewise)
    if len(values) != (expected := count_values(nep_txt)):
        guess = "is it cut short?" if len(values) < expected else "does its header belong to another model?"
        raise InputError(f"has {len(values)} numbers after its header, expected {expected}; {guess}", path=path)
    return nep_txt


def write_nep_txt(path: str | Path, nep_txt: NepTxt) -> None:
    """Write a model atomically, as GPUMD does."""
    write_text(path, format_nep_txt(nep_txt), sync=True)


def format_nep_txt(nep_txt: NepTxt) -> str:
    """The text of ``nep.txt``, byte for byte as GPUMD writes it.

    Raises
    ------
    InputError
        If a value is not finite, there are not as many as the header says, or the cutoffs have no common form.
    """
    if nep_txt.typewise_cutoff is not None and len(nep_txt.cutoff) > 2:
        raise InputError("no nep.txt holds type-wise cutoff factors and a cutoff for each element; drop one of them")
    if len(nep_txt.values) != (expected := count_values(nep_txt)):
        raise InputError(f"the model has {len(nep_txt.values)} numbers, expected {expected}")
    if not np.isfinite(nep_txt.values).all():
        raise InputError("the model has numbers that are not finite, so it was not written")
    return _format_header(nep_txt) + "".join(f"{value:15.7e}\n" for value in nep_txt.values.tolist())


def count_values(nep_txt: NepTxt) -> int:
    """How many numbers follow the header: parameters, descriptor scalings, flexible ZBL parameters."""
    types, dimension = len(nep_txt.elements), count_descriptors(nep_txt)
    inner, outer = nep_txt.neuron[0], nep_txt.neuron[1:]
    network = (dimension + 2) * inner if not outer else (dimension + 1) * inner + (inner + 2) * outer[0]
    networks = {3: network, 4: types * network, 5: types * (network + 1)}[nep_txt.version] + 1
    functions = sum((n + 1) * (k + 1) for n, k in zip(nep_txt.n_max, nep_txt.basis_size, strict=True))
    flexible = nep_txt.zbl is not None and not any(nep_txt.zbl[:2])
    return networks + types**2 * functions + dimension + (10 * types * (types + 1) // 2 if flexible else 0)


def count_descriptors(nep_txt: NepTxt) -> int:
    """Number of descriptors of an atom."""
    return nep_txt.n_max[0] + 1 + (nep_txt.n_max[1] + 1) * (nep_txt.l_max[0] + sum(nep_txt.l_max[1:]))


class _Header:
    """The header lines, taken one after the other; every error names its line."""

    def __init__(self, lines: Sequence[str], path: str | Path) -> None:
        self.lines, self.path, self.read = lines, path, 0

    def error(self, message: str) -> InputError:
        return InputError(message, path=self.path, line=max(self.read, 1))

    def words(self, name: str | None) -> list[str]:
        words = self.lines[self.read].split() if self.read < len(self.lines) else []
        self.read += 1
        if not words or (name is not None and words[0] != name):
            expected = name or "nep4 <number> <elements>"
            raise self.error(f"found `{' '.join(words[:6])}`, expected a line `{expected}`")
        return words

    def first_line(self) -> tuple[int, bool, tuple[str, ...]]:
        """Version, whether there is ZBL, and the elements."""
        token, *rest = self.words(None)
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise self.error(_refusal(token))
        elements = tuple(rest[1:])
        if not elements or rest[0] != str(len(elements)) or not ATOMIC_NUMBERS.keys() >= set(elements):
            raise self.error(f"found `{' '.join([token, *rest])}`, expected `{token} <number> <elements>`")
        return int(match[1]), match[2] is not None, elements

    def numbers(self, name: str, count: tuple[int, int]) -> list[float]:
        tokens = self.words(name)[1:]
        try:
            numbers = [float(token) for token in tokens]
        except ValueError:
            raise self.error(f"`{' '.join([name, *tokens])}` holds something that is not a number") from None
        if not count[0] <= len(numbers) <= count[1] or not np.isfinite(numbers).all():
            raise self.error(f"`{' '.join([name, *tokens])}` is not understood: expected {_say(count)} finite numbers")
        return numbers

    def integers(self, name: str, count: tuple[int, int]) -> list[int]:
        numbers = self.numbers(name, count)
        if any(number != int(number) or number < 0 for number in numbers):
            raise self.error(f"`{name}` holds {numbers}, expected whole numbers of 0 or more")
        return [int(number) for number in numbers]

    def pair(self, name: str) -> tuple[int, int]:
        first, second = self.integers(name, (2, 2))
        return first, second

    def zbl_line(self) -> tuple[float, ...]:
        """Radii and maybe a type-wise factor."""
        numbers = tuple(self.numbers("zbl", (2, 3)))
        if len(numbers) == 3 and numbers[2] <= 0:
            raise self.error(f"`zbl` has the type-wise factor {numbers[2]:g}, expected one above 0")
        return numbers

    def cutoff_line(
        self, types: int, zbl: Sequence[float] | None
    ) -> tuple[tuple[float, ...], tuple[int, int], tuple[float, ...] | None]:
        """Cutoffs, neighbours and type-wise factors, from any of the four forms of the line."""
        numbers = self.numbers("cutoff", (2, 2 * types + 7))
        n = len(numbers)
        if n not in (2, 4, 7, 2 * types + 2):
            raise self.error(f"`cutoff` has {n} numbers, expected 4 or {2 * types + 2}")
        radii = 2 * types if n == 2 * types + 2 else 2
        neighbors = numbers[radii : radii + 2] or [0.0, 0.0]
        if any(count != int(count) or count < 0 for count in neighbors):
            raise self.error(f"`cutoff` has the neighbour numbers {neighbors}, expected whole numbers")
        factors = self.check_factors(numbers[4:], zbl) if n == 7 else None
        return tuple(numbers[:radii]), (int(neighbors[0]), int(neighbors[1])), factors

    def check_factors(self, factors: Sequence[float], zbl: Sequence[float] | None) -> tuple[float, ...]:
        """Factors that GPUMD can have written: radial and angular both on or off, ZBL not on the `zbl` line too."""
        if (factors[0] > 0) != (factors[1] > 0):
            raise self.error(
                f"`cutoff` has the type-wise factors {factors[0]:g} {factors[1]:g}, expected two above 0 or -1 -1"
            )
        if factors[2] > 0 and zbl is not None and len(zbl) == 3:
            raise self.error(f"`cutoff` has the type-wise ZBL factor {factors[2]:g}, but the `zbl` line has one too")
        return tuple(factors)

    def l_max_line(self) -> tuple[int, ...]:
        """The normal form of `l_max`."""
        numbers = self.integers("l_max", (1, LENGTH))
        # GPUMD 5.3 alone writes five numbers with q222 as 1 and not 2; its fifth is not the q123 of later versions.
        if len(numbers) == 5 and numbers[1] == 1 and numbers[4]:
            raise self.error("`l_max` has the invariant q1122 of GPUMD 5.3, which no later version knows; train again")
        return normal_l_max(numbers)

    def neuron_line(self) -> tuple[int, ...]:
        """Neurons without the zeros that stand for absent layers."""
        layers = self.integers("ANN", (1, 4))
        while len(layers) > 1 and layers[-1] == 0:
            layers.pop()
        if len(layers) > 2 or 0 in layers:
            raise self.error(f"`ANN` holds {layers}, expected one or two hidden layers")
        return tuple(layers)


def _refusal(token: str) -> str:
    """Say what kind of model a first word stands for that is not one of ours."""
    ours = "neptuner evaluates potentials without charges: nep3, nep4, nep5, with or without zbl"
    match = _OTHER_TOKEN.fullmatch(token)
    if match is not None and match[1] in _OTHER_KINDS:
        return f"`{token}` is a model {_OTHER_KINDS[match[1]]}; {ours}"
    if token in ("nep", "nep_zbl"):
        return f"`{token}` is a NEP2 model of GPUMD before 3.9.5; {ours}"
    if token.startswith("nep"):
        return f"`{token[:20]}` is a model of a kind not known; {ours}"
    return f"found `{token[:20]}`, expected nep3, nep4 or nep5: is this a nep.txt?"


def _read_values(lines: Sequence[str], skip: int, path: str | Path) -> NDArray[np.float64]:
    try:
        values = np.array([float(token) for line in lines[skip:] for token in line.split()], dtype=np.float64)
        if np.isfinite(values).all():
            return values
    except ValueError:
        pass
    culprit = next(index for index in range(skip, len(lines)) if not _is_finite(lines[index]))
    raise InputError(f"found `{lines[culprit][:40]}`, expected a finite number", path=path, line=culprit + 1)


def _is_finite(line: str) -> bool:
    try:
        return bool(np.isfinite([float(token) for token in line.split()]).all())
    except ValueError:
        return False


def _format_header(nep_txt: NepTxt) -> str:
    token = f"nep{nep_txt.version}" + ("" if nep_txt.zbl is None else "_zbl")
    only_radii = not any(nep_txt.max_neighbors) and len(nep_txt.cutoff) == 2 and nep_txt.typewise_cutoff is None
    neighbors = () if only_radii else nep_txt.max_neighbors
    l_max = written_l_max(nep_txt.l_max)
    # GPUMD leaves a blank at the end of an l_max line that goes beyond q1111.
    lines = [
        f"{token} {len(nep_txt.elements)} {' '.join(nep_txt.elements)} ",
        *([] if nep_txt.zbl is None else [_line("zbl", nep_txt.zbl)]),
        _line("cutoff", (*nep_txt.cutoff, *neighbors, *(nep_txt.typewise_cutoff or ()))),
        _line("n_max", nep_txt.n_max),
        _line("basis_size", nep_txt.basis_size),
        _line("l_max", l_max) + (" " if len(l_max) > 3 else ""),
        _line("ANN", _written_neuron(nep_txt)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _written_neuron(nep_txt: NepTxt) -> tuple[int, ...]:
    if len(nep_txt.neuron) == 1:
        return (*nep_txt.neuron, 0)
    # Two layers of a NEP3 come from GPUMD 3.9.5, which wrote three numbers; later versions train NEP4 only.
    return (*nep_txt.neuron, 0) if nep_txt.version == 3 else nep_txt.neuron


def _line(name: str, numbers: Sequence[float]) -> str:
    return " ".join([name, *(f"{number:g}" for number in numbers)])


def _say(count: tuple[int, int]) -> str:
    return str(count[0]) if count[0] == count[1] else f"{count[0]} to {count[1]}"
