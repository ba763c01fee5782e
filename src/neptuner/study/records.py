"""The trainings of a study and how each of them stands, found without searching however many there are."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from neptuner.study.outcome import Outcome
from neptuner.study.plan import Run

PENDING, RUNNING, DONE, FAILED = "pending", "running", "done", "failed"
SETTLED = (DONE, FAILED)


@dataclass(slots=True)
class Record:
    """A run and what came of it; its state is changed by :meth:`Ledger.move` alone."""

    run: Run
    state: str = PENDING
    error: str | None = None
    outcome: Outcome | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more is to come in this session."""
        return self.state in SETTLED


@dataclass
class Ledger:
    """All runs in the order in which they are run; each step of bookkeeping takes the same time for any number."""

    records: dict[str, Record] = field(default_factory=dict)
    """By the name of the run."""
    running: dict[str, Record] = field(default_factory=dict)
    _pending: OrderedDict[str, Record] = field(default_factory=OrderedDict)
    _counts: Counter[str] = field(default_factory=Counter)
    _open: Counter[str] = field(default_factory=Counter)
    """Runs of each phase that are not settled."""
    seconds: float = 0.0
    """That the finished runs took together."""
    steps: int = 0
    """That the finished runs took together."""
    steps_to_go: int = 0
    """Of the runs that are pending."""

    def add(self, run: Run) -> Record | None:
        """Take up a run; None if it is there already."""
        if run.id in self.records:
            return None
        record = self.records[run.id] = Record(run)
        self._enter(record)
        return record

    def move(self, record: Record, state: str, *, error: str | None = None, outcome: Outcome | None = None) -> None:
        """Give a run another state, with what belongs to it."""
        self._leave(record)
        record.state, record.error, record.outcome = state, error, outcome
        self._enter(record)

    def next(self) -> Record | None:
        """First run that is pending."""
        return next(iter(self._pending.values()), None)

    def count(self, state: str) -> int:
        """Number of runs in a state."""
        return self._counts[state]

    def open(self, phase: str | None = None) -> int:
        """Number of runs that are not settled, of a phase or of all."""
        return self._counts[PENDING] + self._counts[RUNNING] if phase is None else self._open[phase]

    def _enter(self, record: Record) -> None:
        self._tally(record, 1)
        if record.state == PENDING:
            self._pending[record.run.id] = record
        elif record.state == RUNNING:
            self.running[record.run.id] = record

    def _leave(self, record: Record) -> None:
        self._tally(record, -1)
        self._pending.pop(record.run.id, None)
        self.running.pop(record.run.id, None)

    def _tally(self, record: Record, sign: int) -> None:
        configuration = record.run.configuration
        self._counts[record.state] += sign
        self._open[configuration.phase] += 0 if record.settled else sign
        self.steps_to_go += sign * configuration.steps if record.state == PENDING else 0
        if record.outcome is not None:
            self.seconds += sign * record.outcome.seconds
            self.steps += sign * configuration.steps
