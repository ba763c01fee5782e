from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.files.elements import ATOMIC_NUMBERS, ELEMENTS
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame, check_frames, mask_missing_shear, missing_shear

FORCES = np.array([[0.1, 0.2, -0.3], [-0.1, -0.2, 0.3]])


def frame(**changes: object) -> Frame:
    base = Frame(
        species=np.array(["Mg", "O"]),
        positions=np.zeros((2, 3)),
        cell=np.diag([2.0, 3.0, 4.0]),
        energy=-1.0,
        forces=FORCES,
        virial=np.array([1.0, 2.0, 3.0, 0.0, 0.0, -0.0]),
        path="a.xyz",
        number=7,
        line=31,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_size_and_volume_of_a_left_handed_cell() -> None:
    left = frame(cell=np.diag([2.0, 3.0, -4.0]))
    assert left.n_atoms == 2
    assert left.volume == pytest.approx(24.0)


def test_the_periodic_table() -> None:
    assert len(set(ELEMENTS)) == 118
    assert [ATOMIC_NUMBERS[symbol] for symbol in ("H", "O", "Zn", "Xe", "Lu", "Pu", "Og")] == [
        1, 8, 30, 54, 71, 94, 118,
    ]  # fmt: skip


def test_zero_shear_of_general_forces_is_missing_and_masked() -> None:
    frames = [frame(), frame(virial=np.array([1.0, 2, 3, 0, 0, 1e-9])), frame(virial=None)]
    assert missing_shear(frames).tolist() == [True, False, False]
    masked, count = mask_missing_shear(frames)
    assert count == 1
    np.testing.assert_array_equal(masked[0].virial, [1, 2, 3, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(frames[0].virial, [1, 2, 3, 0, 0, 0])
    assert masked[1] is frames[1]
    assert mask_missing_shear(masked)[1] == 0


@pytest.mark.parametrize(
    "forces",
    [
        np.zeros((2, 3)),
        None,
        np.array([[0.0, 0.0, 0.5], [0.0, 0.0, -0.5]]),
        # A mirror plane each along x, y and z: forces in every direction, yet no shear.
        np.array([[x, y, z] for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)], dtype=float),
    ],
    ids=["zero", "none", "along an axis", "three mirrors"],
)
def test_zero_shear_by_symmetry_is_kept(forces: np.ndarray | None) -> None:
    species = np.array(["O"] * (2 if forces is None else len(forces)))
    assert not missing_shear([frame(forces=forces, species=species)])[0]


def test_one_atom_has_no_missing_shear() -> None:
    assert not missing_shear([frame(forces=FORCES[:1], species=np.array(["O"]))])[0]
    assert missing_shear([]).shape == (0,)


def test_defect_of_the_j14_frames_is_found_exactly(shared_data: Path) -> None:
    frames = read_frames(shared_data / "j14-dft" / "train.xyz")
    assert (missing_shear(frames) == [one.n_atoms == 16 for one in frames]).all()
    assert mask_missing_shear(frames)[1] == 539


def test_symmetric_frames_of_mosi2n4_keep_their_zeros(shared_data: Path) -> None:
    frames = read_frames(shared_data / "mosi2n4" / "train.xyz")
    assert sum(one.virial is not None and not one.virial[3:].any() for one in frames) > 0
    assert not missing_shear(frames).any()


def test_check_frames_accepts_what_is_not_needed() -> None:
    check_frames([frame()], ["O", "Mg", "Zn"])
    check_frames([frame(energy=None, forces=None)], ["O", "Mg"], need_energy=False, need_forces=False)


@pytest.mark.parametrize(
    ("changes", "elements", "message"),
    [
        ({}, ["Mg", "Zn"], "has O, which `type` of nep.in lacks"),
        ({"energy": None}, ["Mg", "O"], "has no energy"),
        ({"forces": None}, ["Mg", "O"], "has no forces"),
    ],
)
def test_check_frames_names_the_place(changes: dict[str, object], elements: list[str], message: str) -> None:
    with pytest.raises(InputError, match=f"^a.xyz, frame 7, line 31: {message}"):
        check_frames([frame(path="b"), frame(**changes)][1:], elements)
