"""A potential without the parts that have no effect: a smaller shape, exactly the same function.

Without effect are

- a descriptor whose coefficients c or whose weights into the network are all zero;
- a neuron whose output weights are all zero, or that is a constant, which goes into a bias. The output bias of NEP4 is
  common to all species: there the constants of a network share one neuron, the last one;
- the highest basis functions of c = 0, and invariants that no network weighs.

A NEP4 or NEP5 has a network and functions g_n of its own for every species: each keeps its own parts, in the order of
the old model, and the shape is that of the species that needs most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import tanh

import numpy as np
from numpy.typing import NDArray

from neptuner.potential.invariants import FOUR_BODY
from neptuner.potential.model import Model
from neptuner.potential.parameters import Array, Parameters, parameter_count, unpack
from neptuner.potential.settings import Settings

Floats = NDArray[np.float64]
Integers = NDArray[np.int_]
Mask = NDArray[np.bool_]

LEAST_L, LEAST_BASIS = 2, 2
"""GPUMD trains no model with a lower ``l_max``; kernels want basis functions k = 0 and 1."""

CONSTANT_BIAS = -1.0
"""Bias of a neuron without inputs, the same as in ``training.offsets``."""


@dataclass(frozen=True)
class Used:
    """Which parts of a potential have an effect."""

    radial: Mask
    """Radial functions, ``(n_networks, n_max + 1)``."""
    angular: Mask
    """Angular functions, ``(n_networks, n_max + 1)``."""
    invariants: Mask
    """Angular invariants, those of the three-body part first, ``(n_invariants,)``."""
    basis: tuple[int, int]
    """Radial and angular basis functions up to the last one with a coefficient."""
    neurons: tuple[Mask, ...]
    """Neurons of each hidden layer, ``(n_networks, neurons)``."""


def compact(model: Model) -> Model:
    """Leave out every part without effect.

    Returns
    -------
    The same function but for rounding, in the smallest shape that ``nep.txt`` has for it.
    """
    model = silence(model)
    settings = _smaller_settings(model.settings, used_parts(model))
    values = np.zeros(parameter_count(settings))
    q_scaler = _gather(model, unpack(settings, values), settings)
    return replace(model, settings=settings, values=values, q_scaler=q_scaler)


def silence(model: Model) -> Model:
    """Set every number without effect to zero and put constants together; the function stays the same."""
    values = model.values.copy()
    parameters = unpack(model.settings, values)
    _silence_descriptors(model, parameters)
    _merge_constants(parameters, model.settings.version)
    outgoing = parameters.output[:, None]
    for layer in reversed(parameters.hidden):
        idle = ~_any(outgoing, 1)
        layer.weight[idle], layer.bias[idle] = 0.0, 0.0
        outgoing = layer.weight
    return replace(model, values=values)


def used_parts(model: Model) -> Used:
    """Find the parts that have an effect, in a model where everything else is zero (see :func:`silence`)."""
    settings, parameters = model.settings, model.parameters
    weighed = _any(parameters.hidden[0].weight, 1)
    radial, angular = weighed[:, : settings.functions[0]], weighed[:, settings.functions[0] :]
    angular = angular.reshape(len(angular), settings.n_invariants, settings.functions[1])
    functions = radial, _any(angular, 1)
    coefficients = parameters.c_radial, parameters.c_angular
    basis = [_highest(c, used, settings) for c, used in zip(coefficients, functions, strict=True)]
    outgoing = (*(layer.weight for layer in parameters.hidden[1:]), parameters.output[:, None])
    neurons = tuple(_any(weights, 1) for weights in outgoing)
    return Used(*functions, _any(angular, (0, 2)), (basis[0], basis[1]), neurons)


def network_of(settings: Settings, species: int) -> int:
    """Index of the network of a species."""
    return 0 if settings.version == 3 else species


def descriptor_columns(settings: Settings, radial: Integers, angular: Integers, invariants: Integers) -> Integers:
    """Places in the descriptor vector of radial functions, then for each of some invariants of angular functions."""
    first = settings.functions[0] + invariants * settings.functions[1]
    return np.concatenate([radial, np.add.outer(first, angular).ravel()])


def lowest_l(l_max: tuple[int, ...]) -> int:
    """Lowest ``l_max`` of the three-body part that the other invariants of a model allow."""
    needed = [max(degrees or (1,)) for flag, degrees in zip(l_max[1:], FOUR_BODY, strict=True) if flag]
    return max([min(LEAST_L, l_max[0]), *needed])


def _any(array: Array | Mask, axis: int | tuple[int, ...]) -> Mask:
    """Tell where anything along some axes is not zero."""
    found: Mask = np.asarray(array.any(axis=axis))
    return found


def _silence_descriptors(model: Model, parameters: Parameters) -> None:
    """Zero the weights of descriptors that are always zero."""
    settings, first = model.settings, parameters.hidden[0].weight
    for network in range(settings.n_networks):
        centres = slice(None) if settings.version == 3 else slice(network, network + 1)
        radial, angular = (_any(c[:, :, centres], (1, 2, 3)) for c in (parameters.c_radial, parameters.c_angular))
        alive = np.concatenate([radial, np.tile(angular, settings.n_invariants)]) & (model.q_scaler != 0.0)
        first[network][:, ~alive] = 0.0


def _merge_constants(parameters: Parameters, version: int) -> None:
    """Put what constant neurons give into the biases behind them, or into one neuron."""
    outgoing = (*(layer.weight for layer in parameters.hidden[1:]), parameters.output[:, None])
    for number, (layer, weights) in enumerate(zip(parameters.hidden, outgoing, strict=True)):
        constant = ~_any(layer.weight, 2)
        given = np.where(constant, np.tanh(-layer.bias), 0.0)
        sums = np.einsum("tom,tm->to", weights, given)
        weights[:] = np.where(constant[:, None], 0.0, weights)
        if number + 1 < len(parameters.hidden):
            parameters.hidden[number + 1].bias[:] -= sums
        else:
            _give_constants(parameters, version, sums[:, 0], constant)


def _give_constants(parameters: Parameters, version: int, sums: Array, constant: Mask) -> None:
    """Add a constant for each network, in eV, where its version has room for it."""
    if parameters.type_bias is not None:
        parameters.type_bias[:] -= sums
    elif version == 3 or np.all(sums == sums[0]):
        parameters.bias[0] -= sums[0]
    else:
        for network in np.flatnonzero(sums):
            neuron = np.flatnonzero(constant[network])[-1]
            parameters.hidden[-1].bias[network, neuron] = CONSTANT_BIAS
            parameters.output[network, neuron] = sums[network] / tanh(-CONSTANT_BIAS)


def _highest(c: Array, used: Mask, settings: Settings) -> int:
    """Count the basis functions up to the last one that a used function takes."""
    networks = [network_of(settings, species) for species in range(settings.n_types)]
    taken = np.einsum("nkab,an->k", c != 0.0, used[networks])
    return int(np.flatnonzero(taken)[-1]) + 1 if taken.any() else 1


def _smaller_settings(old: Settings, used: Used) -> Settings:
    three_body, flags = used.invariants[: old.l_three_body], iter(used.invariants[old.l_three_body :])
    kept = tuple(int(bool(flag) and bool(next(flags))) for flag in old.l_max[1:])
    highest = int(np.flatnonzero(three_body)[-1]) + 1 if three_body.any() else 0
    l_max = (max(highest, lowest_l((old.l_max[0], *kept))), *kept)
    radial, angular = (max(0, int(part.sum(axis=1).max()) - 1) for part in (used.radial, used.angular))
    basis = [max(new, min(LEAST_BASIS, before)) - 1 for new, before in zip(used.basis, old.basis, strict=True)]
    neuron = tuple(max(1, int(layer.sum(axis=1).max())) for layer in used.neurons)
    return replace(old, n_max=(radial, angular), basis_size=(basis[0], basis[1]), l_max=l_max, neuron=neuron)


def _gather(model: Model, target: Parameters, settings: Settings) -> Floats:
    """Copy what is kept into a smaller model; return the scales of its descriptors, ``(dim,)``."""
    source, used = model.parameters, used_parts(model)
    radial = _first(~used.radial, settings.functions[0])
    angular = _first(~used.angular, settings.functions[1])
    places = _kept_invariants(model.settings, settings)
    columns = [descriptor_columns(model.settings, *both, places) for both in zip(radial, angular, strict=True)]
    q_scaler = np.where(model.q_scaler[columns[0]] != 0.0, model.q_scaler[columns[0]], 1.0)
    _gather_networks(model, target, columns, q_scaler)
    if source.type_bias is not None and target.type_bias is not None:
        target.type_bias[:] = source.type_bias
    target.bias[:] = source.bias
    for kept, old, new in ((radial, source.c_radial, target.c_radial), (angular, source.c_angular, target.c_angular)):
        for species in range(settings.n_types):
            rows = kept[network_of(settings, species)]
            new[:, :, species] = old[rows, : new.shape[1], species]
    return q_scaler


def _gather_networks(model: Model, target: Parameters, columns: list[Integers], q_scaler: Floats) -> None:
    source, used = model.parameters, used_parts(model)
    for network, kept in enumerate(columns):
        inputs = kept
        for number, (before, after) in enumerate(zip(source.hidden, target.hidden, strict=True)):
            rows = _kept_neurons(before.weight[network], used.neurons[number][network], after.bias.shape[1])
            after.weight[network] = before.weight[network][np.ix_(rows, inputs)]
            after.bias[network] = before.bias[network][rows]
            inputs = rows
        target.hidden[0].weight[network] *= model.q_scaler[kept] / q_scaler
        target.output[network] = source.output[network][inputs]


def _kept_neurons(weight: Array, used: Mask, count: int) -> Integers:
    """Indices of the used neurons of a layer, then of idle ones, and of the one that holds the constants last."""
    constant = used & ~_any(weight, 1)
    order = np.argsort(np.where(constant, 2, ~used), kind="stable")
    others, last = order[: len(order) - constant.sum()], np.flatnonzero(constant)
    return np.concatenate([others[: count - len(last)], last])


def _first(idle: Mask, count: int) -> Integers:
    """Indices of the used parts of each network, then of idle ones where it needs fewer, ``(n_networks, count)``."""
    order: Integers = np.argsort(idle, axis=1, kind="stable")[:, :count]
    return order


def _kept_invariants(old: Settings, new: Settings) -> Integers:
    """Places of the invariants of a smaller model among those of the old one."""
    flags = [flag for flag, on in enumerate(old.l_max[1:]) if on]
    behind = [old.l_three_body + place for place, flag in enumerate(flags) if new.l_max[1 + flag]]
    return np.array([*range(new.l_three_body), *behind])
