"""Parts taken out of a potential, and what they gave handed to the parts that stay.

A descriptor or a neuron is not just dropped: over the atoms of some frames it is estimated linearly from those that
stay (least squares), and its outgoing weights are added to theirs accordingly. So that forces count, not only energies,
the estimate must also follow how it changes when atoms are displaced and the cell is strained a little. The part itself
keeps only zeros, and :func:`neptuner.potential.prune.compact` leaves it out exactly. Which part of its kind goes is
decided by the same estimate, for neurons the rule of the optimal brain surgeon (Hassibi and Stork, NIPS 5, 164 (1992)).

Radial descriptors are linear in c: they are recombined before, exactly, into those with most influence on the energies
and those with least. Angular ones are not linear in c, so that whole functions g_n go as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.kernels.engine import Prepared, descriptors, prepare
from neptuner.potential.model import Model
from neptuner.potential.parameters import Array, unpack
from neptuner.potential.prune import descriptor_columns, network_of, used_parts
from neptuner.potential.settings import Settings

Floats = NDArray[np.float64]
Integers = NDArray[np.int_]
Mask = NDArray[np.bool_]

DISPLACEMENT, STRAIN = 0.01, 0.003
"""Standard deviations of the displacements in angstrom and of the strains."""

REACH = 10.0
"""Factor that is put on the changes they cause: a displacement of a tenth of an angstrom counts as much as the spread
of a descriptor over the frames."""

RIDGE = 1e-9
"""Added to the diagonal of a Gram matrix, in units of its mean: parts that are copies of each other share."""


@dataclass(frozen=True)
class Sample:
    """Frames ready for a potential, and the same frames a little displaced and strained."""

    here: Prepared
    there: Prepared


@dataclass(frozen=True)
class Features:
    """Descriptors or neurons over the atoms of one network."""

    values: Floats
    """``(n_atoms, n)``"""
    changes: Floats
    """How they change by a small displacement, times ``REACH``, ``(n_atoms, n)``."""

    @property
    def mean(self) -> Floats:
        """Mean values, ``(n,)``."""
        mean: Floats = self.values.mean(axis=0)
        return mean

    def gram(self, *, centred: bool) -> Floats:
        """Mean products of values, less their means if ``centred``, and of changes, ``(n, n)``."""
        values = self.values - self.mean if centred else self.values
        gram: Floats = (values.T @ values + self.changes.T @ self.changes) / max(1, len(values))
        return gram


def make_sample(frames: Sequence[Frame], settings: Settings, *, threads: int = 1, seed: int = 0) -> Sample:
    """Prepare frames, periodic in three directions, whose species the potential knows."""
    rng = np.random.default_rng(seed)
    moved = [_moved(frame, rng) for frame in frames]
    return Sample(prepare(frames, settings, threads=threads), prepare(moved, settings, threads=threads))


def network_features(model: Model, sample: Sample) -> list[list[Features]]:
    """Scaled descriptors, then neurons of each hidden layer, for the atoms of each network."""
    species = np.array([network_of(model.settings, species) for species in range(model.settings.n_types)])
    networks = species[sample.here.geometry.types]
    x, moved = (descriptors(prepared, model) * model.q_scaler for prepared in (sample.here, sample.there))
    found = []
    for network in range(model.settings.n_networks):
        mine = networks == network
        here, there = (_layers(model, network, inputs[mine]) for inputs in (x, moved))
        found.append([Features(a, REACH * (b - a)) for a, b in zip(here, there, strict=True)])
    return found


def without_radial(model: Model, sample: Sample) -> Model | None:
    """Recombine the radial functions and take out the one with least influence; None if there is one only."""
    count = int(used_parts(model).radial.sum(axis=1).max())
    if count < 2:
        return None
    recombined = _recombined(model, sample, count)
    last = np.zeros(model.settings.dim, dtype=bool)
    last[count - 1] = True
    return without_descriptors(recombined, sample, [last] * model.settings.n_networks)


def without_angular(model: Model, sample: Sample) -> Model | None:
    """Take out the angular function with least influence, in each network its own; None if there is one only."""
    used, settings = used_parts(model).angular, model.settings
    if int(used.sum(axis=1).max()) < 2:
        return None
    everything, features = np.arange(settings.n_invariants), network_features(model, sample)
    columns = [descriptor_columns(settings, _NONE, np.array([n]), everything) for n in range(settings.functions[1])]
    removed = [np.zeros(settings.dim, dtype=bool) for _ in features]
    for network in np.flatnonzero(used.any(axis=1)).tolist():
        live = model.parameters.hidden[0].weight[network].any(axis=0)
        gram = features[network][0].gram(centred=True) * np.outer(live, live)
        slopes, candidates = energy_slopes(model, network, features[network]), np.flatnonzero(used[network])
        lost = [_lost(gram, slopes, columns[n]) for n in candidates]
        removed[network][columns[candidates[int(np.argmin(lost))]]] = True
    return without_descriptors(model, sample, removed)


def without_invariant(model: Model, sample: Sample, place: int) -> Model | None:
    """Take out one angular invariant of all functions; None if it has no effect already."""
    settings = model.settings
    if not used_parts(model).invariants[place]:
        return None
    columns = descriptor_columns(settings, _NONE, np.arange(settings.functions[1]), np.array([place]))
    return without_descriptors(model, sample, [np.isin(np.arange(settings.dim), columns)] * settings.n_networks)


def without_basis(model: Model, sample: Sample, part: int) -> Model | None:
    """Take out the highest radial (``part`` 0) or angular (1) basis function; None if there are two only."""
    count = used_parts(model).basis[part]
    if count < 3:
        return None
    values = model.values.copy()
    parameters = unpack(model.settings, values)
    c = (parameters.c_radial, parameters.c_angular)[part]
    share = _basis_share(sample.here, model.settings, part, count)
    c[:, : count - 1] += share[:, None, None] * c[:, count - 1 : count]
    c[:, count - 1 :] = 0.0
    return _with_old_descriptors(model, replace(model, values=values), sample)


def without_neuron(model: Model, sample: Sample, layer: int) -> Model | None:
    """Take out the neuron of a layer with least influence, in each network its own; None if there is one only."""
    used = used_parts(model).neurons[layer]
    if int(used.sum(axis=1).max()) < 2:
        return None
    values = model.values.copy()
    for network, features in enumerate(network_features(model, sample)):
        weight, bias = _behind(replace(model, values=values), layer, network)
        gram = features[layer + 1].gram(centred=bias is not None)
        removed = ~used[network]
        if not removed.all():
            removed[_least(weight, gram, np.flatnonzero(used[network]))] = True
            _hand_over(weight, bias, gram, features[layer + 1].mean, removed)
    return replace(model, values=values)


def without_descriptors(model: Model, sample: Sample, removed: Sequence[Mask]) -> Model:
    """Take out descriptors, ``(dim,)`` of each network, and hand what they gave to those that stay."""
    values = model.values.copy()
    first = unpack(model.settings, values).hidden[0]
    for network, (inputs, *_) in enumerate(network_features(model, sample)):
        weight = first.weight[network]
        gone = removed[network] | ~weight.any(axis=0)
        _hand_over(weight, first.bias[network], inputs.gram(centred=True), inputs.mean, gone)
    return replace(model, values=values)


_NONE = np.zeros(0, dtype=int)


def _moved(frame: Frame, rng: np.random.Generator) -> Frame:
    strain = STRAIN * rng.normal(size=(3, 3))
    deformation = np.eye(3) + 0.5 * (strain + strain.T)
    positions = frame.positions + DISPLACEMENT * rng.normal(size=frame.positions.shape)
    return replace(frame, positions=positions @ deformation, cell=frame.cell @ deformation)


def _layers(model: Model, network: int, x: Array) -> list[Floats]:
    """Inputs of a network and values of its neurons, layer by layer."""
    found = [np.asarray(x, np.float64)]
    for layer in model.parameters.hidden:
        found.append(np.tanh(found[-1] @ layer.weight[network].T - layer.bias[network]))
    return found


def energy_slopes(model: Model, network: int, features: Sequence[Features]) -> Floats:
    """Derivatives of the site energies by the scaled descriptors, ``(n_atoms, dim)`` in eV."""
    slopes = np.asarray(model.parameters.output[network], np.float64)[None]
    for layer, after in zip(reversed(model.parameters.hidden), reversed(features), strict=False):
        slopes = (slopes * (1.0 - after.values**2)) @ layer.weight[network]
    return slopes


def _hand_over(weight: Array, bias: Array | None, gram: Floats, mean: Floats, removed: Mask) -> None:
    """Add to outgoing weights ``(outputs, n)`` those of parts that are removed, which become zero.

    ``bias`` ``(outputs,)``, which is subtracted, takes what the means make up; without one the Gram matrix must not
    be centred.
    """
    kept, before = ~removed, weight.copy()
    estimate = np.linalg.solve(_ridged(gram[np.ix_(kept, kept)]), gram[np.ix_(kept, removed)])
    weight[:, kept] += before[:, removed] @ estimate.T
    weight[:, removed] = 0.0
    if bias is not None:
        bias += (weight - before) @ mean


def _ridged(gram: Floats) -> Floats:
    size = len(gram)
    ridged: Floats = gram + (RIDGE * np.trace(gram) / max(1, size) + 1e-300) * np.eye(size)
    return ridged


def _lost(gram: Floats, slopes: Floats, columns: Integers) -> float:
    """Squared change of the site energies if descriptors are replaced by their estimate from all others."""
    others = np.setdiff1d(np.flatnonzero(np.diag(gram) > 0.0), columns)
    across = gram[np.ix_(others, columns)]
    rest = gram[np.ix_(columns, columns)] - across.T @ np.linalg.solve(_ridged(gram[np.ix_(others, others)]), across)
    mine = slopes[:, columns]
    return float(np.sum((mine.T @ mine) * rest) / max(1, len(mine)))


def _least(weight: Array, gram: Floats, used: Integers) -> int:
    """Neuron whose removal changes least behind it, once the others have taken over."""
    inverse = np.linalg.inv(_ridged(gram[np.ix_(used, used)]))
    return int(used[np.argmin((weight[:, used] ** 2).sum(axis=0) / np.diag(inverse))])


def _behind(model: Model, layer: int, network: int) -> tuple[Array, Array | None]:
    """Outgoing weights of a hidden layer, ``(outputs, neurons)``, and the bias that a network has for them alone."""
    parameters = model.parameters
    if layer + 1 < len(parameters.hidden):
        behind = parameters.hidden[layer + 1]
        return behind.weight[network], behind.bias[network]
    if parameters.type_bias is not None:
        return parameters.output[network : network + 1], parameters.type_bias[network : network + 1]
    return parameters.output[network : network + 1], parameters.bias if model.settings.version == 3 else None


def _recombined(model: Model, sample: Sample, count: int) -> Model:
    """Recombine the first radial functions so that their influence on the energies falls; exactly the same function."""
    values = model.values.copy()
    parameters, scale = unpack(model.settings, values), model.q_scaler[:count]
    for network, features in enumerate(network_features(model, sample)):
        slopes = energy_slopes(model, network, features)[:, :count]
        mixing = _mixing(features[0].gram(centred=True)[:count, :count], slopes)
        weight = parameters.hidden[0].weight[network]
        weight[:, :count] = weight[:, :count] @ np.linalg.inv(mixing)
        raw = mixing * scale / scale[:, None]
        centres = slice(None) if model.settings.version == 3 else slice(network, network + 1)
        c = parameters.c_radial[:count, :, centres]
        c[:] = np.einsum("mn,nkab->mkab", raw, c)
    return replace(model, values=values)


def _mixing(gram: Floats, slopes: Floats) -> Floats:
    """Matrix that makes new descriptors of old ones, ``(n, n)``: uncorrelated, those with most influence first."""
    spreads, directions = np.linalg.eigh(gram)
    spreads = np.sqrt(np.maximum(spreads, 1e-12 * spreads[-1] + 1e-300))
    root, inverse = (directions * power @ directions.T for power in (spreads, 1.0 / spreads))
    _, influence = np.linalg.eigh(root @ slopes.T @ slopes @ root)
    mixing: Floats = influence[:, ::-1].T @ inverse
    # as large as before, for trainings that go on from here
    return mixing * float(np.sqrt(np.mean(spreads**2)))


def _basis_share(prepared: Prepared, settings: Settings, part: int, count: int) -> Floats:
    """Express the last of ``count`` basis functions by the others over the distances of pairs, ``(count - 1,)``."""
    pairs = (prepared.geometry.radial, prepared.geometry.angular)[part]
    n_pairs = int(pairs.start[-1, -1])
    distances = np.sqrt(sum(np.asarray(x[:n_pairs], np.float64) ** 2 for x in (pairs.x, pairs.y, pairs.z)))
    density, edges = np.histogram(distances, bins=400, range=(0.0, float(settings.pair_cutoffs[part].max())))
    f = _basis(0.5 * (edges[1:] + edges[:-1]) / edges[-1], count) * np.sqrt(density)[:, None]
    share: Floats = np.linalg.lstsq(f[:, :-1], f[:, -1], rcond=1e-10)[0]
    return share


def _basis(u: Floats, count: int) -> Floats:
    """Basis functions at distances in units of the cutoff, ``(n, count)``."""
    chebyshev = np.polynomial.chebyshev.chebvander(2.0 * (u - 1.0) ** 2 - 1.0, count - 1)
    f: Floats = 0.25 * (chebyshev + 1.0) * (1.0 + np.cos(np.pi * u))[:, None]
    return f


def _with_old_descriptors(old: Model, new: Model, sample: Sample) -> Model:
    """Estimate the descriptors of a model by those of another one, whose network gets the weights for that."""
    values, dim = new.values.copy(), old.settings.dim
    first = unpack(new.settings, values).hidden[0]
    pairs = zip(network_features(new, sample), network_features(old, sample), strict=True)
    for network, ((after, *_), (before, *_)) in enumerate(pairs):
        both = Features(
            *(np.hstack([getattr(part, name) for part in (after, before)]) for name in ("values", "changes"))
        )
        # what was taken out before stays out
        removed = np.concatenate([~first.weight[network].any(axis=0), np.ones(dim, dtype=bool)])
        weight = np.hstack([np.zeros_like(first.weight[network]), first.weight[network]])
        _hand_over(weight, first.bias[network], both.gram(centred=True), both.mean, removed)
        first.weight[network] = weight[:, :dim]
    return replace(new, values=values)
