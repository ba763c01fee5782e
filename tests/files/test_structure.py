from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neptuner.errors import InputError
from neptuner.files.masses import ATOMIC_MASSES, default_masses
from neptuner.files.structure import Structure, format_structure, read_structure, replicate, write_structure

PLAIN = """2
Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3
Mg 0 0 0
O 1 2 3
"""


@pytest.fixture
def read(tmp_path: Path):
    def one(content: str) -> Structure:
        (tmp_path / "model.xyz").write_text(content)
        return read_structure(tmp_path / "model.xyz")

    return one


def assert_same(a: Structure, b: Structure) -> None:
    for name in ("species", "positions", "cell", "masses", "groups"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name, strict=True)
    assert a.pbc == b.pbc
    assert (a.velocities is None) == (b.velocities is None)
    if a.velocities is not None:
        np.testing.assert_array_equal(a.velocities, b.velocities, strict=True)


reals = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    n = draw(st.integers(2, 5))
    cell = np.diag(draw(st.tuples(*[st.floats(0.1, 1e3)] * 3)))
    cell[np.tril_indices(3, -1)] = draw(arrays(float, 3, elements=st.floats(-5, 5)))
    vectors = arrays(np.float64, (n, 3), elements=reals)
    return Structure(
        species=np.array(draw(st.lists(st.sampled_from(["H", "O", "Mg", "Og"]), min_size=n, max_size=n)), dtype="<U2"),
        positions=draw(vectors),
        cell=cell,
        pbc=draw(st.tuples(*[st.booleans()] * 3)),
        masses=draw(arrays(np.float64, n, elements=st.floats(1e-300, 1e300))),
        velocities=draw(st.none() | vectors),
        groups=draw(arrays(np.int64, (draw(st.integers(0, 3)), n), elements=st.integers(0, n - 1))),
    )


@given(structures())
def test_what_is_written_is_read_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, one: Structure) -> None:
    path = tmp_path_factory.mktemp("structure") / "restart.xyz"
    write_structure(path, one)
    again = read_structure(path)
    assert_same(one, again)
    assert again.path == str(path)
    assert format_structure(again) == path.read_text()


def test_plain_file_gets_standard_masses_and_no_groups(read) -> None:
    found = read(PLAIN)
    assert found.n_atoms == 2
    assert found.species.tolist() == ["Mg", "O"]
    assert found.positions.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert found.masses.tolist() == [24.305, 15.999]
    assert found.pbc == (True, True, True)
    assert found.velocities is None
    assert found.groups.shape == (0, 2)
    assert found.groups.dtype == np.int64


def test_columns_in_any_order_with_unknown_ones_between(read) -> None:
    found = read(
        '2\nPBC="T F T" lattice="4 0 0 0 5 0 0 0 6"'
        " properties=id:I:1:vel:R:3:group:I:2:species:S:1:mass:R:1:charge:R:1:pos:R:3:x:S:1\n"
        "7 .1 .2 .3 0 1 Mg 24 -1 1 2 3 a\n"
        "8 1 2 3 1 0 O 16 +1e0 4 5 6 b\n\n"
    )
    assert found.pbc == (True, False, True)
    assert found.velocities is not None
    assert found.velocities.tolist() == [[0.1, 0.2, 0.3], [1, 2, 3]]
    assert found.groups.tolist() == [[0, 1], [1, 0]]
    assert found.masses.tolist() == [24, 16]
    assert found.positions.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"line 1: found ``, expected the number of atoms"),
        ("1\n" + PLAIN[2:], r"line 1: has 1 atom, expected at least 2"),
        ("2 3\n", r"line 1: found `2 3`, expected the number of atoms and nothing else"),
        ("2\n", r"line 2: the file ends where the comment line of 2 atoms is expected"),
        (PLAIN.replace("Lattice", "Lettuce"), r"line 2: has no Lattice"),
        (PLAIN.replace("4 0 0 0 5", "4 0 0 4 0"), r"line 2: has a Lattice of zero volume"),
        (PLAIN.replace("Properties", "P"), r"line 2: has no Properties"),
        (PLAIN.replace(":pos:R:3", ":vel:R:3"), r"line 2: .*lacks `pos`"),
        (PLAIN.replace("pos:R:3", "pos:R:3:vel:R:2"), r"line 2: Properties gives `vel` 2 column\(s\), expected 3"),
        (PLAIN.replace("pos:R:3", "pos:R:3:mass:R:2"), r"gives `mass` 2 column\(s\), expected 1"),
        (PLAIN + "Mg 1 1 1\n", r"line 5: goes on after its 2 atoms, expected one frame"),
        (PLAIN + "\n" + PLAIN, r"line 6: goes on after its 2 atoms"),
        (PLAIN[:-8], r"line 3: the file ends after 1 of 2 atoms"),
        (PLAIN.replace("O 1 2 3", "O 1 2"), r"line 4: the atom line has 3 columns, expected 4"),
        (PLAIN.replace("O 1 2 3", "O 1 2 nan"), r"line 4: found `nan`, expected a finite number"),
        (PLAIN.replace("O 1", "o 1"), r"line 4: o is not a chemical symbol"),
        (PLAIN.replace("Properties", 'pbc="T T" Properties'), r"line 2: pbc=.* expected three of T and F"),
        (PLAIN.replace("R:3", "R:3:mass:R:1").replace("0\n", "0 1\n").replace("3\n", "3 0\n"), r"line 4: .*mass 0"),
        (PLAIN.replace("R:3", "R:3:group:I:1").replace("0\n", "0 0\n").replace("3\n", "3 2\n"), r"line 4: .*label `2`"),
        (PLAIN.replace("R:3", "R:3:group:I:1").replace("0\n", "0 -1\n").replace("3\n", "3 0\n"), r"line 3: .*`-1`"),
        (PLAIN.replace("R:3", "R:3:charge:R:1").replace("0\n", "0 x\n").replace("3\n", "3 0\n"), r"line 3: found `x`"),
    ],
)
def test_refuses_with_one_sentence(read, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(content)
    assert "model.xyz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_structure(tmp_path / "model.xyz")


def test_replicate_keeps_the_order_of_gpumd() -> None:
    cell = np.array([[4.0, 0, 0], [1, 5, 0], [0, 2, 6]])
    one = Structure(
        species=np.array(["Mg", "O"]),
        positions=np.array([[0.5, 0, 0], [1, 2, 3]]),
        cell=cell,
        pbc=(True, True, True),
        masses=np.array([24.0, 16.0]),
        velocities=np.array([[1.0, 0, 0], [0, 1, 0]]),
        groups=np.array([[0, 1]]),
    )
    found = replicate(one, (2, 1, 3))
    expected = [
        one.positions[atom] + i * cell[0] + k * cell[2] for i in range(2) for k in range(3) for atom in range(2)
    ]
    np.testing.assert_array_equal(found.positions, expected)
    np.testing.assert_array_equal(found.cell, [2 * cell[0], cell[1], 3 * cell[2]])
    assert found.species.tolist() == ["Mg", "O"] * 6
    assert found.masses.tolist() == [24, 16] * 6
    assert found.groups.tolist() == [[0, 1] * 6]
    assert found.velocities is not None
    assert found.velocities.tolist() == [[1, 0, 0], [0, 1, 0]] * 6
    assert_same(replicate(one, (1, 1, 1)), one)


def test_masses_are_those_of_the_periodic_table() -> None:
    from ase.data import atomic_masses, atomic_numbers

    assert len(ATOMIC_MASSES) == 103
    for symbol, mass in ATOMIC_MASSES.items():
        # GPUMD rounds elements without stable isotopes to their mass numbers.
        assert mass == pytest.approx(atomic_masses[atomic_numbers[symbol]], abs=0.02 if mass % 1 else 1.1)
    with pytest.raises(InputError, match=r"no mass is known for Og; add a column `mass:R:1`"):
        default_masses(["Mg", "Og"])


def test_reads_a_real_model(shared_data: Path) -> None:
    found = read_structure(shared_data / "j14-hnemd-900K" / "model.xyz")
    assert found.n_atoms == 8000
    assert set(found.species.tolist()) == {"Mg", "Ni", "Zn", "Co", "Cu", "O"}
    assert found.groups.shape == (1, 8000)
    assert np.bincount(found.groups[0]).sum() == 8000
    np.testing.assert_allclose(found.cell, np.eye(3) * 42.73557981)
