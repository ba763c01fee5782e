"""Data sets labelled by a random potential, so that a perfect model exists, and trainings of seconds on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models import random_frame, random_model
from neptuner.kernels.prediction import predict
from neptuner.potential.model import Model
from neptuner.training.dataset import Dataset, make_dataset
from neptuner.training.descent import Descent, DescentSettings
from neptuner.training.initial import initial_model
from neptuner.training.loop import LoopSettings, Standing, Trained, run
from neptuner.training.process import Snapshot
from neptuner.training.records import DataSets, Row

SHAPE = random_model(neuron=(8,), l_max=(2, 0, 0, 0, 0, 0, 0)).settings

SHORT = LoopSettings(steps=60, output_interval=20)
BATCHES = DescentSettings(batch=8, seed=3)


def taught(n_frames: int, first_seed: int) -> list:
    """Frames with the labels of a random potential."""
    teacher = random_model(neuron=(4,), l_max=(2, 0, 0, 0, 0, 0, 0), seed=5)
    frames = [random_frame(first_seed + seed, n_atoms=4 + seed % 3) for seed in range(n_frames)]
    return labelled_by(teacher, frames)


def labelled_by(teacher: Model, frames: list) -> list:
    """The same frames with the energy, forces and virial of a potential."""
    outputs = predict(teacher, frames, dtype=np.float64)
    ends = np.cumsum([frame.n_atoms for frame in frames])
    return [
        replace(
            frame,
            energy=float(outputs.energy[s]),
            forces=outputs.forces[ends[s] - frame.n_atoms : ends[s]],
            virial=outputs.virial[s],
        )
        for s, frame in enumerate(frames)
    ]


def taught_sets() -> DataSets:
    """Training, validation and test frames."""
    return DataSets(*(make_dataset(taught(n, seed), SHAPE) for n, seed in ((24, 0), (6, 100), (6, 200))))


def descent(train: Dataset, settings: DescentSettings = BATCHES) -> Descent:
    """A gradient training from a random model."""
    rng = np.random.default_rng(settings.seed)
    return Descent(initial_model(train.prepared, rng), train, settings)


class Recorder:
    """A listener that notes everything; stops after ``most`` steps."""

    def __init__(self, most: int | None = None) -> None:
        self.rows: list[Row] = []
        self.better: list[bool] = []
        self.models: list[Model] = []
        self.steps: list[int] = []
        self.remarks: list[str] = []
        self.checkpoints: list[tuple[Snapshot, Standing]] = []
        self.most = most

    def row(self, row: Row, model: Model, better: bool) -> None:
        self.rows.append(row)
        self.models.append(model)
        self.better.append(better)

    def step(self, step: int, progress: float) -> None:
        self.steps.append(step)

    def remark(self, sentence: str) -> None:
        self.remarks.append(sentence)

    def checkpoint(self, process: Snapshot, standing: Standing) -> None:
        self.checkpoints.append((process, replace(standing)))

    def should_stop(self) -> bool:
        return self.most is not None and len(self.steps) >= self.most


def train(sets: DataSets, loop: LoopSettings = SHORT, settings: DescentSettings = BATCHES) -> Trained:
    """Train a model from a random start."""
    return run(descent(sets.train, settings), sets, loop, Recorder())
