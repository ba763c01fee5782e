"""Leaving out what has no effect: the same energies, forces and virials in a smaller shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import EVERY_KIND, VARIANTS, random_frame, random_model
from neptuner.potential.model import Model
from neptuner.potential.parameters import Parameters, unpack
from neptuner.potential.prune import compact, lowest_l
from neptuner.potential.reference import evaluate

FRAME = random_frame(n_atoms=4)


def changed(model: Model, change: Callable[[Parameters], None]) -> Model:
    """A model with some numbers changed."""
    values = model.values.copy()
    change(unpack(model.settings, values))
    return replace(model, values=values)


def assert_same_function(before: Model, after: Model) -> None:
    """Compare energies, forces and virials in the reference implementation."""
    expected, found = evaluate(before, FRAME), evaluate(after, FRAME)
    for name in ("energies", "forces", "virials"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=1e-10)


def kill_invariant(parameters: Parameters, model: Model, place: int) -> None:
    """Take the weights of an angular invariant."""
    shape = model.settings
    first = shape.functions[0] + place * shape.functions[1]
    parameters.hidden[0].weight[:, :, first : first + shape.functions[1]] = 0.0


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_a_model_that_needs_everything_stays_as_it_is(version: int, neuron: tuple, l_max: tuple) -> None:
    model = random_model(version, neuron, l_max)
    after = compact(model)
    assert after.settings == model.settings
    np.testing.assert_array_equal(after.values, model.values)
    np.testing.assert_array_equal(after.q_scaler, model.q_scaler)


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_parts_without_effect_are_left_out_of_every_kind_of_model(version: int, neuron: tuple, l_max: tuple) -> None:
    whole = random_model(version, neuron, l_max)
    shape = whole.settings

    def change(p: Parameters) -> None:
        p.c_radial[:, -2:] = 0.0
        p.c_angular[:, -1:] = 0.0
        p.c_radial[1] = 0.0
        p.hidden[0].weight[:, :, shape.functions[0] :: shape.functions[1]] = 0.0  # angular n = 0
        p.output[:, 2] = 0.0
        p.hidden[-1].weight[:, 4], p.hidden[-1].bias[:, 4] = 0.0, 0.0
        for place in [place for place in range(shape.n_invariants) if place != 1]:
            kill_invariant(p, whole, place)

    model = changed(whole, change)
    after = compact(model)
    assert_same_function(model, after)
    expected = replace(
        shape, n_max=(2, 1), basis_size=(3, 3), l_max=(2, 0, 0, 0, 0, 0, 0), neuron=(*neuron[:-1], neuron[-1] - 2)
    )
    assert after.settings == expected


@pytest.mark.parametrize("name", VARIANTS)
def test_cutoffs_and_repulsion_stay(name: str) -> None:
    model = changed(random_model(**VARIANTS[name]), lambda p: p.output.__setitem__((slice(None), 0), 0.0))
    after = compact(model)
    assert (after.settings.zbl, after.settings.cutoff) == (model.settings.zbl, model.settings.cutoff)
    assert after.settings.neuron == (6,)
    assert after.max_neighbors == model.max_neighbors
    assert_same_function(model, after)


def test_every_species_of_a_nep4_keeps_its_own_parts() -> None:
    def change(p: Parameters) -> None:
        p.hidden[0].weight[0, :, [0, 1]] = 0.0  # radial n of Mg
        p.hidden[0].weight[1, :, [2, 3]] = 0.0  # others of O
        p.c_angular[0, :, 0], p.c_angular[2, :, 1] = 0.0, 0.0
        p.output[0, [1, 2, 3]], p.output[1, [0, 6]] = 0.0, 0.0

    model = changed(random_model(), change)
    after = compact(model)
    assert (after.settings.n_max, after.settings.neuron) == ((1, 1), (5,))
    assert_same_function(model, after)


def test_species_of_a_nep3_share_what_is_kept() -> None:
    def change(p: Parameters) -> None:
        p.c_radial[0, :, 0], p.c_radial[1, :, 1], p.c_radial[2] = 0.0, 0.0, 0.0

    model = changed(random_model(3), change)
    after = compact(model)
    assert after.settings.n_max == (2, 2)
    assert_same_function(model, after)


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("neuron", [(7,), (6, 5)])
def test_constant_neurons_become_biases_or_one_neuron(version: int, neuron: tuple) -> None:
    def change(p: Parameters) -> None:
        for layer in p.hidden:
            layer.weight[:, 1:4] = 0.0

    model = changed(random_model(version, neuron), change)
    after = compact(model)
    kept = neuron[-1] - (2 if version == 4 else 3)
    assert after.settings.neuron == (*(width - 3 for width in neuron[:-1]), kept)
    assert_same_function(model, after)
    if version == 4:
        assert not after.parameters.hidden[-1].weight[:, -1].any()


def test_a_constant_of_one_species_alone_keeps_its_neuron() -> None:
    model = changed(random_model(), lambda p: p.hidden[0].weight.__setitem__((0, slice(0, 3)), 0.0))
    after = compact(model)
    assert after.settings.neuron == (7,)
    assert_same_function(model, after)


def test_highest_l_is_kept_for_invariants_that_need_it() -> None:
    model = random_model(l_max=(4, 1, 1, 0, 0, 1, 0))

    def kill(p: Parameters) -> None:
        for place in (2, 3, 4):
            kill_invariant(p, model, place)

    without = changed(model, kill)
    after = compact(without)
    assert after.settings.l_max == (3, 0, 1, 0, 0, 1, 0)
    assert_same_function(without, after)
    assert [lowest_l((4, *flags)) for flags in ((0,) * 6, (1, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 1))] == [2, 2, 4]


def test_a_model_of_constants_keeps_the_least_shape() -> None:
    model = changed(random_model(), lambda p: p.hidden[0].weight.fill(0.0))
    after = compact(model)
    assert after.settings.n_max == (0, 0)
    assert (after.settings.basis_size, after.settings.l_max[0], after.settings.neuron) == ((1, 1), 2, (1,))
    assert_same_function(model, after)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), version=st.sampled_from([3, 4, 5]), share=st.floats(0.05, 0.6))
def test_zeros_anywhere_change_nothing(seed: int, version: int, share: float) -> None:
    def change(p: Parameters) -> None:
        rng = np.random.default_rng(seed)
        for rows in (p.c_radial, p.c_angular, p.c_radial.swapaxes(0, 1), p.c_angular.swapaxes(0, 1)):
            rows[rng.random(rows.shape[:1]) < share] = 0.0
        for layer in p.hidden:
            layer.weight[rng.random(layer.bias.shape) < share] = 0.0
        p.output[rng.random(p.output.shape) < share] = 0.0
        columns = rng.random(p.hidden[0].weight.shape[::2]) < share
        p.hidden[0].weight.swapaxes(1, 2)[columns] = 0.0

    model = changed(random_model(version, (5, 4) if seed % 2 else (6,), seed=seed), change)
    after = compact(model)
    assert len(after.values) <= len(model.values)
    assert_same_function(model, after)


def test_the_smaller_model_survives_its_file(tmp_path: Path) -> None:
    model = changed(random_model(), lambda p: p.output.__setitem__((slice(None), 3), 0.0))
    after = compact(model)
    after.write(tmp_path / "nep.txt")
    read = Model.read(tmp_path / "nep.txt")
    assert read.settings == after.settings
    np.testing.assert_allclose(read.values, after.values, rtol=1e-7)
