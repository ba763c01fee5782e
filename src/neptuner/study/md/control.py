"""Starts, ends and tells of the runs of molecular dynamics, as the controller does with trainings."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from neptuner.launch.base import Finished, Job, Launcher
from neptuner.study.journal import Journal
from neptuner.study.md.models import MdRun
from neptuner.study.md.phase import MdPhase, MdRecord
from neptuner.study.progress import Observer, last_thermo_step
from neptuner.study.records import DONE, FAILED, PENDING, RUNNING
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState

MdCommand = Callable[[StudySpec, MdRun, Path], Sequence[str]]
"""Makes the command of a run in a directory."""


def md_command(spec: StudySpec, run: MdRun, folder: Path) -> list[str]:
    """Command of neptuner's own molecular dynamics."""
    words = [sys.executable, "-m", "neptuner", "md", folder, "--threads", spec.threads]
    words += ["--seed", run.seed, "--resume", "--json"]
    words += ["--engine", "gpumd"] if spec.md is not None and spec.md.engine == "gpumd" else []
    return [str(word) for word in words]


class MdControl:
    """One session of work on the molecular dynamics of a study.

    Parameters
    ----------
    phase
        What is planned and what came of it.
    launcher, journal, observer
        Where runs are started, noted and told.
    command
        Makes the command of a run.
    environment
        Variables of a run.
    told
        Names of the runs that the journal says are finished.
    """

    def __init__(
        self,
        phase: MdPhase,
        launcher: Launcher,
        journal: Journal,
        observer: Observer,
        command: MdCommand,
        environment: Mapping[str, str],
        told: Iterable[str],
    ) -> None:
        self.phase = phase
        self._launcher, self._journal, self._observer = launcher, journal, observer
        self._command, self._environment, self._told = command, environment, set(told)
        self._adopted: set[str] = set()
        self._warm = False
        self._said: set[str] = set()

    def work(self, state: StudyState) -> bool:
        """Plan and start what can be; call it when every training is settled. Return whether anything is new."""
        new = self.phase.advance(state)
        for record in new:
            self._take_over(record)
        self._tell_choice()
        return self._fill() or bool(new)

    def adopt(self, names: Iterable[str]) -> None:
        """Take over jobs of an earlier session that go on; call it before anything is planned."""
        self._adopted = set(names)

    def owns(self, name: str) -> bool:
        """Whether a job is one of these runs."""
        return name in self.phase.records or name in self._adopted

    def end(self, finished: Finished) -> None:
        """Take up what a run left when its process ended."""
        self._warm = True
        self._adopted.discard(finished.job.name)
        record = self.phase.records.get(finished.job.name)
        if record is None or record.settled:  # of an earlier session, and not planned yet in this one
            return
        self.phase.settle(record, finished)
        if record.state == FAILED:
            self._fail(record, record.error or "")
            return
        self._journal.write("finished", id=record.run.id, seconds=record.seconds)
        self._observer.log(f"finished {record.run.id} in {record.seconds or 0:.1f} s, {record.sentence}")

    def stop(self, finished: Finished) -> None:
        """Take up a run that was ended before its time; one that just finished counts."""
        record = self.phase.records.get(finished.job.name)
        if record is None:
            return
        if self.phase.store.summary(record.run) is not None:
            self.end(finished)
            return
        record.state = PENDING
        self._journal.write("stopped", id=record.run.id)

    def step_of(self, record: MdRecord) -> int:
        """Last step that a run tells of."""
        if record.settled:
            return record.run.steps
        return min(record.run.steps, last_thermo_step(self.phase.store.directory(record.run), record.run.script))

    def seconds_left(self, places: int) -> float | None:
        """Steps to go times the mean time of a step, shared among places; None before anything is known of it."""
        records = list(self.phase.records.values())
        now = time.monotonic()
        known = [(r.seconds, r.run.steps) for r in records if r.seconds is not None]
        known = known or [(now - r.began, s) for r in records if r.state == RUNNING and (s := self.step_of(r))]
        if not known:
            return None
        pace = sum(seconds for seconds, _ in known) / sum(steps for _, steps in known)
        return pace * sum(r.run.steps - self.step_of(r) for r in records if not r.settled) / places

    def _take_over(self, record: MdRecord) -> None:
        """Keep a run that ended in an earlier session; one that only failed or was stopped goes on."""
        if record.run.id in self._adopted:
            self._adopted.discard(record.run.id)
            record.state, record.began = RUNNING, time.monotonic()
            return
        if not self.phase.settle(record, None):
            return
        if record.state == DONE and record.run.id not in self._told:
            self._journal.write("finished", id=record.run.id, seconds=record.seconds)

    def _fill(self) -> bool:
        """Start what may be started; return whether anything was."""
        begun = False
        for record in self.phase.records.values():
            if not self._may_start():
                break
            if record.state == PENDING:
                self._begin(record)
                begun = True
        return begun

    def _may_start(self) -> bool:
        """Whether there is a place; the first run stays alone until it has compiled what the others need, too."""
        running = [r for r in self.phase.records.values() if r.state == RUNNING]
        if not self._warm:
            self._warm = any(self.step_of(record) > 0 for record in running)
        return self._launcher.free > 0 and (self._warm or not running)

    def _begin(self, record: MdRecord) -> None:
        run, store = record.run, self.phase.store
        command = self._command(self.phase.study, run, store.directory(run))
        folder = store.prepare(run, self.phase.crystal.structure, command)
        try:
            handle = self._launcher.submit(Job(run.id, tuple(command), folder / "log.txt", self._environment))
        except OSError as error:
            self._fail(record, f"cannot be started: {error}")
            return
        record.state, record.began = RUNNING, time.monotonic()
        self._journal.write("started", id=run.id, pid=handle.pid)
        self._observer.log(f"started {run.id} ({run.steps} steps of {self.phase.n_atoms} atoms)")

    def _fail(self, record: MdRecord, reason: str) -> None:
        record.state, record.error = FAILED, reason
        self._journal.write("failed", id=record.run.id, error=reason)
        self._observer.log(f"failed {record.run.id}: {reason}")

    def _tell_choice(self) -> None:
        for line in self.phase.choices():
            if line not in self._said:
                self._said.add(line)
                self._observer.log(line)
