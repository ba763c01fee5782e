"""The parameters of a potential as matrices, the form in which their gradients are correlated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neptuner.potential.parameters import by_centre, parameter_count, unpack
from neptuner.potential.settings import Settings

Places = NDArray[np.int64]


def parameter_blocks(settings: Settings) -> list[Places]:
    """Index every parameter once, as stacks of matrices ``(matrices, rows, columns)``.

    One matrix for each network and hidden layer (neurons; inputs and bias), the output weights of each network, the
    output biases, and for each central species the radial and the angular coefficients (n; neighbour and k).
    """
    parameters = unpack(settings, np.arange(parameter_count(settings), dtype=float))
    hidden = [np.concatenate([layer.weight, layer.bias[:, :, None]], axis=2) for layer in parameters.hidden]
    type_bias = [] if parameters.type_bias is None else [parameters.type_bias[:, None, None]]
    coefficients = [by_centre(c) for c in (parameters.c_radial, parameters.c_angular)]
    blocks = [*hidden, parameters.output[:, None, :], *type_bias, parameters.bias[:, None, None], *coefficients]
    return [np.ascontiguousarray(block, dtype=np.int64) for block in blocks]
