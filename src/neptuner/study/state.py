"""Where a study stands: its runs, what came of them, and what follows from that."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from neptuner.errors import InputError
from neptuner.study.judge import (
    QUANTITIES,
    SPLITS,
    Spread,
    Strategy,
    Verdict,
    reduction_of_spread,
    spread,
    verdict,
)
from neptuner.study.plan import PHASES, SEARCH, Configuration, Parameter, Plan, Run, combine, extend
from neptuner.study.records import DONE, Ledger, Record
from neptuner.study.spec import Value

Spreads = dict[str, dict[str, Spread | None]]


@dataclass
class StudyState:
    """All runs that are planned so far, and the configurations that depend on the first results."""

    plan: Plan
    metric: str
    strategy: Strategy
    ledger: Ledger = field(default_factory=Ledger)
    """Every run and how it stands."""
    configurations: dict[str, Configuration] = field(default_factory=dict)
    """What is planned so far, by name and in order."""
    runs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the runs of each configuration, by its name."""
    decided: bool = False
    """Whether the winners are known, after every run of the sweep."""
    winners: dict[str, Value] = field(default_factory=dict)
    combined: Configuration | None = None
    combination_error: str | None = None
    """Why the winners cannot be combined."""
    search_runs: int = 0
    """Runs that a joint search may still ask for; 0 when it is over, or there is none."""
    search_steps: int = 0
    """Steps of these runs."""
    _planned: set[str] = field(default_factory=set)
    """Phases that anything is planned of."""

    @property
    def records(self) -> dict[str, Record]:
        """By the name of the run, in the order in which they are run."""
        return self.ledger.records

    def add(self, configuration: Configuration, runs: Iterable[Run]) -> list[Record]:
        """Take up runs of a configuration; return those that are new, for one that is there is not doubled."""
        runs = tuple(runs)
        self.configurations.setdefault(configuration.name, configuration)
        self._planned.add(configuration.phase)
        known = self.runs.get(configuration.name, ())
        self.runs[configuration.name] = (*known, *(run.id for run in runs if run.id not in known))
        return [record for run in runs if (record := self.ledger.add(run)) is not None]

    def of(self, configuration: Configuration) -> list[Record]:
        """Records of a configuration; empty before it is planned."""
        return [self.records[name] for name in self.runs.get(configuration.name, ())]

    def spreads(self, configuration: Configuration, seeds: Container[int] | None = None) -> Spreads:
        """Losses of a configuration over its finished replicates, or some of their seeds: ``[quantity][split]``."""
        chosen = [r for r in self.of(configuration) if r.outcome is not None and (seeds is None or r.run.seed in seeds)]
        outcomes = [record.outcome for record in chosen if record.outcome is not None]
        return {q: {s: spread([o.tails[q][s] for o in outcomes]) for s in SPLITS} for q in QUANTITIES}

    def baseline(self) -> Spreads:
        """Losses that all others are compared with."""
        return self.spreads(self.plan.baseline)

    def reductions(self, configuration: Configuration) -> Spreads:
        """Reductions of the losses of a configuration against those of the baseline, in per cent.

        They are taken over the seeds that both have; where replicates failed so that there are none, over all.
        """
        seeds = (self._seeds(self.plan.baseline) & self._seeds(configuration)) or None
        base, losses = self.spreads(self.plan.baseline, seeds), self.spreads(configuration, seeds)
        return {q: {s: reduction_of_spread(base[q][s], losses[q][s]) for s in SPLITS} for q in QUANTITIES}

    def judge(self, parameter: Parameter) -> Verdict:
        """Judge the values of a parameter by the validation loss."""
        reductions = [self.reductions(c)[self.metric]["validation"] for c in parameter.values]
        return verdict(reductions, self.strategy)

    def _seeds(self, configuration: Configuration) -> set[int]:
        """Seeds that a configuration has finished with."""
        return {record.run.seed for record in self.of(configuration) if record.outcome is not None}

    def decide(self) -> None:
        """Choose the winners and combine them; call it when the sweep is settled."""
        for parameter in self.plan.sweep:
            judged = self.judge(parameter)
            if judged.best is not None and judged.chosen:
                value = parameter.values[judged.best].value
                assert value is not None
                self.winners[parameter.keyword] = value
        self.decided = True
        if self.winners:
            try:
                self.combined = combine(self.plan, self.winners)
            except InputError as error:
                self.combination_error = error.message

    def extended(self) -> Mapping[str, Configuration | None]:
        """Longer trainings of the baseline and of the combined model."""
        combined = None if self.combined is None else extend(self.plan, self.combined)
        return {"baseline": extend(self.plan, self.plan.baseline), "combined": combined}

    def phases(self) -> dict[str, list[Configuration]]:
        """Configurations of each phase, as far as they are planned."""
        found: dict[str, list[Configuration]] = {phase: [] for phase in PHASES}
        for configuration in self.configurations.values():
            found[configuration.phase].append(configuration)
        return found

    def complete(self) -> list[str]:
        """Phases with nothing left to plan or to run, up to the first that has; an empty phase is complete too."""
        known = PHASES[:2] if not self.decided else PHASES[: PHASES.index(SEARCH)] if self.search_runs else PHASES
        return list(takewhile(lambda phase: self.ledger.open(phase) == 0, known))

    def has_phase(self, phase: str) -> bool:
        """Whether anything of a phase is planned."""
        return phase in self._planned

    @property
    def phase(self) -> str:
        """First phase that is not complete; ``done`` after the last."""
        complete = self.complete()
        return next((phase for phase in PHASES if phase not in complete), DONE)

    @property
    def finished(self) -> bool:
        """Whether every planned run is done or failed."""
        return self.decided and self.ledger.open() == 0 and not self.search_runs
