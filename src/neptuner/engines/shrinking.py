"""One part of a potential after the other taken out: that whose removal costs least accuracy for the work it saves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.engines.comparison import compare, summary
from neptuner.engines.folding import (
    Sample,
    make_sample,
    without_angular,
    without_basis,
    without_invariant,
    without_neuron,
    without_radial,
)
from neptuner.files.frames import Frame
from neptuner.kernels.engine import Outputs, Prepared, evaluate, make_batch, prepare
from neptuner.kernels.prediction import predict
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.potential.parameters import unpack
from neptuner.potential.prune import LEAST_L, compact, lowest_l
from neptuner.potential.settings import Settings

Errors = dict[str, float]
"""RMSEs by quantity, of those that have labels: eV/atom (energy, virial), eV/angstrom (force)."""

MOST_ATOMS = 6000
"""Atoms over which parts are estimated by others."""

JUDGED = 3
"""How many times as many atoms the errors are taken over."""

FREE = 1e-4
"""Growth of the errors that is no reason to prefer one part to another."""


FLAGS = ("q222", "q1111", "q112", "q123", "q233", "q134")
"""Invariants behind the first number of ``l_max``."""


@dataclass(frozen=True)
class Part:
    """A size that can be lowered by one."""

    name: str
    keyword: str
    place: int
    """Which of the numbers behind the keyword."""
    without: Callable[[Model, Sample], Model | None]

    def size(self, settings: Settings) -> int:
        """Size in some settings."""
        return int(getattr(settings, self.keyword)[self.place])


@dataclass(frozen=True)
class Step:
    """A potential with one part less."""

    part: str
    model: Model
    """In the shape of the first one, with zeros."""
    settings: Settings
    """Without what is zero."""
    errors: Errors
    """Of the frames of the trial."""


@dataclass(frozen=True)
class Trial:
    """Frames by which parts are chosen, with the energies that the whole potential gives."""

    frames: list[Frame]
    """Labelled, for the errors."""
    prepared: Prepared
    sample: Sample
    """Some of the frames, over which parts are estimated by others."""
    repulsion: Outputs
    """What ZBL adds to the outputs."""
    energies: NDArray[np.float64]
    """``(n_frames,)`` in eV"""
    neighbors: tuple[float, float]
    """Mean numbers of radial and angular neighbours."""
    threads: int


def descend(model: Model, trial: Trial, floor: Settings, limit: float, names: Sequence[str] = ()) -> Iterator[Step]:
    """Take out the part that raises the errors least for its work, again and again.

    Parameters
    ----------
    model
        The potential, without idle parts.
    trial
        Frames by which to choose.
    floor
        Lowest sizes.
    limit
        Largest growth of any error over these frames.
    names
        The parts to choose from; all by default.
    """
    _, before = measured(model, trial)
    step = Step("", model, model.settings, before)
    parts = [part for part in parts_of(model.settings) if not names or part.name in names]
    open_parts, price = list(parts), dict.fromkeys((part.name for part in parts), 0.0)
    while open_parts:
        part = min(open_parts, key=lambda part: price[part.name])
        after = _without(part, step, trial, floor)
        if after is None or growth(after.errors, before) > limit:
            open_parts.remove(part)
            continue
        price[part.name] = _price(step, after, before, trial.neighbors)
        # prices hardly fall on the way: one that is lowest when it is fresh is lowest
        if price[part.name] <= min(price[other.name] for other in open_parts):
            step = after
            yield step
            # an invariant less may be what the highest l was kept for
            open_parts += [p for p in parts if p.name == "l_max" and part.name in FLAGS and p not in open_parts]


def parts_of(settings: Settings) -> list[Part]:
    """Every size of a potential that can be lowered."""
    parts = [
        Part("n_max radial", "n_max", 0, without_radial),
        Part("n_max angular", "n_max", 1, without_angular),
        Part("basis_size radial", "basis_size", 0, partial(without_basis, part=0)),
        Part("basis_size angular", "basis_size", 1, partial(without_basis, part=1)),
        Part("l_max", "l_max", 0, _without_highest_l),
    ]
    flags = [flag for flag, on in enumerate(settings.l_max) if flag and on]
    for place, flag in enumerate(flags, settings.l_three_body):
        parts.append(Part(FLAGS[flag - 1], "l_max", flag, partial(without_invariant, place=place)))
    for layer in range(len(settings.neuron)):
        name = f"neuron layer {layer + 1}" if len(settings.neuron) > 1 else "neuron"
        parts.append(Part(name, "neuron", layer, partial(without_neuron, layer=layer)))
    return parts


def least_sizes(settings: Settings) -> Settings:
    """The least sizes that there are."""
    l_max = (min(LEAST_L, settings.l_max[0]), *[0] * (len(settings.l_max) - 1))
    neuron = (1,) * len(settings.neuron)
    return replace(settings, n_max=(0, 0), basis_size=(1, 1), l_max=l_max, neuron=neuron)


def make_trial(model: Model, frames: Sequence[Frame], threads: int = 1, most_atoms: int = MOST_ATOMS) -> Trial:
    """Prepare some of the frames, with every species that there is."""
    judged = some_frames(frames, JUDGED * most_atoms)
    sample = make_sample(some_frames(frames, most_atoms), model.settings, threads=threads)
    prepared = prepare(judged, model.settings, threads=threads)
    geometry = prepared.geometry
    pairs = [float(part.start[-1, -1]) / geometry.n_atoms for part in (geometry.radial, geometry.angular)]
    whole = predict(model, judged, threads=threads)
    nothing = _combined(whole, whole, -1.0)
    trial = Trial(judged, prepared, sample, nothing, whole.energy, (pairs[0], pairs[1]), threads)
    if model.settings.zbl is None:
        return trial
    return replace(trial, repulsion=_combined(whole, outputs_of(model, trial), -1.0))


def some_frames(frames: Sequence[Frame], most_atoms: int) -> list[Frame]:
    """Draw frames until they have so many atoms, and with them one more for each species that they would lack."""
    chosen, atoms, found = list[int](), 0, set[str]()
    for index in np.random.default_rng(0).permutation(len(frames)).tolist():
        species = set(frames[index].species.tolist())
        if atoms < most_atoms or not species <= found:
            chosen.append(index)
            atoms += frames[index].n_atoms
            found |= species
    return [frames[index] for index in sorted(chosen)]


def outputs_of(model: Model, trial: Trial) -> Outputs:
    """Evaluate a potential of the same shape on the frames of a trial."""
    prepared = trial.prepared
    network = evaluate(prepared, weights_of(model, prepared.dtype), make_batch(prepared), trial.threads)
    return _combined(network, trial.repulsion, 1.0)


def _combined(a: Outputs, b: Outputs, factor: float) -> Outputs:
    return Outputs(a.energy + factor * b.energy, a.forces + factor * b.forces, a.virial + factor * b.virial)


def measured(model: Model, trial: Trial) -> tuple[Model, Errors]:
    """Give a pruned potential the mean energy of the whole one; return it with its errors."""
    outputs, atoms = outputs_of(model, trial), np.array([frame.n_atoms for frame in trial.frames])
    shift = float(np.mean((trial.energies - outputs.energy) / atoms))
    values = model.values.copy()
    unpack(model.settings, values).bias[:] -= shift
    return replace(model, values=values), errors_of(
        trial.frames, replace(outputs, energy=outputs.energy + shift * atoms)
    )


def errors_of(frames: Sequence[Frame], outputs: Outputs) -> Errors:
    """RMSEs of the quantities that have labels."""
    found = summary(compare(frames, outputs))
    rmse = {name: found[f"rmse_{name}"] for name in ("energy", "force", "virial")}
    return {name: value for name, value in rmse.items() if value is not None}


def all_errors(model: Model, frames: Sequence[Frame], threads: int) -> Errors:
    """RMSEs over all frames."""
    return errors_of(frames, predict(model, frames, threads=threads))


def growth(errors: Errors, before: Errors) -> float:
    """Largest relative growth of an error; infinite for one that is not finite."""
    grown = [errors[name] / before[name] - 1.0 for name in before if before[name] > 0.0]
    largest = max(grown, default=0.0)
    return largest if np.isfinite(largest) else np.inf


def operations(settings: Settings, neighbors: tuple[float, float]) -> float:
    """Multiply-adds for energy and forces of an atom, as GPUMD does them: each pair with its own functions g_n."""
    (n, n_angular), (k, k_angular) = settings.functions, settings.basis
    radial = neighbors[0] * (30 + 2 * k + 2 * n * k)
    angular = neighbors[1] * (60 + 2 * k_angular + n_angular * (2 * k_angular + 4 * settings.n_harmonics))
    invariants = n_angular * (4 * settings.n_harmonics + 80 * sum(settings.l_max[1:]))
    widths = (settings.dim, *settings.neuron)
    return radial + angular + invariants + 2 * sum(a * b for a, b in pairwise(widths))


def _without(part: Part, step: Step, trial: Trial, floor: Settings) -> Step | None:
    lowest = lowest_l(step.settings.l_max) if part.name == "l_max" else 0
    if part.size(step.settings) <= max(part.size(floor), lowest):
        return None
    model = part.without(step.model, trial.sample)
    if model is None:
        return None
    model, errors = measured(model, trial)
    return Step(part.name, model, compact(model).settings, errors)


def _price(before: Step, after: Step, whole: Errors, neighbors: tuple[float, float]) -> float:
    """What a step costs in accuracy, for each operation that it saves."""
    saved = operations(before.settings, neighbors) - operations(after.settings, neighbors)
    return (max(0.0, growth(after.errors, whole) - growth(before.errors, whole)) + FREE) / max(saved, 1e-9)


def _without_highest_l(model: Model, sample: Sample) -> Model | None:
    return without_invariant(model, sample, compact(model).settings.l_three_body - 1)
