"""The joint search of a study: asks for trials, promotes them, and knows when it is over.

What it decides is appended to ``search.jsonl``, one line a decision; what came of it stands in the trial directories.
So any process that is killed loses nothing: the next session reads both and goes on with the same trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neptuner.errors import InputError
from neptuner.files.nep_in import replace_values
from neptuner.study.journal import Journal
from neptuner.study.plan import ABLATION, BASELINE, COMBINED, SEARCH, Configuration
from neptuner.study.records import DONE, Record
from neptuner.study.search.rungs import Standing, Trial, in_full, rung_offsets, to_promote
from neptuner.study.search.sampler import Point, key_of, propose
from neptuner.study.search.space import Space, Values
from neptuner.study.search.spec import MD_SPEED
from neptuner.study.search.speed import SpeedControl
from neptuner.study.sequel import Planned
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState
from neptuner.study.store import Store

KNOWN_PHASES = (BASELINE, "sweep", COMBINED, ABLATION)
"""Whose trainings a search starts from."""
REFUSALS = 200
"""Points in a row that nep.in forbids before a search gives up."""


class Search:
    """One session of work on the joint search of a study.

    Parameters
    ----------
    study
        The study, with a search.
    space
        What to vary.
    state, store
        Where the study stands and where its runs are kept.
    speeds
        Measures models; None if no speed is needed.
    """

    def __init__(
        self, study: StudySpec, space: Space, state: StudyState, store: Store, speeds: SpeedControl | None
    ) -> None:
        assert study.search is not None
        self.study, self.spec, self.space = study, study.search, space
        self.speeds = speeds
        self.trials: dict[int, Trial] = {}
        self.refused: list[tuple[Values, str]] = []
        """Points that nep.in forbids, and why."""
        self.began = self.over = self.exhausted = False
        self._state, self._store = state, store
        self._journal = Journal(store.folder / "search.jsonl")
        self._draws = self._last_number = 0
        self._known: list[tuple[Configuration, Record, Values]] | None = None
        self._configurations: dict[tuple[int, int], Configuration] = {}
        self._memory: dict[str, float | None] = {}
        self._seen: tuple[int, ...] = ()
        self._tell_to_come()

    @property
    def speed_counts(self) -> bool:
        """Whether the speed is an objective."""
        return MD_SPEED in self.spec.objectives

    def advance(self, places: int) -> tuple[list[Planned], list[str]]:
        """Plan what follows from the results so far.

        Parameters
        ----------
        places
            Trials that may be in progress at a time.

        Returns
        -------
        Runs that are new, and what was decided, in sentences.
        """
        if self.over or not self._may_go_on():
            return [], []
        planned, said = ([], []) if self.began else self._begin()
        self._measure()
        if not planned and self._signature(places) == self._seen:
            return [], said
        while len(planned) + self._in_progress() < places and (new := self._next(said)) is not None:
            planned.append(new)
        self._seen = self._signature(places) if not planned else ()
        if not planned and not self._in_progress() and not self.over:
            self._end(said)
        self._tell_to_come()
        return planned, said

    def configuration(self, trial: Trial, rung: int) -> Configuration:
        """What a trial trains on a rung; the last one is as long as any other training of the study."""
        key = (trial.number, rung)
        if key not in self._configurations:
            self._configurations[key] = self._configure(trial, rung)
        return self._configurations[key]

    def standings(self) -> list[Standing]:
        """What is known of each trial now."""
        return [self._standing(trial) for trial in self.trials.values()]

    def known(self) -> list[tuple[Configuration, Record, Values]]:
        """Trainings of earlier phases in the space of the search, with the seed of its trials."""
        if self._known is None:
            self._known = self._find_known()
        return self._known

    def _find_known(self) -> list[tuple[Configuration, Record, Values]]:
        found, taken = [], set()
        baseline = self._state.plan.baseline
        for configuration in self._state.configurations.values():
            values = self._known_values(configuration, baseline)
            if values is None or key_of(values) in taken:
                continue
            record = next((r for r in self._state.of(configuration) if r.run.seed == self.study.seed), None)
            if record is not None and record.state == DONE:
                taken.add(key_of(values))
                found.append((configuration, record, values))
        return found

    def offsets(self, standings: Sequence[Standing]) -> list[float]:
        """How much higher losses are on each rung than in full; see :func:`rung_offsets`."""
        full = {key_of(values): loss for _, r, values in self.known() if (loss := self.loss(r)) is not None}
        last = self.spec.rungs - 1
        losses = [
            {**s.losses, last: full[key]} if (key := key_of(s.trial.values)) in full else s.losses for s in standings
        ]
        return rung_offsets(losses, self.spec.rungs)

    def history(self) -> list[Point]:
        """Everything that the sampler may know."""
        standings = self.standings()
        offsets = self.offsets(standings)
        known = [point for c, r, values in self.known() if (point := self._known_point(c, r, values)) is not None]
        taken = {key_of(point.values) for point in known}
        tried = [self._point(s, offsets) for s in standings if key_of(s.trial.values) not in taken]
        return [*known, *tried, *(Point(values, None, {"nep.in": 1.0}) for values, _ in self.refused)]

    def record(self, trial: Trial, rung: int) -> Record | None:
        """Training of a trial on a rung; None before it is planned."""
        records = self._state.of(self.configuration(trial, rung))
        return records[0] if records else None

    def loss(self, record: Record) -> float | None:
        """Validation loss that trials are compared by; None where there is none."""
        tail = None if record.outcome is None else record.outcome.tails[self.study.metric]["validation"]
        loss = None if tail is None else tail.min if self.study.strategy == "min" else tail.avg
        return loss if loss is not None and loss > 0 else None

    def memory(self, record: Record) -> float | None:
        """Most memory of a training in megabytes, else what its data took; None where it does not tell."""
        name = record.run.id
        if name not in self._memory:
            summary = self._store.summary(record.run) or {}
            taken = summary.get("peak_memory") or (summary.get("prepared") or {}).get("bytes")
            self._memory[name] = taken / 1e6 if isinstance(taken, int | float) else None
        return self._memory[name]

    # -- planning ------------------------------------------------------------------------------------

    def _may_go_on(self) -> bool:
        """Whether everything before the search is settled, and a baseline is there to compare with."""
        ledger = self._state.ledger
        return self._state.decided and ledger.open() == ledger.open(SEARCH)

    def _begin(self) -> tuple[list[Planned], list[str]]:
        """Take up the trials of earlier sessions."""
        self.began = True
        for event in self._journal.read():
            self._replay(event)
        names = ", ".join(keyword for keyword, _ in self.space.dimensions)
        planned = [self._planned(trial, rung) for trial in self.trials.values() for rung in trial.rungs]
        return planned, [f"joint search of {names}: {self.spec.trials} trials, {len(self.known())} settings are known"]

    def _replay(self, event: Mapping[str, Any]) -> None:
        self._draws += event["event"] in ("asked", "refused")
        self._last_number = max(self._last_number, event.get("number", 0))
        values = {keyword: tuple(value) for keyword, value in event.get("values", {}).items()}
        inside = self.space.coordinates(values) is not None and values.keys() == dict(self.space.dimensions).keys()
        trial = self.trials.get(event.get("number", -1))
        if event["event"] == "asked" and inside:
            self.trials[event["number"]] = Trial(event["number"], values, event["origin"])
        elif event["event"] == "refused" and inside:
            self.refused.append((values, event["reason"]))
        elif event["event"] == "longer" and trial is not None:
            rungs = [r for r in range(self.spec.rungs) if self._steps(r) == event["steps"] and r not in trial.rungs]
            trial.rungs += rungs[:1]
            trial.control = event["control"]

    def _next(self, said: list[str]) -> Planned | None:
        """Promote a trial, ask for a new one, or take one as control; None if there is nothing to do now."""
        standings = self.standings()
        asked_all = len(self.trials) >= self.spec.trials or self.exhausted
        idle = asked_all and not any(s.open for s in standings)
        promoted = to_promote(
            standings, self.spec.rungs, self.spec.reduction, speed_too=self.speed_counts, closing=idle
        )
        if promoted is not None:
            return self._longer(*promoted, control=False)
        if not asked_all:
            return None if self._waits_for_known() else self._ask(said)
        return self._control(standings) if idle else None

    def _ask(self, said: list[str]) -> Planned | None:
        anchor = self._anchor()
        if anchor is not None:
            return self._take(anchor, "known")
        history = self.history()
        for _ in range(REFUSALS):
            tried = {key_of(point.values) for point in history}
            values = propose(self.space, self.spec.sampler, history, tried, self.spec.seed, self._draws)
            if values is None:
                break
            try:
                replace_values(self._state.plan.baseline.nep_in, {k: list(v) for k, v in values.items()})
            except InputError as error:
                self._refuse(values, error.message)
                history.append(Point(values, None, {"nep.in": 1.0}))
                continue
            return self._take(values, self.spec.sampler)
        self.exhausted = True
        said.append(f"joint search: no setting is left to try after {len(self.trials)} trials")
        return None

    def _anchor(self) -> Values | None:
        """A known setting to train short first, so that known losses can be compared with those of short trainings."""
        if self.spec.rungs == 1 or not self.known():
            return None
        asked = {key_of(trial.values) for trial in self.trials.values()}
        known = sorted(self.known(), key=lambda found: self.loss(found[1]) or math.inf)
        wanted = [known[0][2], *(values for c, _, values in known if c.phase == BASELINE)]
        return next((values for values in wanted if key_of(values) not in asked), None)

    def _take(self, values: Values, origin: str) -> Planned:
        number = self._last_number = self._last_number + 1
        self._journal.write("asked", number=number, values=values, origin=origin)
        self._draws += 1
        trial = self.trials[number] = Trial(number, values, origin)
        return self._planned(trial, 0)

    def _refuse(self, values: Values, reason: str) -> None:
        self._journal.write("refused", values=values, reason=reason)
        self._draws += 1
        self.refused.append((values, reason))

    def _longer(self, trial: Trial, rung: int, *, control: bool) -> Planned:
        self._journal.write("longer", number=trial.number, steps=self._steps(rung), control=control)
        trial.rungs.append(rung)
        trial.control = control
        return self._planned(trial, rung)

    def _control(self, standings: Sequence[Standing]) -> Planned | None:
        """Train one of those in full that nobody promoted, drawn by chance."""
        last = self.spec.rungs - 1
        if self.spec.rungs == 1 or sum(s.trial.control for s in standings) >= self.spec.control:
            return None
        left = [
            s.trial
            for s in standings
            if last not in s.trial.rungs and s.losses and s.error is None and s.trial.origin != "known"
        ]
        if not left:
            return None
        done = sum(s.trial.control for s in standings)
        drawn = int(np.random.default_rng([self.spec.seed, done]).integers(len(left)))
        return self._longer(left[drawn], last, control=True)

    def _end(self, said: list[str]) -> None:
        if (len(self.trials) >= self.spec.trials or self.exhausted) and not any(s.open for s in self.standings()):
            self.over = True
            last = self.spec.rungs - 1
            finished = [s for s in self.standings() if last in s.losses and s.feasible]
            best = min(finished, key=lambda s: s.losses[last], default=None)
            found = "none was trained in full" if best is None else (
                f"{best.trial.name} has the lowest loss of them, {best.losses[last]:.5f}: {key_of(best.trial.values)}"
            )  # fmt: skip
            said.append(f"joint search over after {len(self.trials)} trials: {found}")

    def _planned(self, trial: Trial, rung: int) -> Planned:
        return self.configuration(trial, rung), (self.study.seed,)

    def _configure(self, trial: Trial, rung: int) -> Configuration:
        baseline, steps = self._state.plan.baseline, self._steps(rung)
        nep_in = replace_values(baseline.nep_in, {keyword: list(value) for keyword, value in trial.values.items()})
        if steps == baseline.steps:
            return replace(baseline, name=trial.name, phase=SEARCH, nep_in=nep_in)
        # as many rows as in full, so that their last ones are as large a part of the training
        interval = max(1, round(nep_in.output_interval * steps / baseline.steps))
        nep_in = replace(nep_in, generation=steps, output_interval=interval)
        return replace(baseline, name=f"{trial.name}-rung{rung}", phase=SEARCH, nep_in=nep_in, steps=steps)

    def _steps(self, rung: int) -> int:
        return self.spec.steps(self._state.plan.baseline.steps, rung)

    # -- what is known -------------------------------------------------------------------------------

    def _standing(self, trial: Trial) -> Standing:
        records = {rung: self.record(trial, rung) for rung in trial.rungs}
        losses = {r: loss for r, record in records.items() if record and (loss := self.loss(record)) is not None}
        done = [record for record in records.values() if record is not None and record.settled]
        error = next((record.error for record in done if record.error is not None), None)
        speed = None if self.speeds is None else self.speeds.of(self.configuration(trial, 0))
        error = speed if error is None and isinstance(speed, str) else error
        waits = self.speeds is not None and speed is None and error is None
        memory = next((m for record in done if (m := self.memory(record)) is not None), None)
        speed = speed if isinstance(speed, float) else None
        is_open = len(done) < len(records) or waits
        return Standing(trial, losses, is_open, error, speed, memory, self._violations(speed, memory))

    def _violations(self, speed: float | None, memory: float | None) -> dict[str, float]:
        found = {}
        if self.spec.md_speed_min is not None and speed is not None:
            found["md_speed_min"] = 1 - speed / self.spec.md_speed_min
        if self.spec.memory_max_mb is not None and memory is not None:
            found["memory_max_mb"] = memory / self.spec.memory_max_mb - 1
        return found

    def _known_values(self, configuration: Configuration, baseline: Configuration) -> Values | None:
        """Values of a training that a search may start from; None for one that it cannot be compared with."""
        same = configuration.steps == baseline.steps and configuration.fraction == baseline.fraction
        if configuration.phase not in KNOWN_PHASES or not same:
            return None
        return self.space.point(configuration.settings, baseline.settings)

    def _known_point(self, configuration: Configuration, record: Record, values: Values) -> Point | None:
        """A training of an earlier phase; None if its loss or speed is not known."""
        speed = None if self.speeds is None else self.speeds.of(configuration)
        loss = self.loss(record)
        if loss is None or (self.speeds is not None and not isinstance(speed, float)):
            return None
        measured = speed if isinstance(speed, float) else None
        return Point(values, self._objectives(loss, measured), self._violations(measured, self.memory(record)))

    def _point(self, standing: Standing, offsets: Sequence[float]) -> Point:
        violations = {**standing.violations, **({} if standing.error is None else {"failed": 1.0})}
        loss = in_full(standing.losses, offsets)
        ready = standing.error is None and loss is not None and (self.speeds is None or standing.speed is not None)
        objectives = self._objectives(loss, standing.speed) if ready and loss is not None else None
        return Point(standing.trial.values, objectives, violations if objectives or standing.error else {})

    def _objectives(self, loss: float, speed: float | None) -> tuple[float, ...]:
        """To be made small; logarithms, since differences of either are judged in per cent."""
        if not self.speed_counts or speed is None:
            return (math.log(loss),)
        return math.log(loss), -math.log(speed)

    # -- speeds and progress -------------------------------------------------------------------------

    def _measure(self) -> None:
        """Have the speed measured of all that is trained and was not measured yet."""
        if self.speeds is None:
            return
        for configuration, record, _ in self.known():
            self.speeds.request(configuration, self._nep(record))
        for trial in self.trials.values():
            short = self.record(trial, 0)
            if short is not None and short.state == DONE:
                self.speeds.request(self.configuration(trial, 0), self._nep(short))
        self.speeds.fill()

    def _nep(self, record: Record) -> Path:
        return self._store.directory(record.run) / "nep.txt"

    def _waits_for_known(self) -> bool:
        """Whether speeds of earlier phases are still to come."""
        return self.speeds is not None and any(self.speeds.of(c) is None for c, _, _ in self.known())

    def _in_progress(self) -> int:
        return self._state.ledger.open(SEARCH) + (self.speeds.running if self.speeds else 0)

    def _signature(self, places: int) -> tuple[int, ...]:
        """Changes whenever something happened that a decision may depend on."""
        ledger = self._state.ledger
        measured = self.speeds.open if self.speeds else 0
        return (*(ledger.count(state) for state in ("done", "failed")), ledger.open(SEARCH), measured, places)

    def _tell_to_come(self) -> None:
        """Tell the study how many runs there may be still."""
        spec, left = self.spec, 0 if self.over else max(1, self.spec.trials - len(self.trials))
        runs = [left, *(math.ceil(left / spec.reduction**rung) for rung in range(1, spec.rungs))]
        self._state.search_runs = 0 if self.over else sum(runs)
        self._state.search_steps = sum(n * self._steps(rung) for rung, n in enumerate(runs)) if not self.over else 0
