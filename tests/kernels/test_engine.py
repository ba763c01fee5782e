"""Kernels against the reference, the transpose against P, the loss gradient against finite differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import EVERY_KIND, random_frame, random_model
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.files.predictions import read_predictions
from neptuner.kernels.engine import evaluate, gradient, make_batch, prepare
from neptuner.kernels.prediction import predict
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate as reference


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_kernels_are_the_reference(dtype, version, neuron, l_max) -> None:
    nep = random_model(version, neuron, l_max)
    frames = [random_frame(seed, n_atoms=3 + seed) for seed in range(3)]
    outputs = predict(nep, frames, dtype=dtype)
    expected = [reference(nep, frame) for frame in frames]
    tolerance = 1e-12 if dtype is np.float64 else 2e-5
    forces = np.concatenate([each.forces for each in expected])
    virial = np.array([each.virial for each in expected])
    assert outputs.energy == pytest.approx([each.energy for each in expected], rel=tolerance, abs=tolerance)
    assert np.abs(outputs.forces - forces).max() < tolerance * np.abs(forces).max()
    assert np.abs(outputs.virial - virial).max() < tolerance * np.abs(virial).max()


def test_per_species_cutoffs_are_averaged() -> None:
    nep = random_model(cutoff=(5.0, 4.0, 3.5, 3.0))
    frame = random_frame(1)
    np.testing.assert_allclose(predict(nep, [frame], dtype=np.float64).forces, reference(nep, frame).forces, atol=1e-11)


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_gradient_is_the_derivative_of_a_loss(version, neuron, l_max) -> None:
    """A random linear loss of energies, forces and virials; every block of parameters is probed."""
    rng = np.random.default_rng(1)
    nep = random_model(version, neuron, l_max)
    prepared = prepare([random_frame(seed, n_atoms=4) for seed in range(3)], nep.settings, dtype=np.float64)
    batch = make_batch(prepared, [2, 0])
    by_energy, by_forces, by_virial = rng.normal(size=2), rng.normal(size=(8, 3)), rng.normal(size=(2, 6))

    def loss(values) -> float:
        outputs = evaluate(prepared, weights_of(replace(nep, values=values), np.float64), batch)
        return outputs.energy @ by_energy + (outputs.forces * by_forces).sum() + (outputs.virial * by_virial).sum()

    slope = gradient(prepared, weights_of(nep, np.float64), batch, by_energy, by_forces, by_virial)
    scale = np.abs(slope).max()
    for index in rng.choice(len(slope), size=25, replace=False):
        shift = np.zeros_like(slope)
        shift[index] = 1e-4
        near = loss(nep.values + shift) - loss(nep.values - shift)
        far = loss(nep.values + 2 * shift) - loss(nep.values - 2 * shift)
        assert (8 * near - far) / 12e-4 == pytest.approx(slope[index], abs=1e-7 * scale)


def test_results_do_not_depend_on_threads_or_batches() -> None:
    nep = random_model()
    frames = [random_frame(seed, n_atoms=4 + seed % 3) for seed in range(12)]
    prepared, weights = prepare(frames, nep.settings), weights_of(nep, np.float32)
    batch = make_batch(prepared)
    one, four = evaluate(prepared, weights, batch, 1), evaluate(prepared, weights, batch, 4)
    for name in ("energy", "forces", "virial"):
        np.testing.assert_array_equal(getattr(one, name), getattr(four, name))
    slopes = [gradient(prepared, weights, batch, one.energy, one.forces, one.virial, threads) for threads in (1, 3)]
    np.testing.assert_array_equal(slopes[0], slopes[1])
    few = evaluate(prepared, weights, make_batch(prepared, [5, 3]))
    np.testing.assert_allclose(few.energy, one.energy[[5, 3]], rtol=1e-5)
    groups = predict(nep, frames, atoms_at_once=10)
    np.testing.assert_allclose(groups.forces, one.forces, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), angle=st.floats(0, 3.0), shift=st.floats(-9, 9))
def test_rotation_translation_and_permutation(seed: int, angle: float, shift: float) -> None:
    nep, frame = random_model(), random_frame(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(frame.n_atoms)
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) @ np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    moved = replace(
        frame,
        species=frame.species[order],
        positions=(frame.positions[order] + shift) @ rotation,
        cell=frame.cell @ rotation,
    )
    before, after = (predict(nep, [each], dtype=np.float64) for each in (frame, moved))
    assert after.energy[0] == pytest.approx(before.energy[0], rel=1e-10)
    np.testing.assert_allclose(after.forces, before.forces[order] @ rotation, atol=1e-9 * np.abs(before.forces).max())


def test_a_supercell_has_as_many_times_the_energy() -> None:
    nep, frame = random_model(), random_frame(2)
    shifts = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]) @ frame.cell
    double = Frame(
        np.tile(frame.species, 4),
        np.concatenate([frame.positions + shift for shift in shifts]),
        frame.cell * np.array([[2.0], [2.0], [1.0]]),
    )
    small, large = predict(nep, [frame], dtype=np.float64), predict(nep, [double], dtype=np.float64)
    assert large.energy[0] == pytest.approx(4 * small.energy[0], rel=1e-12)
    np.testing.assert_allclose(large.virial, 4 * small.virial, rtol=1e-9)


def test_atoms_out_of_reach_have_no_forces() -> None:
    nep = random_model()
    frame = Frame(np.array(["Mg", "O"]), np.array([[0.0, 0, 0], [9.0, 0, 0]]), 20 * np.eye(3))
    outputs = predict(nep, [frame])
    assert not outputs.forces.any()
    assert outputs.energy[0] == pytest.approx(reference(nep, frame).energy, rel=1e-5)


@pytest.mark.parametrize(
    ("model", "data", "name"),
    [("pbte", "pbte/train.xyz", "train"), ("j14-default-run", "j14-dft/test.xyz", "test")],
)
def test_float32_kernels_reproduce_gpumd(shared_data: Path, model: str, data: str, name: str) -> None:
    """Every frame, to the digits GPUMD prints (it computes in float32 too)."""
    frames = read_frames(shared_data / data)
    outputs = predict(Model.read(shared_data / model / "nep.txt"), frames)
    printed = read_predictions(shared_data / model, name)
    atoms = np.array([frame.n_atoms for frame in frames])
    assert np.abs(outputs.energy / atoms - printed.energy).max() < 2e-5
    assert np.abs(outputs.forces - printed.force).max() < 2e-4
    assert np.abs(outputs.virial / atoms[:, None] - printed.virial).max() < 2e-5
