"""Parts of the audit on their own: the quick model, robust estimates, groups, the suggested nep.in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generated_set import generate, write

import neptuner
from models import random_frame
from neptuner.audit.audit import audit
from neptuner.audit.duplicates import check_duplicates
from neptuner.audit.energies import check_energies
from neptuner.audit.findings import Finding, grouped
from neptuner.audit.labels import check_labels
from neptuner.audit.neighbours import find_neighbours
from neptuner.audit.pair_model import predict_from_forces
from neptuner.audit.robust import fractions, spread, unusual, without_composition
from neptuner.audit.suggestion import suggest
from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.files.nep_in import read_nep_in
from neptuner.study.data.frame_distance import fingerprints

AXES = list(enumerate([(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0)]))
"""Components of virials and their axes."""


def with_strain(frame: Frame, a: int, b: int, step: float) -> Frame:
    """Strain a frame by a symmetric strain of which the components in both halves add up to the step."""
    strain = np.eye(3)
    strain[a, b] += step / 2
    strain[b, a] += step / 2
    return replace(frame, positions=frame.positions @ strain, cell=frame.cell @ strain)


@pytest.mark.parametrize(("component", "axes"), AXES)
def test_virials_of_the_quick_model_are_derivatives_of_its_energy(component: int, axes: tuple[int, int]) -> None:
    """Unit, sign and order of virials are judged by it: they must be those of the definition."""
    frames, step = generate().train, 1e-4
    strained = [with_strain(frames[0], *axes, by) for by in (-step, step)]
    unlabelled = [replace(frame, forces=None) for frame in strained]
    model = predict_from_forces([*frames, *unlabelled])
    assert model is not None
    slope = (model.energy[-1] - model.energy[-2]) / (2 * step)
    assert model.virial[0, component] == pytest.approx(-slope, rel=1e-4, abs=1e-4)


def test_frames_that_the_others_contradict_do_not_spoil_the_quick_model() -> None:
    frames = generate().train
    wrong = [replace(frame, forces=frame.forces[::-1] * 30.0) for frame in frames[:8]]
    clean, spoiled = predict_from_forces(frames), predict_from_forces([*wrong, *frames[8:]])
    assert clean is not None
    assert spoiled is not None
    for frame, one, other in zip(frames[8:], clean.forces[8:], spoiled.forces[8:], strict=True):
        assert np.abs(one - other).max() < 0.2 * np.abs(frame.forces).max()


def test_too_few_forces_make_no_model() -> None:
    assert predict_from_forces(generate().train[:1]) is None
    assert predict_from_forces([replace(frame, forces=None) for frame in generate().train]) is None


def test_composition_is_taken_away_even_where_mixtures_are_not_ideal() -> None:
    frames = generate().train
    shares, rng = fractions(frames), np.random.default_rng(1)
    noise = 0.01 * rng.normal(size=len(frames))
    values = shares @ [3.0, -2.0, 5.0, 1.0] + 2.0 * shares[:, 0] * shares[:, 2] + noise
    values[5] += 4.0
    rest = without_composition(values, shares)
    assert spread(rest) < 0.012
    assert rest[5] == pytest.approx(4.0, abs=0.05)


def test_a_composition_far_from_all_others_is_unusual() -> None:
    shares = np.array([[0.5, 0.5], [0.45, 0.55], [0.55, 0.45], [0.52, 0.48], [0.0, 1.0]])
    times = unusual(shares)
    assert times[-1] == times.max() > 1.2
    assert (unusual(np.repeat(shares, 4, axis=0)) == 1.0).all()


def test_a_pure_phase_among_mixtures_is_no_outlier() -> None:
    """The energy of mixing makes it stand apart from what is linear in the composition."""
    frames = generate().train
    parts = [np.mean(frame.species == "Ca") for frame in frames]
    bent = [
        replace(frame, energy=frame.energy - (0.3 if part == 0.5 else 0.0) * frame.n_atoms)
        for frame, part in zip(frames, parts, strict=True)
    ]
    assert 3 < sum(part == 0.5 for part in parts) < 24
    assert not check_energies([bent], predict_from_forces(bent))


def test_the_energies_of_a_small_file_in_another_unit_are_told_by_the_other_file() -> None:
    data = generate()
    wrong = [replace(frame, energy=frame.energy / 27.211386) for frame in data.test]
    everything = [*data.train, *wrong]
    (found,) = check_energies([data.train, wrong], predict_from_forces(everything))
    assert found.code == "energy-unit"
    assert found.message.startswith("in all 18 frames energies are in Ha")


def test_forces_that_moved_with_their_frame_are_not_copied() -> None:
    frame = random_frame(labels=True)
    moved = replace(
        frame, positions=frame.positions + np.array([0.3, 0.1, 0.2]) + frame.cell[1] * (np.arange(7) == 3)[:, None]
    )
    other = replace(frame, positions=frame.positions * 1.02)
    assert [finding.code for finding in check_labels([frame, moved])] == []
    assert [finding.code for finding in check_labels([frame, other])] == ["copied-forces"]


def test_a_supercell_is_a_duplicate_and_a_displaced_frame_is_none() -> None:
    frame = replace(generate().train[0], path="train.xyz", number=1, line=1)
    forces, energy = np.vstack([frame.forces] * 2), 2 * frame.energy
    cell = frame.cell * [[2.0], [1.0], [1.0]]
    positions = np.vstack([frame.positions, frame.positions + frame.cell[0]])
    double = Frame(np.tile(frame.species, 2), positions, cell, energy=energy, forces=forces, number=2)
    displaced = replace(frame, positions=frame.positions + 0.02 * np.random.default_rng(0).normal(size=(24, 3)))
    assert [finding.code for finding in check_duplicates([frame, double], fingerprints([frame, double]))] == [
        "duplicate"
    ]
    assert check_duplicates([frame, displaced], fingerprints([frame, displaced])) == []


def test_groups_come_by_gravity_and_count_frames() -> None:
    note = Finding("note", "thin-cell", "m", "f", frames=(1, 2, 3))
    first, second = Finding("error", "no-energy", "m", "first"), Finding("error", "no-energy", "m", "second")
    groups = grouped([note, first, second])
    assert [(group.severity, group.code, group.n_frames) for group in groups] == [
        ("error", "no-energy", 2), ("note", "thin-cell", 3),
    ]  # fmt: skip
    assert groups[0].fix == "first"


def test_shells_of_caesium_chloride() -> None:
    """Eight nearest neighbours and six next ones, 3.3 angstrom away, which thermal motion smears into one shell."""
    around = find_neighbours(generate().train)
    assert around.within(3.85) == pytest.approx(14.0, abs=1.0)
    assert min(abs(minimum - 3.95) for minimum in around.minima) < 0.25


def test_the_suggestion_trains(tmp_path: Path) -> None:
    write(generate(), tmp_path)
    suggestion = suggest(generate().train)
    (tmp_path / "nep.in").write_text(suggestion.text)
    assert read_nep_in(tmp_path / "nep.in").cutoff == suggestion.nep_in.cutoff
    assert all(f"# {reason}\n" in suggestion.text for reason in suggestion.reasons.values())
    result = neptuner.train(tmp_path, steps=2, threads=1)
    assert np.isfinite(result["test"]["rmse_force"])


def test_without_readable_frames_there_is_nothing_to_suggest(tmp_path: Path) -> None:
    path = tmp_path / "train.xyz"
    path.write_text("2\nno comment\nO 0 0 0\nO 1 1 1\n")
    result = audit(path)
    assert (result.suggestion, result.neighbours, result.has_errors) == (None, None, True)
    with pytest.raises(InputError, match="no readable frames"):
        suggest([])


def test_the_training_set_of_j14_has_wrong_virials(shared_data: Path) -> None:
    """Its larger cells have off-diagonal virials in Voigt's order, its small ones have none; nothing else is wrong."""
    folder = shared_data / "j14-dft"
    result = audit(folder / "train.xyz", folder / "test.xyz")
    found = {(group.severity, group.code): group for group in grouped(result.findings)}
    assert set(found) == {
        ("error", "virial-order"), ("warning", "missing-shear"), ("note", "thin-cell"), ("note", "relatives"),
    }  # fmt: skip
    sizes = {code: [len(finding.frames) for finding in group.findings] for (_, code), group in found.items()}
    assert sizes["virial-order"] == [79, 19]
    assert sizes["missing-shear"] == [539, 135]
    assert "xy holds zx, yz holds xy, zx holds yz" in found["error", "virial-order"].findings[0].message
