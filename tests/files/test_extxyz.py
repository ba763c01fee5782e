from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neptuner.errors import InputError
from neptuner.files.elements import ELEMENTS
from neptuner.files.extxyz import read_frames, write_frames
from neptuner.files.frames import Frame, mask_missing_shear

COMMENT = 'Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3:force:R:3 Energy=-7.5 T=T pbc="T F T"'
ATOMS = ("Mg 0 0 0 0.1 0.2 0.3", "O 2.0 2.0 2.0 -1e-1 -.2 -0.3")


def text(comment: str = COMMENT, atoms: tuple[str, ...] = ATOMS, count: object = 2) -> str:
    return "\n".join([str(count), comment, *atoms, ""])


@pytest.fixture
def read(tmp_path: Path):
    def one(content: str | bytes) -> list[Frame]:
        path = tmp_path / "train.xyz"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_frames(path)

    return one


def test_reads_a_frame(read) -> None:
    (frame,) = read(text())
    assert frame.species.tolist() == ["Mg", "O"]
    np.testing.assert_array_equal(frame.positions, [[0, 0, 0], [2, 2, 2]])
    np.testing.assert_array_equal(frame.forces, [[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]])
    np.testing.assert_array_equal(frame.cell, np.diag([4.0, 5, 6]))
    assert frame.positions.flags.c_contiguous
    assert frame.forces.flags.c_contiguous
    assert (frame.energy, frame.virial, frame.weight, frame.energy_weight) == (-7.5, None, 1.0, 1.0)
    assert frame.pbc == (True, False, True)
    assert dict(frame.info) == {"T": "T"}
    assert (Path(frame.path).name, frame.number, frame.line) == ("train.xyz", 1, 1)


def test_numbers_and_lines_of_later_frames(read) -> None:
    frames = read(text() + text())
    assert [(frame.number, frame.line) for frame in frames] == [(1, 1), (2, 5)]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace("\n", "\r\n"),
        lambda content: "\ufeff" + content,
        lambda content: content + "\n  \n\n",
        lambda content: content.rstrip("\n"),
        lambda content: content.replace("Lattice=", "LATTICE = ").replace('"4 0', '"  4 0').replace('6"', '6  "'),
        lambda content: content.replace("Energy", "free_energy=3 energy").replace("force:", "forces:"),
        lambda content: content.replace(" ", "\t"),
    ],
    ids=["CRLF", "BOM", "blank end", "no line end", "blanks", "ASE names", "tabs"],
)
def test_variants_of_the_same_frame(read, change) -> None:
    (expected,), (found,) = read(text()), read(change(text()))
    assert found.energy == expected.energy
    np.testing.assert_array_equal(found.positions, expected.positions)
    np.testing.assert_array_equal(found.forces, expected.forces)
    np.testing.assert_array_equal(found.cell, expected.cell)
    assert found.species.tolist() == expected.species.tolist()


def test_columns_may_stand_anywhere(read) -> None:
    comment = COMMENT.replace("species:S:1:pos:R:3:force:R:3", "id:I:1:forces:R:3:tag_x:S:1:pos:R:3:species:S:1")
    (frame,) = read(text(comment, ("1 0.1 0.2 0.3 a_1 1 2 3 Mg", "2 0.4 0.5 0.6 b 4 5 6 O")))
    np.testing.assert_array_equal(frame.positions, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(frame.forces, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    assert frame.species.tolist() == ["Mg", "O"]


def test_a_frame_without_labels(read) -> None:
    (frame,) = read('1\nLattice="4 0 0 0 5 0 0 0 6" properties=species:S:1:pos:R:3\nO 0 0 0\n')
    assert (frame.energy, frame.forces, frame.virial) == (None, None, None)
    assert frame.pbc == (True, True, True)


def test_virial_takes_the_later_off_diagonals_as_gpumd(read) -> None:
    (frame,) = read(text(COMMENT + ' virial="1 2 3 4 5 6 7 8 9"'))
    np.testing.assert_array_equal(frame.virial, [1, 5, 9, 4, 8, 7])


def test_stress_has_the_sign_of_ase(read) -> None:
    (frame,) = read(text(COMMENT + ' stress="0.1 0.4 0.6 0.4 0.2 0.5 0.6 0.5 0.3"'))
    np.testing.assert_allclose(frame.virial, -120 * np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))


def test_agreeing_virial_and_stress_give_the_virial(read) -> None:
    (frame,) = read(text(COMMENT + ' stress="0.1 0 0 0 0 0 0 0 0" virial="-12.001 0 0 0 0 0 0 0 0"'))
    np.testing.assert_array_equal(frame.virial, [-12.001, 0, 0, 0, 0, 0])


def test_information_is_kept_as_written(read) -> None:
    (frame,) = read(text(COMMENT + """ Config_type="a b=c" charge=1 REF_energy=-3 note='x y' q="\\"z\\"" loose"""))
    expected = {"T": "T", "Config_type": "a b=c", "charge": "1", "REF_energy": "-3", "note": "'x y'"}
    assert dict(frame.info) == expected | {"q": '\\"z\\"'}
    assert frame.energy == -7.5


def test_weights(read) -> None:
    (frame,) = read(text(COMMENT + " Weight=2.5 energy_weight=0"))
    assert (frame.weight, frame.energy_weight) == (2.5, 0.0)


def with_atom(index: int, line: str) -> str:
    return text(atoms=tuple(line if k == index else atom for k, atom in enumerate(ATOMS)))


BAD = {
    "empty": ("", r"xyz: is empty"),
    "only blanks": ("\n\n", r"xyz: is empty"),
    "count zero": (text(count=0), r"frame 1, line 1: found `0`, expected the number of atoms"),
    "count negative": (text(count=-2), r"line 1: found `-2`, expected the number"),
    "count real": (text(count="2.0"), r"line 1: found `2.0`"),
    "count immense": (text(count="9" * 30), r"line 1: found `9+`, expected the number"),
    "count and more": (text(count="2 3"), r"line 1: found `2 3`"),
    "count too small": (
        text(count=1),
        r"frame 2, line 4: found `O 2.0 2.0 .*does the frame before have more",
    ),
    "count too large": (text(count=3), r"frame 1, line 4: the file ends after 2 of 3 atoms"),
    "next frame too early": (
        text(count=3) + text(),
        r"frame 1, line 5: the next frame starts here, after 2 of 3",
    ),
    "file ends at count": (text() + "2\n", r"frame 2, line 6: the file ends where the comment"),
    "file ends at comment": ("2\n" + COMMENT, r"frame 1, line 2: the file ends after 0 of 2 atoms"),
    "blank between": (
        text() + "\n" + text(),
        r"frame 2, line 5: is a blank line, where GPUMD silently stops",
    ),
    "blank first": ("\n" + text(), r"line 1: is a blank line"),
    "too many columns": (with_atom(1, "O 2 2 2 0 0 0 9"), r"line 4: the atom line has 8 columns, expected 7"),
    "too few columns": (with_atom(0, "Mg 2 2 2 0 0"), r"line 3: the atom line has 6 columns, expected 7"),
    "columns that balance": (
        text(atoms=("Mg 0 0 0 0 0 0 O", "0 0 0 0 0 0")),
        r"line 3: the atom line has 8 columns, expected 7",
    ),
    "blank atom line": (with_atom(1, ""), r"line 4: the atom line has 0 columns"),
    "beyond physics": (
        with_atom(1, "O 2 2 2 0 0 -1e200"),
        r"line 4: found `-1e200`, expected a number below 1e\+18 in",
    ),
    "not a number": (with_atom(1, "O 2 2 2 0 0 1.0abc"), r"line 4: found `1.0abc`, expected a finite number"),
    "underscore": (with_atom(1, "O 2 2 1_0 0 0 0"), r"line 4: found `1_0`"),
    "other digits": (with_atom(1, "O 2 2 ٣ 0 0 0"), r"line 4: found `٣`"),
    "nan position": (with_atom(0, "Mg nan 2 2 0 0 0"), r"line 3: found `nan`"),
    "infinite force": (with_atom(1, "O 2 2 2 0 -inf 0"), r"line 4: found `-inf`"),
    "unknown element": (with_atom(1, "Xx 2 2 2 0 0 0"), r"line 4: Xx is not a chemical symbol"),
    "lower-case element": (with_atom(1, "o 2 2 2 0 0 0"), r"line 4: o is not a chemical symbol"),
    "no lattice": (text(COMMENT.replace("Lattice", "Box")), r"line 2: has no Lattice"),
    "flat lattice": (
        text(COMMENT.replace("5 0 0 0 6", "5 0 0 5 0")),
        r"line 2: has a Lattice of zero volume",
    ),
    "zero lattice": (text(COMMENT.replace("0 0 6", "0 0 0")), r"zero volume"),
    "short lattice": (
        text(COMMENT.replace("0 0 6", "0 6")),
        r"`lattice` has 8 value\(s\), expected 9 numbers",
    ),
    "lattice word": (text(COMMENT.replace("0 0 6", "0 0 x")), r"`lattice` holds .*x.*, expected 9 finite"),
    "single quotes": (
        text(COMMENT.replace('"4 0 0 0 5 0 0 0 6"', "'4 0 0 0 5 0 0 0 6'")),
        r"`lattice` holds",
    ),
    "open quote": (text(COMMENT + ' note="x'), r"line 2: has a double quote that is not closed"),
    "no properties": (text(COMMENT.replace("Properties", "Columns")), r"line 2: has no Properties"),
    "bad properties": (text(COMMENT.replace("pos:R:3", "pos:R")), r"is not a list of name:type:columns"),
    "no species": (text(COMMENT.replace("species", "symbols")), r"lacks `species`"),
    "no pos": (text(COMMENT.replace("pos", "xyz")), r"lacks `pos`"),
    "pos of 2": (text(COMMENT.replace("pos:R:3", "pos:R:2")), r"gives `pos` 2 column\(s\), expected 3"),
    "nan energy": (text(COMMENT.replace("-7.5", "nan")), r"line 2: energy=nan is not a finite number"),
    "word energy": (text(COMMENT.replace("-7.5", "low")), r"energy=low is not a finite number"),
    "two energies": (text(COMMENT + " energy=-8"), r"`energy` is given twice with different values"),
    "virial of 6": (text(COMMENT + ' virial="1 2 3 4 5 6"'), r"`virial` has 6 numbers, expected all 9"),
    "Voigt stress": (text(COMMENT + ' stress="1 2 3 4 5 6"'), r"`stress` has 6 numbers, expected all 9"),
    "nan virial": (text(COMMENT + ' virial="1 2 3 4 nan 6 7 8 9"'), r"`virial` holds nan"),
    "virial against stress": (
        text(COMMENT + ' virial="12.003 0 0 0 0 0 0 0 0" stress="-0.1 0 0 0 0 0 0 0 0"'),
        r"virial and -volume\*stress differ by 0.0015 eV/atom",
    ),
    "weight zero": (text(COMMENT + " weight=0"), r"weight=0, expected 0 < weight <= 100"),
    "weight large": (text(COMMENT + " weight=101"), r"weight=101, expected"),
    "energy_weight": (text(COMMENT + " energy_weight=-1"), r"energy_weight=-1 is negative"),
    "pbc": (text(COMMENT.replace("T F T", "T F")), r'pbc="T F" is not understood'),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_refuses_with_one_sentence(read, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(content)
    assert caught.value.path is not None
    assert "\n" not in str(caught.value)


def test_place_of_an_error_in_a_later_frame(read) -> None:
    with pytest.raises(InputError) as caught:
        read(text() + with_atom(1, "O 2 2 2 0 0 x"))
    assert (caught.value.frame, caught.value.line) == (2, 8)


def test_files_that_cannot_be_read(tmp_path: Path, read) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_frames(tmp_path / "none.xyz")
    with pytest.raises(InputError, match="is a folder"):
        read_frames(tmp_path)
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read(b"\x1f\x8b\x08" + b"\xff" * 20)


def finite(limit: float = 1e6):
    return st.floats(-limit, limit, allow_nan=False)


@st.composite
def random_frames(draw: st.DrawFn) -> Frame:
    n = draw(st.integers(1, 4))
    vectors = hnp.arrays(np.float64, (n, 3), elements=finite())
    key = st.from_regex(r"[A-Za-z_][A-Za-z_0-9-]{0,8}", fullmatch=True).filter(
        lambda name: name.lower() not in {"pbc", "energy", "virial", "stress", "weight", "lattice", "properties"}
    )
    value = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\"\\'"), max_size=9)
    return Frame(
        species=np.array(draw(st.lists(st.sampled_from(ELEMENTS), min_size=n, max_size=n))),
        positions=draw(vectors),
        cell=np.diag(draw(hnp.arrays(np.float64, 3, elements=st.floats(1, 50)))) + draw(st.floats(0, 0.1)),
        pbc=draw(st.tuples(st.booleans(), st.booleans(), st.booleans())),
        energy=draw(st.none() | finite()),
        forces=draw(st.none() | vectors),
        virial=draw(st.none() | hnp.arrays(np.float64, 6, elements=finite())),
        weight=draw(st.floats(1e-3, 100)),
        energy_weight=draw(st.floats(0, 10)),
        info=draw(st.dictionaries(key, value, max_size=3)),
    )


def same(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    return first is second if first is None or second is None else bool((first == second).all())


@settings(max_examples=50)
@given(frames=st.lists(random_frames(), min_size=1, max_size=3))
def test_what_is_written_is_read_back_exactly(tmp_path_factory, frames: list[Frame]) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.xyz"
    write_frames(path, frames)
    found = read_frames(path)
    assert len(found) == len(frames)
    for before, after in zip(frames, found, strict=True):
        assert before.species.tolist() == after.species.tolist()
        for name in ("positions", "cell", "forces", "virial"):
            assert same(getattr(before, name), getattr(after, name)), name
        for name in ("pbc", "energy", "weight", "energy_weight", "info"):
            assert getattr(before, name) == getattr(after, name), name


@pytest.mark.parametrize("name", ["j14-dft/test.xyz", "pbte/train.xyz"])
def test_round_trip_of_real_frames(shared_data: Path, tmp_path: Path, name: str) -> None:
    frames = read_frames(shared_data / name)
    masked, count = mask_missing_shear(frames)
    write_frames(tmp_path / "copy.xyz", masked)
    copies = read_frames(tmp_path / "copy.xyz")
    assert len(copies) == len(frames)
    assert mask_missing_shear(copies)[1] == count
    for frame, copy in zip(frames, copies, strict=True):
        assert same(frame.positions, copy.positions)
        assert same(frame.forces, copy.forces)
        assert same(frame.virial, copy.virial)
        assert frame.info == copy.info


def test_reads_what_ase_writes_and_ase_reads_what_we_write(tmp_path: Path) -> None:
    ase_io = pytest.importorskip("ase.io")
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    generator = np.random.default_rng(1)
    atoms = Atoms("Mg2O2", positions=generator.normal(size=(4, 3)), cell=generator.normal(size=(3, 3)), pbc=True)
    stress = generator.normal(size=(3, 3))
    stress = stress + stress.T
    forces = generator.normal(size=(4, 3))
    atoms.set_initial_magnetic_moments([0.5, 0, 0, 1])
    atoms.info["a note"] = "two words"
    atoms.calc = SinglePointCalculator(atoms, energy=-3.25, forces=forces, stress=stress, free_energy=-9.0)
    ase_io.write(tmp_path / "ase.xyz", atoms, format="extxyz")
    (frame,) = read_frames(tmp_path / "ase.xyz")
    assert frame.energy == -3.25
    np.testing.assert_allclose(frame.forces, forces, atol=1e-8)
    expected = -frame.volume * stress[[0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 0]]
    np.testing.assert_allclose(frame.virial, expected, rtol=1e-6)
    assert frame.info["free_energy"] == "-9.0"

    write_frames(tmp_path / "ours.xyz", [frame])
    back = ase_io.read(tmp_path / "ours.xyz", format="extxyz")
    assert back.get_potential_energy() == -3.25
    np.testing.assert_array_equal(back.get_forces(), frame.forces)
    np.testing.assert_array_equal(back.cell.array, frame.cell)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"info": {"": "3"}}, "cannot be written"),
        ({"virial": np.array([1.0, np.nan, 1, 1, 1, 1])}, "partly missing virial"),
        ({"info": {"Energy": "3"}}, "cannot be written"),
        ({"info": {'a"b': "3"}}, "cannot be written"),
        ({"info": {"note": 'x" energy="3'}}, "cannot be written"),
        ({"info": {"note": "x\n1"}}, "cannot be written"),
    ],
)
def test_refuses_to_write_what_would_be_misread(read, tmp_path: Path, changes: dict, message: str) -> None:
    (frame,) = read(text())
    with pytest.raises(InputError, match=message):
        write_frames(tmp_path / "new.xyz", [frame, replace(frame, **changes)])
    assert [path.name for path in tmp_path.iterdir()] == ["train.xyz"]


def test_a_wholly_missing_virial_is_left_out(read, tmp_path: Path) -> None:
    (frame,) = read(text())
    write_frames(tmp_path / "new.xyz", [replace(frame, virial=np.full(6, np.nan))])
    assert read_frames(tmp_path / "new.xyz")[0].virial is None
