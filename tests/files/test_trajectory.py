from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.files.extxyz import read_frames
from neptuner.files.structure import Structure
from neptuner.files.trajectory import QUANTITIES, format_frame, wrap

RNG = np.random.default_rng(0)
N = 4
ATOMS = Structure(
    species=np.array(["Mg", "O", "O", "Mg"]),
    positions=np.array([[0.1, 0.2, 0.3], [-0.5, 11.0, 25.0], [4.0, 5.0, 6.0], [1.0, -30.0, 2.0]]),
    cell=np.array([[8.0, 0, 0], [1, 9, 0], [0.5, -1, 10]]),
    pbc=(True, True, False),
    masses=np.array([24.305, 15.999, 15.999, 24.305]),
    velocities=RNG.normal(size=(N, 3)),
    groups=np.array([[0, 1, 1, 0], [0, 1, 2, 3]]),
)
FORCES = RNG.normal(size=(N, 3))
POTENTIALS = RNG.normal(size=N)
VIRIALS = RNG.normal(size=(N, 3, 3))
VIRIAL = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])
ALL = {"forces": FORCES, "potentials": POTENTIALS, "virials": VIRIALS}


def frame(**options) -> str:
    return format_frame(ATOMS, time=12.5, energy=-20.25, virial=VIRIAL, stress=0.01 * np.eye(3), **options)


def test_comment_line_and_columns_of_a_plain_frame() -> None:
    count, comment, first, *_ = frame().splitlines()
    assert count == "4"
    assert comment == (
        'Time=12.50000000 pbc="T T F" Lattice="8 0 0 1 9 0 0.5 -1 10" energy=-20.25'
        ' virial="1 0.1 0.2 0.1 2 0.3 0.2 0.3 3" stress="0.01 0 0 0 0.01 0 0 0 0.01" Properties=species:S:1:pos:R:3'
    ).replace("0.1", f"{0.1:.9g}")
    assert first == "Mg 0.1 0.2 0.3"


def test_every_quantity_in_the_order_of_gpumd() -> None:
    lines = frame(quantities=QUANTITIES[::-1], precision="double", **ALL).splitlines()
    assert lines[1].endswith(
        "Properties=species:S:1:pos:R:3:mass:R:1:vel:R:3:forces:R:3:energy_atom:R:1:unwrapped_position:R:3:virial:R:9"
        ":group:I:2"
    )
    words = lines[3].split()
    expected = np.concatenate(
        [
            wrap(ATOMS.positions, ATOMS.cell, ATOMS.pbc)[1],
            [15.999],
            ATOMS.velocities[1],  # type: ignore[index]
            FORCES[1],
            [POTENTIALS[1]],
            ATOMS.positions[1],
            VIRIALS[1].ravel(),
        ]
    )
    assert words[0] == "O"
    assert [float(word) for word in words[1:-2]] == expected.tolist()
    assert words[-2:] == ["1", "1"]


def test_single_precision_has_nine_digits() -> None:
    words = frame(quantities=["force"], **ALL).splitlines()[2].split()
    assert words[4:] == [f"{value:.9g}" for value in FORCES[0]]


def test_a_group_of_atoms() -> None:
    lines = frame(atoms=np.flatnonzero(ATOMS.groups[0] == 1), quantities=["mass", "group_labels"]).splitlines()
    assert lines[0] == "2"
    assert [line.split()[0] for line in lines[2:]] == ["O", "O"]
    assert [line.split()[-2:] for line in lines[2:]] == [["1", "1"], ["1", "2"]]


def test_both_readers_read_it(tmp_path: Path) -> None:
    path = tmp_path / "dump.xyz"
    path.write_text(frame(quantities=QUANTITIES, precision="double", **ALL) + frame(quantities=["force"], **ALL))
    frames = read_frames(path)
    images = ase.io.read(path, index=":", format="extxyz")
    assert len(frames) == len(images) == 2
    for one, atoms in zip(frames, images, strict=True):
        np.testing.assert_allclose(one.positions, wrap(ATOMS.positions, ATOMS.cell, ATOMS.pbc), rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(atoms.positions, one.positions, rtol=1e-12)
        np.testing.assert_allclose(atoms.cell.array, ATOMS.cell)
        np.testing.assert_allclose(atoms.get_forces(), FORCES, rtol=1e-8)
        assert one.forces is not None
        np.testing.assert_allclose(one.forces, FORCES, rtol=1e-8)
        assert one.energy == atoms.get_potential_energy() == -20.25
        assert one.pbc == tuple(atoms.pbc) == (True, True, False)
        # The stress of a trajectory is not that of a training frame, so the virial counts.
        assert one.virial is not None
        np.testing.assert_allclose(one.virial, [1, 2, 3, 0.1, 0.3, 0.2])


def test_quantities_need_their_values() -> None:
    with pytest.raises(ValueError, match="a frame with `force` needs its values"):
        frame(quantities=["force"])


def test_group_labels_without_groups_are_no_column() -> None:
    atoms = replace(ATOMS, groups=ATOMS.groups[:0])
    text = format_frame(
        atoms, time=0, energy=0, virial=VIRIAL, stress=VIRIAL, quantities=["group_labels"], atoms=np.array([0])
    )
    assert text.splitlines()[1].endswith("Properties=species:S:1:pos:R:3")
    assert text.splitlines()[2] == "Mg 0.1 0.2 0.3"


shifts = st.tuples(*[st.integers(-5, 5)] * 3)


@given(shifts, st.tuples(*[st.booleans()] * 3), st.tuples(*[st.floats(0.01, 0.99)] * 3))
def test_wrapping_undoes_lattice_shifts_along_periodic_directions_only(shift, pbc, fractional) -> None:
    inside = np.array([fractional]) @ ATOMS.cell
    np.testing.assert_array_equal(wrap(inside, ATOMS.cell, pbc), inside)
    moved = inside + np.array(shift) @ ATOMS.cell
    expected = inside + np.where(pbc, 0, shift) @ ATOMS.cell
    np.testing.assert_allclose(wrap(moved, ATOMS.cell, pbc), expected, atol=1e-12)
