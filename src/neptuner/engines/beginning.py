"""Where a gradient training begins: a random model, or one that exists already, given room to grow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.engines.inputs import Inputs
from neptuner.errors import InputError
from neptuner.kernels.engine import descriptors
from neptuner.potential.grow import adapt, grow
from neptuner.potential.model import Model
from neptuner.training.continuation import unfold
from neptuner.training.dataset import Dataset
from neptuner.training.initial import initial_model
from neptuner.training.offsets import Offsets, fit_offsets, neuron_of_offsets
from neptuner.training.records import DataSets


@dataclass(frozen=True)
class Beginning:
    """A model without energy offsets, the offsets, and what of the model must stay as it is."""

    model: Model
    offsets: Offsets
    frozen: NDArray[np.bool_]
    """``(parameter_count,)``"""


def begin(inputs: Inputs, train: Dataset, seed: int, start: Path | None) -> Beginning:
    """Make the model that training begins with.

    Parameters
    ----------
    inputs
        Checked input of the training.
    train
        Prepared training frames; their labels are not looked at.
    seed
        Of every random number.
    start
        A ``nep.txt`` to go on from; it may be smaller than ``nep.in`` asks and know fewer species.

    Raises
    ------
    InputError
        If that model cannot be read, or does not fit into the shape of ``nep.in``.
    """
    rng = np.random.default_rng(seed)
    if start is None:
        offsets = fit_offsets(inputs.train, train.prepared.settings)
        model = initial_model(train.prepared, rng)
    else:
        model, offsets = _grown(start, inputs, train, rng)
    frozen = neuron_of_offsets(model.settings, offsets)
    model.values[frozen] = 0.0
    return Beginning(model, offsets, frozen)


def _grown(start: Path, inputs: Inputs, train: Dataset, rng: np.random.Generator) -> tuple[Model, Offsets]:
    old, prepared = Model.read(start), train.prepared
    try:
        grown = grow(old, prepared.settings, rng)
    except InputError as error:
        raise InputError(error.message, path=start) from None
    model = adapt(grown, old.settings, descriptors(prepared, grown), prepared.geometry.types)
    radial, angular = prepared.geometry.radial.most_neighbors, prepared.geometry.angular.most_neighbors
    most = (max(radial, old.max_neighbors[0]), max(angular, old.max_neighbors[1]))
    return unfold(replace(model, max_neighbors=most), inputs.train, old.settings.elements)


def without_offsets(sets: DataSets, offsets: Offsets) -> DataSets:
    """Take the offsets off the energies of all sets."""
    validation, test = (data and _without(data, offsets) for data in (sets.validation, sets.test))
    return DataSets(_without(sets.train, offsets), validation, test)


def _without(data: Dataset, offsets: Offsets) -> Dataset:
    geometry, labels = data.prepared.geometry, data.labels
    energy = labels.energy - offsets.of(geometry.types, geometry.frame_start)
    return Dataset(data.prepared, replace(labels, energy=energy))
