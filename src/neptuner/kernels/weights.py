"""The numbers of a NEP in the layout and precision the kernels read, and their gradient back in ``nep.txt`` order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.potential.model import Model
from neptuner.potential.parameters import by_centre, parameter_count, unpack
from neptuner.potential.settings import Settings

Array = NDArray[np.floating]


class Weights(NamedTuple):
    """Parameters by species, or the gradient of a loss by them."""

    c_radial: Array
    """``(n_types, n_max + 1, n_types * basis)``: centre; n; neighbour and k."""
    c_angular: Array
    W0: Array
    """``(n_networks, neurons, dim)``"""
    b0: Array
    W1: Array
    """``(n_networks, neurons of layer 2, neurons of layer 1)``; no rows with one hidden layer."""
    b1: Array
    w: Array
    """``(n_networks, neurons of the last layer)``"""
    bias: Array
    """Output bias of each species, common bias included, subtracted: ``(n_types,)`` in eV, double precision."""
    q_scaler: Array
    """``(dim,)``"""


def weights_of(nep: Model, dtype: type[np.floating]) -> Weights:
    """Lay out a potential for the kernels."""
    parameters = nep.parameters
    first = parameters.hidden[0]
    one_layer = len(parameters.hidden) == 1
    networks = nep.settings.n_networks
    second_weight = np.empty((networks, 0, first.bias.shape[1])) if one_layer else parameters.hidden[1].weight
    second_bias = np.empty((networks, 0)) if one_layer else parameters.hidden[1].bias
    bias = np.full(nep.settings.n_types, float(parameters.bias[0]))
    if parameters.type_bias is not None:
        bias += parameters.type_bias
    dense = (first.weight, first.bias, second_weight, second_bias, parameters.output)
    W0, b0, W1, b1, w = (np.ascontiguousarray(array, dtype) for array in dense)
    return Weights(
        np.ascontiguousarray(by_centre(parameters.c_radial), dtype),
        np.ascontiguousarray(by_centre(parameters.c_angular), dtype),
        W0,
        b0,
        W1,
        b1,
        w,
        bias,
        np.ascontiguousarray(nep.q_scaler, dtype),
    )


def zero_gradients(weights: Weights, count: int) -> Weights:
    """Make arrays of the same shapes to sum gradients in, with an axis of ``count`` parts before the others."""
    return Weights._make(np.zeros((count, *array.shape), array.dtype) for array in weights)


def part_of(gradients: Weights, number: int) -> Weights:
    """View one part of ``zero_gradients``."""
    return Weights._make(array[number] for array in gradients)


def total_gradient(gradients: Weights) -> Weights:
    """Sum all parts in their order and in double precision."""
    return Weights._make(array.sum(axis=0, dtype=np.float64) for array in gradients)


def flatten_gradient(settings: Settings, total: Weights) -> NDArray[np.float64]:
    """Put a gradient in the order of ``nep.txt``, ``(parameter_count,)``."""
    flat = np.zeros(parameter_count(settings))
    views = unpack(settings, flat)
    for view, gradient in ((views.c_radial, total.c_radial), (views.c_angular, total.c_angular)):
        n, k, centres, neighbours = view.shape
        view[:] = gradient.reshape(centres, n, neighbours, k).transpose(1, 3, 0, 2)
    views.hidden[0].weight[:], views.hidden[0].bias[:] = total.W0, total.b0
    if len(views.hidden) == 2:
        views.hidden[1].weight[:], views.hidden[1].bias[:] = total.W1, total.b1
    views.output[:] = total.w
    views.bias[:] = total.bias.sum()
    if views.type_bias is not None:
        views.type_bias[:] = total.bias
    return flat
