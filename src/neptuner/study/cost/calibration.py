"""What trainings of a study cost here, measured for some seconds: a few steps of the trainer on the study's frames.

As many trainings run at a time as in the study, each in a process of its own with the variables of a trial, so that
what they take from each other is in the times.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame
from neptuner.files.nep_in import NepIn, format_nep_in
from neptuner.files.structure import write_structure
from neptuner.study.cost.crew import Crew, Worker, ask_all, start_crew
from neptuner.study.cost.operations import Neighbors, work_of
from neptuner.study.md.estimate import estimate_md
from neptuner.study.plan import Configuration
from neptuner.study.prepare import PreparedStudy
from neptuner.study.store import SPLIT_FILES

FIRST_ATOMS, MOST_ATOMS = 600, 4000
"""Of the frames of the first training, which loads the kernels, and of those whose time is taken."""
FEWEST_FRAMES = 2
"""Of a split."""
COMPILING = 15.0
"""Seconds outside of the steps after which kernels were compiled; a later training only loads them."""
MEASURED = 3
"""Configurations that are measured however long it takes: the baseline, the dearest and the cheapest."""
SECONDS = 5.0
"""Others follow until so much time is over."""
MD_ATOM_STEPS = 20_000
"""Steps of molecular dynamics times atoms that are timed, twice."""
STEP_SECONDS = 0.7
"""Time that the steps of a training shall take, if the machine were that of the benchmarks."""
FEWEST_STEPS, MOST_STEPS = 32, 122
"""Two more than a multiple of ten: the first and the last do not count."""


@dataclass(frozen=True)
class Measured:
    """A configuration on some of the study's frames; times in seconds."""

    name: str
    atoms_per_step: float
    step: float
    row: float
    """Errors of all frames."""
    outside: float
    """Before the first and after the last step."""
    write: float
    """The model, once."""
    share: float
    """Of its processors that a training gets; less than 1 where other work is on the machine."""
    peak_bytes: float
    model_bytes: float
    prediction_bytes: float


@dataclass(frozen=True)
class Calibration:
    """Everything that was measured; the rest of a prediction is arithmetic."""

    places: int
    """Trainings at a time."""
    threads: int
    atoms: Mapping[str, int]
    """Of the frames that were trained on, by split."""
    start: float
    """Seconds until a process has loaded what it needs."""
    cold: float
    """Seconds that the first training of a process takes besides, for its kernels."""
    slowdown: float
    """How much longer a step takes when all places are taken."""
    floor_bytes: float
    """Memory of a training of hardly any frames."""
    floor_atoms: int
    neighbors: Mapping[str, tuple[float, float]]
    """By the cutoffs."""
    measured: tuple[Measured, ...]
    """The baseline is the first of them."""
    md: tuple[float, float] | None = None
    """Seconds of a step of molecular dynamics for an atom, and of what comes before; with the baseline, alone."""
    seconds: float = 0.0
    """That all this took."""

    @property
    def all_atoms(self) -> int:
        """Of all splits."""
        return sum(self.atoms.values())

    def as_json(self) -> dict[str, Any]:
        """Plain content, for ``prediction.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Calibration:
        """Take it from there."""
        measured = tuple(Measured(**one) for one in content["measured"])
        pairs = {name: (float(a), float(b)) for name, (a, b) in content["neighbors"].items()}
        md = None if content["md"] is None else (float(content["md"][0]), float(content["md"][1]))
        return cls(**{**content, "measured": measured, "neighbors": pairs, "md": md})


def calibrate(study: PreparedStudy, places: int, environment: Mapping[str, str]) -> Calibration:
    """Take the time of a few steps of some configurations.

    Parameters
    ----------
    study
        Its frames, its plan and the number of threads of a training.
    places
        Trainings at a time.
    environment
        Variables of a trial.

    Raises
    ------
    NeptunerError
        If a training fails.
    """
    begin = perf_counter()
    with tempfile.TemporaryDirectory(prefix="neptuner-calibration-") as name:
        folder = Path(name)
        sets = {most: sample(study.frames, most) for most in (FIRST_ATOMS, MOST_ATOMS)}
        for most, frames in sets.items():
            _write(folder / str(most), frames)
        with start_crew(folder, places, environment) as (crew, start):
            session = _Session(crew, folder, sets, study.plan.first, study.spec.threads)
            found = replace(session.run(start), md=session.dynamics(study))
    return replace(found, seconds=perf_counter() - begin)


def sample(frames: Mapping[str, list[Frame]], most_atoms: int) -> dict[str, list[Frame]]:
    """Choose the same share of each split, over all sizes of frames, with about so many atoms at most."""
    share = min(1.0, most_atoms / sum(frame.n_atoms for split in frames.values() for frame in split))
    chosen = {}
    for split, all_of_it in frames.items():
        count = min(len(all_of_it), max(FEWEST_FRAMES, round(share * len(all_of_it))))
        by_size = sorted(all_of_it, key=lambda frame: frame.n_atoms)
        places = [int((k + 0.5) * len(by_size) / count) for k in range(count)]
        chosen[split] = [by_size[place] for place in places]
    return chosen


def _write(folder: Path, frames: Mapping[str, list[Frame]]) -> None:
    folder.mkdir()
    for split, chosen in frames.items():
        write_frames(folder / SPLIT_FILES[split], chosen)


class _Session:
    """The parts of ``calibrate``, which share the workers."""

    def __init__(
        self,
        crew: Crew,
        folder: Path,
        sets: Mapping[int, Mapping[str, list[Frame]]],
        configurations: Sequence[Configuration],
        threads: int,
    ) -> None:
        self._crew, self._folder, self._sets, self._threads = crew, folder, sets, threads
        self._configurations = configurations
        self._found: dict[str, list[dict[str, Any]]] = {}

    def run(self, start: float) -> Calibration:
        baseline = self._configurations[0]
        neighbors = self._count_neighbors()
        self._order = self._by_cost(neighbors)
        first = self._warm_up(baseline)
        self._measure()
        measured = tuple(self._settle(one) for one in self._order if one.name in self._found)
        atoms = {most: _atoms(sets) for most, sets in self._sets.items()}
        share = sum(atoms[FIRST_ATOMS].values()) / sum(atoms[MOST_ATOMS].values())
        return Calibration(
            places=len(self._crew.workers),
            threads=self._threads,
            atoms=atoms[MOST_ATOMS],
            start=start,
            cold=max(0.0, _median([one["outside"] for one in first]) - share * measured[0].outside),
            slowdown=self._slowdown(baseline, measured[0].step),
            floor_bytes=max(one["peak_bytes"] or 0 for one in first),
            floor_atoms=sum(atoms[FIRST_ATOMS].values()),
            neighbors={cutoffs: (found.radial, found.angular) for cutoffs, found in neighbors.items()},
            measured=measured,
        )

    def _warm_up(self, baseline: Configuration) -> list[dict[str, Any]]:
        """Load the kernels in every process; the first may have to compile them, for itself and the others."""
        first, *others = self._crew.workers
        answer = first.ask(self._request(first, baseline, FIRST_ATOMS, 3))
        if answer["outside"] > COMPILING:
            self._crew.replace_first()
            first = self._crew.workers[0]
            answer = first.ask(self._request(first, baseline, FIRST_ATOMS, 3))
        return [answer, *ask_all((other, self._request(other, baseline, FIRST_ATOMS, 3)) for other in others)]

    def _count_neighbors(self) -> dict[str, Neighbors]:
        """Count the neighbours for every pair of cutoffs, in a few frames."""
        texts = {cutoff_key(one.nep_in): format_nep_in(one.nep_in) for one in self._configurations}
        data = str(self._folder / str(FIRST_ATOMS) / SPLIT_FILES["train"])
        request = {"count": list(texts.values()), "data": data, "threads": self._threads}
        counts = self._crew.workers[0].ask(request)["neighbors"]
        return {key: Neighbors(*count) for key, count in zip(texts, counts, strict=True)}

    def _by_cost(self, neighbors: Mapping[str, Neighbors]) -> list[Configuration]:
        """Baseline, the dearest, the cheapest, and then those in between."""
        self._model = {
            one.name: work_of(one.nep_in, neighbors[cutoff_key(one.nep_in)], self._atoms_per_step(one.nep_in)).step
            for one in self._configurations
        }
        ordered = sorted(self._configurations[1:], key=lambda one: self._model[one.name])
        order = [self._configurations[0]]
        while ordered:
            order.append(ordered.pop(-1 if len(order) % 2 else 0))
        return order

    def _atoms_per_step(self, nep_in: NepIn) -> float:
        return atoms_per_step(nep_in.batch, self._sets[MOST_ATOMS]["train"])

    def _measure(self) -> None:
        """Keep all workers busy with configurations in turn until there are enough times."""
        begin, queue, busy = perf_counter(), cycle(self._order), dict[Worker, Configuration]()
        needed = {one.name for one in self._order[:MEASURED]}
        for worker in self._crew.workers:
            busy[worker] = self._begin(worker, next(queue))
        while busy:
            worker, answer = self._crew.any_answer(busy)
            self._found.setdefault(busy.pop(worker).name, []).append(answer)
            if perf_counter() - begin < SECONDS or not needed <= self._found.keys() | {c.name for c in busy.values()}:
                busy[worker] = self._begin(worker, next(queue))

    def _begin(self, worker: Worker, configuration: Configuration) -> Configuration:
        steps = round(STEP_SECONDS / self._model[configuration.name] / 10) * 10 + 2
        steps = min(MOST_STEPS, max(FEWEST_STEPS, steps))
        worker.send(self._request(worker, configuration, MOST_ATOMS, steps))
        return configuration

    def _request(self, worker: Worker, configuration: Configuration, most: int, steps: int) -> dict[str, Any]:
        """Make a folder to train in, and ask for it."""
        folder = worker.folder / "training"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        nep_in = replace(configuration.nep_in, output_interval=steps, generation=steps)
        (folder / "nep.in").write_text(format_nep_in(nep_in))
        for split in self._sets[most]:
            shutil.copy(self._folder / str(most) / SPLIT_FILES[split], folder)
        return {"folder": str(folder), "steps": steps, "threads": self._threads}

    def _settle(self, configuration: Configuration) -> Measured:
        """Medians of what was found for a configuration; memory is of the first time, for a process keeps its peak."""
        answers = self._found[configuration.name]
        middle = {key: _median([one[key] or 0 for one in answers]) for key in answers[0] if key != "took"}
        middle["peak_bytes"] = min(one["peak_bytes"] or 0 for one in answers)
        return Measured(configuration.name, self._atoms_per_step(configuration.nep_in), **middle)

    def _slowdown(self, baseline: Configuration, together: float) -> float:
        """Compare a step with that of a training alone; its model is what molecular dynamics is tried with."""
        worker = self._crew.workers[0]
        self._begin(worker, baseline)
        alone = worker.answer()["step"]
        return 1.0 if len(self._crew.workers) == 1 else float(max(1.0, together / alone))

    def dynamics(self, study: PreparedStudy) -> tuple[float, float] | None:
        """Take the time of molecular dynamics, if neptuner's own is asked for."""
        md, crystal = study.spec.md, study.crystal
        if md is None or md.engine != "embedded" or crystal is None:
            return None
        estimate = estimate_md(md, crystal, study.plan, study.spec.seed)
        path, atoms = self._folder / "model.xyz", estimate.atoms
        write_structure(path, crystal.structure)
        copies = estimate.supercell
        if atoms > MOST_ATOMS:
            copies, atoms = (1, 1, 1), crystal.structure.n_atoms
        steps = max(2, min(50, round(MD_ATOM_STEPS / atoms)))
        worker = self._crew.workers[0]
        request = {"folder": str(worker.folder / "training"), "structure": str(path), "copies": copies}
        answer = worker.ask({**request, "steps": steps, "threads": self._threads})
        return answer["atom_step"], min(answer["warm_up"], COMPILING)


def cutoff_key(nep_in: NepIn) -> str:
    """Name of a pair of cutoffs."""
    return " ".join(f"{value:g}" for value in nep_in.cutoff)


def atoms_per_step(batch: int, frames: Sequence[Frame]) -> float:
    """Mean number of atoms of a mini-batch; an epoch has batches of nearly equal size."""
    return sum(frame.n_atoms for frame in frames) / -(-len(frames) // batch)


def _atoms(sets: Mapping[str, list[Frame]]) -> dict[str, int]:
    return {split: sum(frame.n_atoms for frame in frames) for split, frames in sets.items()}


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
