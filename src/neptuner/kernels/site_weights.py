"""The numbers of a NEP as molecular dynamics wants them: Chebyshev series instead of basis functions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from neptuner.kernels.angular_rows import L_MOST, MOST_BASIS, MOST_FUNCTIONS, Harmonics, harmonics_of
from neptuner.kernels.invariants import invariant_terms
from neptuner.kernels.weights import Weights, weights_of
from neptuner.potential.model import Model
from neptuner.potential.parameters import by_centre
from neptuner.potential.settings import Settings
from neptuner.potential.zbl import zbl_table

Array = NDArray[np.floating]


class SiteWeights(NamedTuple):
    """Parameters and tables of a potential.

    The basis functions fc (T_k + 1) / 2 are linear in fc T_k, so c is rewritten once for all as coefficients of fc T_k.
    """

    networks: Weights
    """Networks and scaling; its ``c`` are not used."""
    c_radial: Array
    """``(n_types, n_max + 1, n_types * basis)``: centre; n; neighbour and k."""
    c_angular: Array
    """Likewise."""
    series: Array
    """Series of g_n / fc, ``(n_types, n_types, n_max + 1, basis)``: centre, neighbour, n, k."""
    slope_series: Array
    """Series of its derivative by x."""
    inverse_cutoff: Array
    """Of the radial and angular part, ``(2, n_types, n_types)`` in 1/angstrom."""
    harmonics: Harmonics
    monomials: NDArray[np.int64]
    factors: Array
    five_body: int
    direct: bool
    """Whether angular functions g_n are formed pair by pair, or densities of the basis contracted afterwards."""
    zbl: Array
    """``potential.zbl.zbl_table``, or nothing."""


def site_weights(model: Model, dtype: type[np.floating], *, direct: bool | None = None) -> SiteWeights:
    """Lay out a potential; ``direct`` overrules the choice of the angular route.

    Raises
    ------
    ValueError
        If ``basis_size`` or ``n_max`` of the angular part, or ``l_max``, is beyond what GPUMD has ever allowed.
    """
    settings, parameters = model.settings, model.parameters
    if settings.basis[1] > MOST_BASIS or settings.functions[1] > MOST_FUNCTIONS or settings.l_three_body > L_MOST:
        raise ValueError("angular basis_size, n_max or l_max is larger than any version of GPUMD allows")
    radial, angular = as_chebyshev(parameters.c_radial), as_chebyshev(parameters.c_angular)
    series = angular.transpose(2, 3, 0, 1)
    slopes = np.zeros_like(series)
    if series.shape[3] > 1:
        slopes[..., :-1] = chebyshev.chebder(series, axis=3)
    monomials, factors, five_body = invariant_terms(settings, dtype)
    table = np.zeros((0, 0, 12)) if settings.zbl is None else zbl_table(settings.zbl, settings.elements)
    return SiteWeights(
        weights_of(model, dtype),
        np.ascontiguousarray(by_centre(radial), dtype),
        np.ascontiguousarray(by_centre(angular), dtype),
        np.ascontiguousarray(series, dtype),
        np.ascontiguousarray(slopes, dtype),
        (1.0 / settings.pair_cutoffs).astype(dtype),
        harmonics_of(settings.l_three_body, dtype),
        monomials,
        factors,
        five_body,
        is_direct(settings) if direct is None else direct,
        table.astype(dtype),
    )


def reaches(weights: SiteWeights) -> NDArray[np.float64]:
    """Radial and angular cutoffs in angstrom, ``(2, n_types, n_types)``, a rounding error larger than the kernels'."""
    cutoffs: NDArray[np.float64] = (1.0 + 1e-6) / weights.inverse_cutoff.astype(np.float64)
    return cutoffs


def as_chebyshev(c: Array) -> Array:
    """Turn coefficients of fc (T_k + 1) / 2 into those of fc T_k, ``(n, k, ...)`` both."""
    result = 0.5 * c
    result[:, 0] = c[:, 0] + result[:, 1:].sum(axis=1)
    return result


def is_direct(settings: Settings) -> bool:
    """Choose the angular route: densities win where there are more functions g_n than basis functions for one species.

    Both cost as many operations for a pair and row, of which the direct route has n_max + 1 and the other
    basis_size + 1; densities must be contracted over all species, direct functions summed over k for every pair.
    """
    return settings.functions[1] <= settings.basis[1] * settings.n_types
