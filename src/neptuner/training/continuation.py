"""Going on from a model that predicts total energies: its energy offsets taken out again, the reverse of folding.

Kernels of single precision then see small energies. Offsets of species that the model did not know are fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.kernels.prediction import predict
from neptuner.potential.model import Model
from neptuner.potential.parameters import Parameters, unpack
from neptuner.training.offsets import Offsets

Floats = NDArray[np.float64]


def unfold(model: Model, frames: Sequence[Frame], old_elements: Sequence[str]) -> tuple[Model, Offsets]:
    """Split a model into one without energy offsets, and the offsets that ``offsets.fold`` puts back.

    Offsets by species are those of a NEP5's biases, or of a NEP4's neuron of the last hidden layer without inputs;
    that neuron becomes the last one, with zeros only. A NEP3, or a NEP4 without such a neuron, keeps what differs
    between its species in its networks.

    Parameters
    ----------
    model
        The potential, grown (``potential.grow``) where it is to have more species.
    frames
        Training frames with total energies, for the offsets of new species.
    old_elements
        Species that the potential was trained for; the others get the offsets that fit the energies best (least
        squares, minimum norm), if the model has room for them.
    """
    values = model.values.copy()
    parameters = unpack(model.settings, values)
    common = -float(parameters.bias[0])
    parameters.bias[0] = 0.0
    by_type = _take_offsets(parameters, model.settings.version)
    bare = replace(model, values=values)
    if by_type is None:
        return bare, Offsets(common, np.zeros(model.settings.n_types))
    offsets = Offsets(common, by_type)
    new = np.array([symbol not in old_elements for symbol in model.settings.elements])
    labelled = [frame for frame in frames if frame.energy is not None]
    return bare, _fit_new(bare, offsets, labelled, new) if new.any() and labelled else offsets


def _take_offsets(parameters: Parameters, version: int) -> Floats | None:
    """Remove the offsets by species, ``(n_types,)`` in eV; None: the model has no place for them."""
    if parameters.type_bias is not None:
        by_type = -parameters.type_bias.astype(np.float64)
        parameters.type_bias[:] = 0.0
        return by_type
    constant = _constant_neurons(parameters)
    if version == 3 or len(constant) == 0:
        return None
    kept = int(constant[-1])
    _move_last(parameters, kept)
    last, output = parameters.hidden[-1], parameters.output
    by_type = output[:, -1].astype(np.float64) * np.tanh(-last.bias[:, -1])
    last.bias[:, -1] = 0.0
    output[:, -1] = 0.0
    return by_type


def _constant_neurons(parameters: Parameters) -> NDArray[np.int_]:
    """Neurons of the last hidden layer, of two or more, whose input weights are zero in every network."""
    weight = parameters.hidden[-1].weight
    constant = np.flatnonzero(~weight.any(axis=(0, 2)))
    return constant if weight.shape[1] > 1 else constant[:0]


def _move_last(parameters: Parameters, neuron: int) -> None:
    last = parameters.hidden[-1]
    order = [*(n for n in range(last.bias.shape[1]) if n != neuron), neuron]
    last.weight[:] = last.weight[:, order]
    last.bias[:] = last.bias[:, order]
    parameters.output[:] = parameters.output[:, order]


def _fit_new(bare: Model, offsets: Offsets, frames: list[Frame], new: NDArray[np.bool_]) -> Offsets:
    """Correct the offsets of new species by what the model misses of the energies of frames."""
    elements = np.array(bare.settings.elements)
    counts = np.array([[np.count_nonzero(frame.species == symbol) for symbol in elements] for frame in frames])
    atoms = counts.sum(axis=1)
    known = predict(bare, frames).energy + counts @ (offsets.common + offsets.by_type)
    missing = np.array([frame.energy for frame in frames], dtype=float) - known
    by_type = offsets.by_type.copy()
    by_type[new] += np.linalg.lstsq(counts[:, new] / atoms[:, None], missing / atoms, rcond=1e-3)[0]
    return Offsets(offsets.common, by_type)
