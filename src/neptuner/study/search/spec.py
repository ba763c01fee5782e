"""The table ``[search]`` of ``study.toml``: which keywords to vary together, for what, and at what cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from neptuner.errors import InputError

ACCURACY, MD_SPEED = "accuracy", "md_speed"
OBJECTIVES = (ACCURACY, MD_SPEED)
RANGE_KEYS = ("low", "high", "step", "log")
WANTED = "a list of values, or a table {low, high} with step or log where wanted, such as {low = [2, 2], high = [8, 8]}"

Sampler = Literal["tpe", "random"]


@dataclass(frozen=True)
class Choices:
    """Values of a keyword to choose from, each a tuple of its arguments."""

    values: tuple[tuple[int | float | str, ...], ...]

    @property
    def ordered(self) -> bool:
        """Whether they are single numbers that grow, so that neighbours can be told from others."""
        numbers = [value[0] for value in self.values if len(value) == 1 and not isinstance(value[0], str)]
        return len(numbers) == len(self.values) and all(a < b for a, b in pairwise(numbers))


@dataclass(frozen=True)
class Range:
    """Limits of a keyword, one number an argument; both ends belong to it."""

    low: tuple[int | float, ...]
    high: tuple[int | float, ...]
    step: tuple[int | float, ...] | None
    log: bool


@dataclass(frozen=True)
class SearchSpec:
    """Joint search of a study, defaults filled in."""

    trials: int
    """Settings to try in all."""
    objectives: tuple[str, ...]
    """``accuracy`` (the validation loss that winners are chosen by), or also ``md_speed``."""
    sampler: Sampler
    seed: int
    """Of the sampler; trainings have the first seed of the study."""
    rungs: int
    """Lengths of training; 1: every trial is trained in full."""
    reduction: int
    """How much longer each rung trains than the one before, and one out of how many trials goes on to it."""
    control: int
    """Trials that were not promoted and are trained in full all the same, to test the promotions."""
    md_speed_min: float | None
    """In atom-steps per second; what is slower is not wanted."""
    memory_max_mb: float | None
    """Of a training, in megabytes; what takes more is not wanted."""
    space: tuple[tuple[str, Choices | Range], ...]
    """What to vary, by keyword of nep.in, in the order of the file."""

    @property
    def needs_speed(self) -> bool:
        """Whether the speed in molecular dynamics has to be measured."""
        return MD_SPEED in self.objectives or self.md_speed_min is not None

    def sentence(self, full: int) -> str:
        """What the search will do, with trainings of so many steps in full."""
        names = ", ".join(keyword for keyword, _ in self.space)
        first = self.steps(full, 0)
        lengths = f"of {full:,} steps" if self.rungs == 1 else f"of {first:,} to {full:,} steps"
        return f"joint search of {names}: {self.trials} trials {lengths}"

    def steps(self, full: int, rung: int) -> int:
        """Steps of a training on a rung; the last one is that of the study."""
        parts: int = self.reduction ** (self.rungs - 1 - rung)
        return max(1, round(full / parts))


class SearchTable(BaseModel):
    """``[search]`` as TOML gives it; a description is what an error message says was expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    trials: int = Field(ge=1, description="a whole number of at least 1")
    objectives: Any = Field([ACCURACY], description='["accuracy"] or ["accuracy", "md_speed"]')
    sampler: Sampler = Field("tpe", description='"tpe" or "random"')
    seed: int | None = Field(None, ge=0, lt=2**31, description="a whole number of at least 0")
    rungs: int = Field(1, ge=1, le=6, description="a whole number from 1 to 6")
    reduction: int = Field(3, ge=2, le=10, description="a whole number from 2 to 10")
    control: int = Field(2, ge=0, description="a whole number of at least 0")
    md_speed_min: float | None = Field(None, gt=0, allow_inf_nan=False, description="atom-steps per second, above 0")
    memory_max_mb: float | None = Field(None, gt=0, allow_inf_nan=False, description="megabytes, above 0")
    space: dict[str, Any] = Field(description="a table of keywords of nep.in with the values to search")


def make_search_spec(table: SearchTable, seed: int, path: Path) -> SearchSpec:
    """Check what depends on more than one value; whether nep.in allows the values is not looked at.

    Parameters
    ----------
    table
        The table as it was read.
    seed
        Of the study, for a table without one.
    path
        The TOML file, to name in errors.

    Raises
    ------
    InputError
        In one sentence for the first thing that is wrong.
    """
    if not table.space:
        raise InputError("search.space is empty; expected at least one keyword of nep.in", path=path)
    return SearchSpec(
        **table.model_dump(exclude={"objectives", "seed", "space"}),
        objectives=_objectives(table.objectives, path),
        seed=seed if table.seed is None else table.seed,
        space=tuple((keyword, _dimension(keyword, value, path)) for keyword, value in table.space.items()),
    )


def _objectives(value: Any, path: Path) -> tuple[str, ...]:
    if value not in ([ACCURACY], [ACCURACY, MD_SPEED]):
        expected = SearchTable.model_fields["objectives"].description
        raise InputError(f"search.objectives is {_found(value)}; expected {expected}", path=path)
    return tuple(value)


def _dimension(keyword: str, value: Any, path: Path) -> Choices | Range:
    if isinstance(value, list):
        return _choices(keyword, value, path)
    if isinstance(value, dict):
        return _range(keyword, value, path)
    raise InputError(f"search.space.{keyword} is {_found(value)}; expected {WANTED}", path=path)


def _choices(keyword: str, values: Sequence[Any], path: Path) -> Choices:
    """Choices; a bare number or word stands for a list of one."""
    listed = [value if isinstance(value, list) else [value] for value in values]
    for value, words in zip(values, listed, strict=True):
        if not words or any(isinstance(word, bool) or not isinstance(word, int | float | str) for word in words):
            raise InputError(
                f"search.space.{keyword} has the value {_found(value)}; expected a number or a list of numbers",
                path=path,
            )
    if not listed:
        raise InputError(f"search.space.{keyword} is an empty list; expected values to try, or no such key", path=path)
    return Choices(tuple(dict.fromkeys(tuple(words) for words in listed)))


def _range(keyword: str, table: Mapping[str, Any], path: Path) -> Range:
    name = f"search.space.{keyword}"
    unknown = [key for key in table if key not in RANGE_KEYS]
    if unknown:
        raise InputError(f"unknown key {name}.{unknown[0]}; expected low, high, step and log", path=path)
    low, high = (_numbers(name, key, table.get(key), path) for key in ("low", "high"))
    step = None if table.get("step") is None else _numbers(name, "step", table["step"], path)
    log = table.get("log", False)
    if not isinstance(log, bool):
        raise InputError(f"{name}.log is {_found(log)}; expected true or false", path=path)
    if step is not None and len(step) == 1:
        step = step * len(low)
    _check_range(name, Range(low, high, step, log), path)
    return Range(low, high, step, log)


def _numbers(name: str, key: str, value: Any, path: Path) -> tuple[int | float, ...]:
    if value is None:
        raise InputError(f"{name}.{key} is missing; expected a number, or one for each argument", path=path)
    listed = value if isinstance(value, list) else [value]
    if not listed or any(type(number) not in (int, float) or not math.isfinite(number) for number in listed):
        raise InputError(
            f"{name}.{key} is {_found(value)}; expected a number, or a list with one for each argument", path=path
        )
    return tuple(listed)


def _check_range(name: str, limits: Range, path: Path) -> None:
    low, high, step = limits.low, limits.high, limits.step
    if len(low) != len(high) or (step is not None and len(step) != len(low)):
        raise InputError(f"{name} has {len(low)} low and {len(high)} high; expected as many of each", path=path)
    if any(a > b for a, b in zip(low, high, strict=True)):
        raise InputError(f"{name}.low is above high; expected low <= high", path=path)
    if step is not None and min(step) <= 0:
        raise InputError(f"{name}.step is {_found(list(step))}; expected numbers above 0", path=path)
    if limits.log and (min(low) <= 0 or step is not None):
        raise InputError(f"{name} with log = true goes without step and needs a low above 0", path=path)


def _found(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
