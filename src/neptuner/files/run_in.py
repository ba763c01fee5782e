"""``run.in``: what molecular dynamics shall do, in GPUMD's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from neptuner.errors import InputError
from neptuner.files.run_in_format import format_script
from neptuner.files.run_in_keywords import (
    CorrectVelocity,
    Potential,
    Replicate,
    Statement,
    Steps,
    TimeStep,
    parse_line,
)
from neptuner.files.run_in_line import Line
from neptuner.files.script import (
    Action,
    ComputeHac,
    ComputeHnemd,
    ComputeMsd,
    ComputeShc,
    DumpXyz,
    Ensemble,
    Measure,
    Minimize,
    Run,
    Script,
    Velocity,
)
from neptuner.files.text import read_text

__all__ = ["format_script", "parse_script", "read_script"]


def read_script(path: str | Path) -> Script:
    """Read a ``run.in``; see :func:`parse_script`."""
    return parse_script(read_text(path), path)


def parse_script(text: str, path: str | Path | None = None) -> Script:
    """What the text of a ``run.in`` asks for, in the order in which GPUMD carries it out.

    As in GPUMD, `time_step` and `ensemble` hold until they are given anew, and everything else belongs to
    the next `run`.

    Raises
    ------
    InputError
        With the line, for the first thing that is wrong, not supported or without effect.
    """
    assembly = _Assembly(path=None if path is None else Path(path))
    for number, written in enumerate(text.splitlines(), start=1):
        words = _words(written)
        if words:
            line = Line(words[0], tuple(words[1:]), number, assembly.path)
            assembly.add(parse_line(line), line)
    return assembly.script()


def _words(line: str) -> list[str]:
    words = line.split()
    comment = next((index for index, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:comment]


@dataclass
class _Assembly:
    """What has been said so far."""

    path: Path | None
    potential: str | None = None
    replicate: tuple[int, int, int] | None = None
    first: Line | None = None
    """First line after which atoms may no longer be replicated."""
    actions: list[Action] = field(default_factory=list)
    time_step: float = 1.0
    ensemble: Ensemble | None = None
    temperature: float | None = None
    max_distance: float | None = None
    correction: CorrectVelocity | None = None
    measures: list[tuple[Measure, Line]] = field(default_factory=list)
    waiting: dict[str, Line] = field(default_factory=dict)
    """Lines for the next run by keyword."""

    def add(self, statement: Statement, line: Line) -> None:
        """Take in one line."""
        match statement:
            case Potential():
                self._set_potential(statement.name, line)
            case Replicate():
                self._set_replicate(statement.numbers, line)
            case TimeStep() | CorrectVelocity() | Ensemble():
                self._set_option(statement, line)
            case Steps():
                self._need_potential(line)
                self.actions.append(self._run(statement.number, line))
            case Velocity():
                self.actions.append(statement)
            case Minimize():
                self._need_potential(line)
                self.actions.append(statement)
            case Run():
                raise AssertionError("a line holds only the steps of a run")
            case _:
                self._add_measure(statement, line)
        if not isinstance(statement, Replicate | TimeStep) and self.first is None:
            self.first = line

    def script(self) -> Script:
        """Everything, once the file is at its end."""
        if self.potential is None:
            raise InputError("has no `potential` line; add for example `potential nep.txt`", path=self.path)
        if not any(isinstance(action, Run) for action in self.actions):
            raise InputError("has no `run` line; add for example `run 1000`", path=self.path)
        for line in self.waiting.values():
            raise line.plain_error(f"`{line.keyword}` has no effect, as no `run` follows it; delete it or add a run")
        return Script(self.potential, self.replicate or (1, 1, 1), tuple(self.actions), self.path)

    def _set_potential(self, name: str, line: Line) -> None:
        if self.potential is not None:
            raise line.plain_error("`potential` is given twice; keep one")
        self.potential = name

    def _set_replicate(self, numbers: tuple[int, int, int], line: Line) -> None:
        if self.replicate is not None:
            raise line.plain_error("`replicate` is given twice; keep one")
        if self.first is not None:
            raise line.plain_error(
                f"`replicate` stands after `{self.first.keyword}` of line {self.first.number}; move it to the top"
            )
        self.replicate = numbers

    def _need_potential(self, line: Line) -> None:
        if self.potential is None:
            raise line.plain_error(f"`{line.keyword}` stands before `potential`; move it below")

    def _set_option(self, option: TimeStep | CorrectVelocity | Ensemble, line: Line) -> None:
        self._once(line.keyword, line)
        match option:
            case TimeStep():
                self.time_step, self.max_distance = option.femtoseconds, option.max_distance
            case CorrectVelocity():
                self.correction = option
            case Ensemble():
                self.ensemble = option
                self.temperature = self.temperature if option.kind == "nve" else option.t_stop
            case _:
                assert_never(option)

    def _add_measure(self, measure: Measure, line: Line) -> None:
        self._once(f"file {measure.filename}" if isinstance(measure, DumpXyz) else line.keyword, line)
        self.measures.append((measure, line))

    def _once(self, key: str, line: Line) -> None:
        if key in self.waiting:
            earlier = self.waiting[key]
            what = key if key.startswith("file ") else f"`{key}`"
            raise line.plain_error(f"{what} is already on line {earlier.number} for the same run; delete one of them")
        self.waiting[key] = line

    def _run(self, steps: int, line: Line) -> Run:
        if self.ensemble is None:
            raise line.plain_error("`run` has no `ensemble`; add one before it, for example `ensemble nve`")
        for measure, written in self.measures:
            self._check_measure(measure, written, steps)
        run = Run(
            steps,
            self.time_step,
            self.max_distance,
            self.ensemble,
            self.temperature,
            None if self.correction is None else self.correction.interval,
            None if self.correction is None else self.correction.group,
            tuple(measure for measure, _ in self.measures),
            line.number,
        )
        self.max_distance, self.correction = None, None
        self.measures, self.waiting = [], {}
        return run

    def _check_measure(self, measure: Measure, line: Line, steps: int) -> None:
        if isinstance(measure, ComputeHac | ComputeHnemd) and self.temperature is None:
            raise line.error(
                "heat transport is divided by a target temperature, and no thermostat has had one up to here;"
                " let a run with a thermostat such as nvt_nhc go before"
            )
        if isinstance(measure, ComputeHac | ComputeShc | ComputeMsd):
            needed = measure.sample * measure.correlation_steps
            if needed > steps:
                raise line.error(f"needs a run of at least {needed} steps (interval times lags), but it has {steps}")
