"""The same potential as NEP4 and with its species in another order."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement, permutations
from pathlib import Path

import numpy as np
import pytest

from models import EVERY_KIND, random_frame, random_model
from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.kernels.prediction import predict
from neptuner.potential.convert import reorder_pairs, reorder_species, to_nep4
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate
from neptuner.potential.zbl import Zbl

THREE = ("Mg", "O", "Al")


def as_written(model: Model, path: Path) -> Model:
    """The potential that other programs get to see."""
    model.write(path)
    return Model.read(path)


def frame_of_three() -> Frame:
    return replace(random_frame(seed=3), species=np.array([THREE[i % 3] for i in range(7)]))


def assert_same_function(first: Model, second: Model, frame: Frame) -> None:
    one, two = evaluate(first, frame), evaluate(second, frame)
    np.testing.assert_allclose(two.energies, one.energies, rtol=0, atol=1e-12)
    np.testing.assert_allclose(two.forces, one.forces, rtol=0, atol=1e-12)
    np.testing.assert_allclose(two.virials, one.virials, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_every_kind_is_the_same_function_as_nep4(tmp_path: Path, version: int, neuron, l_max) -> None:
    model = as_written(random_model(version, neuron, l_max), tmp_path / "before.txt")
    converted = as_written(to_nep4(model), tmp_path / "after.txt")
    assert converted.settings.version == 4
    assert converted.max_neighbors == model.max_neighbors
    assert_same_function(model, converted, random_frame(seed=1))


@pytest.mark.parametrize("version", [3, 5])
def test_calorine_reads_the_converted_model_and_agrees(tmp_path: Path, version: int) -> None:
    """CPUNEP, an independent implementation that reads only NEP4, gives the energy and forces of the original."""
    calculators = pytest.importorskip("calorine.calculators", reason="calorine is not installed")
    from ase import Atoms

    model, frame = random_model(version, elements=THREE), frame_of_three()
    reorder_species(to_nep4(model), sorted(THREE)).write(tmp_path / "nep.txt")
    atoms = Atoms(frame.species, frame.positions, cell=frame.cell, pbc=True)
    atoms.calc = calculators.CPUNEP(str(tmp_path / "nep.txt"))
    expected = evaluate(model, frame)
    assert atoms.get_potential_energy() == pytest.approx(expected.energy, abs=1e-5)
    np.testing.assert_allclose(atoms.get_forces(), expected.forces, rtol=0, atol=1e-5)


def test_the_networks_of_a_converted_nep5_stay_the_first_neurons() -> None:
    model = random_model(5, (6, 5))
    converted = to_nep4(model)
    assert converted.settings.neuron == (6, 6)
    np.testing.assert_array_equal(converted.parameters.output[:, :5], model.parameters.output)
    np.testing.assert_array_equal(converted.parameters.output[:, 5], -model.parameters.type_bias)


def test_nep4_stays_as_it_is() -> None:
    model = random_model(4)
    assert to_nep4(model) is model


def test_the_j14_model_converts_without_a_change(tmp_path: Path, shared_data: Path) -> None:
    """NEP3 of six species, evaluated by the kernels: 1e-6 eV/atom and 1e-5 eV/angstrom."""
    model = Model.read(shared_data / "j14-hnemd-900K" / "nep.txt")
    frames = read_frames(shared_data / "j14-dft" / "test.xyz")[:3]
    converted = as_written(reorder_species(to_nep4(model), sorted(model.settings.elements)), tmp_path / "nep.txt")
    assert converted.settings.elements == ("Co", "Cu", "Mg", "Ni", "O", "Zn")
    before, after = predict(model, frames), predict(converted, frames)
    atoms = np.array([frame.n_atoms for frame in frames])
    np.testing.assert_allclose(after.energy / atoms, before.energy / atoms, rtol=0, atol=1e-6)
    np.testing.assert_allclose(after.forces, before.forces, rtol=0, atol=1e-5)


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("neuron", [(7,), (6, 5)])
@pytest.mark.parametrize("cutoff", [(5.0, 4.0), (5.0, 4.0, 4.6, 3.5, 4.1, 3.2)])
def test_the_order_of_species_does_not_matter(tmp_path: Path, version: int, neuron, cutoff) -> None:
    model = as_written(random_model(version, neuron, cutoff=cutoff, elements=THREE), tmp_path / "before.txt")
    for order in (("O", "Al", "Mg"), ("O", "Mg", "Al")):  # the first is not its own inverse
        moved = as_written(reorder_species(model, order), tmp_path / "after.txt")
        assert moved.settings.elements == order
        assert moved.settings.version == version
        assert_same_function(model, moved, frame_of_three())


def test_the_order_of_species_changes_the_numbers_and_back() -> None:
    model = random_model(elements=THREE)
    moved = reorder_species(model, ("Al", "Mg", "O"))
    assert not np.array_equal(moved.values, model.values)
    np.testing.assert_array_equal(reorder_species(moved, THREE).values, model.values)


def test_flexible_zbl_pairs_follow_their_species() -> None:
    def rows(elements: tuple[str, ...]) -> list[tuple[str, ...]]:
        return [tuple(sorted(pair)) for pair in combinations_with_replacement(elements, 2)]

    for order in permutations(range(3)):
        moved = tuple(THREE[t] for t in order)
        assert list(reorder_pairs(rows(THREE), order)) == rows(moved)


@pytest.mark.parametrize("version", [3, 5])
def test_flexible_zbl_survives_and_does_not_mind_the_order(tmp_path: Path, version: int) -> None:
    rng = np.random.default_rng(0)
    pairs = tuple((0.5, 2.0 + k / 10, *rng.uniform(0.1, 0.5, size=8).round(3)) for k in range(6))
    bare = random_model(version, elements=THREE)
    model = replace(bare, settings=replace(bare.settings, zbl=Zbl(0.0, 0.0, pairs=pairs)))
    model = as_written(model, tmp_path / "before.txt")
    frame = frame_of_three()
    assert abs(evaluate(model, frame).energy - evaluate(bare, frame).energy) > 0.1
    for order in permutations(THREE):
        moved = as_written(reorder_species(to_nep4(model), order), tmp_path / "after.txt")
        assert_same_function(model, moved, frame)


@pytest.mark.parametrize("order", [("Mg", "O"), ("Mg", "O", "Al", "Al"), ("Mg", "O", "Si"), ("Mg", "Mg", "O"), ()])
def test_an_order_that_is_no_permutation_is_told(order: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="expected each species of the potential once") as caught:
        reorder_species(random_model(elements=THREE), order)
    assert "Mg O Al" in str(caught.value)
