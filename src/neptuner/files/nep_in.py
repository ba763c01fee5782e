"""``nep.in``, the settings of a training, as GPUMD's ``nep`` reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from neptuner.errors import InputError
from neptuner.files.elements import ATOMIC_NUMBERS, LAST_OF_GPUMD
from neptuner.files.l_max import normal_l_max, written_l_max
from neptuner.files.nep_in_keywords import KEYWORDS, Keyword, Value, convert, find_keyword, format_number
from neptuner.files.text import read_text

__all__ = ["KEYWORDS", "Keyword", "NepIn", "as_settings", "format_nep_in", "parse_nep_in", "read_nep_in",
           "replace_values"]  # fmt: skip

SMALLEST_CUTOFF = 2.5
"""Smallest angular cutoff in angstrom that any version of GPUMD accepts."""


@dataclass(frozen=True)
class NepIn:
    """Settings of a training; the names are GPUMD's and :data:`KEYWORDS` says what they mean."""

    type: tuple[str, ...]
    """Chemical symbols; their order is that of the model."""
    version: int = 4
    cutoff: tuple[float, ...] = (8.0, 4.0)
    """Radial and angular cutoff in angstrom, once or for each element."""
    n_max: tuple[int, int] = (6, 6)
    basis_size: tuple[int, int] = (6, 6)
    l_max: tuple[int, ...] = (4, 1, 0, 0, 0, 0, 0)
    """Seven numbers: largest l, then 0 or 1 for q222, q1111, q112, q123, q233, q134."""
    neuron: tuple[int, ...] = (30,)
    """Neurons of each hidden layer, one or two."""
    lambda_1: float | None = None
    """None: automatic."""
    lambda_2: float | None = None
    """None: automatic."""
    lambda_e: float = 1.0
    lambda_f: float = 1.0
    lambda_v: float = 0.1
    lambda_shear: float = 1.0
    force_delta: float = 0.0
    type_weight: tuple[float, ...] = ()
    """Empty: one for every element."""
    batch: int = 1000
    population: int = 50
    generation: int = 100_000
    output_interval: int = 100
    given: frozenset[str] = frozenset()
    """Keywords that stood in the file."""
    ignored: tuple[str, ...] = ()
    """Those of them that mean nothing here, in the order of the file."""


_WRITTEN = tuple(field.name for field in fields(NepIn) if field.name in KEYWORDS)
_SEVERAL = {"type", "cutoff", "n_max", "basis_size", "l_max", "neuron", "type_weight"}


def read_nep_in(path: str | Path) -> NepIn:
    """Read a ``nep.in``; see :func:`parse_nep_in`."""
    return parse_nep_in(read_text(path), path)


def parse_nep_in(text: str, path: str | Path | None = None) -> NepIn:
    """Settings from the text of a ``nep.in``.

    Raises
    ------
    InputError
        With the line, for an unknown, repeated or unsupported keyword, a wrong value, or `type` missing.
    """
    lines: dict[str, int] = {}
    settings: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = _words(line)
        if not words:
            continue
        name, tokens = words[0], words[1:]
        try:
            if name in lines:
                raise InputError(f"`{name}` was already given on line {lines[name]}; delete one of the two")
            tokens = _without_count(tokens) if name == "type" else tokens
            settings[name] = _setting(name, tokens, settings.get("type"))
        except InputError as error:
            raise InputError(error.message, path=path, line=number) from None
        lines[name] = number
    if "type" not in settings:
        raise InputError("has no `type` line; add for example `type 2 Mg O`", path=path)
    return _build(settings, tuple(lines))


def format_nep_in(nep_in: NepIn) -> str:
    """The text of a ``nep.in`` that GPUMD reads, with every keyword in full; automatic ones are left out."""
    settings = as_settings(nep_in)
    settings["type"] = [len(nep_in.type), *nep_in.type]
    return "".join(
        f"{name:<15} {' '.join(format_number(value) for value in values)}\n" for name, values in settings.items()
    )


def as_settings(nep_in: NepIn) -> dict[str, list[Value]]:
    """Every keyword with its values as a list, for example ``{"type": ["Mg", "O"], "n_max": [6, 6], ...}``.

    `type` goes without its count, `l_max` in the form of nep.in; automatic keywords are left out.
    :func:`replace_values` takes the same form.
    """
    settings: dict[str, list[Value]] = {}
    for name in _WRITTEN:
        value = getattr(nep_in, name)
        values = list(value) if name in _SEVERAL else [value]
        if values and values != [None]:
            settings[name] = list(written_l_max(nep_in.l_max)) if name == "l_max" else values
    return settings


def replace_values(
    nep_in: NepIn, values: Mapping[str, Value | Sequence[Value]], path: str | Path | None = None
) -> NepIn:
    """The same settings with some keywords changed, checked as in a file.

    Parameters
    ----------
    nep_in
        Settings to start from.
    values
        Keyword to value or list of values, as TOML gives them, for example ``{"n_max": [2, 4]}``; `type`
        takes symbols without their count.
    path
        File to name in errors.

    Raises
    ------
    InputError
        Naming the keyword and the value.
    """
    changes = {name: _tokens(value) for name, value in values.items()}
    merged = {name: _tokens(value) for name, value in as_settings(nep_in).items()} | changes
    settings: dict[str, Any] = {}
    try:
        for name, tokens in sorted(merged.items(), key=lambda item: item[0] != "type"):
            settings[name] = _setting(name, tokens, settings.get("type"))
    except InputError as error:
        raise InputError(error.message, path=path) from None
    order = tuple(nep_in.ignored) + tuple(name for name in changes if name not in nep_in.ignored)
    return replace(_build(settings, order), given=nep_in.given | changes.keys())


def _words(line: str) -> list[str]:
    words = line.split()
    comment = next((index for index, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:comment]


def _build(settings: Mapping[str, Any], names: Sequence[str]) -> NepIn:
    known = {name: value for name, value in settings.items() if name in _WRITTEN}
    ignored = tuple(name for name in names if KEYWORDS[name].status == "ignored")
    return NepIn(**known, given=frozenset(names), ignored=ignored)


def _tokens(value: Value | Sequence[Value]) -> list[str]:
    values = [value] if isinstance(value, str) or not isinstance(value, Sequence) else list(value)
    return [str(one) for one in values]


def _setting(name: str, tokens: Sequence[str], elements: Sequence[str] | None) -> Any:
    """Value of the NepIn field for the words of one keyword; ``elements`` is None before the `type` line."""
    values = convert(find_keyword(name), tokens)
    written = " ".join([name, *tokens])
    if name == "type":
        return _check_elements(values, written)
    if name in ("cutoff", "type_weight"):
        _check_length(values, elements, written)
    if name == "cutoff":
        return _check_cutoff(values, written)
    if name == "l_max":
        return _check_l_max(values, written)
    if name == "neuron":
        return _check_neuron(values, written)
    if name == "batch":
        return _check_batch(values, written)
    return values if name in _SEVERAL else values[0]


def _without_count(tokens: Sequence[str]) -> list[str]:
    written, elements = " ".join(["type", *tokens]), list(tokens[1:])
    if not tokens or not tokens[0].isdecimal():
        raise InputError(f"`{written}` lacks the number of elements; write for example `type 2 Mg O`")
    if tokens[0] != str(len(elements)):
        raise InputError(f"`{written}` names {len(elements)} element(s), but its count is {tokens[0]}")
    return elements


def _check_elements(symbols: Sequence[Any], written: str) -> tuple[str, ...]:
    for index, symbol in enumerate(symbols):
        if not 1 <= ATOMIC_NUMBERS.get(symbol, 0) <= LAST_OF_GPUMD:
            raise InputError(f"`{written}`: {symbol} is not a chemical symbol from H to Pu, as in Mg or O")
        if symbol in symbols[:index]:
            raise InputError(f"`{written}` names {symbol} twice")
    return tuple(symbols)


def _check_length(values: Sequence[Any], elements: Sequence[str] | None, written: str) -> None:
    name = written.split()[0]
    if name == "cutoff" and len(values) == 2:
        return
    if elements is None:
        raise InputError(f"`{written}` stands before `type`; move it after that line")
    each = 2 if name == "cutoff" else 1
    if len(values) != each * len(elements):
        allowed = "2 (for all elements) or " if name == "cutoff" else ""
        raise InputError(
            f"`{written}` has {len(values)} value(s), expected {allowed}{each * len(elements)} "
            f"for the elements {' '.join(elements)}"
        )


def _check_cutoff(values: Sequence[Any], written: str) -> tuple[float, ...]:
    for radial, angular in zip(values[::2], values[1::2], strict=True):
        if not SMALLEST_CUTOFF <= angular <= radial:
            raise InputError(
                f"`{written}`: found radial {radial:g} and angular {angular:g}, expected "
                f"{SMALLEST_CUTOFF} <= angular <= radial <= 100"
            )
    return tuple(values)


def _check_l_max(values: Sequence[Any], written: str) -> tuple[int, ...]:
    if not 2 <= values[0] <= 8:
        raise InputError(f"`{written}`: the first number is {values[0]}, expected 2 to 8")
    return normal_l_max(values)


def _check_neuron(values: Sequence[Any], written: str) -> tuple[int, ...]:
    layers = list(values)
    while len(layers) > 1 and layers[-1] == 0:
        layers.pop()
    if len(layers) > 2:
        raise InputError(f"`{written}`: three hidden layers are not supported, use one or two")
    if 0 in layers:
        raise InputError(f"`{written}`: a hidden layer has 0 neurons, expected 1 to 200")
    return tuple(layers)


def _check_batch(values: Sequence[Any], written: str) -> int:
    batch: int = values[0]
    if batch < 1:
        raise InputError(f"`{written}`: expected at least 1 frame a step")
    if any(values[1:]):
        raise InputError(f"`{written}` is valid in GPUMD but not supported here; write `batch {batch}`")
    return batch
