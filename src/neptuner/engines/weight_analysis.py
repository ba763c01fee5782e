"""What the weights of a potential are worth: dead neurons, basis functions, descriptors, sizes that could be less."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.engines.folding import Features, network_features
from neptuner.engines.shrinking import (
    FLAGS,
    Trial,
    descend,
    errors_of,
    growth,
    least_sizes,
    make_trial,
    outputs_of,
    parts_of,
)
from neptuner.files.frames import Frame
from neptuner.potential.model import Model
from neptuner.potential.parameters import Array, unpack
from neptuner.potential.prune import compact
from neptuner.potential.settings import Settings

Floats = NDArray[np.float64]

DEAD = 1e-4
"""Spread in eV of what a neuron gives to site energies, below which it is called dead."""

UNUSED = 1e-3
"""Size of the coefficients of a basis function, in units of the largest, below which it is called unused."""

GROWTHS = (1.0, 5.0)
"""Growth of the errors in per cent for which the least sizes are looked for."""

MOST_ATOMS = 2500
"""Atoms over which parts are looked at; errors are taken over some more."""


def analyse_weights(
    model: Model, frames: Sequence[Frame], *, threads: int = 1, most_atoms: int = MOST_ATOMS, sizes: bool = True
) -> dict[str, Any]:
    """Look at what each part of a potential does over some frames.

    Parameters
    ----------
    model
        The potential.
    frames
        Labelled frames that hold every species of the potential and no other.
    threads
        Number of threads.
    most_atoms
        Atoms over which parts are looked at.
    sizes
        Also look for the least sizes that would do, each alone, which takes seconds.

    Returns
    -------
    Keys ``atoms``; ``neurons``, ``basis``, ``components`` and ``sizes``: lists that ``docs/prune.md`` explains.
    """
    trial = make_trial(model, frames, threads, most_atoms)
    features = network_features(model, trial.sample)
    return {
        "atoms": trial.sample.here.geometry.n_atoms,
        "neurons": list(_neurons(model, features)),
        "basis": list(_basis(model)),
        "components": list(_components(model, trial, features)),
        "sizes": list(_sizes(compact(model), frames, threads, most_atoms)) if sizes else [],
    }


def component_names(settings: Settings) -> list[tuple[str, int]]:
    """Kind (``radial``, ``l=1``, ``q222``, ...) and n of each descriptor."""
    invariants = [f"l={degree}" for degree in range(1, settings.l_three_body + 1)]
    invariants += [name for name, on in zip(FLAGS, settings.l_max[1:], strict=True) if on]
    radial = [("radial", n) for n in range(settings.functions[0])]
    return radial + [(kind, n) for kind in invariants for n in range(settings.functions[1])]


def _neurons(model: Model, features: Sequence[Sequence[Features]]) -> Iterator[dict[str, Any]]:
    """For each network and layer: what each neuron gives to the site energies, and how many are dead."""
    names = ["all"] if model.settings.version == 3 else model.settings.elements
    for network, name in enumerate(names):
        for number, spread in enumerate(_influences(model, network, features[network])):
            constant = ~model.parameters.hidden[number].weight[network].any(axis=1)
            yield {
                "species": name,
                "layer": number + 1,
                "dead": int(np.sum((spread < DEAD) & ~constant)),
                "constant": int(constant.sum()),
                "influence": np.sort(spread)[::-1].tolist(),
            }


def _influences(model: Model, network: int, features: Sequence[Features]) -> list[Floats]:
    """Spread of each neuron times the slope of the energy by it, in eV, ``(neurons,)`` for each layer."""
    slopes: Array = np.asarray(model.parameters.output[network], np.float64)[None]
    found: list[Floats] = []
    for layer, after in zip(reversed(model.parameters.hidden), reversed(features), strict=False):
        found.append(np.sqrt(np.mean(slopes**2, axis=0)) * after.values.std(axis=0))
        slopes = (slopes * (1.0 - after.values**2)) @ layer.weight[network]
    return found[::-1]


def _basis(model: Model) -> Iterator[dict[str, Any]]:
    """For each kind of functions: size of the coefficients of each k in units of the largest."""
    for name, c in (("radial", model.parameters.c_radial), ("angular", model.parameters.c_angular)):
        sizes = np.sqrt(np.mean(c**2, axis=(0, 2, 3)))
        sizes = sizes / (sizes.max() or 1.0)
        yield {"kind": name, "size": sizes.tolist(), "unused": int(np.sum(sizes < UNUSED))}


def _components(model: Model, trial: Trial, features: Sequence[Sequence[Features]]) -> Iterator[dict[str, Any]]:
    """For each descriptor: growth of the force error in per cent if it is replaced by its mean."""
    before = errors_of(trial.frames, outputs_of(model, trial))
    for place, (kind, n) in enumerate(component_names(model.settings)):
        values = model.values.copy()
        first = unpack(model.settings, values).hidden[0]
        for network, (inputs, *_) in enumerate(features):
            first.bias[network] -= first.weight[network][:, place] * inputs.mean[place]
        first.weight[:, :, place] = 0.0
        errors = errors_of(trial.frames, outputs_of(replace(model, values=values), trial))
        yield {"kind": kind, "n": n, "growth": 100.0 * (errors["force"] / before["force"] - 1.0)}


def _sizes(model: Model, frames: Sequence[Frame], threads: int, most_atoms: int) -> Iterator[dict[str, Any]]:
    """For each size: what it is, and the least that keeps all errors within some growths, every other one unchanged."""
    trial = make_trial(model, frames, threads, most_atoms)
    before = errors_of(trial.frames, outputs_of(model, trial))
    for part in parts_of(model.settings):
        now = part.size(model.settings)
        least = dict.fromkeys(GROWTHS, now)
        for step in descend(model, trial, least_sizes(model.settings), GROWTHS[-1] / 100.0, [part.name]):
            grown = 100.0 * growth(step.errors, before)
            least |= {limit: part.size(step.settings) for limit in GROWTHS if grown <= limit}
        yield {"part": part.name, "now": now, "least": {f"{limit:g}": size for limit, size in least.items()}}
