"""Gradient descent in mini-batches, one step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.engine import evaluate, gradient
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.training.dataset import Dataset
from neptuner.training.judging import fit_bias
from neptuner.training.loss import LossWeights, loss_gradient
from neptuner.training.optimizers import OPTIMIZERS
from neptuner.training.process import DivergenceError, Snapshot
from neptuner.training.records import Report
from neptuner.training.regularisation import regularisation, regularisation_gradient
from neptuner.training.schedule import Schedule, learning_rate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DescentSettings:
    """What is minimised and how."""

    batch: int
    """Frames of a mini-batch."""
    seed: int = 1
    threads: int = 1
    loss: LossWeights = field(default_factory=LossWeights)
    lambda_1: float = 0.0
    lambda_2: float = 0.0
    optimizer: str = "soap"
    """A name in ``optimizers.OPTIMIZERS``."""
    schedule: Schedule = field(default_factory=Schedule)
    clip: float = 10.0
    """A gradient longer than this many times its running mean length is shortened to it."""


class Descent:
    """A gradient training.

    Parameters
    ----------
    start
        The model to begin with.
    train
        Prepared frames; energies without their offsets.
    settings
        What is minimised and how.
    frozen
        Parameters that must stay, ``(n,)`` of bool; none by default.
    """

    def __init__(
        self, start: Model, train: Dataset, settings: DescentSettings, frozen: NDArray[np.bool_] | None = None
    ) -> None:
        self.settings = settings
        self.steps_done = 0
        self._model, self._train = start, train
        self._frozen = np.zeros(len(start.values), dtype=bool) if frozen is None else frozen
        self._optimizer = OPTIMIZERS[settings.optimizer](start.settings)
        self._usual_length = 0.0
        self._rate_factor = 1.0

    def warm_up(self) -> None:
        """Compile the kernels."""
        with suppress(DivergenceError):  # steps will tell
            self._gradient(np.zeros(1, dtype=np.int64))

    def advance(self, progress: float) -> None:
        """Take one step; raises DivergenceError if the loss is no longer a number."""
        slope = self._clipped(self._gradient(self._mini_batch()))
        rate = learning_rate(self.settings.schedule, progress) * self._rate_factor
        values = self._optimizer.step(self._model.values, slope, rate)
        self._model = replace(self._model, values=np.where(self._frozen, self._model.values, values))
        self.steps_done += 1

    def report(self) -> Report:
        """Set the common bias to the best one for the training energies, and take the errors of all frames with it."""
        settings, data = self.settings, self._train
        batch, labels = data.batch()
        weight = labels.weight**2 * labels.energy_weight
        self._model, train = fit_bias(self._model, data.prepared, batch, labels, weight, settings.threads)
        l1, l2 = regularisation(self._model.values, settings.lambda_1, settings.lambda_2)
        return Report(self._model, train.weighted(settings.loss) + l1 + l2, l1, l2, train)

    def slow_down(self) -> bool:
        """Halve the learning rate from now on."""
        self._rate_factor *= 0.5
        return True

    def snapshot(self) -> Snapshot:
        """Copy the state; the order of mini-batches follows from seed and step."""
        numbers = {"steps": self.steps_done, "usual_length": self._usual_length, "rate_factor": self._rate_factor}
        own: Snapshot = {name: np.array(number) for name, number in numbers.items()}
        optimizer = {f"optimizer.{name}": array for name, array in self._optimizer.snapshot().items()}
        return own | {"values": self._model.values.copy(), "q_scaler": self._model.q_scaler.copy()} | optimizer

    def restore(self, snapshot: Mapping[str, NDArray[np.generic]]) -> None:
        """Go back to a snapshot."""
        self.steps_done = int(snapshot["steps"])
        self._usual_length, self._rate_factor = float(snapshot["usual_length"]), float(snapshot["rate_factor"])
        values, q_scaler = (np.array(snapshot[name], dtype=float) for name in ("values", "q_scaler"))
        self._model = replace(self._model, values=values, q_scaler=q_scaler)
        start = "optimizer."
        self._optimizer.restore({key[len(start) :]: snapshot[key] for key in snapshot if key.startswith(start)})

    def _mini_batch(self) -> NDArray[np.int64]:
        """Frames of the next step: each epoch in a new order, in batches of nearly equal size."""
        n, settings = self._train.n_frames, self.settings
        pieces = -(-n // settings.batch)
        epoch, piece = divmod(self.steps_done, pieces)
        order = np.random.default_rng([settings.seed, epoch]).permutation(n)
        return np.sort(np.array_split(order, pieces)[piece])

    def _gradient(self, frames: NDArray[np.int64]) -> Floats:
        data, settings, values = self._train, self.settings, self._model.values
        batch, labels = data.batch(frames)
        weights = weights_of(self._model, data.prepared.dtype)
        outputs = evaluate(data.prepared, weights, batch, settings.threads)
        loss = loss_gradient(outputs, labels, batch, settings.loss)
        if not np.isfinite(loss.loss):
            raise DivergenceError
        by = (loss.by_energy, loss.by_forces, loss.by_virial)
        slope = gradient(data.prepared, weights, batch, *by, settings.threads)
        return slope + regularisation_gradient(values, settings.lambda_1, settings.lambda_2)

    def _clipped(self, gradient: Floats) -> Floats:
        length = float(np.linalg.norm(gradient))
        if not np.isfinite(length):
            raise DivergenceError
        longest = self.settings.clip * self._usual_length
        if self.steps_done and length > longest:
            gradient, length = gradient * (longest / length), longest
        share = max(0.02, 1.0 / (self.steps_done + 1))
        self._usual_length += share * (length - self._usual_length)
        return gradient
