"""``study.toml``: what to train on, what to vary, and how to judge."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from neptuner.errors import InputError
from neptuner.files.nep_in_keywords import KEYWORDS
from neptuner.files.text import read_text
from neptuner.study.judge import Strategy
from neptuner.study.launch_spec import LauncherTable, LaunchSpec, make_launch_spec
from neptuner.study.md.spec import Engine, MdSpec, MdTable, make_md_spec
from neptuner.study.search.spec import SearchSpec, SearchTable, make_search_spec

Value = tuple[int | float | str, ...]
"""Arguments of a nep.in keyword."""


@dataclass(frozen=True)
class StudySpec:
    """A study as its file describes it, defaults filled in; paths are relative to nothing."""

    path: Path
    """The TOML file."""
    train: Path
    """Frames to train on; a part of them is held out for validation."""
    test: Path | None
    """Frames that are only reported on."""
    baseline: Path
    """nep.in that everything is compared with."""
    replicates: int
    """Runs of each configuration, with seeds ``seed``, ``seed + 1``, ..."""
    metric: str
    """Loss that winners are chosen by: energy, force or virial."""
    strategy: Strategy
    """Mean (avg) or minimum (min) over the last rows of a loss curve."""
    last_rows: int
    """Rows of a loss curve that count."""
    seed: int
    """Of the split and of the first replicate."""
    steps: int | None
    """Optimiser steps of a run; None: the trainer's default."""
    jobs: int | None
    """Runs at a time; None: as many as there are processors for."""
    threads: int
    """Threads of a run."""
    validation: float
    """Fraction of the training frames that is held out."""
    group: str | None
    """Key of the comment line whose value keeps frames together in the split."""
    time_limit: float | None
    """Seconds after which a run is stopped."""
    sweep: tuple[tuple[str, tuple[Value, ...]], ...]
    """nep.in keywords and the values to try, in the order of the file."""
    steps_factor: float
    """How much longer phase 3 trains; 1: no phase 3."""
    engine: Engine = "embedded"
    """neptuner's own trainer, or GPUMD's ``nep``."""
    launcher: LaunchSpec = field(default_factory=LaunchSpec)
    """Where runs are started."""
    most_replicates: int = 1
    """Largest number of replicates, where a decision is open."""
    extra_runs: int | None = None
    """Trainings that may be spent on open decisions; None: as many as it takes."""
    ablation: bool = True
    """Whether the combined model is also trained without each of its changes."""
    learning_curve: tuple[float, ...] = ()
    """Fractions of the training frames, below one, that the learning curve is made of."""
    search: SearchSpec | None = None
    """Joint search over several keywords; None: none."""
    calibrate: bool = True
    """Whether the cost is predicted from some seconds of training before anything starts."""
    md: MdSpec | None = None
    """Molecular dynamics with the baseline and the final model; None: none."""

    @property
    def name(self) -> str:
        """Name of the study: that of its file."""
        return self.path.stem

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seed of each replicate."""
        return tuple(range(self.seed, self.seed + self.replicates))


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Study(_Table):
    # the description is what an error message says was expected
    train: str = Field(min_length=1, description="the path of an extended XYZ file")
    test: str | None = Field(None, min_length=1, description="the path of an extended XYZ file")
    baseline: str = Field(min_length=1, description="the path of a nep.in file")
    replicates: int = Field(1, ge=1, description="a whole number of at least 1")
    metric: Literal["energy", "force", "virial"] = Field("force", description='"energy", "force" or "virial"')
    strategy: Literal["avg", "min"] = Field("avg", description='"avg" or "min"')
    last_rows: int = Field(10, ge=1, description="a whole number of at least 1")
    seed: int = Field(1, ge=0, description="a whole number of at least 0")
    steps: int | None = Field(None, ge=1, description="a whole number of at least 1")
    jobs: int | None = Field(None, ge=1, description="a whole number of at least 1")
    threads: int = Field(1, ge=1, description="a whole number of at least 1")
    validation: float = Field(0.1, gt=0, le=0.5, description="a number above 0 and at most 0.5")
    group: str | None = Field(None, min_length=1, description="a key of the comment lines of train")
    time_limit: float | None = Field(None, gt=0, allow_inf_nan=False, description="seconds, above 0")
    engine: Engine = Field("embedded", description='"embedded" or "gpumd"')
    most_replicates: int | None = Field(None, ge=1, description="a whole number of at least 1")
    extra_runs: int | None = Field(None, ge=0, description="a whole number of at least 0")
    ablation: bool = Field(True, description="true or false")
    calibrate: bool = Field(True, description="true or false")


class _Final(_Table):
    steps_factor: float = Field(ge=1, allow_inf_nan=False, description="a number of at least 1")


class _LearningCurve(_Table):
    fractions: list[float] = Field(
        [0.125, 0.25, 0.5], min_length=1, description="a list of numbers between 0 and 1, such as [0.125, 0.25, 0.5]"
    )

    @field_validator("fractions")
    @classmethod
    def _below_one(cls, fractions: list[float]) -> list[float]:
        if not all(0 < fraction < 1 for fraction in fractions):
            raise ValueError("out of range")
        return sorted(set(fractions))


class _Document(_Table):
    study: _Study = Field(description="a table with train, baseline and more")
    sweep: dict[str, list[Any]] = Field(
        default_factory=dict, description="a list of values to try, such as [[2, 4], [4, 4]]"
    )
    final: _Final = Field(_Final(steps_factor=1), description="a table with steps_factor")
    launcher: LauncherTable = Field(
        default_factory=lambda: LauncherTable.model_validate({}), description="a table with kind, partition and more"
    )
    learning_curve: _LearningCurve | None = Field(None, description="a table with fractions")
    search: SearchTable | None = Field(None, description="a table with trials, space and more")
    md: MdTable | None = Field(None, description="a table with temperature, fe, time_ps and more")


def read_spec(path: str | Path) -> StudySpec:
    """Read and check a ``study.toml``; whether the files it names can be used is not looked at.

    Raises
    ------
    InputError
        In one sentence for the first thing that is wrong.
    """
    path = Path(path).absolute()
    content = _parse(path)
    try:
        document = _Document.model_validate(content)
    except ValidationError as error:
        details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        raise InputError(_sentence(details[0]), path=path) from None
    table, folder = document.study, path.parent
    return StudySpec(
        **table.model_dump(exclude={"train", "test", "baseline", "most_replicates"}),
        most_replicates=max(table.replicates, table.most_replicates or 1),
        path=path,
        train=folder / table.train,
        test=None if table.test is None else folder / table.test,
        baseline=folder / table.baseline,
        sweep=tuple((keyword, _values(keyword, values, path)) for keyword, values in document.sweep.items()),
        steps_factor=document.final.steps_factor,
        launcher=make_launch_spec(document.launcher, path),
        learning_curve=() if document.learning_curve is None else tuple(document.learning_curve.fractions),
        search=None if document.search is None else make_search_spec(document.search, table.seed, path),
        md=None if document.md is None else make_md_spec(document.md, path),
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        message = str(error)
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    line, column = place.groups() if place else (None, None)
    what = message[: place.start()] if place else message
    where = f" at column {column}" if column else " at the end of the file"
    raise InputError(
        f"is not valid TOML{where} ({what}); see https://toml.io", path=path, line=int(line) if line else None
    )


def _sentence(detail: ErrorDetails) -> str:
    """One sentence for one error of pydantic."""
    place = [str(key) for key in detail["loc"]]
    key = ".".join(place)
    if detail["type"] == "extra_forbidden":
        return _unknown(place)
    expected = _expected(place)
    if detail["type"] == "missing":
        return f"{_shown(place)} is missing; expected {expected}"
    return f"{_shown(place) if len(place) == 1 else key} is {_found(detail['input'])}; expected {expected}"


def _shown(place: list[str]) -> str:
    return f"table [{place[0]}]" if len(place) == 1 else ".".join(place)


TABLES: dict[str, type[BaseModel]] = {
    "study": _Study,
    "final": _Final,
    "learning_curve": _LearningCurve,
    "search": SearchTable,
    "launcher": LauncherTable,
    "md": MdTable,
}
"""What each table may hold; ``[sweep]`` takes any keyword of nep.in."""


def _expected(place: list[str]) -> str | None:
    if place[0] == "sweep":
        return "a list of values to try, such as [[2, 4], [4, 4]]" if len(place) > 1 else "a table of lists"
    fields = (_Document if len(place) == 1 else TABLES[place[0]]).model_fields
    return fields[place[-1]].description


def _unknown(place: list[str]) -> str:
    top = len(place) == 1
    known = list((_Document if top else TABLES[place[0]]).model_fields)
    close = difflib.get_close_matches(place[-1], known, n=1)
    what = f"table or key {place[0]}" if top else f"key {'.'.join(place)}"
    hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
    if homes := _homes(place[-1], place[0]):
        hint = f"move it to {' or '.join(homes)}"
    return f"unknown {what}; {hint}"


def _homes(key: str, table: str) -> list[str]:
    """Tables that take a key which another table does not."""
    homes = [f"[{name}]" for name, model in TABLES.items() if key in model.model_fields]
    if key in KEYWORDS:
        homes.append("[search.space]" if table == "search" else "[sweep]")
    return homes


def _values(keyword: str, values: list[Any], path: Path) -> tuple[Value, ...]:
    """Values to try for a keyword; a bare number or word stands for a list of one."""
    if not values:
        raise InputError(f"sweep.{keyword} is an empty list; expected values to try, or no such key", path=path)
    listed = [value if isinstance(value, list) else [value] for value in values]
    for value, words in zip(values, listed, strict=True):
        if not words or any(isinstance(word, bool) or not isinstance(word, int | float | str) for word in words):
            raise InputError(
                f"sweep.{keyword} has the value {_found(value)}; expected a number or a list of numbers",
                path=path,
            )
    return tuple(tuple(words) for words in listed)


def _found(value: object) -> str:
    """A value as TOML would write it, shortened."""
    if isinstance(value, dict):
        return "a table"
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
