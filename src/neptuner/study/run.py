"""The loop that runs a study: start, wait, judge, go on; it may be killed and continued at any moment."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from neptuner.errors import Interrupted, NeptunerError
from neptuner.launch.base import Finished, Job, Launcher
from neptuner.launch.local import LocalLauncher
from neptuner.machine import machine_facts, usable_cpus
from neptuner.signals import stop_wish
from neptuner.study.estimate import take_snapshot
from neptuner.study.md_control import MdCommand, MdControl, md_command
from neptuner.study.md_phase import MdPhase
from neptuner.study.md_results import with_md
from neptuner.study.md_store import MdStore
from neptuner.study.outcome import read_outcome
from neptuner.study.plan import MD_PHASE, Configuration, Run, make_runs
from neptuner.study.prepare import Facts, PreparedStudy, install, prepare
from neptuner.study.progress import Observer, Silent, Snapshot
from neptuner.study.results import make_results
from neptuner.study.spec import StudySpec
from neptuner.study.state import DONE, FAILED, PENDING, RUNNING, Record, StudyState
from neptuner.study.store import Store, open_store

POLL_SECONDS = 0.1
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Command = Callable[[StudySpec, Run, Path], Sequence[str]]
"""Makes the command that trains a run in a directory."""


def train_command(spec: StudySpec, run: Run, folder: Path) -> list[str]:
    """Command of neptuner's own trainer."""
    words = [sys.executable, "-m", "neptuner", "train", folder, "--steps", run.configuration.steps]
    words += ["--seed", run.seed, "--threads", spec.threads, "--resume", "--json"]
    words += [] if spec.time_limit is None else ["--time-limit", spec.time_limit]
    return [str(word) for word in words]


def run_study(
    spec: StudySpec,
    folder: Path,
    *,
    jobs: int | None = None,
    launcher: Launcher | None = None,
    command: Command = train_command,
    dynamics: MdCommand = md_command,
    observer: Observer | None = None,
    on_phase: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run a study, or go on with it.

    Parameters
    ----------
    spec
        The study.
    folder
        Study directory; made if it is missing.
    jobs
        Runs at a time, in place of the study's own number.
    launcher
        Runs the commands; without one they are processes of this machine.
    command
        Makes the command of a training.
    dynamics
        Makes the command of a run of molecular dynamics.
    observer
        Is told what happens.
    on_phase
        Called with the name of a phase when it is complete and ``results.json`` is written.

    Returns
    -------
    Content of ``results.json``.

    Raises
    ------
    InputError
        If anything in the input is wrong; nothing has been written or started then.
    NeptunerError
        If every run of the baseline failed.
    Interrupted
        If a signal, or a disk that cannot be written, stopped the study; the same call goes on.
    """
    study = prepare(spec)
    places = jobs or spec.jobs or max(1, usable_cpus() // spec.threads)
    with open_store(folder) as store:
        facts, changed = install(study, store)
        launcher = launcher or LocalLauncher(places)
        commands = (command, dynamics)
        controller = Controller(study, store, facts, launcher, commands, observer or Silent(), on_phase)
        if changed:
            controller.observer.log("study.toml has changed: going on with the new plan")
        return controller.run()


class Controller:
    """One session of work on a study; see :func:`run_study`."""

    def __init__(
        self,
        study: PreparedStudy,
        store: Store,
        facts: Facts,
        launcher: Launcher,
        commands: tuple[Command, MdCommand],
        observer: Observer,
        on_phase: Callable[[str], None] | None,
    ) -> None:
        self.spec, self.store, self.launcher, self.observer = study.spec, store, launcher, observer
        self.state = StudyState(study.plan, study.spec.metric, study.spec.strategy)
        self._facts, self._machine = facts, machine_facts()
        self._command, self._on_phase = commands[0], on_phase
        self._environment = dict.fromkeys(THREAD_VARIABLES, str(study.spec.threads))
        self._announced: set[str] = set()
        self._known = store.known()
        self._told = {event["id"] for event in store.journal.read() if event["event"] == "finished"}
        self._warm = False
        self._changed = False
        self._places = launcher.free
        self._start = time.monotonic()
        self.md = self._make_md(study, commands[1])

    def _make_md(self, study: PreparedStudy, command: MdCommand) -> MdControl | None:
        if study.crystal is None:
            return None
        phase = MdPhase(study.spec, study.crystal, MdStore(self.store))
        return MdControl(
            phase, self.launcher, self.store.journal, self.observer, command, self._environment, self._told
        )  # fmt: skip

    @property
    def finished(self) -> bool:
        """Whether every run, of molecular dynamics too, is done or failed."""
        return self.state.finished and (self.md is None or self.md.phase.finished)

    def run(self) -> dict[str, Any]:
        """Work until everything is done or failed."""
        for pid in self.store.end_orphans(self.md.phase.store.commands() if self.md else ()):
            self.observer.log(f"ended process {pid}, which an earlier session left behind")
        with stop_wish() as wish, _disk_errors(), self._nothing_left_running():
            for configuration in self.state.plan.first:
                self._add(configuration)
            self._write()
            while not self.finished and wish.signal is None:
                self._step()
            self._announce()
        if not self.finished:
            now = self.snapshot()
            raise Interrupted(
                f"stopped by {wish.signal} after {now.done} of {now.total} runs; the same command goes on from here"
            )
        return self._write()

    def _step(self) -> None:
        ended = self.launcher.poll()
        for finished in ended:
            self._end(finished)
        self._decide()
        self._fill()
        if self.md is not None and self.state.finished:
            self._changed |= self.md.work(self.state)
        if self._changed:
            self._write()
        self._announce()
        self._refuse_without_baseline()
        self.observer.tick(self.snapshot)
        if not ended:
            time.sleep(POLL_SECONDS)

    def snapshot(self) -> Snapshot:
        """Where the study stands now."""
        elapsed = time.monotonic() - self._start
        return take_snapshot(self.state, self.store.trials, self.spec.replicates, self._places, elapsed, self.md)

    # -- runs --------------------------------------------------------------------------------------

    def _add(self, configuration: Configuration) -> None:
        """Plan a configuration; what finished in an earlier session is taken over."""
        hashes = {split: facts["sha256"] if facts else None for split, facts in self._facts.items()}
        runs = make_runs(configuration, self.spec.seeds, hashes, self._known)
        self._known |= {run.digest: run.id for run in runs}
        new = [run for run in runs if run.id not in self.state.records]
        self.state.add(configuration, runs)
        for run in new:
            self._take_over(self.state.records[run.id])

    def _take_over(self, record: Record) -> None:
        """Keep a run that finished in an earlier session; a failed or unfinished one starts anew."""
        summary = self.store.summary(record.run)
        if summary is None:
            return
        try:
            record.outcome = read_outcome(self.store.directory(record.run), summary, self.spec.last_rows)
        except NeptunerError as error:
            self.observer.log(f"{record.run.id} starts anew: {error}")
            return
        record.state = DONE
        if record.run.id not in self._told:  # the earlier session was killed before it could tell
            self.store.journal.write("finished", id=record.run.id, seconds=record.outcome.seconds)

    def _fill(self) -> None:
        """Start what may be started."""
        for record in self.state.records.values():
            if not self._may_start():
                return
            if record.state == PENDING:
                self._begin(record)

    def _may_start(self) -> bool:
        """Whether there is a place for another run.

        Until the first run of a session writes a row it stays alone (warm-up): runs that start together on a
        cold cache would all compile the same kernels, and race for the cache.
        """
        running = [r for r in self.state.records.values() if r.state == RUNNING]
        if not self._warm:
            folders = [self.store.directory(r.run) for r in running]
            self._warm = any((f / "loss.out").exists() or (f / "train.json").exists() for f in folders)
        return self.launcher.free > 0 and (self._warm or not running)

    def _begin(self, record: Record) -> None:
        run = record.run
        command = self._command(self.spec, run, self.store.directory(run))
        folder = self.store.prepare(run, command)
        try:
            handle = self.launcher.submit(Job(run.id, tuple(command), folder / "log.txt", self._environment))
        except OSError as error:
            self._fail(record, f"cannot be started: {error}")
            return
        record.state = RUNNING
        self.store.journal.write("started", id=run.id, pid=handle.pid)
        self.observer.log(f"started {run.id} ({run.configuration.steps} steps)")
        self._changed = True

    def _end(self, finished: Finished) -> None:
        if self.md is not None and self.md.owns(finished.job.name):
            self.md.end(finished)
            self._changed = True
            return
        self._warm = True
        record = self.state.records[finished.job.name]
        summary = self.store.summary(record.run)
        if summary is None:
            self._fail(record, _why(finished))
            return
        try:
            record.outcome = read_outcome(self.store.directory(record.run), summary, self.spec.last_rows)
        except NeptunerError as error:
            self._fail(record, str(error))
            return
        record.state = DONE
        self.store.journal.write("finished", id=record.run.id, seconds=record.outcome.seconds)
        self.observer.log(f"finished {record.run.id} in {record.outcome.seconds:.1f} s{self._loss_of(record)}")
        self._changed = True

    def _fail(self, record: Record, reason: str) -> None:
        record.state, record.error = FAILED, reason
        self.store.journal.write("failed", id=record.run.id, error=reason)
        self.observer.log(f"failed {record.run.id}: {reason}")
        self._changed = True

    def _loss_of(self, record: Record) -> str:
        tail = record.outcome and record.outcome.tails[self.spec.metric]["validation"]
        return f", {self.spec.metric} loss on validation {tail.avg:.5f}" if tail else ""

    # -- phases ------------------------------------------------------------------------------------

    def _decide(self) -> None:
        """When the sweep is settled: choose the winners and plan what follows from them."""
        if self.state.decided or not self.state.settled(self.state.plan.first):
            return
        if not any(record.state == DONE for record in self.state.of(self.state.plan.baseline)):
            return
        self.state.decide()
        self.observer.log(self._verdict())
        following = [self.state.combined, *self.state.extended().values()]
        for configuration in following:
            if configuration is not None:
                self._add(configuration)
        self._changed = True

    def _verdict(self) -> str:
        winners = ", ".join(f"{k} {' '.join(map(str, v))}" for k, v in self.state.winners.items())
        if self.state.combination_error:
            return f"winners: {winners}; they cannot be combined: {self.state.combination_error}"
        if not self.state.winners:
            return "no value beats the baseline on validation: there is no combined model"
        return f"winners on validation: {winners}"

    def _announce(self) -> None:
        """Tell of phases that are newly complete."""
        configurations = self.state.phases()
        new = [p for p in self.state.complete() if p not in self._announced and configurations[p]]
        for phase in new:
            self._announced.add(phase)
            self.observer.log(f"phase complete: {phase}")
        if self.md is not None and self.finished and MD_PHASE not in self._announced:
            self._announced.add(MD_PHASE)
            self.observer.log(f"phase complete: {MD_PHASE}")
            new.append(MD_PHASE)
        if new and self._on_phase is not None:
            self._on_phase(new[-1])

    def _refuse_without_baseline(self) -> None:
        baseline = self.state.of(self.state.plan.baseline)
        if all(record.state == FAILED for record in baseline):
            raise NeptunerError(
                f"every run of the baseline failed, so nothing can be compared with it: {baseline[0].error} "
                f"(see {self.store.directory(baseline[0].run) / 'log.txt'})"
            )

    # -- writing and stopping ----------------------------------------------------------------------

    def _write(self) -> dict[str, Any]:
        results = make_results(self.spec, self.state, self._facts, self._machine)
        if self.md is not None:
            results = with_md(results, self.md.phase)
        self.store.write_json("results.json", results)
        self._changed = False
        return results

    @contextlib.contextmanager
    def _nothing_left_running(self) -> Iterator[None]:
        """However this ends, end the trainings in progress; one that just finished counts."""
        try:
            yield
        finally:
            running = self.state.count(RUNNING) + (self.md.phase.count(RUNNING) if self.md else 0)
            if running:
                self.observer.log(f"ending {running} run(s)")
            for finished in self.launcher.cancel():
                if self.md is not None and self.md.owns(finished.job.name):
                    self.md.stop(finished)
                    continue
                record = self.state.records[finished.job.name]
                if self.store.summary(record.run) is not None:
                    self._end(finished)
                else:
                    record.state = PENDING
                    self.store.journal.write("stopped", id=record.run.id)
            self._write()


def _why(finished: Finished) -> str:
    """Why a run left no train.json, in one sentence."""
    if finished.exit_code == Interrupted.exit_code:
        return "stopped before its last step, by time_limit or a signal"
    return finished.reason if finished.failed else "ended without a train.json"


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn a full or vanished disk into a sentence; what finished is on disk already."""
    try:
        yield
    except OSError as error:
        raise Interrupted(f"the study cannot be written ({error}); mend it and run the same command") from error
