"""How far a running study is and how long it may take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neptuner.study.md.control import MdControl
from neptuner.study.outlook import likely_steps
from neptuner.study.plan import MD_PHASE
from neptuner.study.progress import Snapshot, last_step
from neptuner.study.records import DONE, FAILED, RUNNING
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState

Running = tuple[str, int, int]


def take_snapshot(
    state: StudyState, trials: Path, spec: StudySpec, places: int, elapsed: float, md: MdControl | None = None
) -> Snapshot:
    """Look at the running trials and estimate the rest.

    Parameters
    ----------
    state
        Where the study stands.
    trials
        Folder of the trial directories.
    spec
        The study.
    places
        Runs at a time.
    elapsed
        Seconds since the session began.
    md
        Molecular dynamics; None if there is none.
    """
    if md is not None and state.finished:
        return _snapshot_of_md(state, md, places, elapsed)
    running = tuple(
        (record.run.id, last_step(trials / record.run.id), record.run.configuration.steps)
        for record in state.ledger.running.values()
    )
    undecided = [] if state.decided else likely_steps(state.plan, spec) * spec.replicates
    total = len(state.records) + len(undecided) + state.search_runs + (md.phase.most_runs if md else 0)
    remaining = seconds_left(state, running, sum(undecided) + state.search_steps, places)
    then = "molecular dynamics" if md else ""
    return Snapshot(
        state.phase, state.ledger.count(DONE), state.ledger.count(FAILED), total, running, elapsed, remaining, then
    )


def _snapshot_of_md(state: StudyState, md: MdControl, places: int, elapsed: float) -> Snapshot:
    phase = md.phase
    running = tuple((r.run.id, md.step_of(r), r.run.steps) for r in phase.records.values() if r.state == RUNNING)
    planned = len(phase.records) if phase.screened else phase.most_runs
    done, failed = state.ledger.count(DONE) + phase.count(DONE), state.ledger.count(FAILED) + phase.count(FAILED)
    total = len(state.records) + planned
    return Snapshot(
        DONE if phase.finished else MD_PHASE, done, failed, total, running, elapsed, md.seconds_left(places)
    )


def seconds_left(state: StudyState, running: Sequence[Running], undecided: int, places: int) -> float | None:
    """Steps to go times the mean time of a step, shared among the places; None before a run has finished."""
    ledger = state.ledger
    if not ledger.steps:
        return None
    to_go = ledger.steps_to_go + sum(steps - step for _, step, steps in running) + undecided
    return ledger.seconds / ledger.steps * to_go / places
