"""Energy offsets taken out of a finished model, and put back, change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import random_frame, random_model
from neptuner.files.frames import Frame
from neptuner.potential.convert import to_nep4
from neptuner.potential.grow import grow
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate
from neptuner.training.continuation import unfold
from neptuner.training.offsets import Offsets, fold

OFFSETS = Offsets(-4.0, np.array([1.5, -2.0]))
KINDS = [(version, neuron) for version in (3, 4, 5) for neuron in ((5,), (6, 4))]


def bare(version: int = 4, neuron: tuple[int, ...] = (5,)) -> Model:
    """A model as it comes from training: without offsets, and in a NEP4 with a neuron kept at zero."""
    model = random_model(version, neuron)
    if version == 4:
        last = model.parameters.hidden[-1]
        last.weight[:, -1], last.bias[:, -1], model.parameters.output[:, -1] = 0.0, 0.0, 0.0
    if version == 5:
        model.parameters.type_bias[:] = 0.0
    model.parameters.bias[0] = 0.0
    return model


def finished(version: int = 4, neuron: tuple[int, ...] = (5,)) -> Model:
    offsets = OFFSETS if version > 3 else Offsets(-4.0, np.zeros(2))
    return fold(bare(version, neuron), offsets)


def assert_same_function(one: Model, other: Model) -> None:
    frame = random_frame(1, n_atoms=5)
    before, after = evaluate(one, frame), evaluate(other, frame)
    for name in ("energies", "forces", "virials"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("version", "neuron"), KINDS)
def test_unfolding_undoes_folding(version: int, neuron: tuple[int, ...]) -> None:
    model = finished(version, neuron)
    taken, offsets = unfold(model, [], ("Mg", "O"))
    np.testing.assert_allclose(taken.values, bare(version, neuron).values, atol=1e-15)
    assert offsets.common == pytest.approx(-4.0)
    assert offsets.takes_neuron == (version > 3)
    np.testing.assert_allclose(offsets.by_type, OFFSETS.by_type if version > 3 else 0.0, rtol=1e-12)
    assert_same_function(model, fold(taken, offsets))


@pytest.mark.parametrize(("version", "neuron"), KINDS)
def test_any_model_is_the_same_after_unfolding_and_folding(version: int, neuron: tuple[int, ...]) -> None:
    """No neuron is without inputs in a NEP4 of other programs: its offsets by species stay where they are."""
    model = random_model(version, neuron)
    taken, offsets = unfold(model, [], ("Mg", "O"))
    assert offsets.takes_neuron == (version == 5)
    assert taken.parameters.bias[0] == 0.0
    assert_same_function(model, fold(taken, offsets))


@pytest.mark.parametrize("neuron", [(5,), (6, 4)])
def test_the_kept_neuron_of_a_grown_model_becomes_the_last(neuron: tuple[int, ...]) -> None:
    old = finished(4, neuron)
    wider = (*neuron[:-1], neuron[-1] + 3)
    shape = replace(old.settings, neuron=wider, n_max=(4, 4), elements=("O", "Mg"))
    grown = grow(old, shape, np.random.default_rng(0))
    taken, offsets = unfold(grown, [], old.settings.elements)
    parameters = taken.parameters
    assert not parameters.output[:, -1].any()
    assert not parameters.hidden[-1].weight[:, -1].any()
    assert not parameters.hidden[-1].bias[:, -1].any()
    assert parameters.hidden[-1].weight[:, :-1].any(axis=2).all()
    np.testing.assert_allclose(offsets.by_type, OFFSETS.by_type[::-1], rtol=1e-12)
    assert_same_function(old, fold(taken, offsets))


def test_a_converted_nep5_has_its_offsets_in_a_neuron_too() -> None:
    """`convert.to_nep4` writes a neuron of another bias."""
    model = to_nep4(finished(5))
    taken, offsets = unfold(model, [], ("Mg", "O"))
    np.testing.assert_allclose(offsets.by_type, OFFSETS.by_type, rtol=1e-12)
    assert_same_function(model, fold(taken, offsets))


def test_the_only_neuron_is_not_taken() -> None:
    model = random_model(4, (1,))
    model.parameters.hidden[0].weight[:] = 0.0
    taken, offsets = unfold(model, [], ("Mg", "O"))
    assert not offsets.takes_neuron
    assert_same_function(model, fold(taken, offsets))


def with_aluminium(model: Model, by_type: np.ndarray) -> list[Frame]:
    """Frames whose energies are those of a model plus offsets for Mg, O and Al."""
    frames = []
    for seed, counts in enumerate([(2, 2, 0), (1, 2, 2), (2, 1, 1), (1, 1, 3)]):
        species = np.repeat(["Mg", "O", "Al"], counts)
        frame = replace(random_frame(seed, n_atoms=len(species)), species=species)
        energy = evaluate(model, frame).energy + np.dot(counts, by_type)
        frames.append(replace(frame, energy=float(energy)))
    return frames


@pytest.mark.parametrize("version", [4, 5])
def test_offsets_of_new_species_are_fitted_and_old_ones_stay(version: int) -> None:
    old = finished(version)
    shape = replace(old.settings, elements=("Mg", "Al", "O"))
    grown = grow(old, shape, np.random.default_rng(0))
    frames = with_aluminium(grown, np.array([0.0, 0.0, -3.25]))
    unlabelled = replace(frames[1], energy=None)
    taken, offsets = unfold(grown, [*frames, unlabelled], ("Mg", "O"))
    np.testing.assert_allclose(offsets.by_type, [1.5, 1.5 - 3.25, -2.0], atol=1e-4)
    np.testing.assert_allclose(offsets.by_type[[0, 2]], [1.5, -2.0], rtol=1e-12)
    assert_same_function(old, fold(taken, offsets))
    for frame in frames:
        assert evaluate(fold(taken, offsets), frame).energy == pytest.approx(frame.energy, abs=1e-3)


@pytest.mark.parametrize("kept", [True, False])
def test_new_species_that_tell_nothing_change_nothing(kept: bool) -> None:
    """No frame has aluminium; or the model has no room for its offset."""
    old = finished(4) if kept else random_model(4)
    shape = replace(old.settings, elements=("Mg", "O", "Al"))
    grown = grow(old, shape, np.random.default_rng(0))
    frames = with_aluminium(grown, np.array([0.5, 0.0, 2.0]))
    taken, offsets = unfold(grown, frames[:1] if kept else frames, ("Mg", "O"))
    assert offsets.takes_neuron == kept
    np.testing.assert_allclose(offsets.by_type, [1.5, -2.0, 1.5] if kept else 0.0, rtol=1e-12)
    assert_same_function(grown, fold(taken, offsets))


def test_the_model_that_is_given_stays_as_it_is() -> None:
    model = finished(5)
    before = model.values.copy()
    unfold(model, [], ("Mg", "O"))
    np.testing.assert_array_equal(model.values, before)
