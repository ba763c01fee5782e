"""The loop that runs a study: start, wait, judge, go on; it may be killed and continued at any moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from neptuner.errors import Interrupted, NeptunerError
from neptuner.launch.base import Finished, Launcher
from neptuner.machine import machine_facts
from neptuner.signals import stop_wish
from neptuner.study.cost.record import CostRecord
from neptuner.study.data.leakage_note import note_leakage
from neptuner.study.data.subsets import install_subsets
from neptuner.study.estimate import take_snapshot
from neptuner.study.md.control import MdCommand, MdControl
from neptuner.study.md.phase import MdPhase
from neptuner.study.md.results import with_md
from neptuner.study.md.store import MdStore
from neptuner.study.pace import compare_pace
from neptuner.study.plan import MD_PHASE
from neptuner.study.prepare import Facts, PreparedStudy
from neptuner.study.progress import Observer, Snapshot
from neptuner.study.records import FAILED, RUNNING
from neptuner.study.results import make_results
from neptuner.study.search.results import with_search
from neptuner.study.search.search import Search
from neptuner.study.search.speed import SpeedCommand, SpeedControl, speed_command
from neptuner.study.sequel import Planned, first_runs, following_runs
from neptuner.study.state import StudyState
from neptuner.study.store import Store
from neptuner.study.training_control import Command, TrainingControl, hashes

POLL_SECONDS = 0.1
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

WRITING = 20.0
"""results.json is written at most so that this many times as long goes into other work; it grows with the study."""


def thread_variables(threads: int) -> dict[str, str]:
    """Variables that hold a run to so many threads."""
    return dict.fromkeys(THREAD_VARIABLES, str(threads))


class Controller:
    """One session of work on a study; see :func:`neptuner.study.run.run_study`."""

    def __init__(
        self,
        study: PreparedStudy,
        store: Store,
        facts: Facts,
        launcher: Launcher,
        commands: tuple[Command, MdCommand],
        observer: Observer,
        on_phase: Callable[[str], None] | None,
        measure: SpeedCommand = speed_command,
        cost: CostRecord | None = None,
    ) -> None:
        self.spec, self.store, self.launcher, self.observer = study.spec, store, launcher, observer
        self.state = StudyState(study.plan, study.spec.metric, study.spec.strategy)
        self._facts, self._machine, self._on_phase = facts, machine_facts(), on_phase
        self._announced: set[str] = set()
        self._leakage = note_leakage(study, store, facts)
        if self._leakage["kind"] != "none found":
            observer.log(self._leakage["sentence"])
        self._pace: dict[str, Any] | None = None
        self._cost = cost
        self._changed, self._written, self._writing = False, 0.0, 0.0
        self._last: dict[str, Any] = {}
        self._places = launcher.free
        self._start = time.monotonic()
        environment = thread_variables(study.spec.threads)
        subsets = install_subsets(study.frames["train"], study.spec.learning_curve, study.spec.seed, store)
        parts = {fraction: facts["sha256"] for fraction, facts in subsets.items()}
        told = {event["id"] for event in store.journal.read() if event["event"] == "finished"}
        self.trainings = TrainingControl(
            study.spec, self.state, store, launcher, observer, commands[0], environment, hashes(facts), parts, told
        )
        self.md = self._make_md(study, commands[1], environment, told)
        self.search = self._make_search(study, measure, environment)

    def _make_md(
        self, study: PreparedStudy, command: MdCommand, environment: Mapping[str, str], told: set[str]
    ) -> MdControl | None:
        if study.crystal is None:
            return None
        phase = MdPhase(study.spec, study.crystal, MdStore(self.store))
        return MdControl(phase, self.launcher, self.store.journal, self.observer, command, environment, told)

    def _make_search(
        self, study: PreparedStudy, measure: SpeedCommand, environment: Mapping[str, str]
    ) -> Search | None:
        if study.space is None:
            return None
        speeds = None
        if study.speed_crystal is not None:
            place = (self.store.folder, study.speed_crystal, self.launcher, self.observer)
            speeds = SpeedControl(*place, measure, study.spec.threads, environment)
        return Search(study.spec, study.space, self.state, self.store, speeds)

    @property
    def finished(self) -> bool:
        """Whether every run, of molecular dynamics too, is done or failed."""
        return self.state.finished and (self.md is None or self.md.phase.finished)

    def run(self) -> dict[str, Any]:
        """Work until everything is done or failed."""
        with stop_wish() as wish, _disk_errors(), self._nothing_lost():
            self._adopt()
            self._take_up(first_runs(self.state, self.spec), ())
            self._write()
            while not self.finished and wish.signal is None:
                self._step()
            self._announce()
        if not self.finished:
            now = self.snapshot()
            raise Interrupted(
                f"stopped by {wish.signal} after {now.done} of {now.total} runs; the same command goes on from here"
            )
        return self._last

    def snapshot(self) -> Snapshot:
        """Where the study stands now."""
        elapsed = time.monotonic() - self._start
        return take_snapshot(self.state, self.store.trials, self.spec, self._places, elapsed, self.md)

    def _adopt(self) -> None:
        """Take over, or end, what an earlier session left running."""
        jobs = [*self.store.unfinished_jobs(), *(self.md.phase.store.unfinished_jobs() if self.md else ())]
        speeds = self._speeds
        jobs += speeds.unfinished_jobs() if speeds is not None else []
        adopted = self.launcher.adopt(jobs)
        self.trainings.adopt([name for name in adopted if not name.startswith(("md/", "speed/"))])
        if speeds is not None:
            speeds.adopt([name for name in adopted if speeds.owns(name)])
        if self.md is not None:
            self.md.adopt([name for name in adopted if name.startswith("md/")])
        if adopted:
            self.observer.log(f"{len(adopted)} run(s) of an earlier session go on")

    def _step(self) -> None:
        ended = self.launcher.poll()
        for finished in ended:
            self._control(finished).end(finished)
        self._changed |= bool(ended)
        self._announce()
        self._changed |= self._plan()
        self._changed |= self.trainings.fill()
        if self.md is not None and self.state.finished:
            self._changed |= self.md.work(self.state)
        if self._changed and time.monotonic() - self._written > WRITING * self._writing:
            self._write()
        self._announce()
        self._refuse_without_baseline()
        self.observer.tick(self.snapshot)
        if not ended:
            time.sleep(POLL_SECONDS)

    def _plan(self) -> bool:
        """Plan what follows from what is known; return whether anything is new."""
        followed = self._take_up(*following_runs(self.state, self.spec))
        searched = self.search is not None and self._take_up(*self.search.advance(self._places))
        return followed or searched

    def _take_up(self, planned: Sequence[Planned], sentences: Sequence[str]) -> bool:
        """Add runs and tell what was decided; return whether anything is new."""
        for sentence in sentences:
            self.observer.log(sentence)
        for configuration, seeds in planned:
            self.trainings.add(configuration, seeds)
        return bool(planned or sentences)

    @property
    def _speeds(self) -> SpeedControl | None:
        return None if self.search is None else self.search.speeds

    def _control(self, finished: Finished) -> TrainingControl | MdControl | SpeedControl:
        if self._speeds is not None and self._speeds.owns(finished.job.name):
            return self._speeds
        return self.md if self.md is not None and self.md.owns(finished.job.name) else self.trainings

    def _announce(self) -> None:
        """Tell of phases that are newly complete."""
        complete = [p for p in self.state.complete() if p not in self._announced]
        new = [p for p in complete if self.state.has_phase(p)]
        if self.md is not None and self.finished and MD_PHASE not in self._announced:
            new.append(MD_PHASE)
        for phase in new:
            self._announced.add(phase)
            self.observer.log(f"phase complete: {phase}")
        if new and self._on_phase is not None:
            if self._changed:
                self._write()
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
        begin = time.monotonic()
        results = make_results(self.spec, self.state, self._facts, self._machine)
        if self.state.finished and self._pace is None:
            self._pace = compare_pace(self.state, self.spec, self.store)
        results |= {"faster": self._pace, "leakage": self._leakage}
        if self.search is not None:
            results = with_search(results, self.search, self.state)
        if self.md is not None:
            results = with_md(results, self.md.phase)
        if self._cost is not None:
            results["cost"] = self._cost.content(self.state)
        self.store.write_json("results.json", results)
        self._changed, self._written = False, time.monotonic()
        self._writing = self._written - begin
        return results

    @contextlib.contextmanager
    def _nothing_lost(self) -> Iterator[None]:
        """However this ends, settle the runs in progress; one that just finished counts."""
        settle = self.launcher.leave
        try:
            yield
        except NeptunerError:
            settle = self.launcher.cancel  # nothing will come of them
            raise
        finally:
            self._end_session(settle)

    def _end_session(self, settle: Callable[[], list[Finished]]) -> None:
        running = self._running()
        ended = settle()
        for finished in ended:
            self._control(finished).stop(finished)
        if running:
            left = self._running()
            self.observer.log(f"ended {running - left} run(s)" + (f", {left} go on without us" if left else ""))
        self._last = self._write()

    def _running(self) -> int:
        others = (self.md.phase.count(RUNNING) if self.md else 0) + (self._speeds.running if self._speeds else 0)
        return self.state.ledger.count(RUNNING) + others


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn a full or vanished disk into a sentence; what finished is on disk already."""
    try:
        yield
    except OSError as error:
        raise Interrupted(f"the study cannot be written ({error}); mend it and run the same command") from error
