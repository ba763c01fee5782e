"""The space of a joint search: from values of nep.in to the sampler's coordinates and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neptuner.errors import InputError
from neptuner.files.nep_in import KEYWORDS, NepIn, as_settings, replace_values
from neptuner.study.search.spec import Choices, Range, SearchSpec

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = tuple[int | float | str, ...]
Values = dict[str, Value]
"""Keyword of nep.in to its arguments."""
Coordinates = dict[str, int | float | str]
"""Of a point as the sampler knows it: a number an argument of a range, a word or a place for choices."""

DIGITS = 6
"""Significant digits of a number that is drawn."""


@dataclass(frozen=True)
class Space:
    """What a search varies; every choice stands as nep.in has it in full."""

    dimensions: tuple[tuple[str, Choices | Range], ...]

    @property
    def size(self) -> float:
        """Number of points; infinite with a number that may be anything."""
        return math.prod(_size(keyword, dimension) for keyword, dimension in self.dimensions)

    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna draws each coordinate from."""
        found: dict[str, BaseDistribution] = {}
        for keyword, dimension in self.dimensions:
            found |= _distributions(keyword, dimension)
        return found

    def values(self, coordinates: Mapping[str, Any]) -> Values:
        """Values of nep.in at a point."""
        return {keyword: _values(keyword, dimension, coordinates) for keyword, dimension in self.dimensions}

    def coordinates(self, values: Mapping[str, Sequence[Any]]) -> Coordinates | None:
        """Point that has these values; None if one of them is missing or not in the space."""
        found: Coordinates = {}
        for keyword, dimension in self.dimensions:
            part = _coordinates(keyword, dimension, tuple(values.get(keyword, ())))
            if part is None:
                return None
            found |= part
        return found

    def point(self, settings: Mapping[str, Sequence[Any]], baseline: Mapping[str, Sequence[Any]]) -> Values | None:
        """Values of settings that differ from the baseline in searched keywords only; None outside of the space."""
        searched = {keyword for keyword, _ in self.dimensions}
        names = settings.keys() | baseline.keys()
        if any(settings.get(name) != baseline.get(name) for name in names - searched):
            return None
        coordinates = self.coordinates(settings)
        return None if coordinates is None else self.values(coordinates)


def make_space(spec: SearchSpec, baseline: NepIn, path: Path) -> Space:
    """Check the values to search against what nep.in allows.

    Parameters
    ----------
    spec
        The search.
    baseline
        What all trials have in common.
    path
        The TOML file, to name in errors.

    Raises
    ------
    InputError
        If a keyword, a choice, or an end of a range cannot be used.
    """
    found: list[tuple[str, Choices | Range]] = []
    for keyword, dimension in spec.space:
        _refuse_senseless(keyword, path)
        if isinstance(dimension, Choices):
            values = [_checked(keyword, value, baseline, path) for value in dimension.values]
            found.append((keyword, Choices(tuple(dict.fromkeys(values)))))
        else:
            _check_ends(keyword, dimension, baseline, path)
            found.append((keyword, dimension))
    return Space(tuple(found))


def _refuse_senseless(keyword: str, path: Path) -> None:
    reasons = {
        "type": "the elements cannot be varied",
        "generation": "the number of steps is study.steps for every run",
        "output_interval": "rows must be as far apart in every run, or their last rows cannot be compared",
    }
    if keyword in KEYWORDS and KEYWORDS[keyword].status == "ignored":
        reasons[keyword] = "it has no meaning in gradient training"
    if keyword in reasons:
        raise InputError(f"search.space.{keyword}: {reasons[keyword]}; remove this key", path=path)


def _checked(keyword: str, value: Value, baseline: NepIn, path: Path) -> Value:
    """A value as nep.in has it in full."""
    try:
        settings = as_settings(replace_values(baseline, {keyword: list(value)}))
    except InputError as error:
        raise InputError(f"search.space.{keyword} has the value {list(value)}: {error.message}", path=path) from None
    return tuple(settings[keyword])


def _check_ends(keyword: str, limits: Range, baseline: NepIn, path: Path) -> None:
    for end in (limits.low, limits.high):
        _checked(keyword, end, baseline, path)
    whole = KEYWORDS[keyword].kind == "int"
    numbers = (*limits.low, *limits.high, *(limits.step or ()))
    if KEYWORDS[keyword].kind == "word" or (whole and any(not float(number).is_integer() for number in numbers)):
        raise InputError(f"search.space.{keyword} has limits that are not whole numbers; `{keyword}` takes no others",
                         path=path)  # fmt: skip


def _size(keyword: str, dimension: Choices | Range) -> float:
    if isinstance(dimension, Choices):
        return len(dimension.values)
    sizes = [math.inf if step is None else 1 + math.floor((high - low) / step + 1e-9)
             for low, high, step in _arguments(keyword, dimension)]  # fmt: skip
    fixed = [low == high for low, high, _ in _arguments(keyword, dimension)]
    return math.prod(1 if same else size for size, same in zip(sizes, fixed, strict=True))


def _arguments(keyword: str, limits: Range) -> list[tuple[float, float, float | None]]:
    """Low, high and step of each argument; whole numbers have a step of one at least."""
    least = 1 if KEYWORDS[keyword].kind == "int" else None
    steps = limits.step or (least,) * len(limits.low)
    return list(zip(limits.low, limits.high, steps, strict=True))


def _distributions(keyword: str, dimension: Choices | Range) -> dict[str, BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choices):
        if dimension.ordered:
            return {keyword: IntDistribution(0, len(dimension.values) - 1)}
        return {keyword: CategoricalDistribution([_word(value) for value in dimension.values])}
    found: dict[str, BaseDistribution] = {}
    for number, (low, high, step) in enumerate(_arguments(keyword, dimension)):
        name = f"{keyword}.{number}"
        if KEYWORDS[keyword].kind == "int":
            whole = int(step or 1)
            top = int(low) + (int(high) - int(low)) // whole * whole
            found[name] = IntDistribution(int(low), top, step=whole, log=dimension.log)
        else:
            top_of_grid = high if step is None else low + math.floor((high - low) / step + 1e-9) * step
            found[name] = FloatDistribution(float(low), float(top_of_grid), step=step, log=dimension.log)
    return found


def _values(keyword: str, dimension: Choices | Range, coordinates: Mapping[str, Any]) -> Value:
    if isinstance(dimension, Range):
        drawn = [coordinates[f"{keyword}.{number}"] for number in range(len(dimension.low))]
        return tuple(n if isinstance(n, int) else float(f"{n:.{DIGITS}g}") for n in drawn)
    if dimension.ordered:
        return dimension.values[int(coordinates[keyword])]
    return next(value for value in dimension.values if _word(value) == coordinates[keyword])


def _coordinates(keyword: str, dimension: Choices | Range, value: Value) -> Coordinates | None:
    if isinstance(dimension, Range):
        return _in_range(keyword, dimension, value)
    if value not in dimension.values:
        return None
    place = dimension.values.index(value)
    return {keyword: place if dimension.ordered else _word(dimension.values[place])}


def _in_range(keyword: str, limits: Range, value: Value) -> Coordinates | None:
    count = len(limits.low)
    numbers = (*value, *(0,) * (count - len(value)))  # nep.in leaves out zeros at the end
    if not value or any(numbers[count:]) or any(isinstance(number, str) for number in numbers):
        return None
    found: Coordinates = {}
    for place, (low, high, step) in enumerate(_arguments(keyword, limits)):
        number = float(numbers[place])
        nearest = number if step is None else low + round((number - low) / step) * step
        slack = 10.0**-DIGITS * max(abs(low), abs(high))  # of the rounding to so many digits
        if not low - slack <= number <= high + slack or abs(number - nearest) > slack:
            return None
        number = min(max(nearest, low), high)
        found[f"{keyword}.{place}"] = int(number) if KEYWORDS[keyword].kind == "int" else number
    return found


def _word(value: Value) -> str:
    return " ".join(str(word) for word in value)
