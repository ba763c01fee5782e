"""The sweeps of training against the reference, on everything that a block of atoms may look like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import EVERY_KIND, VARIANTS, random_frame, random_model
from neptuner.files.frames import Frame
from neptuner.kernels import engine
from neptuner.kernels.engine import descriptors, evaluate, gradient, make_batch, prepare
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.reference import evaluate as reference


def check(nep: Model, frames: list[Frame], dtype: type[np.floating] = np.float64) -> None:
    """Compare outputs and descriptors with the reference, and both ways to a gradient with each other."""
    tolerance = 1e-11 if dtype is np.float64 else 3e-5
    prepared, weights = prepare(frames, nep.settings, dtype=dtype), weights_of(nep, dtype)
    batch = make_batch(prepared)
    outputs, expected = evaluate(prepared, weights, batch), [reference(nep, frame) for frame in frames]
    forces = np.concatenate([each.forces for each in expected])
    virial = np.array([each.virial for each in expected])
    assert outputs.energy == pytest.approx([each.energy for each in expected], rel=tolerance, abs=tolerance)
    assert np.abs(outputs.forces - forces).max() <= tolerance * max(np.abs(forces).max(), 1e-3)
    assert np.abs(outputs.virial - virial).max() <= tolerance * max(np.abs(virial).max(), 1e-3)
    q = np.concatenate([each.descriptors for each in expected])
    assert np.abs(descriptors(prepared, nep) - q).max() < tolerance * np.abs(q).max(initial=1.0)
    by = (outputs.energy, outputs.forces, outputs.virial)
    kept = gradient(prepared, weights, batch, *by)
    again = gradient(prepared, weights, make_batch(prepared), *by)
    np.testing.assert_array_equal(kept, again)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_every_kind_of_potential(dtype, version, neuron, l_max) -> None:
    check(random_model(version, neuron, l_max), [random_frame(seed, n_atoms=3 + seed) for seed in range(3)], dtype)


@pytest.mark.parametrize("name", [name for name in VARIANTS if "ZBL" not in name])
def test_cutoffs_of_species(name: str) -> None:
    check(random_model(**VARIANTS[name]), [random_frame(1)])


@pytest.mark.parametrize("elements", [("O",), ("Li", "Na", "Mg", "Al", "Si", "P", "O")])
def test_one_and_many_species(elements: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    frames = [random_frame(seed, n_atoms=12) for seed in range(4)]
    frames = [replace(frame, species=rng.choice(elements, frame.n_atoms)) for frame in frames]
    check(random_model(elements=elements), frames)


@pytest.mark.parametrize(
    ("n_max", "basis_size", "l_max"),
    [
        ((0, 0), (0, 0), (1, 0, 0, 0, 0, 0, 0)),
        ((7, 8), (9, 9), (2, 1, 0, 0, 0, 0, 0)),
        ((12, 12), (20, 17), (5, 0, 1, 0, 0, 0, 0)),
    ],
)
def test_sizes_that_do_not_fill_vectors(n_max, basis_size, l_max) -> None:
    settings = replace(random_model().settings, n_max=n_max, basis_size=basis_size, l_max=l_max)
    rng = np.random.default_rng(3)
    values = 0.3 * rng.normal(size=parameter_count(settings))
    check(Model(settings, values, rng.uniform(0.1, 0.3, size=settings.dim), (50, 30)), [random_frame(5, n_atoms=6)])


def test_an_atom_that_is_its_own_neighbour_and_one_without_any() -> None:
    own = Frame(np.array(["Mg"]), np.zeros((1, 3)), np.diag([2.5, 3.0, 3.5]))
    lonely = Frame(np.array(["O"]), np.zeros((1, 3)), 30 * np.eye(3))
    check(random_model(), [own, lonely, random_frame(0)])
    check(random_model(), [lonely])


def test_more_than_a_thousand_neighbours() -> None:
    rng = np.random.default_rng(1)
    frame = Frame(np.array(["Mg", "O", "O"]), rng.uniform(0, 1.3, (3, 3)), 1.3 * np.eye(3))
    nep = random_model(cutoff=(5.5, 5.5))
    prepared = prepare([frame], nep.settings)
    assert prepared.geometry.angular.most_neighbors > 900
    check(replace(nep, values=0.01 * nep.values), [frame])


def test_values_that_are_not_kept_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    nep, frames = random_model(), [random_frame(seed, n_atoms=20) for seed in range(9)]
    prepared, weights = prepare(frames, nep.settings), weights_of(nep, np.float32)
    results = []
    for most in (engine.MOST_KEPT, 0):
        monkeypatch.setattr(engine, "MOST_KEPT", most)
        batch = make_batch(prepared)
        outputs = evaluate(prepared, weights, batch, threads=2)
        slope = gradient(prepared, weights, batch, outputs.energy, outputs.forces, outputs.virial)
        results.append((outputs.energy, outputs.forces, outputs.virial, slope))
    for kept, anew in zip(*results, strict=True):
        np.testing.assert_array_equal(kept, anew)


def test_what_is_stored_is_told() -> None:
    prepared = prepare([random_frame(0)], random_model().settings)
    pairs = len(prepared.geometry.radial.neighbor) + len(prepared.geometry.angular.neighbor)
    assert 16 * pairs <= prepared.nbytes <= 16 * pairs + 4096
    assert prepared.stored
