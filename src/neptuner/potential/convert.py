"""The same potential in another form: as NEP4, or with its species in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count, unpack
from neptuner.potential.settings import Settings

Pair = tuple[float, ...]

SATURATED = -20.0
"""Bias of a neuron without inputs that makes it 1: 1 - tanh(20) is 9e-18, less than a double resolves."""


def to_nep4(model: Model) -> Model:
    """Write a NEP3 or NEP5 as the NEP4 that is exactly the same function.

    A NEP3 has its network repeated for each species. The type biases of a NEP5 become the output weights of one more
    neuron of the last hidden layer, whose own weights are zero and whose value is 1.
    """
    old = model.settings
    if old.version == 4:
        return model
    neuron = (*old.neuron[:-1], old.neuron[-1] + (old.version == 5))
    settings = replace(old, version=4, neuron=neuron)
    values = np.zeros(parameter_count(settings))
    source, target = model.parameters, unpack(settings, values)
    for before, after in zip(source.hidden, target.hidden, strict=True):
        after.weight[:, : before.weight.shape[1]] = before.weight
        after.bias[:, : before.bias.shape[1]] = before.bias
    target.output[:, : source.output.shape[1]] = source.output
    if source.type_bias is not None:
        target.hidden[-1].bias[:, -1] = SATURATED
        target.output[:, -1] = -source.type_bias
    target.bias[:] = source.bias
    target.c_radial[:], target.c_angular[:] = source.c_radial, source.c_angular
    return replace(model, settings=settings, values=values)


def reorder_species(model: Model, elements: Sequence[str]) -> Model:
    """Put the species of a potential in another order; the function stays exactly the same.

    Raises
    ------
    InputError
        If ``elements`` are not those of the potential, each once.
    """
    old = model.settings
    if sorted(elements) != sorted(old.elements):
        raise InputError(
            f"the order of species is `{' '.join(elements)}`, expected each species of the potential once"
            f" ({' '.join(old.elements)})"
        )
    order = np.array([old.elements.index(symbol) for symbol in elements])
    networks = order if old.version != 3 else np.array([0])
    settings = _reordered_settings(old, order)
    values = np.empty_like(model.values)
    source, target = model.parameters, unpack(settings, values)
    for before, after in zip(source.hidden, target.hidden, strict=True):
        after.weight[:], after.bias[:] = before.weight[networks], before.bias[networks]
    target.output[:] = source.output[networks]
    if source.type_bias is not None and target.type_bias is not None:
        target.type_bias[:] = source.type_bias[networks]
    target.bias[:] = source.bias
    target.c_radial[:] = source.c_radial[:, :, order[:, None], order]
    target.c_angular[:] = source.c_angular[:, :, order[:, None], order]
    return replace(model, settings=settings, values=values)


def _reordered_settings(old: Settings, order: NDArray[np.int_]) -> Settings:
    elements = tuple(old.elements[t] for t in order)
    cutoff = old.cutoff
    if len(cutoff) > 2:
        cutoff = tuple(radius for t in order for radius in cutoff[2 * t : 2 * t + 2])
    settings = replace(old, elements=elements, cutoff=cutoff)
    zbl = old.zbl
    if zbl is None or zbl.pairs is None:
        return settings
    return replace(settings, zbl=replace(zbl, pairs=reorder_pairs(zbl.pairs, order.tolist())))


def reorder_pairs(rows: Sequence[Pair], order: Sequence[int]) -> tuple[Pair, ...]:
    """Permute rows of unordered species pairs (1-1, 1-2, .., 1-n, 2-2, ..); ``order`` holds old indices."""
    pairs = list(combinations_with_replacement(range(len(order)), 2))
    place = dict(zip(pairs, rows, strict=True))
    return tuple(place[min(order[a], order[b]), max(order[a], order[b])] for a, b in pairs)
