"""Training by SNES, one generation a step, as GPUMD's ``nep`` does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.engine import Batch, descriptors, evaluate
from neptuner.kernels.population import PopulationBatch, evaluate_population, individuals, make_population_batch
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.scaling import descriptor_scales
from neptuner.training.dataset import Dataset, Labels
from neptuner.training.judging import fit_bias
from neptuner.training.loss import LossWeights
from neptuner.training.process import DivergenceError, Snapshot
from neptuner.training.records import Report
from neptuner.training.snes import (
    Search,
    SnesSettings,
    draw_noise,
    rank,
    ranking_of_parameters,
    regularisation,
    sigma_rate,
    start_search,
    update,
)
from neptuner.training.snes_batches import fixed_batches
from neptuner.training.snes_loss import ranking_loss, species_in_frames

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Batch:
    """One of the fixed batches with all that does not change between generations."""

    layout: Batch
    labels: Labels
    groups: PopulationBatch
    present: Floats
    """From ``species_in_frames``."""


@dataclass(frozen=True)
class _Elite:
    """The best individual of a generation in the global ranking."""

    z: Floats
    total: float
    l1: float
    l2: float


class Evolution:
    """A search by SNES that can be stopped after any generation and go on bit for bit.

    Generation 0 is special, as in GPUMD: nothing is evaluated and the ranking is by regularisation alone.

    Parameters
    ----------
    train
        Prepared training frames; whether energies have offsets removed does not matter.
    settings
        How to search.
    weights
        The lambdas.
    batch
        Wanted number of frames in a batch.
    seed
        Of every random number, not negative.
    threads
        Number of threads; results do not depend on it.
    start
        Mean and spread to start from, as ``nep.restart`` has them; None: random means.
    """

    def __init__(
        self,
        train: Dataset,
        settings: SnesSettings,
        weights: LossWeights,
        *,
        batch: int,
        seed: int,
        threads: int,
        start: tuple[Floats, Floats] | None = None,
    ) -> None:
        self.steps_done = 0
        self._train, self._settings, self._weights, self._seed, self._threads = train, settings, weights, seed, threads
        self._shape = train.prepared.settings
        self._ranking, self._rate = ranking_of_parameters(self._shape), sigma_rate(self._shape)
        count = parameter_count(self._shape)
        self._search = start_search(count, settings.sigma0, seed) if start is None else Search(*start)
        self._elite: _Elite | None = None
        self._q_scaler = descriptor_scale(train, settings.initial_para)
        per_atom = train.labels.energy / np.diff(train.prepared.geometry.frame_start)
        self._batches = [_lay_out(train, frames) for frames in fixed_batches(per_atom, batch)]

    @property
    def mu(self) -> Floats:
        """Mean of every parameter, ``(n_parameters,)``."""
        return self._search.mu

    @property
    def sigma(self) -> Floats:
        """Spread of every parameter, ``(n_parameters,)``."""
        return self._search.sigma

    def warm_up(self) -> None:
        """Compile what a generation and a report need, changing nothing."""
        batch = _lay_out(self._train, np.zeros(1, dtype=np.int64))
        self._loss(self.mu[None], batch)
        prepared = self._train.prepared
        model = Model(self._shape, self.mu, self._q_scaler)
        evaluate(prepared, weights_of(model, prepared.dtype), batch.layout, self._threads)

    def slow_down(self) -> bool:
        """Tell that there are no steps to make shorter."""
        return False

    def advance(self, progress: float) -> None:  # noqa: ARG002 - part of the protocol of trainers
        """Live through one generation.

        Raises
        ------
        DivergenceError
            If no individual has a finite loss.
        """
        generation = self.steps_done
        noise = draw_noise(self._seed, generation, (self._settings.population, len(self.mu)))
        z = self.mu + self.sigma * noise
        l1, l2 = regularisation(z, self._shape, self._settings)
        totals = l1 + l2
        if generation > 0:
            totals = totals + self._loss(z, self._batch(generation))
        order = rank(totals)
        best = order[0, -1]
        if not np.isfinite(totals[best, -1]):
            raise DivergenceError("no individual has a finite loss: check the data for outliers")
        self._elite = _Elite(z[best].copy(), float(totals[best, -1]), float(l1[best, -1]), float(l2[best, -1]))
        self._search = update(self._search, noise, order, self._ranking, self._rate, self._settings.sigma_cap)
        self.steps_done += 1

    def report(self) -> Report:
        """Judge the elite of the last generation on its batch, without weights, its common bias shifted to fit.

        Raises
        ------
        ValueError
            If there was no generation yet.
        """
        if self._elite is None:
            raise ValueError("there was no generation yet")
        batch, elite, prepared = self._batch(self.steps_done - 1), self._elite, self._train.prepared
        neighbors = prepared.geometry.radial.most_neighbors, prepared.geometry.angular.most_neighbors
        model = Model(self._shape, elite.z, self._q_scaler, neighbors)
        labels = batch.labels
        model, train = fit_bias(model, prepared, batch.layout, labels, labels.energy_weight, self._threads)
        return Report(model, elite.total, elite.l1, elite.l2, train)

    def snapshot(self) -> Snapshot:
        """Everything that another ``Evolution`` of the same arguments needs to go on from here."""
        found: Snapshot = {
            "generation": np.array(float(self.steps_done)),
            "mu": self.mu.copy(),
            "sigma": self.sigma.copy(),
        }
        if self._elite is not None:
            elite = self._elite
            found |= {"elite": elite.z.copy(), "elite_losses": np.array([elite.total, elite.l1, elite.l2])}
        return found

    def restore(self, snapshot: Mapping[str, NDArray[np.generic]]) -> None:
        """Go back, or on, to where ``snapshot`` was taken."""
        values = {name: np.array(array, dtype=np.float64) for name, array in snapshot.items()}
        self.steps_done = int(values["generation"])
        self._search = Search(values["mu"], values["sigma"])
        self._elite = _Elite(values["elite"], *values["elite_losses"].tolist()) if "elite" in values else None

    def _batch(self, generation: int) -> _Batch:
        return self._batches[generation % len(self._batches)]

    def _loss(self, z: Floats, batch: _Batch) -> Floats:
        prepared, labels = self._train.prepared, batch.labels
        population = individuals(self._shape, z, self._q_scaler, prepared.dtype)
        outputs = evaluate_population(
            prepared, population, batch.groups, labels.forces, labels.force_weight, self._threads
        )
        return ranking_loss(outputs, labels, batch.groups.atoms_per_frame, batch.present, self._weights).total


def descriptor_scale(train: Dataset, value: float) -> Floats:
    """``q_scaler`` of the potential whose every parameter is ``value``, ``(dim,)``, as GPUMD takes it."""
    shape = train.prepared.settings
    model = Model(shape, np.full(parameter_count(shape), value), np.ones(shape.dim))
    return descriptor_scales(descriptors(train.prepared, model))


def _lay_out(train: Dataset, frames: NDArray[np.int64]) -> _Batch:
    layout, labels = train.batch(frames)
    groups = make_population_batch(train.prepared, frames)
    geometry = train.prepared.geometry
    _, atoms = geometry.atoms_of(frames)
    present = species_in_frames(geometry.types[atoms], layout.start, train.prepared.settings.n_types)
    return _Batch(layout, labels, groups, present)
