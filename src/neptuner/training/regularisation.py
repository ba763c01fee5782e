"""The terms ``lambda_1`` and ``lambda_2`` add to the loss (GPUMD ``src/main_nep/snes.cu``, over all parameters)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def regularisation(values: Floats, lambda_1: float, lambda_2: float) -> tuple[float, float]:
    """Return ``lambda_1 mean |z|`` and ``lambda_2 sqrt(mean z^2)`` over all parameters."""
    return lambda_1 * float(np.abs(values).mean()), lambda_2 * _root_mean_square(values)


def regularisation_gradient(values: Floats, lambda_1: float, lambda_2: float) -> Floats:
    """Their derivative by every parameter, ``(n,)``."""
    n, root = len(values), _root_mean_square(values) + 1e-12
    return lambda_1 / n * np.sign(values) + lambda_2 / (n * root) * values


def _root_mean_square(values: Floats) -> float:
    return float(np.sqrt((values**2).mean()))
