"""Error statistics: by hand, and identities that hold for any numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neptuner.engines.comparison import Comparison, Quantity, by_element, by_size, compare, statistics, summary
from neptuner.engines.comparison import worst_frames as worst
from neptuner.files.frames import Frame
from neptuner.kernels.engine import Outputs

NAN = float("nan")


def frame(symbols: str, energy=None, forces=None, virial=None) -> Frame:
    species = np.array(symbols.split())
    forces = None if forces is None else np.array(forces, dtype=float)
    virial = None if virial is None else np.array(virial, dtype=float)
    return Frame(species, np.zeros((len(species), 3)), np.eye(3), energy=energy, forces=forces, virial=virial)


def by_hand() -> Comparison:
    """Predictions are zero, so errors are the labels with the other sign."""
    frames = [
        frame("O", energy=1.0, forces=[[0, 0, 3]], virial=[6, 0, 0, NAN, NAN, NAN]),
        frame("O Mg", energy=-6.0, forces=[[0, 0, 0], [1, 2, -2]]),
        frame("Mg", forces=[[4, 0, 0]], virial=[0, 0, 0, 0, 0, -2]),
        frame("Si"),
    ]
    outputs = Outputs(np.zeros(4), np.zeros((5, 3), np.float32), np.zeros((4, 6)))
    return compare(frames, outputs)


def test_whole_set_by_hand() -> None:
    found = summary(by_hand())
    # energies per atom: labels 1, -3
    assert found["rmse_energy"] == pytest.approx(np.sqrt((1 + 9) / 2))
    assert found["mae_energy"] == pytest.approx(2.0)
    assert found["r2_energy"] == pytest.approx(1 - 10 / 8)
    # twelve force components, squares 9 + 9 + 16, magnitudes 3 + 5 + 4, mean 8/12
    assert found["rmse_force"] == pytest.approx(np.sqrt(34 / 12))
    assert found["mae_force"] == pytest.approx(1.0)
    assert found["r2_force"] == pytest.approx(1 - 34 / (34 - 64 / 12))
    # nine virial components, one of 6 and one of -2
    assert found["rmse_virial"] == pytest.approx(np.sqrt(40 / 9))
    assert found["mae_virial"] == pytest.approx(8 / 9)
    assert found["r2_virial"] == pytest.approx(1 - 40 / (40 - 16 / 9))


def test_elements_by_hand() -> None:
    found = by_element(by_hand())
    assert list(found) == ["Mg", "O", "Si"]
    assert found["Mg"]["atoms"] == 2
    assert found["Mg"]["rmse_force"] == pytest.approx(np.sqrt((1 + 4 + 4 + 16) / 6))
    assert found["O"] == {
        "atoms": 2,
        "rmse_force": pytest.approx(np.sqrt(9 / 6)),
        "mae_force": 0.5,
        "r2_force": pytest.approx(-0.2),
    }
    assert found["Si"] == {"atoms": 1, "rmse_force": None, "mae_force": None, "r2_force": None}


def test_sizes_by_hand() -> None:
    one, two = by_size(by_hand())
    assert (one["atoms_per_frame"], one["frames"]) == (1, 3)
    assert (two["atoms_per_frame"], two["frames"]) == (2, 1)
    assert one["rmse_energy"] == 1.0
    assert one["r2_energy"] is None  # one label does not vary
    assert one["mae_force"] == pytest.approx(7 / 6)
    assert two["mae_energy"] == 3.0
    assert two["rmse_force"] == pytest.approx(np.sqrt(9 / 6))
    assert two["rmse_virial"] is None


def test_worst_frames_by_hand() -> None:
    found = worst(by_hand(), 2)
    assert found["energy"] == [{"frame": 2, "atoms": 2, "error": 3.0}, {"frame": 1, "atoms": 1, "error": -1.0}]
    assert found["force"] == [
        {"frame": 3, "atoms": 1, "error": pytest.approx(np.sqrt(16 / 3)), "max": 4.0, "atom": 1},
        {"frame": 1, "atoms": 1, "error": pytest.approx(np.sqrt(3)), "max": 3.0, "atom": 1},
    ]
    assert [row["frame"] for row in found["virial"]] == [1, 3]
    assert found["virial"][0]["error"] == pytest.approx(np.sqrt(12))
    everything = worst(by_hand(), 10)
    assert [len(everything[name]) for name in ("energy", "force", "virial")] == [2, 3, 2]
    assert (everything["force"][2]["max"], everything["force"][2]["atom"]) == (2.0, 2)
    assert worst(by_hand(), 0) == {"energy": [], "force": [], "virial": []}


def test_without_labels_there_are_no_statistics() -> None:
    bare = compare([frame("O Mg")], Outputs(np.ones(1), np.ones((2, 3)), np.ones((1, 6))))
    assert set(summary(bare).values()) == {None}
    assert not any(worst(bare, 3).values())


def test_labels_that_do_not_vary_have_no_r2() -> None:
    constant = Quantity(np.array([[0.3], [0.2], [0.1]]), np.full((3, 1), 0.1))
    assert statistics("energy", constant)["r2_energy"] is None
    assert statistics("energy", constant)["mae_energy"] == pytest.approx(0.1)
    tiny = Quantity(np.zeros((2, 1)), np.array([[0.0], [1e-200]]))  # its square underflows
    assert statistics("energy", tiny)["r2_energy"] is None


number = st.integers(-(10**9), 10**9).map(lambda micro: 1e-6 * micro)
"""Up to 1000, to six decimals, so that no square underflows."""


@st.composite
def comparisons(draw: st.DrawFn, missing: bool = True) -> Comparison:
    """Comparisons of frames of one to three atoms; labels may be missing, component by component."""
    sizes = np.array(draw(st.lists(st.integers(1, 3), min_size=1, max_size=6)))
    label = st.one_of(number, st.just(NAN)) if missing else number

    def quantity(rows: int, components: int) -> Quantity:
        shape = (rows, components)
        return Quantity(draw(arrays(float, shape, elements=number)), draw(arrays(float, shape, elements=label)))

    atoms = int(sizes.sum())
    species = np.array(draw(st.lists(st.sampled_from(["Mg", "O"]), min_size=atoms, max_size=atoms)))
    return Comparison(quantity(len(sizes), 1), quantity(atoms, 3), quantity(len(sizes), 6), species, sizes)


@given(comparisons())
def test_rmse_is_at_least_mae_and_r2_at_most_one(comparison: Comparison) -> None:
    found = summary(comparison)
    for name in ("energy", "force", "virial"):
        if found[f"rmse_{name}"] is not None:
            assert found[f"rmse_{name}"] >= found[f"mae_{name}"] * (1 - 1e-12) >= 0
        if found[f"r2_{name}"] is not None:
            assert found[f"r2_{name}"] <= 1.0


@given(comparisons())
def test_a_perfect_prediction_has_r2_of_one(comparison: Comparison) -> None:
    perfect = {
        name: Quantity(np.nan_to_num(quantity.reference), quantity.reference)
        for name, quantity in (
            ("energy", comparison.energy),
            ("force", comparison.force),
            ("virial", comparison.virial),
        )
    }
    found = summary(replace(comparison, **perfect))
    assert {found[f"r2_{name}"] for name in perfect} <= {1.0, None}
    assert {found[f"rmse_{name}"] for name in perfect} <= {0.0, None}


@given(comparisons(missing=False))
def test_squares_of_the_parts_pool_to_the_whole(comparison: Comparison) -> None:
    whole, elements, sizes = summary(comparison), by_element(comparison).values(), by_size(comparison)
    frames, atoms = len(comparison.sizes), comparison.sizes.sum()
    assert sum(row["frames"] for row in sizes) == frames
    assert sum(row["atoms"] for row in elements) == atoms

    def pooled(name: str, rows, weights) -> float:
        return sum(weight * row[f"rmse_{name}"] ** 2 for row, weight in zip(rows, weights, strict=True))

    per_frame = [row["frames"] for row in sizes]
    per_atom = [row["frames"] * row["atoms_per_frame"] for row in sizes]
    close = {"rel": 1e-9, "abs": 1e-300}
    assert pooled("energy", sizes, per_frame) == pytest.approx(frames * whole["rmse_energy"] ** 2, **close)
    assert pooled("virial", sizes, per_frame) == pytest.approx(frames * whole["rmse_virial"] ** 2, **close)
    assert pooled("force", sizes, per_atom) == pytest.approx(atoms * whole["rmse_force"] ** 2, **close)
    counts = [row["atoms"] for row in elements]
    assert pooled("force", elements, counts) == pytest.approx(atoms * whole["rmse_force"] ** 2, **close)


@given(comparisons(), st.integers(0, 8))
def test_worst_frames_are_sorted_and_within_the_set(comparison: Comparison, count: int) -> None:
    for rows in worst(comparison, count).values():
        sizes = [abs(row["error"]) for row in rows]
        assert len(rows) <= count
        assert sizes == sorted(sizes, reverse=True)
        assert all(row["atoms"] == comparison.sizes[row["frame"] - 1] for row in rows)


@given(comparisons())
def test_the_largest_force_error_is_that_of_its_atom(comparison: Comparison) -> None:
    first = np.cumsum(comparison.sizes) - comparison.sizes
    for row in worst(comparison, 10)["force"]:
        errors = np.abs(comparison.force.errors[first[row["frame"] - 1] + row["atom"] - 1])
        assert row["max"] == np.nanmax(errors)
        assert row["max"] >= row["error"] * (1 - 1e-12)
        assert 1 <= row["atom"] <= row["atoms"]
