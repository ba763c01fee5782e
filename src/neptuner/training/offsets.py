"""Per-species energy offsets: removed before training, folded into the written model.

The network is trained on energies minus one offset for each atom of a species (least squares over the training set,
minimum norm where compositions do not tell species apart). The common part goes into the output bias. NEP4 and NEP5
files hold the rest exactly: NEP5 in its per-species bias; NEP4 in one neuron of the last hidden layer, kept out of
training, whose input weights are 0 and whose bias is -1, so that it contributes ``w tanh(1)``, a constant, with
``w = offset / tanh(1)``. NEP3 shares one network between species and can hold the common part only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import tanh

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count, unpack
from neptuner.potential.settings import Settings

Floats = NDArray[np.float64]

SMALLEST_OFFSET = 1e-3
"""Offsets that differ by less (eV) are not worth a neuron."""


@dataclass(frozen=True)
class Offsets:
    """Energy of an atom of each species, in eV."""

    common: float
    by_type: Floats
    """``(n_types,)``, to be added to ``common``; zeros if the model cannot hold them."""

    @property
    def takes_neuron(self) -> bool:
        """Whether a neuron must be kept for them (NEP4)."""
        return bool(np.any(self.by_type != 0.0))

    def of(self, types: NDArray[np.integer], start: NDArray[np.integer]) -> Floats:
        """Offset of each frame, ``(n_frames,)`` in eV; frame s has atoms ``start[s]`` to ``start[s + 1]``."""
        return np.add.reduceat(self.common + self.by_type[types], start[:-1])


def fit_offsets(frames: Sequence[Frame], settings: Settings) -> Offsets:
    """Fit offsets to the energies of the training frames."""
    counts = np.array([[np.count_nonzero(frame.species == symbol) for symbol in settings.elements] for frame in frames])
    atoms = counts.sum(axis=1)
    energies = np.array([frame.energy for frame in frames], dtype=float) / atoms
    common = float(energies.mean())
    by_type = np.linalg.lstsq(counts / atoms[:, None], energies - common, rcond=1e-3)[0]
    holdable = settings.version == 5 or (settings.version == 4 and settings.neuron[-1] > 1)
    if not holdable or np.ptp(by_type) < SMALLEST_OFFSET:
        by_type = np.zeros(settings.n_types)
    return Offsets(common, by_type)


def fold(nep: Model, offsets: Offsets) -> Model:
    """Put the offsets into a trained model, so that it predicts total energies."""
    values = nep.values.copy()
    parameters = unpack(nep.settings, values)
    parameters.bias[0] -= offsets.common
    if parameters.type_bias is not None:
        parameters.type_bias[:] -= offsets.by_type
    elif offsets.takes_neuron:
        parameters.hidden[-1].weight[:, -1, :] = 0.0
        parameters.hidden[-1].bias[:, -1] = -1.0
        parameters.output[:, -1] = offsets.by_type / tanh(1.0)
    return Model(nep.settings, values, nep.q_scaler, nep.max_neighbors)


def neuron_of_offsets(settings: Settings, offsets: Offsets) -> NDArray[np.bool_]:
    """Mark the numbers of the neuron that is kept for the offsets, ``(parameter_count,)``; nothing if none is."""
    mark = np.zeros(parameter_count(settings), dtype=bool)
    if offsets.takes_neuron and settings.version == 4:
        parameters = unpack(settings, mark)
        parameters.hidden[-1].weight[:, -1, :] = True
        parameters.hidden[-1].bias[:, -1] = True
        parameters.output[:, -1] = True
    return mark
