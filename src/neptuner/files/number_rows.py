"""Rows of numbers that GPUMD appends to while it runs, with or without header lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neptuner.errors import InputError
from neptuner.files.text import read_text


@dataclass(frozen=True)
class Row:
    """One line of numbers; they may be nan or inf."""

    values: list[float]
    line: int
    """Its line in the file, counted from 1."""


def read_rows(path: str | Path, widths: Sequence[int]) -> list[Row]:
    """Rows of a file, without blank lines and those that begin with ``#``.

    A last line that its writer did not finish is dropped: one shorter than the line before or, lacking its
    line end, with another number of digits at its end than the line before.

    Parameters
    ----------
    path
        File to read.
    widths
        Allowed numbers of columns; empty: any.

    Raises
    ------
    InputError
        If there is no such file or any other line is not such a row.
    """
    text = read_text(path)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if _is_row(line)]
    before = lines[-2][1].split() if len(lines) > 1 else []
    if lines and _is_torn(lines[-1][1].split(), before, text.endswith("\n"), min(widths, default=1)):
        lines.pop()
    return [Row(_read_row(line, widths, path, number), number) for number, line in lines]


def format_columns(values: Iterable[float], form: str) -> str:
    """Numbers in columns of a fixed width, such as ``20.10e``; a blank parts those too wide for it."""
    width = int(form.partition(".")[0])
    words = [format(value, form) for value in values]
    return "".join(word if len(word) <= width and word[0] == " " else f" {word.strip()}" for word in words)


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _is_torn(words: list[str], before: list[str], has_end: bool, least: int) -> bool:
    if len(words) < max(least, len(before)):
        return True
    return not has_end and bool(before) and _digits(words[-1]) != _digits(before[-1])


def _digits(word: str) -> int:
    return len(word.partition(".")[2])


def _read_row(line: str, widths: Sequence[int], path: str | Path, number: int) -> list[float]:
    words = line.split()
    try:
        row = [float(word) for word in words]
    except ValueError:
        row = []
    if row and (not widths or len(row) in widths):
        return row
    expected = " or ".join(map(str, widths)) or "only"
    raise InputError(
        f"found `{line.strip()[:40]}` ({len(words)} columns), expected {expected} numbers;"
        " delete the line if a run was killed while writing it",
        path=path,
        line=number,
    )
