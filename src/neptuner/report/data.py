"""``results.json`` as plain frozen records; what does not exist is None or absent, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neptuner.report.dynamics_data import Dynamics
from neptuner.report.search_data import Search
from neptuner.report.statistics_data import Statistics

QUANTITIES = ("energy", "force", "virial")
SPLITS = ("train", "validation", "test")

Key = tuple[str, str]
"""A quantity and a split, for example ``("force", "test")``."""


@dataclass(frozen=True)
class Statistic:
    """Minimum and mean over the last rows of a loss curve, with standard deviations over replicates."""

    min: float | None = None
    avg: float | None = None
    min_sd: float | None = None
    avg_sd: float | None = None

    def value(self, strategy: str) -> float | None:
        """Return the value by ``min`` or ``avg``."""
        return self.min if strategy == "min" else self.avg

    def sd(self, strategy: str) -> float | None:
        """Return the standard deviation over replicates, by ``min`` or ``avg``; None when unknown."""
        return self.min_sd if strategy == "min" else self.avg_sd


@dataclass(frozen=True)
class Configuration:
    """One setting with all its replicates."""

    name: str
    phase: str
    parameter: str | None = None
    value: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """Keyword of nep.in to its values, joined by blanks."""
    runs: tuple[str, ...] = ()
    """Ids of its finished runs."""
    parameters: int | None = None
    seconds: float | None = None
    steps: int | None = None
    fraction: float = 1.0
    """Part of the training frames that it was trained on."""
    loss: Mapping[Key, Statistic] = field(default_factory=dict)
    """In eV/atom (energy, virial) and eV/angstrom (force)."""
    reduction: Mapping[Key, Statistic] = field(default_factory=dict)
    """In per cent of the baseline's loss; positive is better."""
    rmse: Mapping[Key, float] = field(default_factory=dict)
    """Of the kept model over the whole set; same units as the losses."""

    @property
    def done(self) -> bool:
        """Whether at least one replicate has finished."""
        return bool(self.runs)

    def loss_of(self, quantity: str, split: str) -> Statistic:
        """Return a loss, with None everywhere when it does not exist."""
        return self.loss.get((quantity, split), Statistic())

    def reduction_of(self, quantity: str, split: str) -> Statistic:
        """Return a reduction in per cent, with None everywhere when it does not exist."""
        return self.reduction.get((quantity, split), Statistic())


@dataclass(frozen=True)
class Parameter:
    """One hyper-parameter of the sweep and everything tried for it."""

    name: str
    baseline_value: str
    values: tuple[Configuration, ...] = ()
    best_value: str | None = None
    best: str | None = None
    gain: float | None = None
    gain_sd: float | None = None
    mean_improvement: float | None = None
    chosen: bool = False

    @property
    def best_configuration(self) -> Configuration | None:
        """The configuration with the lowest validation loss; None while there is none."""
        return next((c for c in self.values if c.name == self.best and c.done), None)


@dataclass(frozen=True)
class Run:
    """One training, finished or not."""

    id: str
    name: str
    phase: str
    state: str
    replicate: int | None = None
    seed: int | None = None
    directory: str | None = None
    error: str | None = None
    seconds: float | None = None
    ms_per_step: float | None = None
    loss: Mapping[Key, Statistic] = field(default_factory=dict)
    """Minimum and mean of the last rows of its loss curves."""

    def loss_of(self, quantity: str, split: str) -> Statistic:
        """Return a loss, with None everywhere when it does not exist."""
        return self.loss.get((quantity, split), Statistic())


@dataclass(frozen=True)
class DataSet:
    """One set of frames."""

    split: str
    path: str
    sha256: str
    frames: int | None
    atoms: int | None


@dataclass(frozen=True)
class Results:
    """Everything ``results.json`` says, and the folder it lies in."""

    folder: Path
    version: str
    name: str
    finished: bool
    metric: str
    strategy: str
    last_rows: int
    replicates: int
    steps: int | None
    steps_factor: float | None
    seed: int | None
    optimizer: str
    data: tuple[DataSet, ...]
    machine: Mapping[str, str]
    baseline: Configuration | None
    sweep: tuple[Parameter, ...]
    winners: Mapping[str, str]
    combined: Configuration | None
    baseline_extended: Configuration | None
    combined_extended: Configuration | None
    ablation: tuple[Configuration, ...]
    """The combined model without one of its changes each."""
    learning_curve: tuple[Configuration, ...]
    """A model trained on parts of the frames, in the order of their size."""
    statistics: Statistics
    faster: str
    """Sentence that says whether the combined model is better or merely faster; empty if nobody looked."""
    leakage: str
    """Sentence that says what held-out frames share with the training frames; empty if nobody looked."""
    runs: tuple[Run, ...]
    failed: tuple[tuple[str, str], ...]
    """Id and sentence of each failed run."""
    md: Dynamics | None
    """Molecular dynamics; None if none was asked for."""
    search: Search | None = None
    """Joint search; None if none was asked for."""
    cost: Mapping[str, Any] | None = None
    """Predicted and actual cost as ``docs/results.md`` has it; None if it was not predicted."""

    @property
    def slots(self) -> tuple[tuple[str, Configuration | None], ...]:
        """The names of the four models a study compares, with what there is of each."""
        return (
            ("baseline", self.baseline),
            ("combined", self.combined),
            ("baseline-extended", self.baseline_extended),
            ("combined-extended", self.combined_extended),
        )

    @property
    def phases(self) -> tuple[Configuration, ...]:
        """The finished ones of baseline, combined, baseline-extended and combined-extended."""
        return tuple(c for _, c in self.slots if c is not None and c.done)

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """Every configuration with a finished run, in the order of the phases."""
        swept = tuple(c for p in self.sweep for c in p.values if c.done)
        first = int(self.has_baseline)
        return self.phases[:first] + swept + self.phases[first:]

    @property
    def has_baseline(self) -> bool:
        """Whether the baseline has a finished run."""
        return self.baseline is not None and self.baseline.done

    @property
    def nothing_won(self) -> bool:
        """Whether the sweep is over and no value beat the baseline."""
        swept = self.has_baseline and bool(self.sweep) and all(p.gain is not None for p in self.sweep)
        return swept and not any(p.chosen for p in self.sweep)

    @property
    def extends(self) -> bool:
        """Whether longer trainings are part of the study."""
        return self.steps_factor is None or self.steps_factor > 1

    @property
    def final(self) -> Configuration | None:
        """The model of the last phase reached: combined-extended, else combined, else None."""
        return next((c for c in (self.combined_extended, self.combined) if c is not None and c.done), None)

    @property
    def judged_split(self) -> str:
        """``test``, or ``validation`` where the study has no test set."""
        return "test" if any(d.split == "test" for d in self.data) else "validation"

    def run(self, identifier: str) -> Run | None:
        """Return a run by its id."""
        return next((r for r in self.runs if r.id == identifier), None)

    def folders(self, configuration: Configuration) -> list[Path]:
        """Return the trial directories of the finished runs of a configuration, by replicate."""
        found = (self.run(identifier) for identifier in configuration.runs)
        return [self.folder / r.directory for r in found if r is not None and r.directory is not None]
