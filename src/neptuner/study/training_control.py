"""Starts, ends and tells of the trainings of a study, as ``md_control`` does with molecular dynamics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from neptuner.errors import Interrupted, NeptunerError
from neptuner.launch.base import Finished, Job, Launcher
from neptuner.study.outcome import Outcome, read_outcome
from neptuner.study.plan import Configuration, Run, make_runs
from neptuner.study.progress import Observer
from neptuner.study.records import DONE, FAILED, PENDING, RUNNING, Record
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState
from neptuner.study.store import Store

Command = Callable[[StudySpec, Run, Path], Sequence[str]]
"""Makes the command that trains a run in a directory."""


class TrainingControl:
    """One session of work on the trainings of a study.

    Parameters
    ----------
    spec, state
        The study and where it stands.
    store, launcher, observer
        Where runs are kept, started and told.
    command
        Makes the command of a training.
    environment
        Variables of a run.
    data
        SHA-256 of the frames of each split.
    subsets
        SHA-256 of each part of the training frames, by its fraction.
    told
        Names of the runs that the journal says are finished.
    """

    def __init__(
        self,
        spec: StudySpec,
        state: StudyState,
        store: Store,
        launcher: Launcher,
        observer: Observer,
        command: Command,
        environment: Mapping[str, str],
        data: Mapping[str, str | None],
        subsets: Mapping[float, str],
        told: Collection[str],
    ) -> None:
        self.spec, self.state, self.store = spec, state, store
        self._launcher, self._observer, self._command = launcher, observer, command
        self._environment, self._told = environment, told
        self._data, self._subsets = data, subsets
        self._known = store.known()
        self._adopted: set[str] = set()
        self._warm = False

    def adopt(self, names: Collection[str]) -> None:
        """Take over jobs of an earlier session that go on; call it before anything is added."""
        self._adopted = set(names)

    def add(self, configuration: Configuration, seeds: Sequence[int]) -> list[Record]:
        """Plan runs of a configuration; what finished in an earlier session is taken over."""
        first = len(self.state.runs.get(configuration.name, ()))
        data = dict(self._data)
        if configuration.fraction < 1.0:
            data["train"] = self._subsets[configuration.fraction]
        runs = make_runs(configuration, seeds, data, self._known, first)
        self._known |= {run.digest: run.id for run in runs}
        new = self.state.add(configuration, runs)
        for record in new:
            self._take_over(record)
        return new

    def fill(self) -> bool:
        """Start what may be started; return whether anything was."""
        begun = False
        while self._may_start() and (record := self.state.ledger.next()) is not None:
            self._begin(record)
            begun = True
        return begun

    def owns(self, name: str) -> bool:
        """Whether a job is one of these runs."""
        return name in self.state.records or name in self._adopted

    def end(self, finished: Finished) -> None:
        """Take up what a run left when its process ended."""
        self._warm = True
        self._adopted.discard(finished.job.name)
        record = self.state.records.get(finished.job.name)
        if record is None or record.settled:  # of an earlier session, and not planned yet in this one
            return
        try:
            outcome = self._outcome(record)
        except NeptunerError as error:
            self._fail(record, str(error))
            return
        if outcome is None:
            gone = not self.store.directory(record.run).is_dir()
            self._fail(record, "its directory was deleted while it ran" if gone else _why(finished))
            return
        self.state.ledger.move(record, DONE, outcome=outcome)
        self.store.journal.write("finished", id=record.run.id, seconds=outcome.seconds)
        self._observer.log(f"finished {record.run.id} in {outcome.seconds:.1f} s{self._loss_of(outcome)}")

    def stop(self, finished: Finished) -> None:
        """Take up a run that was ended before its time; one that just finished counts."""
        record = self.state.records.get(finished.job.name)
        if record is None:
            return
        if self.store.summary(record.run) is not None:
            self.end(finished)
            return
        self.state.ledger.move(record, PENDING)
        self.store.journal.write("stopped", id=record.run.id)

    def _outcome(self, record: Record) -> Outcome | None:
        """Read what a finished training left; None if it has not finished."""
        summary = self.store.summary(record.run)
        if summary is None:
            return None
        return read_outcome(self.store.directory(record.run), summary, self.spec.last_rows)

    def _take_over(self, record: Record) -> None:
        """Keep a run that finished in an earlier session; a failed or unfinished one starts anew."""
        if record.run.id in self._adopted:
            self._adopted.discard(record.run.id)
            self.state.ledger.move(record, RUNNING)
            return
        try:
            outcome = self._outcome(record)
        except NeptunerError as error:
            self._observer.log(f"{record.run.id} starts anew: {error}")
            return
        if outcome is None:
            if record.run.id in self._told:
                self._observer.log(f"{record.run.id} starts anew: it had finished, but its results are gone")
            return
        self.state.ledger.move(record, DONE, outcome=outcome)
        if record.run.id not in self._told:  # the earlier session was killed before it could tell
            self.store.journal.write("finished", id=record.run.id, seconds=outcome.seconds)

    def _may_start(self) -> bool:
        """Whether there is a place for another run.

        Until the first run of a session writes a row it stays alone (warm-up): runs that start together on a
        cold cache would all compile the same kernels, and race for the cache.
        """
        running = self.state.ledger.running
        if not self._warm:
            folders = [self.store.directory(record.run) for record in running.values()]
            self._warm = any((f / "loss.out").exists() or (f / "train.json").exists() for f in folders)
        return self._launcher.free > 0 and (self._warm or not running)

    def _begin(self, record: Record) -> None:
        run = record.run
        command = self._command(self.spec, run, self.store.directory(run))
        folder = self.store.prepare(run, command)
        try:
            handle = self._launcher.submit(Job(run.id, tuple(command), folder / "log.txt", self._environment))
        except OSError as error:
            self._fail(record, f"cannot be started: {error}")
            return
        self.state.ledger.move(record, RUNNING)
        self.store.journal.write("started", id=run.id, pid=handle.pid)
        self._observer.log(f"started {run.id} ({run.configuration.steps} steps)")

    def _fail(self, record: Record, reason: str) -> None:
        self.state.ledger.move(record, FAILED, error=reason)
        self.store.journal.write("failed", id=record.run.id, error=reason)
        self._observer.log(f"failed {record.run.id}: {reason}")

    def _loss_of(self, outcome: Outcome) -> str:
        tail = outcome.tails[self.spec.metric]["validation"]
        return f", {self.spec.metric} loss on validation {tail.avg:.5f}" if tail else ""


def _why(finished: Finished) -> str:
    """Why a run left no train.json, in one sentence."""
    if finished.exit_code == Interrupted.exit_code:
        return "stopped before its last step, by time_limit or a signal"
    return finished.reason if finished.failed else "ended without a train.json"


def hashes(facts: Mapping[str, dict[str, Any] | None]) -> dict[str, str | None]:
    """SHA-256 of the frames of each split; None where there is none."""
    return {split: fact["sha256"] if fact else None for split, fact in facts.items()}
