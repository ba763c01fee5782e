"""Parts taken out of a potential: exact where others can stand in for them, within the tolerance where not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import VARIANTS, random_frame, random_model
from neptuner.engines.folding import (
    Sample,
    make_sample,
    network_features,
    without_angular,
    without_basis,
    without_invariant,
    without_neuron,
    without_radial,
)
from neptuner.engines.prediction import predict as predict_file
from neptuner.engines.pruning import labelled_frames, prune, read_sizes
from neptuner.engines.shrinking import (
    all_errors,
    descend,
    growth,
    least_sizes,
    make_trial,
    measured,
    operations,
    parts_of,
    some_frames,
)
from neptuner.engines.weight_analysis import analyse_weights, component_names
from neptuner.errors import InputError
from neptuner.files.extxyz import write_frames
from neptuner.kernels.engine import descriptors
from neptuner.kernels.prediction import predict
from neptuner.potential.model import Model
from neptuner.potential.parameters import Parameters, unpack
from neptuner.potential.prune import compact
from taught import labelled_by

SINGLE = 3e-4
"""Forces of single-precision kernels after sums that cancel, in eV/angstrom."""

Take = Callable[[Model, Sample], Model | None]


def changed(model: Model, change: Callable[[Parameters], None]) -> Model:
    """A model with some numbers changed."""
    values = model.values.copy()
    change(unpack(model.settings, values))
    return replace(model, values=values)


def noisy_frames(model: Model, count: int = 12) -> list:
    """Frames with the labels of a model and some noise, so that its errors are not zero."""
    rng = np.random.default_rng(1)
    frames = labelled_by(model, [random_frame(seed, n_atoms=6) for seed in range(count)])
    return [
        replace(
            frame,
            energy=frame.energy + 0.03 * rng.normal(),
            forces=frame.forces + 0.1 * rng.normal(size=frame.forces.shape),
            virial=frame.virial + 0.3 * rng.normal(size=6),
        )
        for frame in frames
    ]


def redundant_model(version: int = 4, neuron: tuple[int, ...] = (7,)) -> Model:
    """A model whose last neurons, last radial and last angular function can be done without."""

    def change(p: Parameters) -> None:
        p.c_radial[3] = 0.4 * p.c_radial[0] - 0.7 * p.c_radial[1]
        p.c_angular[2] = 1.3 * p.c_angular[0]
        for layer in p.hidden:
            layer.weight[:, -1], layer.bias[:, -1] = layer.weight[:, 0], layer.bias[:, 0]

    return changed(random_model(version, neuron), change)


@pytest.fixture(scope="module")
def redundant() -> Model:
    return redundant_model()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, redundant: Model) -> tuple[Path, Path]:
    """A model with parts that can be done without, and labelled frames."""
    folder = tmp_path_factory.mktemp("prune")
    redundant.write(folder / "nep.txt")
    write_frames(folder / "data.xyz", noisy_frames(redundant))
    return folder / "nep.txt", folder / "data.xyz"


def assert_exact(model: Model, take: Take) -> Model:
    """Take something out; forces must stay as they are."""
    frames = [random_frame(seed, n_atoms=6) for seed in range(8)]
    after = take(model, make_sample(frames, model.settings))
    assert after is not None
    expected, found = (predict(m, frames, dtype=np.float64) for m in (model, compact(after)))
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=SINGLE)
    np.testing.assert_allclose(found.virial, expected.virial, rtol=0, atol=20 * SINGLE)
    return compact(after)


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("neuron", [(7,), (6, 5)])
def test_parts_that_others_stand_in_for_are_taken_out_exactly(version: int, neuron: tuple) -> None:
    model = redundant_model(version, neuron)
    assert assert_exact(model, without_radial).settings.n_max == (2, 2)
    assert assert_exact(model, without_angular).settings.n_max == (3, 1)
    for layer in range(len(neuron)):
        fewer = list(neuron)
        fewer[layer] -= 1
        found = assert_exact(model, lambda m, s, layer=layer: without_neuron(m, s, layer))
        assert found.settings.neuron == tuple(fewer)


def test_several_parts_of_one_kind_go_one_after_the_other() -> None:
    model = redundant_model()
    sample = make_sample([random_frame(seed, n_atoms=6) for seed in range(8)], model.settings)
    for take, sizes in ((without_radial, [2, 1, 0]), (without_angular, [1, 0])):
        step: Model | None = model
        for size in sizes:
            assert step is not None
            step = take(step, sample)
            assert step is not None
            assert compact(step).settings.n_max[take is without_angular] == size
        assert take(step, sample) is None


@pytest.mark.parametrize("part", [0, 1])
def test_a_basis_function_is_replaced_by_those_below_it(part: int) -> None:
    model = random_model()
    frames = [random_frame(seed, n_atoms=6) for seed in range(8)]

    def cut(p: Parameters) -> None:
        (p.c_radial, p.c_angular)[part][:, -1] = 0.0

    folded = without_basis(model, make_sample(frames, model.settings), part)
    assert folded is not None
    assert compact(folded).settings.basis_size == ((4, 4), (5, 3))[part]
    exact = predict(model, frames).forces
    lost = [np.abs(predict(m, frames).forces - exact).mean() for m in (folded, changed(model, cut))]
    assert lost[0] < 0.3 * lost[1]


def test_an_invariant_is_handed_to_the_others() -> None:
    model = random_model(l_max=(4, 0, 1, 0, 0, 0, 0))
    frames = [random_frame(seed, n_atoms=6) for seed in range(8)]
    sample = make_sample(frames, model.settings)
    folded = without_invariant(model, sample, 4)
    assert folded is not None
    assert compact(folded).settings.l_max == (4, 0, 0, 0, 0, 0, 0)
    assert without_invariant(folded, sample, 4) is None
    x = [given[0].values.mean(axis=0) for given in network_features(model, sample)]
    for network, mean in enumerate(x):
        before, after = (m.parameters.hidden[0] for m in (model, folded))
        activation = [layer.weight[network] @ mean - layer.bias[network] for layer in (before, after)]
        np.testing.assert_allclose(*activation, atol=1e-8)


def test_features_are_those_of_the_kernels(redundant: Model) -> None:
    sample = make_sample([random_frame(n_atoms=6)], redundant.settings)
    x = descriptors(sample.here, redundant) * redundant.q_scaler
    types = sample.here.geometry.types
    for network, (inputs, neurons) in enumerate(network_features(redundant, sample)):
        np.testing.assert_allclose(inputs.values, x[types == network], rtol=1e-6)
        layer = redundant.parameters.hidden[0]
        expected = np.tanh(x[types == network] @ layer.weight[network].T - layer.bias[network])
        np.testing.assert_allclose(neurons.values, expected, rtol=1e-5, atol=1e-7)


def test_energies_keep_their_mean(redundant: Model) -> None:
    frames = noisy_frames(redundant, 6)
    trial = make_trial(redundant, frames)
    shifted = changed(redundant, lambda p: p.bias.__iadd__(0.7))
    after, errors = measured(shifted, trial)
    assert after.parameters.bias[0] == pytest.approx(redundant.parameters.bias[0], abs=1e-5)
    assert errors["energy"] == pytest.approx(all_errors(redundant, frames, 1)["energy"], rel=1e-3)


def test_the_cheapest_parts_go_first_and_never_beyond_the_limit(redundant: Model) -> None:
    frames = noisy_frames(redundant)
    trial = make_trial(redundant, frames)
    steps = list(descend(redundant, trial, least_sizes(redundant.settings), 0.05))
    before = measured(redundant, trial)[1]
    assert {step.part for step in steps} >= {"n_max radial", "n_max angular", "neuron"}
    assert all(growth(step.errors, before) <= 0.05 for step in steps)
    work = [operations(step.settings, trial.neighbors) for step in steps]
    assert work == sorted(work, reverse=True)


@pytest.mark.parametrize("name", VARIANTS)
def test_cutoffs_and_repulsion_are_judged_with_the_rest(name: str) -> None:
    model = random_model(**VARIANTS[name])
    frames = noisy_frames(model, 4)
    trial = make_trial(model, frames)
    errors = [measured(model, trial)[1], all_errors(model, frames, 1)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)
    after = without_neuron(model, trial.sample, 0)
    assert after is not None
    assert compact(after).settings == replace(model.settings, neuron=(6,))


def test_the_highest_l_goes_after_the_invariant_that_needs_it() -> None:
    model = random_model(l_max=(4, 0, 0, 0, 0, 0, 1))
    floor = replace(model.settings, l_max=(2, 0, 0, 0, 0, 0, 0))
    steps = list(descend(model, make_trial(model, noisy_frames(model, 4)), floor, np.inf))
    assert [step.part for step in steps] == ["q134", "l_max", "l_max"]
    assert steps[-1].settings == floor


def test_every_size_saves_operations(redundant: Model) -> None:
    trial = make_trial(redundant, noisy_frames(redundant, 4))
    least, whole = least_sizes(redundant.settings), redundant.settings
    assert {part.name for part in parts_of(whole)} == {
        "n_max radial", "n_max angular", "basis_size radial", "basis_size angular", "l_max", "q222", "q1111", "neuron"
    }  # fmt: skip
    for keyword in ("n_max", "basis_size", "l_max", "neuron"):
        smaller = replace(whole, **{keyword: getattr(least, keyword)})
        assert operations(smaller, trial.neighbors) < operations(whole, trial.neighbors)


def test_frames_of_a_sample_hold_every_species() -> None:
    frames = [random_frame(seed, n_atoms=4) for seed in range(20)]
    frames[13] = replace(frames[13], species=np.array(["Zn"] * 4))
    chosen = some_frames(frames, 20)
    assert {symbol for frame in chosen for symbol in frame.species} == {"Mg", "O", "Zn"}
    assert sum(frame.n_atoms for frame in chosen) <= 28
    assert some_frames(frames, 10**6) == frames


def test_pruning_keeps_its_tolerance_and_writes_what_it_says(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = prune(*files, tolerance=2.0, out=tmp_path / "small.txt", threads=1)
    before, after = result["before"], result["after"]
    small = Model.read(tmp_path / "small.txt")
    assert list(small.settings.n_max) == after["n_max"]
    assert (len(small.values), list(small.settings.neuron)) == (after["parameters"], after["neuron"])
    assert after["parameters"] < before["parameters"]
    assert after["neuron"][0] <= 6
    assert result["operations_ratio"] < 1.0
    predicted = predict_file(tmp_path / "small.txt", files[1], threads=1)
    for name in ("energy", "force", "virial"):
        assert after[f"rmse_{name}"] <= 1.02 * before[f"rmse_{name}"]
        assert predicted[f"rmse_{name}"] == pytest.approx(after[f"rmse_{name}"], rel=1e-3)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_sizes_that_are_asked_for_are_made(files: tuple[Path, Path]) -> None:
    result = prune(*files, keep=["neuron 4", "n_max 2 2"], threads=1)
    sizes = {name: result["after"][name] for name in ("n_max", "basis_size", "l_max", "neuron")}
    assert sizes == {"n_max": [2, 2], "basis_size": [5, 4], "l_max": [4, 2, 1], "neuron": [4]}
    assert {step["part"] for step in result["steps"]} == {"neuron", "n_max radial"}


def test_sizes_are_lower_bounds_with_a_tolerance(files: tuple[Path, Path]) -> None:
    result = prune(*files, tolerance=1e9, keep=["neuron 5", "l_max 3 2 1"], threads=1)
    assert (result["after"]["neuron"], result["after"]["l_max"]) == ([5], [3, 2, 1])
    assert result["after"]["n_max"] == [0, 0]


def test_without_data_only_what_has_no_effect_goes(files: tuple[Path, Path], tmp_path: Path) -> None:
    changed(redundant_model(), lambda p: p.output[:, [1, 2]].fill(0.0)).write(tmp_path / "same.txt")
    changed(redundant_model(), lambda p: p.output.__setitem__((slice(None), 1), 0.0)).write(tmp_path / "nep.txt")
    result = prune(tmp_path / "nep.txt", out=tmp_path / "small.txt")
    assert (result["after"]["neuron"], result["analysis"], result["operations_ratio"]) == ([6], None, None)
    assert prune(tmp_path / "same.txt")["after"]["neuron"] == [7]
    frames = [random_frame(seed) for seed in range(2)]
    models = [Model.read(tmp_path / name) for name in ("nep.txt", "small.txt")]
    forces = [predict(model, frames, dtype=np.float64).forces for model in models]
    np.testing.assert_allclose(*forces, atol=1e-10)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"tolerance": -1.0}, "tolerance is -1.0 %"),
        ({"keep": ["neurons 4"]}, "is not a size, expected one of n_max"),
        ({"keep": ["neuron 8"]}, "is not within the potential's own sizes, `neuron 7`"),
        ({"keep": ["neuron 4 4"]}, "is not within the potential's own sizes"),
        ({"keep": ["n_max 4"]}, "has 1 value"),
    ],
)
def test_bad_options_are_told(files: tuple[Path, Path], options: dict, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        prune(*files, **options)


def test_more_than_what_is_exact_needs_data(files: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="needs frames with labels"):
        prune(files[0], tolerance=1.0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"forces": None}, "data.xyz, frame 1.*has no forces"),
        ({"species": np.array(["Mg"] * 7)}, "has no O, expected atoms of every species"),
        ({"species": np.array(["Mg", "O"] * 3 + ["Zn"])}, "has Zn, which the potential lacks"),
    ],
)
def test_bad_data_are_told(tmp_path: Path, change: dict, expected: str) -> None:
    write_frames(tmp_path / "data.xyz", [replace(random_frame(labels=True), **change)])
    with pytest.raises(InputError, match=expected):
        labelled_frames(tmp_path / "data.xyz", ("Mg", "O"))


def test_sizes_are_read_in_the_form_of_nep_in(redundant: Model) -> None:
    assert read_sizes(["l_max 4 2", "basis_size 3 3"], redundant.settings) == {
        "l_max": (4, 1, 0, 0, 0, 0, 0), "basis_size": (3, 3)
    }  # fmt: skip


def test_analysis_finds_what_was_planted(redundant: Model) -> None:
    def change(p: Parameters) -> None:
        p.output[0, [2, 3]] *= 1e-7
        p.c_radial[:, 4] *= 1e-6
        p.hidden[0].weight[:, :, 5] = 0.0

    model = changed(redundant, change)
    found = analyse_weights(model, noisy_frames(redundant), sizes=True)
    assert [(row["species"], row["dead"]) for row in found["neurons"]] == [("Mg", 2), ("O", 0)]
    assert [row["unused"] for row in found["basis"]] == [1, 0]
    names = [(row["kind"], row["n"]) for row in found["components"]]
    assert names == component_names(model.settings)
    assert names[:5] == [("radial", 0), ("radial", 1), ("radial", 2), ("radial", 3), ("l=1", 0)]
    growths = [row["growth"] for row in found["components"]]
    assert growths[5] == pytest.approx(0.0, abs=1e-6)
    assert max(growths) > 10.0
    least = {row["part"]: row["least"]["1"] for row in found["sizes"]}
    assert least["neuron"] <= 6
    assert least["n_max radial"] <= 2


def test_worth_of_a_descriptor_is_that_of_a_model_without_it(redundant: Model) -> None:
    frames = noisy_frames(redundant)
    found = analyse_weights(redundant, frames, sizes=False)["components"][2]
    sample = make_sample(frames, redundant.settings)

    def change(p: Parameters) -> None:
        for network, (inputs, *_) in enumerate(network_features(redundant, sample)):
            p.hidden[0].bias[network] -= p.hidden[0].weight[network][:, 2] * inputs.values[:, 2].mean()
        p.hidden[0].weight[:, :, 2] = 0.0

    before, after = (all_errors(m, frames, 1)["force"] for m in (redundant, changed(redundant, change)))
    assert found["growth"] == pytest.approx(100 * (after / before - 1), rel=1e-3)
