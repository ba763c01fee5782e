"""Expansion coefficients as training wants them, as Chebyshev series, and gradients back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.weights import Weights

Array = NDArray[np.floating]


class TrainingWeights(NamedTuple):
    """Parameters by species of the centre.

    The basis functions fc (T_k + 1) / 2 are linear in fc T_k, so c is rewritten once as coefficients of fc T_k.
    """

    networks: Weights
    """Networks and scaling; its ``c`` are not used."""
    c_radial: Array
    """``(n_types, n_max + 1, n_types * basis)``: centre; n; neighbour and k."""
    series: Array
    """Series of the angular g_n / fc, ``(n_types, n_types, n_max + 1, basis)``: centre, neighbour, n, k."""
    slopes: Array
    """Series of its derivative by x."""


def training_weights(weights: Weights) -> TrainingWeights:
    """Rewrite the expansion coefficients."""
    n_types = len(weights.bias)
    radial, angular = (_as_chebyshev(c, n_types) for c in (weights.c_radial, weights.c_angular))
    series = np.ascontiguousarray(angular.transpose(0, 2, 1, 3))
    slopes = np.ascontiguousarray(series @ _derivative(series.shape[-1]).astype(series.dtype))
    return TrainingWeights(weights, radial.reshape(weights.c_radial.shape), series, slopes)


def _as_chebyshev(c: Array, n_types: int) -> Array:
    """Turn ``(n_types, n, n_types * basis)`` into coefficients of fc T_k, ``(n_types, n, n_types, basis)``."""
    c = c.reshape(*c.shape[:2], n_types, -1)
    result = c.dtype.type(0.5) * c
    result[..., 0] = c[..., 0] + result[..., 1:].sum(axis=-1)
    return result


def from_chebyshev(gradient: Array, n_types: int) -> Array:
    """Turn derivatives by coefficients of fc T_k into those by c, both ``(n_types, n, n_types * basis)``."""
    by_series = gradient.reshape(*gradient.shape[:2], n_types, -1)
    result = 0.5 * (by_series + by_series[..., :1])
    result[..., 0] = by_series[..., 0]
    return result.reshape(gradient.shape)


def _derivative(size: int) -> Array:
    """Matrix D such that ``sum_k (c @ D)_k T_k`` is the derivative of ``sum_k c_k T_k``, ``(size, size)``."""
    matrix = np.zeros((size, size))
    for k in range(1, size):
        matrix[k, k - 1 :: -2] = 2.0 * k
    matrix[:, 0] *= 0.5
    return matrix
