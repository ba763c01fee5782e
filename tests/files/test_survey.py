"""Every unreadable frame of a file is named, and every other one is read as by `read_frames`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import random_frame
from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames, write_frames
from neptuner.files.survey import survey_frames

FRAME = """2
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5
Mg 0 0 0 0.1 0.2 0.3
O 2 2 2 -0.1 -0.2 -0.3
"""


def survey(text: str, path: Path) -> tuple[list[tuple[int | None, int | None]], list[tuple[int | None, int | None]]]:
    """Frame and line of what was read, and of what could not be."""
    path.write_text(text)
    frames, errors = survey_frames(path)
    return [(frame.number, frame.line) for frame in frames], [(error.frame, error.line) for error in errors]


def test_a_good_file_is_read_as_by_read_frames(tmp_path: Path) -> None:
    path = tmp_path / "train.xyz"
    write_frames(path, [random_frame(seed, labels=True) for seed in range(4)])
    frames, errors = survey_frames(path)
    assert not errors
    for one, other in zip(frames, read_frames(path), strict=True):
        assert (one.number, one.line, one.energy) == (other.number, other.line, other.energy)
        assert (one.positions == other.positions).all()


def test_all_errors_are_found_and_reading_goes_on_behind_them(tmp_path: Path) -> None:
    bad = FRAME.replace("-0.2", "abc")
    no_cell = FRAME.replace("Lattice", "Cell")
    read, errors = survey(FRAME + bad + FRAME + no_cell + FRAME, tmp_path / "x.xyz")
    assert read == [(1, 1), (3, 9), (5, 17)]
    assert errors == [(2, 8), (4, 14)]


@given(st.lists(st.sampled_from([FRAME, FRAME.replace("0.2", "nan", 1), FRAME.replace("2\n", "3\n", 1)]), min_size=1))
@settings(max_examples=40, deadline=None)
def test_frames_keep_their_numbers_and_lines_whatever_is_wrong_before(tmp_path_factory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("survey") / "x.xyz"
    read, errors = survey("".join(texts), path)
    good = [(k + 1, 4 * k + 1) for k, text in enumerate(texts) if text == FRAME]
    assert read == good
    assert [frame for frame, _ in errors] == [k + 1 for k, text in enumerate(texts) if text != FRAME]


def test_the_first_error_is_that_of_read_frames(tmp_path: Path) -> None:
    path = tmp_path / "x.xyz"
    path.write_text(FRAME + FRAME.replace("Mg", "mg") + FRAME.replace("2 2 2", "2 2"))
    with pytest.raises(InputError) as caught:
        read_frames(path)
    assert str(survey_frames(path)[1][0]) == str(caught.value)
    assert len(survey_frames(path)[1]) == 2


def test_a_surplus_atom_line_is_named_once(tmp_path: Path) -> None:
    surplus = FRAME + "O 1 1 1 0 0 0\n"
    assert survey(surplus + FRAME, tmp_path / "x.xyz") == ([(1, 1), (2, 6)], [(2, 5)])


def test_blank_lines_are_errors_before_frames_only(tmp_path: Path) -> None:
    assert survey(FRAME + "\n \n", tmp_path / "x.xyz") == ([(1, 1)], [])
    assert survey(FRAME + "\n" + FRAME, tmp_path / "x.xyz") == ([(1, 1), (2, 6)], [(2, 5)])


def test_an_end_within_a_frame_is_an_error(tmp_path: Path) -> None:
    assert survey(FRAME + "2\n", tmp_path / "x.xyz") == ([(1, 1)], [(2, 6)])
    cut = FRAME[: FRAME.index("O 2")]
    assert survey(FRAME + cut, tmp_path / "x.xyz") == ([(1, 1)], [(2, 7)])


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xyz"
    for text in ("", "\n", " \n\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="is empty"):
            survey_frames(path)
