"""Frames whose likeness is known: copies, neighbours of a trajectory, relatives and strangers are told apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.study.data.frame_distance import atom_distance, fingerprints, gauged, nearest
from neptuner.study.data.grouping import Group, finite_median, group_labels, suggest_group
from neptuner.study.data.leakage import Leakage, find_leakage

CATIONS = ("Mg", "Ni", "Zn")
LATTICE = np.array([[x, y, z] for x in range(4) for y in range(4) for z in range(2)], dtype=float)


def crystal(arrangement: int, rattle: float = 0.0, seed: int = 0, **info: str) -> Frame:
    """A rock-salt cell of 32 atoms whose cations are arranged by one seed and displaced by another."""
    cations = np.random.default_rng(1000 + arrangement).choice(CATIONS, 16)
    cations[:3] = CATIONS
    species = np.full(32, "O", dtype="<U2")
    species[LATTICE.sum(axis=1) % 2 == 0] = cations
    step = rattle / np.sqrt(3) * np.random.default_rng((seed, arrangement)).normal(size=(32, 3))
    return Frame(species, 2.12 * LATTICE + step, np.diag([8.48, 8.48, 4.24]), info=info)


def rattled(arrangements: Sequence[int], copies: Sequence[int], rattle: float = 0.2, **info: str) -> list[Frame]:
    return [crystal(a, rattle, c, **info, base=f"b{a}") for a in arrangements for c in copies]


def without_info(frames: Sequence[Frame]) -> list[Frame]:
    return [replace(frame, info={}) for frame in frames]


def moved(frame: Frame, displacement: float, seed: int = 0) -> Frame:
    step = displacement / np.sqrt(3) * np.random.default_rng(seed).normal(size=frame.positions.shape)
    return replace(frame, positions=frame.positions + step)


def disguised(frame: Frame) -> Frame:
    """The same structure rotated, shifted across the boundary, with its atoms in another order."""
    rng = np.random.default_rng(7)
    order, rotation = rng.permutation(frame.n_atoms), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    positions = (frame.positions + rng.normal(size=3) * 5)[order] @ rotation
    return replace(frame, species=frame.species[order], positions=positions, cell=frame.cell @ rotation)


def doubled(frame: Frame) -> Frame:
    """A supercell."""
    cell = np.diag([1, 2, 1]) @ frame.cell
    positions = np.concatenate([frame.positions, frame.positions + frame.cell[1]])
    return replace(frame, species=np.tile(frame.species, 2), positions=positions, cell=cell)


def distance(one: Frame, other: Frame) -> float:
    """Distance in angstrom as a displacement."""
    prints = fingerprints([one, other])
    query = gauged(prints[:1], [one], np.random.default_rng(0))
    return float(nearest(query, prints[1:])[1][0])


@pytest.mark.parametrize("change", [disguised, doubled, lambda frame: frame])
def test_the_same_structure_is_at_zero(change) -> None:
    frame = crystal(1, 0.2)
    assert distance(frame, change(frame)) < 1e-5
    assert distance(change(frame), frame) < 1e-5


@pytest.mark.parametrize(
    "frame", [crystal(1), crystal(1, 0.2), doubled(crystal(2, 0.1))], ids=["ideal", "hot", "large"]
)
@pytest.mark.parametrize("displacement", [0.01, 0.05, 0.1, 0.2])
def test_distances_are_displacements(frame: Frame, displacement: float) -> None:
    found = np.mean([distance(frame, moved(frame, displacement, seed)) for seed in range(5)])
    assert found == pytest.approx(displacement, rel=0.25)


@pytest.mark.parametrize("shear", [0.02, 0.04])
def test_a_sheared_crystal_is_not_its_own_copy(shear: float) -> None:
    """To first order no smooth invariant of a site of cubic symmetry sees a shear."""
    frame, strain = crystal(1), np.eye(3)
    strain[0, 1] = strain[1, 0] = shear
    other = replace(frame, positions=frame.positions @ strain, cell=frame.cell @ strain)
    assert distance(frame, other) > 1.5 * shear


def test_other_elements_are_infinitely_far() -> None:
    one, other = crystal(1), crystal(1)
    other = replace(other, species=np.where(other.species == "Zn", "Cu", other.species))
    assert atom_distance(*fingerprints([one, other])) == np.inf
    assert distance(one, other) == np.inf


def test_atoms_without_neighbours_have_no_distance() -> None:
    lone = Frame(np.array(["Mg"]), np.zeros((1, 3)), 30 * np.eye(3))
    assert distance(lone, replace(lone, positions=np.full((1, 3), 3.0))) == 0
    assert distance(lone, replace(lone, cell=4 * np.eye(3))) == np.inf


def test_the_nearest_frame_is_found_among_many() -> None:
    frames = rattled(range(12), range(5))
    prints = fingerprints(frames)
    queries = gauged(prints, frames, np.random.default_rng(0))
    everyone = range(len(frames))
    index, apart = nearest(queries, prints, everyone, everyone)
    assert np.all(index != np.arange(len(frames)))
    assert np.all(index // 5 == np.arange(len(frames)) // 5)
    labels = [frame.info["base"] for frame in frames]
    outside, farther = nearest(queries, prints, labels, labels)
    assert not np.any(outside // 5 == np.arange(len(frames)) // 5)
    assert np.all(farther > apart)


def leakage(train: Sequence[Frame], **held_out: Sequence[Frame]) -> Leakage:
    found = find_leakage(train, held_out)
    json.dumps(asdict(found), allow_nan=False)
    return found


def test_near_copies_are_found_with_their_numbers() -> None:
    train = [replace(frame, number=i + 100) for i, frame in enumerate(rattled(range(10), range(3)))]
    strangers = rattled(range(20, 28), [0])
    copies = [replace(f, number=None) for f in (moved(train[4], 0.02), disguised(moved(train[17], 0.03)))]
    found = leakage(train, test=[*strangers, *copies], validation=rattled(range(30, 35), [0]))
    assert found.kind == "near-copies"
    test, validation = found.sets["test"], found.sets["validation"]
    assert (test.frames, test.near_copies, validation.near_copies) == (10, 2, 0)
    assert [(pair.held_out, pair.train) for pair in test.closest[:2]] == [(9, 104), (10, 117)]
    assert test.closest[0].distance == pytest.approx(0.02, rel=0.3)
    assert found.sentence.startswith("2 of 10 test and 0 of 5 validation frames are near-copies")
    assert [d is not None and d < 0.05 for d in test.distances] == [False] * 8 + [True] * 2


def test_neighbours_of_a_trajectory_are_near_copies() -> None:
    """Frames a few steps apart on a path, dealt out at random; the key of the trajectory keeps them together."""
    frames = [
        replace(moved(crystal(a, 0.3, 5), 0.003 * step, seed=a), info={"run": f"r{a}"})
        for a in range(8)
        for step in range(10)
    ]
    order = np.random.default_rng(3).permutation(len(frames)).tolist()
    train, test = [frames[i] for i in order[:64]], [frames[i] for i in order[64:]]
    found = leakage(train, test=test)
    assert found.kind == "near-copies"
    assert found.sets["test"].near_copies == 16
    assert found.sets["test"].further == pytest.approx(0.5, abs=0.2)
    assert found.group is not None and (found.group.key, found.group.in_comment) == ("run", True)
    assert (found.group.near_copies, found.group.near_copies_of_others) == (80, 0)
    assert found.sentence.endswith('study.group = "run".')


def test_relatives_are_told_from_near_copies() -> None:
    train, test = rattled(range(12), range(6)), rattled(range(12), [6])
    found = leakage(train, test=test)
    assert found.kind == "relatives"
    assert (found.sets["test"].near_copies, found.sets["test"].relatives) == (0, 12)
    assert found.group is not None and found.group.key == "base" and found.group.classes == 12
    assert "12 of 12 test frames have their like of the same `base` among the training frames" in found.sentence
    bare = leakage(without_info(train), test=without_info(test))
    assert bare.kind == "relatives" and bare.group is not None and not bare.group.in_comment
    assert "composition" in bare.sentence and "comment line" in bare.group.sentence


def test_strangers_are_called_so() -> None:
    found = leakage(rattled(range(12), range(4)), test=rattled(range(20, 28), range(2)))
    assert found.kind == "none found"
    test = found.sets["test"]
    assert (test.near_copies, test.relatives, test.without_like) == (0, 0, 0)
    assert test.further is not None and test.further > 0.95
    assert test.median is not None and found.within_train is not None and test.median > 2 * found.within_train
    assert found.sentence.startswith("No held-out frame is a near-copy or a relative of a training frame (nearest")


def test_new_elements_are_told() -> None:
    test = [replace(f, species=np.where(f.species == "Zn", "Cu", f.species)) for f in rattled([1, 2], [0])]
    found = leakage(rattled(range(6), range(3)), test=test)
    assert found.sets["test"].without_like == 2
    assert found.sets["test"].distances == (None, None)
    assert (found.sets["test"].median, found.sets["test"].closest, found.kind) == (None, (), "none found")


def test_little_is_enough() -> None:
    one = [crystal(1)]
    assert leakage(one, test=one).kind == "near-copies"
    assert leakage(one).kind == "none found"
    alone = leakage(one, test=[crystal(2, 0.1)])
    assert (alone.kind, alone.within_train, alone.sets["test"].further) == ("none found", None, None)


def test_the_seed_decides() -> None:
    train, test = rattled(range(5), range(3)), rattled(range(5), [3])
    assert leakage(train, test=test) == leakage(train, test=test)


def suggested(frames: Sequence[Frame]) -> Group:
    found = suggest_group(frames)
    assert found is not None
    return found


def test_the_smallest_classes_that_serve_are_suggested() -> None:
    """Halves keep frames apart as well as arrangements do, but leave less freedom; a random key does not at all."""
    frames = [
        replace(frame, info={**frame.info, "batch": f"{int(frame.info['base'][1:]) // 3}", "lot": f"{i % 7}"})
        for i, frame in enumerate(rattled(range(12), range(5)))
    ]
    assert suggested(frames).key == "base"
    assert suggested([replace(f, info={k: v for k, v in f.info.items() if k != "base"}) for f in frames]).key != "lot"


def test_keys_of_single_frames_and_of_all_are_not_suggested() -> None:
    frames = [
        replace(frame, info={"id": str(i), "source": "VASP"})
        for i, frame in enumerate([crystal(1, 0.2, seed) for seed in range(20)])
    ]
    assert suggest_group(frames) is None
    assert suggest_group(frames[:1]) is None


def test_labels_of_systems() -> None:
    one, large = crystal(1), doubled(crystal(1))
    stretched = replace(one, cell=1.01 * one.cell)
    turned = replace(one, cell=np.roll(one.cell, 1, axis=0))
    frames = [one, large, stretched, turned]
    assert [len(set(group_labels(frames, key))) for key in ("composition", "formula", "composition and cell")] == [
        1,
        2,
        3,
    ]
    assert group_labels([replace(one, info={"a": "x"})], "a") == ["x"]
    with pytest.raises(KeyError):
        group_labels(frames, "a")


@pytest.mark.parametrize(
    ("values", "expected"), [([], None), ([1.0, 2.0, np.inf], 2.0), ([1.0, np.inf, np.inf], None), ([np.inf], None)]
)
def test_median_of_distances(values: list[float], expected: float | None) -> None:
    assert finite_median(np.array(values)) == expected


def test_the_public_j14_data_share_their_systems(shared_data: Path) -> None:
    """A split at random: no near-copies, but hot snapshots of the same arrangements on both sides."""
    train = read_frames(shared_data / "j14-dft" / "train.xyz")[:200]
    test = read_frames(shared_data / "j14-dft" / "test.xyz")[:50]
    found = leakage(train, test=test)
    assert (found.kind, found.sets["test"].near_copies) == ("relatives", 0)
    assert found.sets["test"].relatives > 20
    assert found.group is not None and found.group.key in ("composition", "formula", "composition and cell")
    assert found.sets["test"].further == pytest.approx(0.5, abs=0.1)
    assert 0.05 < found.sets["test"].closest[0].distance < found.sets["test"].closest[-1].distance < 0.3
