"""Molecular dynamics as the last phase of a study: its runs, and what came of them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from neptuner.errors import Interrupted, NeptunerError
from neptuner.files.atomic import write_text
from neptuner.files.digest import file_hash
from neptuner.files.structure import format_structure
from neptuner.launch.base import Finished
from neptuner.study.md import models
from neptuner.study.md.analysis import Analysis
from neptuner.study.md.estimate import most_runs
from neptuner.study.md.models import BASELINE, FINAL, SCREEN, MdModel, MdRun, RunMaker
from neptuner.study.md.outcome import KappaOutcome, ScreenOutcome, read_kappa_run, read_screen
from neptuner.study.md.spec import MdSpec
from neptuner.study.md.store import MdStore
from neptuner.study.md.structure import Crystal, radial_cutoff, smallest_supercell
from neptuner.study.records import DONE, FAILED, PENDING
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState


@dataclass
class MdRecord:
    """A run of molecular dynamics and what came of it."""

    run: MdRun
    state: str = PENDING
    error: str | None = None
    screen: ScreenOutcome | None = None
    kappa: KappaOutcome | None = None
    began: float = 0.0
    """When this session started it, on a clock that never goes back."""

    @property
    def settled(self) -> bool:
        """Whether nothing more is to come in this session."""
        return self.state in (DONE, FAILED)

    @property
    def seconds(self) -> float | None:
        """Time that it took; None before it has finished."""
        outcome = self.kappa or self.screen
        return None if outcome is None else outcome.seconds

    @property
    def sentence(self) -> str:
        """What came of it, as part of a sentence."""
        if self.screen is not None:
            return f"stable: {self.screen.sentence}" if self.screen.passed else f"not stable: {self.screen.sentence}"
        return f"conductivity {self.kappa.kappa:.4g} W/mK" if self.kappa is not None else "nothing came of it"


@dataclass
class MdPhase:
    """All of molecular dynamics that is planned so far."""

    study: StudySpec
    crystal: Crystal
    store: MdStore
    models: dict[str, MdModel] = field(default_factory=dict)
    """By ``baseline`` and ``final``."""
    correction: list[MdModel] = field(default_factory=list)
    """Models for the correction of the force error, those that are compared among them."""
    note: str = ""
    """Why the final model is not the combined one, if so."""
    problems: list[str] = field(default_factory=list)
    """Models that cannot be used, in sentences."""
    records: dict[str, MdRecord] = field(default_factory=dict)
    """By the name of the run, in the order in which they are run."""
    uses: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """Names of the runs of each kind and model."""
    maker: RunMaker | None = None
    """None until the models are chosen."""
    analyses: dict[tuple[str, ...], Analysis] = field(default_factory=dict)
    """Of finished runs, by their names."""
    screened: bool = False
    """Whether the runs that follow from the screens are planned."""

    @property
    def finished(self) -> bool:
        """Whether every run is planned and is done or failed."""
        return self.screened and all(record.settled for record in self.records.values())

    @property
    def spec(self) -> MdSpec:
        """What study.toml asks of molecular dynamics."""
        assert self.study.md is not None
        return self.study.md

    @property
    def n_atoms(self) -> int:
        """Atoms of the cell that is run."""
        copies = (1, 1, 1) if self.maker is None else self.maker.supercell
        return self.crystal.structure.n_atoms * math.prod(copies)

    @property
    def most_runs(self) -> int:
        """Largest number of runs that there may be."""
        return most_runs(self.spec)

    def count(self, state: str) -> int:
        """Number of runs in a state."""
        return sum(record.state == state for record in self.records.values())

    def choices(self) -> list[str]:
        """What was chosen so far, in sentences."""
        if self.maker is None:
            return []
        chosen = [f"{key}: {model.record.run.id}" for key, model in self.models.items()]
        copies = " x ".join(map(str, self.maker.supercell))
        told = [f"molecular dynamics of {'; '.join(chosen)}", *([self.note] if self.note else []), *self.problems]
        return [*told, f"it begins with {self.crystal.source}, {copies} copies: {self.n_atoms} atoms"]

    def of(self, kind: str, model: str) -> list[MdRecord]:
        """Records of a model by kind; empty before they are planned."""
        return [self.records[name] for name in self.uses.get((kind, model), ())]

    def screen_of(self, model: str) -> MdRecord | None:
        """The screen of a model; None before it is planned."""
        return next(iter(self.of(SCREEN, model)), None)

    def advance(self, state: StudyState) -> list[MdRecord]:
        """Plan what can be planned now that the trainings, or the screens, are settled; return what is new."""
        if self.maker is None:
            self._choose(state)
            return self._plan(lambda maker: [maker.screen(model) for model in self.models.values()])
        screens = [self.screen_of(key) for key in self.models]
        if self.screened or not all(record is not None and record.settled for record in screens):
            return []
        self.screened = True
        return self._plan(self._after_screens)

    def stable(self, model: str) -> bool:
        """Whether a model passed its screen."""
        record = self.screen_of(model)
        return record is not None and record.screen is not None and record.screen.passed

    def settle(self, record: MdRecord, finished: Finished | None) -> bool:
        """Look at what a run left; return whether that settles it.

        Parameters
        ----------
        record
            The run.
        finished
            How its process ended; None for a run of an earlier session.
        """
        summary = self.store.summary(record.run)
        if summary is None:
            if finished is not None:
                record.state, record.error = FAILED, _why(finished)
            return finished is not None
        folder = self.store.directory(record.run)
        try:
            if record.run.kind == SCREEN:
                record.screen = read_screen(folder, record.run.script, self.n_atoms, self.spec.temperature, summary)
            else:
                record.kappa = read_kappa_run(self.store.folder, record.run, summary)
        except (NeptunerError, OSError) as error:
            # a path that holds on this machine only is of no use in results.json
            record.state, record.error = FAILED, str(error).replace(f"{self.store.folder}/", "")
            return True
        record.state = DONE
        return True

    # -- planning ----------------------------------------------------------------------------------

    def _choose(self, state: StudyState) -> None:
        """Choose models and cell, when the trainings are settled."""
        final, self.note = models.final_configuration(state)
        chosen = {BASELINE: state.plan.baseline} | ({FINAL: final} if final is not None else {})
        for key, configuration in chosen.items():
            with self._noting(key):
                self.models[key] = models.model_of(key, state, configuration, self._trials)
        structure, spec = self.crystal.structure, self.spec
        if spec.correction:
            self.correction = self._correction_models(state)
        used = [*self.models.values(), *self.correction]
        cutoff = radial_cutoff(model.configuration.nep_in.cutoff for model in used) if used else 0.0
        supercell = spec.supercell or smallest_supercell(structure, cutoff)
        path = self.store.folder / "md" / "model.xyz"
        path.parent.mkdir(exist_ok=True)
        write_text(path, format_structure(structure))
        self.maker = RunMaker(spec, self.crystal, file_hash(path), supercell, self.study.seed)

    def _correction_models(self, state: StudyState) -> list[MdModel]:
        """The two that are compared, and as many of the others as are asked for."""
        found = []
        for configuration in models.configurations(state):
            with self._noting(configuration.name):
                found.append(models.model_of(configuration.name, state, configuration, self._trials))
        return models.spanning(list(self.models.values()), found, self.spec.correction_models)

    def _after_screens(self, maker: RunMaker) -> list[MdRun]:
        runs = [run for key, model in self.models.items() if self.stable(key) for run in maker.kappas(model)]
        others = [model for model in self.correction if model.key not in self.models]
        return [*runs, *(maker.correction(model) for model in others)]

    def _plan(self, make: Callable[[RunMaker], Iterable[MdRun]]) -> list[MdRecord]:
        """Take up runs; the same run is planned once, whatever it is for."""
        assert self.maker is not None
        known = self.store.known() | {record.run.digest: name for name, record in self.records.items()}
        new = []
        for run in make(self.maker):
            named = replace(run, id=known.setdefault(run.digest, run.id))
            use = (named.kind, named.model.key)
            self.uses[use] = (*self.uses.get(use, ()), named.id)
            if named.id not in self.records:
                self.records[named.id] = MdRecord(named)
                new.append(self.records[named.id])
        return new

    @property
    def _trials(self) -> Path:
        return self.store.folder / "trials"

    @contextlib.contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        """A potential that cannot be read costs its model, not the study."""
        try:
            yield
        except OSError as error:
            self.problems.append(f"the potential of {name} cannot be used ({error})")


def _why(finished: Finished) -> str:
    """Why a run left no md.json, in one sentence."""
    if finished.exit_code == Interrupted.exit_code:
        return "stopped before its last step"
    return finished.reason if finished.failed else "ended without an md.json"
