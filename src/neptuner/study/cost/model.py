"""What a study will cost, from the few configurations that were measured: time, memory and disk of every training."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neptuner.files.nep_in import NepIn
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.study.cost.calibration import Calibration, Measured, cutoff_key
from neptuner.study.cost.operations import Neighbors, Work, work_of
from neptuner.study.plan import Configuration

TRIAL_BYTES = 10_000
"""Of ``trial.json``, ``train.json``, ``nep.in`` and the log, and of the run in ``results.json``."""
ROW_BYTES = 170
"""Of a row of the loss curves."""
WRITTEN = 0.5
"""Share of the rows that are better than all before, so that the model is written."""
PAIR_BYTES, DENSITY_BYTES, TYPE_BYTES = 16, 4, 16
"""Of a pair, of a density, and of the two lists of an atom for each species, as they are kept in a training."""


@dataclass(frozen=True)
class Cost:
    """Of one training."""

    step: float
    """Seconds of a step."""
    loop: float
    """Seconds of all steps and rows: what ``train.json`` will say."""
    seconds: float
    """From start to end of its process."""
    memory: int
    """Largest, in bytes."""
    disk: int
    """Bytes of its trial directory."""


@dataclass(frozen=True)
class Sizes:
    """How large the study's frames are."""

    atoms: Mapping[str, int]
    """Of each split."""
    train_frames: int

    @property
    def all_atoms(self) -> int:
        """Of all splits."""
        return sum(self.atoms.values())

    def part(self, fraction: float) -> Sizes:
        """Sizes with so many of the training frames."""
        train = round(fraction * self.atoms["train"])
        return Sizes({**self.atoms, "train": train}, max(1, round(fraction * self.train_frames)))

    def atoms_per_step(self, batch: int) -> float:
        """Mean number of atoms of a mini-batch."""
        return self.atoms["train"] / -(-self.train_frames // batch)


class CostModel:
    """Carries measured times over to all configurations by the number of operations.

    The ratio of measured to counted time is interpolated between the measured configurations, over the logarithm of the
    counted time.
    """

    def __init__(self, calibration: Calibration, sizes: Sizes, configurations: Sequence[Configuration]) -> None:
        self._calibration, self._sizes = calibration, sizes
        self._base = configurations[0]
        by_name = {one.name: one for one in configurations}
        # a configuration whose name is no longer in the study says nothing
        known = [(by_name[m.name], m) for m in calibration.measured if m.name in by_name]
        self._measured = [(self._work(c.nep_in, m.atoms_per_step), m) for c, m in known]
        self._parameters = parameter_count(Settings.from_nep_in(self._base.nep_in))

    def cost(self, configuration: Configuration) -> Cost:
        """Predict the cost of a training of a configuration."""
        nep_in, steps, found = configuration.nep_in, configuration.steps, self._calibration
        sizes = self._sizes.part(configuration.fraction)
        work = self._work(nep_in, sizes.atoms_per_step(nep_in.batch))
        share = sizes.all_atoms / found.all_atoms
        step = self._carried(work, lambda w: w.step, lambda m: m.step)
        errors = share * self._carried(work, lambda w: w.row, lambda m: max(m.row - m.write, 0.2 * m.row))
        outside = share * self._carried(work, lambda w: w.outside, lambda m: m.outside)
        rows = steps // nep_in.output_interval
        loop = steps * step + rows * (errors + WRITTEN * found.measured[0].write)
        if configuration.time_limit is not None:
            loop = min(loop, configuration.time_limit)
        seconds = found.start + found.cold + outside + loop
        return Cost(step, loop, seconds, self._memory(nep_in, sizes.all_atoms), self._disk(nep_in, rows, share))

    def evaluation(self, nep_in: NepIn) -> float:
        """Tell how much longer energies and forces take than with the baseline."""
        return self._work(nep_in, 1.0).row / self._work(self._base.nep_in, 1.0).row

    def _carried(self, work: Work, counted: Callable[[Work], float], time: Callable[[Measured], float]) -> float:
        """Give a time by what is counted for it and the ratios of what was measured."""
        pairs = sorted((np.log(counted(w)), np.log(max(time(m), 1e-9) / counted(w))) for w, m in self._measured)
        x, ratios = zip(*pairs, strict=True)
        return float(counted(work) * np.exp(np.interp(np.log(counted(work)), x, ratios)))

    def _work(self, nep_in: NepIn, atoms_per_step: float) -> Work:
        return work_of(nep_in, self._neighbors(nep_in), atoms_per_step)

    def _neighbors(self, nep_in: NepIn) -> Neighbors:
        """Counted neighbours; for cutoffs that were not, from those of the baseline by the volume."""
        key = cutoff_key(nep_in)
        if key in self._calibration.neighbors:
            return Neighbors(*self._calibration.neighbors[key])
        known = self._calibration.neighbors[cutoff_key(self._base.nep_in)]
        before, after = (np.reshape(one.cutoff, (-1, 2)).mean(axis=0) for one in (self._base.nep_in, nep_in))
        radial, angular = (np.array(known) * (after / before) ** 3).tolist()
        return Neighbors(radial, angular)

    def _memory(self, nep_in: NepIn, atoms: int) -> int:
        """Peak of a training: what it takes without frames, and what each atom adds."""
        found = self._calibration
        measured = (found.measured[0].peak_bytes - found.floor_bytes) / max(1, found.all_atoms - found.floor_atoms)
        base, own = self._kept(self._base.nep_in), self._kept(nep_in)
        per_atom = max(measured, base) + own - base
        return round(found.floor_bytes + max(own, per_atom) * max(0, atoms - found.floor_atoms))

    def _kept(self, nep_in: NepIn) -> float:
        """Bytes an atom that a prepared set of frames holds."""
        settings, pairs = Settings.from_nep_in(nep_in), self._neighbors(nep_in)
        densities = settings.n_types * settings.basis[0]
        return PAIR_BYTES * (pairs.radial + pairs.angular) + DENSITY_BYTES * densities + TYPE_BYTES * settings.n_types

    def _disk(self, nep_in: NepIn, rows: int, share: float) -> int:
        base = self._calibration.measured[0]
        model = base.model_bytes * parameter_count(Settings.from_nep_in(nep_in)) / self._parameters
        return round(model + share * base.prediction_bytes + ROW_BYTES * rows + TRIAL_BYTES)


def makespan(waves: Sequence[Sequence[float]], places: int, slowdown: float) -> float:
    """Seconds until the trainings of several waves are done, each wave waiting for the one before.

    Parameters
    ----------
    waves
        Seconds of each training when all places are taken, in the order in which they start.
    places
        Trainings at a time.
    slowdown
        How much quicker a training is when it is alone.
    """
    return sum(_wave(list(seconds), places, slowdown) for seconds in waves)


def _wave(seconds: list[float], places: int, slowdown: float) -> float:
    """Time of one wave; running trainings share the pace, so that one clock of work done serves them all."""
    running: list[float] = []
    work = time = 0.0
    for length in seconds:
        heapq.heappush(running, work + length)
        if len(running) < places:
            continue
        end = heapq.heappop(running)
        time, work = time + end - work, end
    while running:
        alone = 0.0 if places == 1 else (places - len(running)) / (places - 1)
        end = heapq.heappop(running)
        time, work = time + (end - work) / (1.0 + (slowdown - 1.0) * alone), end
    return time
