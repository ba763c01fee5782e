"""SNES, the separable natural evolution strategy, as GPUMD's ``nep`` runs it (``src/main_nep/snes.cu``).

The search is a mean and a spread of each parameter. Every generation draws a population around the mean, ranks it and
moves mean and spread along the natural gradient. There is a ranking for each species and a global one: a parameter that
belongs to a species is moved by the ranking over the frames that contain that species. Mean and spread are kept in
double precision, where GPUMD has single.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from neptuner.potential.parameters import parameter_count, unpack
from neptuner.potential.settings import Settings

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

START = 2**64 - 1
"""Stands for the number of a generation where the starting means are drawn."""


@dataclass(frozen=True)
class SnesSettings:
    """How to search; names and defaults are GPUMD's."""

    population: int = 50
    sigma0: float = 0.1
    """Spread at the start."""
    sigma_cap: float = 1.0
    """Largest spread."""
    lambda_1: float | None = None
    """Weight of the mean absolute parameter; None: automatic."""
    lambda_2: float | None = None
    """Weight of the root-mean-square parameter; None: automatic."""
    initial_para: float = 1.0
    """Value of every parameter where the descriptors are scaled."""


@dataclass(frozen=True)
class Search:
    """Where the search stands."""

    mu: Floats
    """Mean, ``(n_parameters,)``."""
    sigma: Floats
    """Spread, ``(n_parameters,)``."""


def start_search(count: int, sigma0: float, seed: int) -> Search:
    """Draw means uniformly from [-1, 1)."""
    return Search(_generator(seed, START).uniform(-1.0, 1.0, count), np.full(count, sigma0))


def draw_noise(seed: int, generation: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Draw standard normal numbers ``(population, n_parameters)`` that depend on seed and generation only."""
    return _generator(seed, generation).standard_normal(shape, dtype=np.float32)


def _generator(seed: int, generation: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, generation], dtype=np.uint64)))


def utilities(population: int) -> Floats:
    """How much the individual of each rank pulls, best first, ``(population,)``; their sum is 0."""
    ranks = np.arange(1, population + 1)
    positive = np.maximum(0.0, np.log(population / 2 + 1) - np.log(ranks))
    shares: Floats = positive / positive.sum() - 1.0 / population
    return shares


def sigma_rate(settings: Settings) -> float:
    """Learning rate of the logarithm of the spread; that of the mean is 1."""
    count = parameter_count(settings)
    n = count if settings.version == 3 else count // settings.n_types
    return 0.5 * (3.0 + log(n)) / (5.0 * sqrt(n))


def automatic_lambda(settings: Settings) -> float:
    """What lambda_1 and lambda_2 are where ``nep.in`` gives none (GPUMD from 3.9.5)."""
    share = parameter_count(settings) if settings.version == 3 else parameter_count(settings) / settings.n_types
    return sqrt(share * 1e-6)


def ranking_of_parameters(settings: Settings) -> Integers:
    """Which ranking moves each parameter, ``(n_parameters,)``: that of a species, or ``n_types``, the global one.

    A network belongs to its species, a coefficient c to the species of the centre. The common bias, and the network
    that all species of a NEP3 share, follow the global ranking.
    """
    ranking = np.full(parameter_count(settings), float(settings.n_types))
    parameters = unpack(settings, ranking)
    species = np.arange(settings.n_types, dtype=float)
    if settings.version != 3:
        for layer in parameters.hidden:
            layer.weight[:], layer.bias[:] = species[:, None, None], species[:, None]
        parameters.output[:] = species[:, None]
    if parameters.type_bias is not None:
        parameters.type_bias[:] = species
    for c in (parameters.c_radial, parameters.c_angular):
        c[:] = species[:, None]
    return ranking.astype(np.int64)


def regularisation(z: Floats, settings: Settings, snes: SnesSettings) -> tuple[Floats, Floats]:
    """L1 and L2 of each individual in each ranking, ``(population, n_types + 1)``.

    A species' share of the parameters is taken as ``n_parameters / n_types``, whatever it is; the common bias is free.
    NEP3 has one sum over everything in all rankings.

    Parameters
    ----------
    z
        ``(population, n_parameters)``
    settings, snes
        Shape of the potential, and the lambdas.
    """
    lambda_1, lambda_2 = (
        automatic_lambda(settings) if value is None else value for value in (snes.lambda_1, snes.lambda_2)
    )
    ranking, n_types, count = ranking_of_parameters(settings), settings.n_types, z.shape[1]
    absolute, square = np.empty((len(z), n_types + 1)), np.empty((len(z), n_types + 1))
    for r in range(n_types + 1):
        mine = _regularised(ranking, r, settings)
        share = count if r == n_types or settings.version == 3 else count / n_types
        absolute[:, r] = np.abs(z[:, mine]).sum(axis=1) / share
        square[:, r] = (z[:, mine] ** 2).sum(axis=1) / share
    return lambda_1 * absolute, lambda_2 * np.sqrt(square)


def _regularised(ranking: Integers, r: int, settings: Settings) -> NDArray[np.bool_]:
    if settings.version == 3:
        return np.ones(len(ranking), dtype=bool)
    mine: NDArray[np.bool_] = ranking != settings.n_types if r == settings.n_types else ranking == r
    return mine


def rank(totals: Floats) -> Integers:
    """Individuals from best to worst in each ranking, ``(population, n_types + 1)``.

    Equal ones keep their order; those whose loss is not a finite number come last.
    """
    return np.argsort(np.where(np.isfinite(totals), totals, np.inf), axis=0, kind="stable")


def update(
    search: Search, noise: NDArray[np.float32], order: Integers, ranking: Integers, rate: float, cap: float
) -> Search:
    """Move mean and spread.

    Parameters
    ----------
    search, noise
        Where the search stands, and what the population was drawn with.
    order
        From ``rank``.
    ranking
        From ``ranking_of_parameters``.
    rate, cap
        Learning rate of the spread, and the largest spread.
    """
    pull = np.empty(order.shape)
    np.put_along_axis(pull, order, utilities(len(order))[:, None], axis=0)
    by_mu, by_sigma = np.zeros_like(search.mu), np.zeros_like(search.sigma)
    # one after the other: the same sum on every machine, whatever the threads of a linear algebra library
    for individual, s in zip(pull, noise, strict=True):
        own, s = individual[ranking], s.astype(np.float64)
        by_mu += own * s
        by_sigma += own * (s * s - 1.0)
    return Search(search.mu + search.sigma * by_mu, np.minimum(cap, search.sigma * np.exp(rate * by_sigma)))
