"""The same potential with room for more: further descriptors, basis functions, neurons and species.

A grown model gives the energy of the old one for every structure of its species. Of each product of two numbers that is
new one factor is zero, so that nothing changes, and one is not, so that gradients reach the other:

- new basis functions have coefficients c = 0, in functions g_n whose descriptors are already weighed;
- new functions g_n have random c, new descriptors (of new n, new l or new flags) input weights 0;
- new neurons have random input weights, and weights into the next layer or the output of 0;
- a new species is seen by others as the mean of the old species, and sees and behaves like the old species whose
  atomic number is nearest (the lighter of two).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.elements import ATOMIC_NUMBERS
from neptuner.files.l_max import written_l_max
from neptuner.potential.model import Model
from neptuner.potential.parameters import Array, Parameters, parameter_count, unpack
from neptuner.potential.scaling import descriptor_scales
from neptuner.potential.settings import Settings
from neptuner.potential.spreads import BIAS_SPREAD, GAIN

Floats = NDArray[np.float64]
Integers = NDArray[np.int_]

SAME_CUTOFF = 1e-9
"""Relative difference of cutoffs that a decimal number may bring."""


@dataclass(frozen=True)
class _Origins:
    """Where the numbers of a grown model come from, in indices of the old one."""

    species: Integers
    """The old species that each species is, or is like, ``(n_types,)``."""
    known: NDArray[np.bool_]
    """Which species are old, ``(n_types,)``."""
    networks: Integers
    """The old network that each network is a copy of, ``(n_networks,)``."""
    descriptors: Integers
    """The place of each old descriptor in the grown model, ``(old dim,)``."""


def grow(old: Model, settings: Settings, rng: np.random.Generator) -> Model:
    """Give a potential a larger shape; for structures of its own species it stays the same function.

    The scales of new descriptors are 1, and the biases of new neurons do not know the inputs: see :func:`adapt`.

    Parameters
    ----------
    old
        The potential.
    settings
        Its new shape: none of ``n_max``, ``basis_size``, ``l_max`` and ``neuron`` smaller, the same cutoffs, every
        old species among the new ones in any order, and the same or a higher version.
    rng
        Source of the random numbers.

    Raises
    ------
    InputError
        If the shape cannot hold the old potential.
    """
    check_growth(old.settings, settings)
    origins = _origins(old.settings, settings)
    values = np.zeros(parameter_count(settings))
    source, target = old.parameters, unpack(settings, values)
    _grow_hidden(source, target, origins, rng)
    target.output[:, : source.output.shape[1]] = source.output[origins.networks]
    if source.type_bias is not None and target.type_bias is not None:
        target.type_bias[:] = source.type_bias[origins.species]
    target.bias[:] = source.bias
    _grow_coefficients(source.c_radial, target.c_radial, origins, rng)
    _grow_coefficients(source.c_angular, target.c_angular, origins, rng)
    q_scaler = np.ones(settings.dim)
    q_scaler[origins.descriptors] = old.q_scaler
    return Model(settings, values, q_scaler, old.max_neighbors)


def adapt(grown: Model, old: Settings, q: Array, types: NDArray[np.integer]) -> Model:
    """Scale the new descriptors of a grown model by data, and centre the inputs of its new neurons.

    Only for a model fresh from :func:`grow`, where this does not change the function.

    Parameters
    ----------
    grown
        The grown model.
    old
        The shape it has grown from.
    q
        Its unscaled descriptors of the training atoms, ``(n_atoms, dim)``.
    types
        Species index of these atoms in the grown model, ``(n_atoms,)``.
    """
    settings, new = grown.settings, new_descriptors(old, grown.settings)
    q_scaler = np.where(new, descriptor_scales(q), grown.q_scaler)
    values = grown.values.copy()
    first = unpack(settings, values).hidden[0]
    for network in range(settings.n_networks):
        mine = (types == network) | (settings.version == 3)
        if mine.any():
            centre = (q[mine] * q_scaler).mean(axis=0)
            first.bias[network, old.neuron[0] :] += first.weight[network, old.neuron[0] :] @ centre
    return replace(grown, values=values, q_scaler=q_scaler)


def new_descriptors(old: Settings, settings: Settings) -> NDArray[np.bool_]:
    """Which descriptors of a grown model the old one did not have, ``(dim,)``."""
    new = np.ones(settings.dim, dtype=np.bool_)
    new[descriptor_places(old, settings)] = False
    return new


def descriptor_places(old: Settings, settings: Settings) -> Integers:
    """Place of each descriptor of the old shape in the vector of the new one, ``(old dim,)``."""
    place = {name: index for index, name in enumerate(_descriptor_names(settings))}
    return np.array([place[name] for name in _descriptor_names(old)])


def _descriptor_names(settings: Settings) -> list[tuple[str, int, int]]:
    """Kind, l or flag, and n of every descriptor: radial ones first, then n runs fastest within each invariant."""
    invariants = [("three-body", degree) for degree in range(1, settings.l_three_body + 1)]
    invariants += [("flag", flag) for flag, on in enumerate(settings.l_max[1:]) if on]
    names = [("radial", 0, n) for n in range(settings.functions[0])]
    return names + [(kind, which, n) for kind, which in invariants for n in range(settings.functions[1])]


def _origins(old: Settings, settings: Settings) -> _Origins:
    species = np.array([old.elements.index(nearest_species(symbol, old.elements)) for symbol in settings.elements])
    networks = np.zeros(settings.n_networks, dtype=int) if old.version == 3 else species
    known = np.isin(settings.elements, old.elements)
    return _Origins(species, known, networks, descriptor_places(old, settings))


def nearest_species(symbol: str, elements: Sequence[str]) -> str:
    """Find the species with the nearest atomic number, the lighter of two."""
    number = ATOMIC_NUMBERS[symbol]
    return min(elements, key=lambda other: (abs(ATOMIC_NUMBERS[other] - number), ATOMIC_NUMBERS[other]))


def _grow_hidden(source: Parameters, target: Parameters, origins: _Origins, rng: np.random.Generator) -> None:
    inputs = origins.descriptors
    for before, after in zip(source.hidden, target.hidden, strict=True):
        neurons, width = before.bias.shape[1], after.weight.shape[2]
        new = after.weight[:, neurons:]
        new[:] = rng.normal(size=new.shape) * GAIN / np.sqrt(width)
        after.weight[:, :neurons][:, :, inputs] = before.weight[origins.networks]
        after.bias[:, :neurons] = before.bias[origins.networks]
        inputs = np.arange(neurons)
    first = target.hidden[0].bias[:, source.hidden[0].bias.shape[1] :]
    first[:] = rng.normal(size=first.shape) * BIAS_SPREAD


def _grow_coefficients(before: Array, after: Array, origins: _Origins, rng: np.random.Generator) -> None:
    functions, basis = before.shape[:2]
    seen_by = before[:, :, origins.species]
    mean = seen_by.mean(axis=3, keepdims=True)
    after[:functions, :basis] = np.where(origins.known, seen_by[:, :, :, origins.species], mean)
    new = after[functions:]
    new[:] = rng.normal(size=new.shape) / np.sqrt(after.shape[1])


def check_growth(old: Settings, settings: Settings) -> None:
    """Check that a shape can hold the potential of another.

    Raises
    ------
    InputError
        For the first keyword that cannot, with what was found and what was expected.
    """
    if old.zbl is not None or settings.zbl is not None:
        raise InputError("`zbl` is set, but training cannot go on from or to a model with ZBL; use one without")
    if old.typewise_cutoff is not None or settings.typewise_cutoff is not None:
        raise InputError("type-wise factors of `cutoff` are set, expected a model without them to go on from")
    if settings.version < old.version:
        raise InputError(f"`version` is {settings.version}, expected at least {old.version}, as in the existing model")
    missing = [symbol for symbol in old.elements if symbol not in settings.elements]
    if missing:
        raise InputError(
            f"`type` is {' '.join(settings.elements)}, expected also {' '.join(missing)} of the existing model;"
            " a species that the data lack does no harm"
        )
    _check_cutoffs(old, settings)
    _check_sizes(old, settings)


def _check_cutoffs(old: Settings, settings: Settings) -> None:
    places = [settings.elements.index(symbol) for symbol in old.elements]
    kept = settings.pair_cutoffs[:, places][:, :, places]
    if not np.allclose(kept, old.pair_cutoffs, rtol=SAME_CUTOFF, atol=0.0):
        found, expected = (" ".join(f"{radius:g}" for radius in shape.cutoff) for shape in (settings, old))
        raise InputError(
            f"`cutoff` is {found}, expected {expected} for {' '.join(old.elements)}, as in the existing model, whose"
            " basis functions end there"
        )


def _check_sizes(old: Settings, settings: Settings) -> None:
    if len(settings.neuron) != len(old.neuron):
        raise InputError(
            f"`neuron` is {_spaced(settings.neuron)}, expected {len(old.neuron)} hidden layer(s) as in the existing"
            f" model, which has {_spaced(old.neuron)}"
        )
    for keyword in ("n_max", "basis_size", "l_max", "neuron"):
        found, expected = getattr(settings, keyword), getattr(old, keyword)
        if any(less < more for less, more in zip(found, expected, strict=True)):
            found, expected = (written_l_max(x) if keyword == "l_max" else x for x in (found, expected))
            raise InputError(
                f"`{keyword}` is {_spaced(found)}, expected none of its numbers below those of the existing model,"
                f" {_spaced(expected)}"
            )


def _spaced(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))
