from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.number_rows import format_columns, read_rows


@pytest.fixture
def read(tmp_path: Path):
    def one(content: str, *widths: int) -> list[list[float]]:
        (tmp_path / "x.out").write_text(content)
        return [row.values for row in read_rows(tmp_path / "x.out", widths)]

    return one


def test_headers_and_blank_lines_are_skipped(read, tmp_path: Path) -> None:
    assert read("# a\n\n1.0 2.0\n # b 3\n3.0 4.0\n", 2) == [[1, 2], [3, 4]]
    assert [row.line for row in read_rows(tmp_path / "x.out", (2,))] == [3, 5]


def test_a_torn_last_line_is_dropped_wherever_it_is_torn(read) -> None:
    whole = "".join(f"{format_columns([k, -k], '20.10e')}\n" for k in (1, 2))
    last = format_columns([3, -3], "20.10e")
    for length in range(1, len(last)):
        assert read(whole + last[:length], 2) == [[1, -1], [2, -2]], last[:length]
    assert read(whole + last, 2) == read(whole + last + "\n", 2) == [[1, -1], [2, -2], [3, -3]]


def test_a_short_last_line_is_dropped_even_when_it_ends(read) -> None:
    assert read("1 2 3\n4 5\n", 3) == [[1, 2, 3]]
    assert read("4 5\n", 3) == []


def test_no_rows_yet(read) -> None:
    assert read("", 3) == read("# header\n", 3) == []


def test_an_exploded_run_can_be_read(read) -> None:
    ((first, second),) = read("nan inf\n", 2)
    assert math.isnan(first)
    assert math.isinf(second)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 2\n3 4 5\n6 7\n", r"x.out, line 2: found `3 4 5` \(3 columns\), expected 2 numbers; delete the line"),
        ("1 2\n3\n6 7\n", r"line 2: found `3` \(1 columns\)"),
        ("1 2\n3 x\n6 7\n", r"line 2: found `3 x` \(2 columns\)"),
        ("a b\n", r"line 1: found `a b`"),
    ],
)
def test_other_lines_are_refused(read, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(content, 2)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_rows(tmp_path / "x.out", (2,))


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_columns_are_those_of_printf_and_never_run_together(numbers: list[float]) -> None:
    text = format_columns(numbers, "25.15f")
    assert text.split() == [f"{number:.15f}" for number in numbers]
    if max(map(abs, numbers)) < 1e7:
        assert text == "".join(f"{number:25.15f}" for number in numbers)
