"""Energy offsets are fitted, removed and folded without changing what the model predicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import random_frame, random_model
from neptuner.kernels.prediction import predict
from neptuner.potential.parameters import unpack
from neptuner.training.offsets import Offsets, fit_offsets, fold


def labelled(counts: list[tuple[int, int]], energies: tuple[float, float]):
    """Frames of given composition whose energies are pure offsets."""
    frames = []
    for magnesium, oxygen in counts:
        frame = random_frame(n_atoms=magnesium + oxygen)
        species = np.array(["Mg"] * magnesium + ["O"] * oxygen)
        energy = magnesium * energies[0] + oxygen * energies[1]
        frames.append(replace(frame, species=species, energy=energy))
    return frames


def test_offsets_of_two_species_are_found() -> None:
    offsets = fit_offsets(labelled([(1, 2), (2, 2), (3, 1)], (-1.5, -7.0)), random_model().settings)
    np.testing.assert_allclose(offsets.common + offsets.by_type, [-1.5, -7.0], atol=1e-9)


def test_one_composition_shares_the_energy_evenly() -> None:
    """Nothing tells the species apart: both get the mean, and no neuron is needed."""
    offsets = fit_offsets(labelled([(2, 2), (3, 3)], (-1.0, -7.0)), random_model().settings)
    assert offsets.common == pytest.approx(-4.0)
    assert not offsets.takes_neuron


@pytest.mark.parametrize(("version", "neuron"), [(4, (7,)), (4, (6, 5)), (5, (7,))])
def test_folding_adds_exactly_the_offsets(version: int, neuron: tuple[int, ...]) -> None:
    nep, frames = random_model(version, neuron), [random_frame(seed, n_atoms=5) for seed in range(2)]
    if version == 4:
        parameters = unpack(nep.settings, nep.values)
        parameters.hidden[-1].weight[:, -1] = 0.0
        parameters.hidden[-1].bias[:, -1] = 0.0
        parameters.output[:, -1] = 0.0
    offsets = Offsets(-4.0, np.array([1.5, -2.0]))
    before, after = (predict(model, frames, dtype=np.float64) for model in (nep, fold(nep, offsets)))
    expected = [sum(-4.0 + (1.5 if s == "Mg" else -2.0) for s in frame.species) for frame in frames]
    np.testing.assert_allclose(after.energy - before.energy, expected, atol=1e-10)
    np.testing.assert_allclose(after.forces, before.forces, atol=1e-12)


@pytest.mark.parametrize(("version", "neuron"), [(3, (7,)), (4, (1,))])
def test_models_that_cannot_hold_them_get_the_common_part_only(version: int, neuron: tuple[int, ...]) -> None:
    frames = labelled([(1, 2), (2, 2), (3, 1)], (-1.5, -7.0))
    offsets = fit_offsets(frames, random_model(version, neuron).settings)
    assert not offsets.takes_neuron
    assert offsets.common == pytest.approx(np.mean([frame.energy / frame.n_atoms for frame in frames]))
