"""The ledger knows states, counts and open runs without searching."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from neptuner.files.nep_in import parse_nep_in
from neptuner.study.outcome import Outcome
from neptuner.study.plan import PHASES, Configuration, Run
from neptuner.study.records import DONE, FAILED, PENDING, RUNNING, SETTLED, Ledger

STATES = (PENDING, RUNNING, DONE, FAILED)
BASE = Configuration("a", "baseline", parse_nep_in("type 2 Mg O\n"), 100)


def run(number: int) -> Run:
    phase = PHASES[number % len(PHASES)]
    return Run(f"run{number}", f"{number:010d}", replace(BASE, phase=phase, steps=100 + number), 0, 1)


def outcome_of(seconds: float) -> Outcome:
    return Outcome(1, seconds, 1.0, {}, {})


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.sampled_from(STATES)), max_size=40))
def test_bookkeeping_agrees_with_a_search(n_runs: int, moves: list[tuple[int, str]]) -> None:
    ledger = Ledger()
    records = [ledger.add(run(number)) for number in range(n_runs)]
    for number, state in moves:
        record = records[number % n_runs]
        assert record is not None
        ledger.move(record, state, outcome=outcome_of(number + 0.5) if state == DONE else None)
    everything = list(ledger.records.values())
    assert {state: ledger.count(state) for state in STATES} == {
        state: sum(r.state == state for r in everything) for state in STATES
    }
    still_open = Counter(r.run.configuration.phase for r in everything if r.state not in SETTLED)
    assert {phase: ledger.open(phase) for phase in PHASES} == {phase: still_open[phase] for phase in PHASES}
    assert ledger.open() == still_open.total()
    assert set(ledger.running) == {r.run.id for r in everything if r.state == RUNNING}
    finished = [r for r in everything if r.state == DONE]
    assert ledger.seconds == sum(r.outcome.seconds for r in finished if r.outcome)
    assert ledger.steps == sum(r.run.configuration.steps for r in finished)
    assert ledger.steps_to_go == sum(r.run.configuration.steps for r in everything if r.state == PENDING)


def test_runs_come_in_their_order_and_once() -> None:
    ledger = Ledger()
    first, second = ledger.add(run(1)), ledger.add(run(2))
    assert ledger.add(run(1)) is None
    assert first is not None and ledger.next() is first
    ledger.move(first, RUNNING)
    assert ledger.next() is second and second is not None
    ledger.move(second, FAILED, error="no reason")
    assert ledger.next() is None and second.settled and second.error == "no reason"
    ledger.move(first, PENDING)
    assert ledger.next() is first
