"""Grown models are the same function, and every number that is new can learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import random_frame, random_model
from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.potential.grow import adapt, descriptor_places, grow, nearest_species, new_descriptors
from neptuner.potential.model import Model
from neptuner.potential.parameters import unpack
from neptuner.potential.reference import evaluate
from neptuner.potential.settings import Settings
from neptuner.potential.zbl import Zbl

OLD_L_MAX = (3, 1, 0, 1, 0, 0, 0)

SINGLE: dict[str, dict] = {
    "nothing": {},
    "radial n_max": {"n_max": (5, 2)},
    "angular n_max": {"n_max": (3, 4)},
    "radial basis_size": {"basis_size": (8, 4)},
    "angular basis_size": {"basis_size": (5, 7)},
    "l": {"l_max": (5, 1, 0, 1, 0, 0, 0)},
    "flags": {"l_max": (3, 1, 1, 1, 1, 0, 0)},
    "last layer": {"wider": (0, 3)},
    "first layer": {"wider": (2, 0)},
    "new species": {"elements": ("O", "Al", "Mg", "Zn")},
    "order of species": {"elements": ("O", "Mg")},
}
"""Changes of the settings of `small`, one each; "wider" adds neurons to the first and last layer."""

ALL: dict = {
    "n_max": (4, 4),
    "basis_size": (7, 6),
    "l_max": (4, 1, 1, 1, 1, 1, 1),
    "wider": (2, 3),
    "elements": ("Zn", "O", "Al", "Mg"),
}

KINDS = [(version, neuron) for version in (3, 4, 5) for neuron in ((4,), (4, 3))]


def small(version: int = 4, neuron: tuple[int, ...] = (4,)) -> Model:
    return random_model(version, neuron, OLD_L_MAX)


def larger(old: Settings, wider: tuple[int, int] = (0, 0), **changes) -> Settings:
    neuron = list(old.neuron)
    neuron[0] += wider[0]
    neuron[-1] += wider[1]
    return replace(old, neuron=tuple(neuron), **changes)


def assert_same_function(old: Model, grown: Model, seed: int = 3) -> None:
    for frame in (random_frame(seed, n_atoms=5), random_frame(seed + 1, n_atoms=2)):
        one, two = evaluate(old, frame), evaluate(grown, frame)
        for name in ("energies", "forces", "virials"):
            before, after = getattr(one, name), getattr(two, name)
            np.testing.assert_allclose(after, before, rtol=0, atol=1e-12 * (1 + np.abs(before).max()))


@pytest.mark.parametrize(("version", "neuron"), KINDS)
@pytest.mark.parametrize("change", SINGLE)
def test_each_growth_is_the_same_function(change: str, version: int, neuron: tuple[int, ...]) -> None:
    old = small(version, neuron)
    shape = larger(old.settings, **SINGLE[change])
    grown = grow(old, shape, np.random.default_rng(1))
    assert grown.settings == shape
    assert grown.max_neighbors == old.max_neighbors
    assert_same_function(old, grown)


@pytest.mark.parametrize("neuron", [(4,), (4, 3)])
@pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 4), (3, 5), (4, 4), (4, 5), (5, 5)])
def test_all_growths_together_are_the_same_function(before: int, after: int, neuron: tuple[int, ...]) -> None:
    old = small(before, neuron)
    grown = grow(old, larger(old.settings, **ALL, version=after), np.random.default_rng(2))
    assert grown.settings.version == after
    assert_same_function(old, grown)


def test_cutoffs_of_each_species_go_with_them() -> None:
    old = random_model(cutoff=(5.0, 4.0, 4.2, 3.2))
    shape = larger(old.settings, elements=("O", "Al", "Mg"), cutoff=(4.2, 3.2, 6.0, 5.0, 5.0, 4.0))
    assert_same_function(old, grow(old, shape, np.random.default_rng(0)))
    one = random_model(cutoff=(5.0, 4.0))
    spelt_out = larger(one.settings, cutoff=(5.0, 4.0, 5.0, 4.0))
    assert_same_function(one, grow(one, spelt_out, np.random.default_rng(0)))


def test_a_written_model_grows_from_its_file(tmp_path) -> None:
    small(5, (4, 3)).write(tmp_path / "nep.txt")
    old = Model.read(tmp_path / "nep.txt")
    assert_same_function(old, grow(old, larger(old.settings, **ALL), np.random.default_rng(0)))


l_flags = st.tuples(*[st.integers(0, 1)] * 6)
more = st.integers(0, 2)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    n_max=st.tuples(more, more),
    basis_size=st.tuples(more, more),
    more_l=more,
    flags=l_flags,
    wider=st.tuples(more, more),
    elements=st.permutations(["Mg", "O", "Al", "Cl"]),
    n_species=st.integers(2, 4),
    newer=st.booleans(),
    seed=st.integers(0, 10),
)
def test_any_shape(kind, n_max, basis_size, more_l, flags, wider, elements, n_species, newer, seed) -> None:
    old = small(*kind)
    shape = old.settings
    known = [symbol for symbol in elements if symbol in shape.elements]
    added = [symbol for symbol in elements if symbol not in shape.elements][: n_species - 2]
    flags = [int(f or on) for f, on in zip(flags, OLD_L_MAX[1:], strict=True)]
    flags[-1] &= more_l > 0  # q134 needs l = 4
    changes = {
        "n_max": tuple(int(n) for n in np.add(shape.n_max, n_max)),
        "basis_size": tuple(int(n) for n in np.add(shape.basis_size, basis_size)),
        "l_max": (OLD_L_MAX[0] + more_l, *flags),
        "elements": tuple(sorted(known + added, key=elements.index)),
        "version": 4 if newer and shape.version == 3 else shape.version,
    }
    assert_same_function(old, grow(old, larger(shape, wider, **changes), np.random.default_rng(seed)), seed)


def new_blocks(old: Settings, shape: Settings) -> dict[str, np.ndarray]:
    """Indices of the numbers of each kind that the old shape does not have."""
    index = np.arange(len(grow(random_like(old), shape, np.random.default_rng(0)).values))
    named = unpack(shape, index)
    kept = descriptor_places(old, shape)
    added = np.flatnonzero(new_descriptors(old, shape))
    radial = shape.functions[0]
    first, last, known = old.neuron[0], old.neuron[-1], np.isin(shape.elements, old.elements)
    blocks = {
        "weights of new radial descriptors": named.hidden[0].weight[:, :first][:, :, added[added < radial]],
        "weights of new angular descriptors": named.hidden[0].weight[:, :first][:, :, added[added >= radial]],
        "weights of new neurons": named.hidden[0].weight[:, first:][:, :, kept],
        "weights of new neurons for new descriptors": named.hidden[0].weight[:, first:][:, :, added],
        "biases of new neurons": named.hidden[0].bias[:, first:],
        "output of new neurons": named.output[:, last:],
    }
    if len(old.neuron) > 1:
        blocks["weights between layers, new to old"] = named.hidden[1].weight[:, :last, first:]
        blocks["weights between layers, old to new"] = named.hidden[1].weight[:, last:, :first]
        blocks["weights between layers, new to new"] = named.hidden[1].weight[:, last:, first:]
        blocks["biases of new neurons of the last layer"] = named.hidden[1].bias[:, last:]
    for kind, c in enumerate((named.c_radial, named.c_angular)):
        n, k = old.functions[kind], old.basis[kind]
        name = ("radial", "angular")[kind]
        blocks[f"new basis of old {name} functions"] = c[:n, k:]
        blocks[f"new {name} functions"] = c[n:]
        blocks[f"{name} c of new centres"] = c[:n, :k][:, :, ~known]
        blocks[f"{name} c of new neighbours"] = c[:n, :k][:, :, :, ~known]
    if shape.version > 3:
        networks = named.hidden[0].weight[~known]
        blocks["networks of new species"] = networks
    return blocks


def random_like(shape: Settings) -> Model:
    model = random_model(shape.version, shape.neuron, shape.l_max)
    assert model.settings == shape
    return model


def slopes(model: Model, frame: Frame, indices: np.ndarray) -> np.ndarray:
    """Derivatives of the energy of a frame by some numbers; exactly zero where it does not depend on them."""
    found = []
    for index in indices:
        shift = np.zeros_like(model.values)
        shift[index] = 1e-5
        ahead, behind = (replace(model, values=model.values + sign * shift) for sign in (1, -1))
        found.append((evaluate(ahead, frame).energy - evaluate(behind, frame).energy) / 2e-5)
    return np.array(found)


@pytest.mark.parametrize(("version", "neuron"), [(3, (4,)), (4, (4, 3)), (5, (4, 3))])
def test_every_new_number_can_learn(version: int, neuron: tuple[int, ...]) -> None:
    """One factor of each product has a gradient at once, and the other as soon as the first has moved."""
    old, rng = small(version, neuron), np.random.default_rng(4)
    shape = larger(old.settings, **ALL)
    symbols = np.array(["Mg", "Al", "O", "Zn"])
    frame = replace(random_frame(n_atoms=4), species=symbols)
    grown = grow(old, shape, rng)
    types = np.array([shape.elements.index(symbol) for symbol in symbols])
    grown = adapt(grown, old.settings, evaluate(grown, frame).descriptors, types)
    blocks = new_blocks(old.settings, shape)
    probes = {name: rng.choice(indices.ravel(), size=3) for name, indices in blocks.items()}
    waiting = {name for name, probe in probes.items() if not slopes(grown, frame, probe).any()}
    moved = grown.values.copy()
    for indices in (blocks[name].ravel() for name in blocks.keys() - waiting):
        moved[indices] += 0.01 * rng.normal(size=len(indices))
    for name in waiting:
        assert np.abs(slopes(replace(grown, values=moved), frame, probes[name])).max() > 1e-9, name
    assert waiting == {
        name
        for name in blocks
        if name.startswith(("weights of new neurons", "biases of new", "new radial", "new angular"))
        or name in ("weights between layers, old to new", "weights between layers, new to new")
    }


def test_the_gradient_waits_for_no_pair_of_zeros() -> None:
    """Of each product of new numbers one factor is not zero."""
    old = small(4, (4, 3))
    shape = larger(old.settings, **ALL)
    grown = grow(old, shape, np.random.default_rng(5)).parameters
    assert grown.hidden[0].weight[:, 4:].all()
    assert grown.hidden[0].bias[:, 4:].all()
    assert grown.hidden[1].weight[:, 3:].all()
    assert not grown.hidden[1].weight[:, :3, 4:].any()
    assert not grown.output[:, 3:].any()
    assert not grown.hidden[0].weight[:, :4][:, :, new_descriptors(old.settings, shape)].any()
    assert grown.c_radial[4:].all()
    assert grown.c_angular[3:].all()


def test_new_species_are_like_the_nearest_and_seen_as_the_mean() -> None:
    old = small(5)
    shape = larger(old.settings, elements=("Al", "O", "Mg", "N"))
    grown = grow(old, shape, np.random.default_rng(0))
    was, now = old.parameters, grown.parameters
    np.testing.assert_array_equal(now.hidden[0].weight, was.hidden[0].weight[[0, 1, 0, 1]])
    np.testing.assert_array_equal(now.type_bias, was.type_bias[[0, 1, 0, 1]])
    mean = was.c_radial.mean(axis=3)
    np.testing.assert_allclose(now.c_radial[:, :, 1, 0], mean[:, :, 1], rtol=1e-15)
    np.testing.assert_allclose(now.c_radial[:, :, 0, 3], mean[:, :, 0], rtol=1e-15)
    np.testing.assert_array_equal(now.c_radial[:, :, 0, 1], was.c_radial[:, :, 0, 1])
    assert nearest_species("N", ("O", "C")) == nearest_species("N", ("C", "O")) == "C"


def test_adapting_to_data_scales_and_centres_what_is_new_only() -> None:
    old = small(4)
    shape = larger(old.settings, **ALL)
    grown = grow(old, shape, np.random.default_rng(6))
    frames = [random_frame(seed) for seed in range(3)]
    q = np.concatenate([evaluate(grown, frame).descriptors for frame in frames])
    types = np.concatenate([[shape.elements.index(s) for s in frame.species] for frame in frames])
    adapted = adapt(grown, old.settings, q, types)
    assert_same_function(old, adapted)
    new = new_descriptors(old.settings, shape)
    np.testing.assert_array_equal(adapted.q_scaler[~new], grown.q_scaler[~new])
    np.testing.assert_allclose(np.ptp(q * adapted.q_scaler, axis=0)[new], 1.0)
    layer, before = adapted.parameters.hidden[0], grown.parameters.hidden[0]
    for symbol in ("Mg", "O"):
        t = shape.elements.index(symbol)
        inputs = (q[types == t] * adapted.q_scaler) @ layer.weight[t, 4:].T - layer.bias[t, 4:]
        np.testing.assert_allclose(inputs.mean(axis=0), -before.bias[t, 4:], atol=1e-9)
    absent = [shape.elements.index(symbol) for symbol in ("Zn", "Al")]
    np.testing.assert_array_equal(layer.bias[absent], before.bias[absent])


REFUSED: dict[str, tuple[dict, str]] = {
    "n_max": ({"n_max": (3, 1)}, "`n_max` is 3 1, expected none of its numbers below .* 3 2"),
    "basis_size": ({"basis_size": (4, 6)}, "`basis_size` is 4 6, expected .* 5 4"),
    "l": ({"l_max": (2, 1, 1, 1, 0, 0, 0)}, "`l_max` is 2 2 1 1, expected .* 3 2 0 1"),
    "flag": ({"l_max": (4, 0, 1, 1, 1, 1, 1)}, "`l_max` is 4 0 1 1 1 1 1, expected .* 3 2 0 1"),
    "neuron": ({"neuron": (3,)}, "`neuron` is 3, expected .* 4"),
    "layers": ({"neuron": (8, 8)}, "`neuron` is 8 8, expected 1 hidden layer"),
    "version": ({"version": 3}, "`version` is 3, expected at least 4"),
    "species": ({"elements": ("Mg", "Al")}, "`type` is Mg Al, expected also O"),
    "cutoff": ({"cutoff": (5.0, 4.5)}, "`cutoff` is 5 4.5, expected 5 4 for Mg O"),
    "cutoff of one species": ({"cutoff": (5.0, 4.0, 5.1, 4.0)}, "`cutoff` is 5 4 5.1 4, expected 5 4 for Mg O"),
    "typewise": ({"typewise_cutoff": (2.0, 2.0)}, "type-wise factors of `cutoff`"),
    "zbl": ({"zbl": Zbl(1.0, 2.0)}, "`zbl` is set"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_shapes_that_cannot_hold_the_model_are_refused(case: str) -> None:
    changes, message = REFUSED[case]
    old = small()
    with pytest.raises(InputError, match=message):
        grow(old, replace(old.settings, **changes), np.random.default_rng(0))


@pytest.mark.parametrize("option", [{"zbl": "universal"}, {"typewise_cutoff": (1.6, 1.4)}])
def test_models_that_training_does_not_know_are_refused(option: dict) -> None:
    old = random_model(**option)
    plain = replace(old.settings, zbl=None, typewise_cutoff=None)
    with pytest.raises(InputError, match=r"`zbl` is set|type-wise factors"):
        grow(old, plain, np.random.default_rng(0))
