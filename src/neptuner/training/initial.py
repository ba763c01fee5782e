"""Where training starts: random coefficients, descriptor scales from the data, networks that see centred inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.engine import Prepared, descriptors
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count, unpack
from neptuner.potential.scaling import descriptor_scales
from neptuner.potential.spreads import BIAS_SPREAD, GAIN

Floats = NDArray[np.float64]

OUTPUT = 0.5
"""Spread of output weights, in the units of ``GAIN``, in eV."""


def initial_model(prepared: Prepared, rng: np.random.Generator) -> Model:
    """Draw a starting model.

    Coefficients c are normal, with one over the root of the number of basis functions as spread; ``q_scaler`` is the
    inverse of the range of each descriptor over the training atoms with these coefficients; first-layer biases centre
    the inputs of each species' network.

    Parameters
    ----------
    prepared
        Training frames.
    rng
        Source of every random number.
    """
    settings = prepared.settings
    values = np.zeros(parameter_count(settings))
    parameters = unpack(settings, values)
    for c in (parameters.c_radial, parameters.c_angular):
        c[:] = rng.normal(size=c.shape) / np.sqrt(c.shape[1])
    nep = Model(settings, values, np.ones(settings.dim))
    q = descriptors(prepared, nep).astype(np.float64)
    q_scaler = descriptor_scales(q)
    x = q * q_scaler
    inputs = settings.dim
    for layer in parameters.hidden:
        layer.weight[:] = rng.normal(size=layer.weight.shape) * GAIN / np.sqrt(inputs)
        inputs = layer.bias.shape[1]
    for network in range(settings.n_networks):
        mine = (prepared.geometry.types == network) | (settings.version == 3)
        if mine.any():
            centre = x[mine].mean(axis=0)
            parameters.hidden[0].bias[network] = parameters.hidden[0].weight[network] @ centre
    parameters.hidden[0].bias[:] += rng.normal(size=parameters.hidden[0].bias.shape) * BIAS_SPREAD
    parameters.output[:] = rng.normal(size=parameters.output.shape) * OUTPUT / np.sqrt(inputs)
    return Model(settings, values, q_scaler, _max_neighbors(prepared))


def _max_neighbors(prepared: Prepared) -> tuple[int, int]:
    return prepared.geometry.radial.most_neighbors, prepared.geometry.angular.most_neighbors
