"""The repulsion at short range: its numbers, its derivative, and where it begins and ends."""

from __future__ import annotations

from dataclasses import replace
from math import exp, pi

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models import random_model, some_zbl
from neptuner.errors import InputError
from neptuner.files.elements import COVALENT_RADII, covalent_radii
from neptuner.files.frames import Frame
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate
from neptuner.potential.zbl import Zbl, pair_energy, zbl_table

KINDS = ("universal", "typewise", "typewise-half", "flexible")
ELEMENTS = ("Mg", "O", "H")


def phi_of(row: np.ndarray, *distances: float) -> tuple[np.ndarray, np.ndarray]:
    return pair_energy(np.array(distances), np.broadcast_to(row, (len(distances), 12)))


def test_silicon_at_one_angstrom() -> None:
    """Worked out by hand: 14^0.23 = 1.83489, s = 7.83336, and 2822.33 eV times 0.018059."""
    row = zbl_table(Zbl(2.0, 4.0), ["Si"])[0, 0]
    assert row[2:4] == pytest.approx([2822.330, 7.83336], rel=1e-6)
    assert phi_of(row, 1.0)[0] == pytest.approx(50.968, abs=0.002)


def test_half_way_between_the_radii_half_is_left() -> None:
    row = zbl_table(Zbl(1.0, 2.0), ["O"])[0, 0]
    whole = zbl_table(Zbl(3.0, 4.0), ["O"])[0, 0]
    phi, slope = phi_of(row, 1.5)
    bare, bare_slope = phi_of(whole, 1.5)
    assert phi == pytest.approx(0.5 * bare)
    assert slope == pytest.approx(0.5 * bare_slope - 0.5 * pi * bare)


@pytest.mark.parametrize("kind", KINDS)
@given(r=st.floats(0.3, 3.0), pair=st.sampled_from([(0, 0), (0, 1), (1, 2), (2, 2)]))
def test_slope_is_the_derivative(kind, r, pair) -> None:
    row = zbl_table(some_zbl(kind, 3), ELEMENTS)[pair]
    step = 1e-4 * r
    # A central difference across a radius misses the jump of the second derivative there.
    assume(min(abs(r - row[0]), abs(r - row[1])) > 2 * step)
    phi = phi_of(row, r - 2 * step, r - step, r + step, r + 2 * step)[0]
    slope = (8 * (phi[2] - phi[1]) - (phi[3] - phi[0])) / (12 * step)
    assert phi_of(row, r)[1][0] == pytest.approx(slope, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_energy_and_slope_are_continuous_at_both_radii(kind) -> None:
    for row in zbl_table(some_zbl(kind, 3), ELEMENTS).reshape(-1, 12):
        for radius in row[:2][row[:2] > 0]:
            phi, slope = phi_of(row, radius - 1e-8, radius, radius + 1e-8)
            assert phi == pytest.approx(phi[1], rel=1e-6, abs=1e-9)
            assert slope == pytest.approx(slope[1], rel=1e-6, abs=1e-4)
        assert not np.any(phi_of(row, row[1], row[1] + 1.0))


def test_equal_radii_cut_sharply_without_dividing_by_zero() -> None:
    row = zbl_table(Zbl(1.0, 1.0), ["O"])[0, 0]
    phi, slope = phi_of(row, 0.999, 1.0)
    assert phi[0] > 1.0
    assert (phi[1], slope[1]) == (0.0, 0.0)


def test_universal_radii_and_screening_hold_for_every_pair() -> None:
    table = zbl_table(Zbl(0.7, 1.4), ELEMENTS)
    assert (table[:, :, :2] == (0.7, 1.4)).all()
    assert (table[:, :, 4:] == (0.18175, 3.1998, 0.50986, 0.94229, 0.28022, 0.4029, 0.02817, 0.20162)).all()
    assert table[0, 1, 2] == pytest.approx(14.399645 * 12 * 8)
    assert table[0, 1, 3] == pytest.approx((12**0.23 + 8**0.23) * 2.134563)
    np.testing.assert_array_equal(table, table.transpose(1, 0, 2))


@pytest.mark.parametrize(("half", "inner"), [(False, 0.0), (True, 0.5)])
def test_typewise_outer_radii_follow_covalent_radii(half, inner) -> None:
    table = zbl_table(Zbl(1.25, 2.5, 0.7, inner_is_half=half), ELEMENTS)
    outer = np.array([
        [0.7 * 2 * 1.66667, 0.7 * (1.66667 + 0.84), 0.7 * (1.66667 + 0.426667)],
        [0.7 * (0.84 + 1.66667), 0.7 * 2 * 0.84, 0.7 * (0.84 + 0.426667)],
        [0.7 * (0.426667 + 1.66667), 0.7 * (0.426667 + 0.84), 0.7 * 2 * 0.426667],
    ])  # fmt: skip
    np.testing.assert_allclose(table[:, :, 1], outer, rtol=1e-12)
    np.testing.assert_allclose(table[:, :, 0], inner * outer, rtol=1e-12)
    assert (zbl_table(Zbl(0.5, 1.0, 0.7), ELEMENTS)[:, :, 1].max()) == 1.0


def test_flexible_pairs_are_11_12_13_22_23_33() -> None:
    pairs = tuple(tuple(float(10 * pair + number) for number in range(10)) for pair in range(6))
    table = zbl_table(Zbl(0.0, 0.0, pairs=pairs), ELEMENTS)
    for pair, (i, j) in enumerate(((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))):
        expected = 10.0 * pair + np.arange(10)
        for row in (table[i, j], table[j, i]):
            np.testing.assert_array_equal(np.delete(row, [2, 3]), expected)
    np.testing.assert_array_equal(table[:, :, 2:4], zbl_table(Zbl(1.0, 2.0), ELEMENTS)[:, :, 2:4])


def test_flexible_phi_is_its_formula() -> None:
    numbers = (0.5, 3.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    row = zbl_table(Zbl(0.0, 0.0, pairs=(numbers,)), ["O"])[0, 0]
    s = 0.4 * 2 * 8**0.23 * 2.134563
    screening = 0.1 * exp(-0.2 * s) + 0.3 * exp(-0.4 * s) + 0.5 * exp(-0.6 * s) + 0.7 * exp(-0.8 * s)
    assert phi_of(row, 0.4)[0] == pytest.approx(14.399645 * 64 / 0.4 * screening)


def test_flexible_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"1 pairs of .* expected 3 of 10"):
        zbl_table(Zbl(0.0, 0.0, pairs=((1.0,) * 10,)), ("Mg", "O"))


def test_covalent_radii_are_those_of_d3() -> None:
    """Three quarters of each are a tabulated radius of two decimals; H, Si and Pu as GPUMD spells them."""
    radii = 0.75 * np.array(list(COVALENT_RADII.values()))
    assert len(radii) == 94
    assert np.abs(radii - radii.round(2)).max() < 5e-6
    assert covalent_radii(("H", "Si", "Pu")) == (0.426667, 1.38667, 2.06667)
    with pytest.raises(InputError, match="from H to Pu only, but there is Am"):
        covalent_radii(("O", "Am"))


def silent(model: Model) -> Model:
    """The same model with a network that says nothing: only the repulsion is left."""
    return replace(model, values=np.zeros_like(model.values))


def test_each_atom_has_half_of_the_pair_energy_and_the_force_is_its_slope() -> None:
    model = silent(random_model(zbl="flexible"))
    frame = Frame(np.array(["Mg", "O"]), np.array([[0.0, 0, 0], [0, 1.3, 0]]), np.zeros((3, 3)), pbc=(False,) * 3)
    assert model.settings.zbl is not None
    phi, slope = phi_of(zbl_table(model.settings.zbl, ("Mg", "O"))[0, 1], 1.3)
    result = evaluate(model, frame)
    assert phi[0] > 1.0
    np.testing.assert_allclose(result.energies, 0.5 * phi[[0, 0]])
    np.testing.assert_allclose(result.forces, [[0, slope[0], 0], [0, -slope[0], 0]], atol=1e-14)
    np.testing.assert_allclose(result.virials[:, 1, 1], -0.5 * 1.3 * slope[[0, 0]])


@pytest.mark.parametrize(("distance", "felt"), [(2.99, True), (3.01, False)])
def test_the_angular_cutoff_ends_it_abruptly(distance, felt) -> None:
    settings = replace(random_model(cutoff=(5.0, 3.0)).settings, zbl=Zbl(2.0, 4.0))
    model = silent(Model(settings, random_model().values, random_model().q_scaler))
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]])
    frame = Frame(np.array(["O", "O"]), positions, np.eye(3), pbc=(False, False, False))
    assert (evaluate(model, frame).energy > 0.01) == felt
