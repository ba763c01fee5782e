"""The trainable numbers of a NEP: one flat vector in the order of ``nep.txt``, and named views into it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.potential.settings import Settings

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Layer:
    """One hidden layer of every network: ``tanh(weight x - bias)``."""

    weight: Array
    """``(n_networks, neurons, inputs)``"""
    bias: Array
    """``(n_networks, neurons)``, subtracted"""


@dataclass(frozen=True)
class Parameters:
    """Named views of a flat parameter vector; writing to a view writes to the vector."""

    hidden: tuple[Layer, ...]
    output: Array
    """Weights of the output neuron, ``(n_networks, neurons of the last layer)``."""
    type_bias: Array | None
    """Output bias of each species, ``(n_types,)`` in eV, subtracted; NEP5 only."""
    bias: Array
    """Output bias common to all species, ``(1,)`` in eV, subtracted."""
    c_radial: Array
    """``(n_max_radial + 1, basis_size_radial + 1, n_types, n_types)``: n, k, centre, neighbour."""
    c_angular: Array
    """Likewise for the angular functions."""


def network_size(settings: Settings) -> int:
    """Count the numbers of one network in ``nep.txt``."""
    widths = (settings.dim, *settings.neuron)
    hidden = sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))
    return hidden + widths[-1] + (settings.version == 5)


def coefficient_sizes(settings: Settings) -> tuple[int, int]:
    """Count the radial and angular expansion coefficients c."""
    radial, angular = (
        functions * basis * settings.n_types**2
        for functions, basis in zip(settings.functions, settings.basis, strict=True)
    )
    return radial, angular


def parameter_count(settings: Settings) -> int:
    """Count the trainable numbers: networks, common bias, coefficients (not ``q_scaler``)."""
    return settings.n_networks * network_size(settings) + 1 + sum(coefficient_sizes(settings))


def unpack(settings: Settings, values: Array) -> Parameters:
    """Name the parts of a flat parameter vector.

    Parameters
    ----------
    settings
        Shape of the potential.
    values
        ``(parameter_count,)`` in the order of ``nep.txt``: networks, common bias, radial c, angular c.

    Raises
    ------
    ValueError
        If the vector has another length.
    """
    expected = parameter_count(settings)
    if values.shape != (expected,):
        raise ValueError(f"expected {expected} parameters, found an array of shape {values.shape}")
    size = network_size(settings)
    end = settings.n_networks * size
    networks = values[:end].reshape(settings.n_networks, size)
    radial, _ = coefficient_sizes(settings)
    types = (settings.n_types, settings.n_types)
    hidden, used = _hidden_layers(settings, networks)
    output = networks[:, used : used + settings.neuron[-1]]
    return Parameters(
        hidden=hidden,
        output=output,
        type_bias=networks[:, -1] if settings.version == 5 else None,
        bias=values[end : end + 1],
        c_radial=values[end + 1 : end + 1 + radial].reshape(settings.functions[0], settings.basis[0], *types),
        c_angular=values[end + 1 + radial :].reshape(settings.functions[1], settings.basis[1], *types),
    )


def by_centre(c: Array) -> Array:
    """Make matrices of coefficients ``(n, k, centre, neighbour)``, one a centre: ``(centre, n, neighbour * k)``."""
    n, k, centres, neighbours = c.shape
    return c.transpose(2, 0, 3, 1).reshape(centres, n, neighbours * k)


def _hidden_layers(settings: Settings, networks: Array) -> tuple[tuple[Layer, ...], int]:
    layers, used, inputs = [], 0, settings.dim
    for neurons in settings.neuron:
        weight = networks[:, used : used + neurons * inputs].reshape(-1, neurons, inputs)
        used += neurons * inputs
        layers.append(Layer(weight, networks[:, used : used + neurons]))
        used += neurons
        inputs = neurons
    return tuple(layers), used
