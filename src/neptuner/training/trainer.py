"""The gradient trainer: mini-batches, AdamW, whole-set errors every so often, the best model kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import NeptunerError
from neptuner.kernels.engine import Batch, Outputs, evaluate, gradient
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.training.adamw import AdamWSettings, AdamWState, adamw_step, learning_rate
from neptuner.training.dataset import Dataset
from neptuner.training.initial import initial_model
from neptuner.training.loss import Errors, LossWeights, errors, loss_gradient
from neptuner.training.records import DataSets, Row

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrainerSettings:
    """How long and how to train."""

    steps: int
    batch: int
    """Frames of a mini-batch."""
    seed: int = 1
    threads: int = 1
    output_interval: int = 100
    """Steps between two rows of errors."""
    time_limit: float | None = None
    """Seconds, compilation included; if they end first, the learning rate has fallen by then as at the last step."""
    loss: LossWeights = field(default_factory=LossWeights)
    lambda_1: float = 0.0
    lambda_2: float = 0.0
    optimizer: AdamWSettings = field(default_factory=AdamWSettings)


@dataclass(frozen=True)
class Trained:
    """The outcome of a training."""

    nep: Model
    """Model of the best row, without energy offsets."""
    best: Row
    last: Row
    seconds: float
    step_seconds: float
    """Time of the timed steps alone, without judging."""
    timed_steps: int
    stopped: bool
    """Whether a signal ended it before the last step or the time limit."""


def train(
    sets: DataSets,
    settings: TrainerSettings,
    *,
    keep_neuron: bool = False,
    on_row: Callable[[Row, Model, bool], None] = lambda *_: None,
    on_step: Callable[[int, float], None] = lambda *_: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train a model from a random start.

    Parameters
    ----------
    sets
        Prepared data; the labels' energies have their offsets removed.
    settings
        How long and how to train.
    keep_neuron
        Keep the last neuron out of training (see ``offsets``).
    on_row
        Called after each row of errors with the model of that row and whether it is the best so far.
    on_step
        Called after each step with the share of the training done.
    should_stop
        Asked after each step; True ends the training with the best model so far.

    Raises
    ------
    NeptunerError
        If the loss is no longer a number.
    """
    called = perf_counter()
    rng = np.random.default_rng(settings.seed)
    nep = initial_model(sets.train.prepared, rng, keep_neuron=keep_neuron)
    state, values = AdamWState.start(len(nep.values)), nep.values
    _warm_up(nep, sets.train, settings)
    begin, best, stopped, judging = perf_counter(), None, False, 0.0
    for step, frames in enumerate(_mini_batches(rng, sets.train.n_frames, settings), start=1):
        progress = _progress(step - 1, perf_counter() - called, settings)
        slope = _gradient(nep, sets.train, frames, settings)
        rate = learning_rate(settings.optimizer, progress)
        values = adamw_step(settings.optimizer, state, values, slope, rate)
        nep = Model(nep.settings, values, nep.q_scaler, nep.max_neighbors)
        progress = _progress(step, perf_counter() - called, settings)
        on_step(step, progress)
        stopped = should_stop() and progress < 1.0
        if step % settings.output_interval == 0 or progress >= 1.0 or stopped:
            before = perf_counter()
            nep, row = _judge(nep, sets, settings, step, before - begin)
            judging += perf_counter() - before
            values = nep.values
            better = best is None or _score(row, settings) < _score(best[1], settings)
            best = (nep, row) if better or best is None else best
            on_row(row, nep, better)
        if progress >= 1.0 or stopped:
            break
    assert best is not None
    seconds = perf_counter() - begin
    return Trained(best[0], best[1], row, seconds, seconds - judging, step, stopped)


def _warm_up(nep: Model, data: Dataset, settings: TrainerSettings) -> None:
    """Compile the kernels before the clock starts."""
    _gradient(nep, data, np.zeros(1, dtype=np.int64), settings)


def _progress(step: int, seconds: float, settings: TrainerSettings) -> float:
    by_time = seconds / settings.time_limit if settings.time_limit else 0.0
    return min(1.0, max(step / settings.steps, by_time))


def _mini_batches(rng: np.random.Generator, n_frames: int, settings: TrainerSettings) -> Iterator[NDArray[np.int64]]:
    """Yield frames for ever: each epoch in a new order, in batches of nearly equal size."""
    pieces = -(-n_frames // settings.batch)
    while True:
        yield from np.array_split(rng.permutation(n_frames), pieces)


def _gradient(nep: Model, data: Dataset, frames: NDArray[np.int64], settings: TrainerSettings) -> Floats:
    batch, labels = data.batch(np.sort(frames))
    weights = weights_of(nep, data.prepared.dtype)
    outputs = evaluate(data.prepared, weights, batch, settings.threads)
    loss = loss_gradient(outputs, labels, batch, settings.loss)
    if not np.isfinite(loss.loss):
        raise NeptunerError("the loss is no longer a number: the training diverged; check the data for outliers")
    slope = gradient(data.prepared, weights, batch, loss.by_energy, loss.by_forces, loss.by_virial, settings.threads)
    return slope + _regularisation_gradient(nep.values, settings)


def regularisation(values: Floats, settings: TrainerSettings) -> tuple[float, float]:
    """Return lambda_1 mean |z| and lambda_2 sqrt(mean z^2) over all parameters."""
    l1 = settings.lambda_1 * float(np.abs(values).mean())
    return l1, settings.lambda_2 * float(np.sqrt((values**2).mean()))


def _regularisation_gradient(values: Floats, settings: TrainerSettings) -> Floats:
    n, root = len(values), float(np.sqrt((values**2).mean())) + 1e-12
    return settings.lambda_1 / n * np.sign(values) + settings.lambda_2 / (n * root) * values


def _judge(nep: Model, sets: DataSets, settings: TrainerSettings, step: int, seconds: float) -> tuple[Model, Row]:
    """Set the common bias to the best one for the training energies, and take all errors with it."""
    batch, labels = sets.train.batch()
    outputs = _outputs(nep, sets.train, batch, settings)
    atoms = batch.atoms_per_frame
    weight = labels.weight**2 * labels.energy_weight
    shift = float(np.sum(weight * (outputs.energy - labels.energy) / atoms) / max(weight.sum(), 1e-300))
    values = nep.values.copy()
    nep = Model(nep.settings, values, nep.q_scaler, nep.max_neighbors)
    nep.parameters.bias[0] += shift
    outputs.energy[:] -= shift * atoms
    errors_train = errors(outputs, labels, batch)
    l1, l2 = regularisation(values, settings)
    validation, test = (_errors(nep, data, settings) for data in (sets.validation, sets.test))
    total = errors_train.weighted(settings.loss) + l1 + l2
    return nep, Row(step, total, l1, l2, errors_train, validation, test, seconds)


def _errors(nep: Model, data: Dataset | None, settings: TrainerSettings) -> Errors | None:
    if data is None:
        return None
    batch, labels = data.batch()
    return errors(_outputs(nep, data, batch, settings), labels, batch)


def _outputs(nep: Model, data: Dataset, batch: Batch, settings: TrainerSettings) -> Outputs:
    return evaluate(data.prepared, weights_of(nep, data.prepared.dtype), batch, settings.threads)


def _score(row: Row, settings: TrainerSettings) -> float:
    """What the best model has least of: the validation loss, or the training loss without a validation set."""
    chosen = row.train if row.validation is None else row.validation
    return chosen.weighted(settings.loss)
