"""Everything that is wrong with an extended XYZ file, not only the first thing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neptuner.errors import InputError
from neptuner.files.atom_lines import read_count
from neptuner.files.comment_line import Place
from neptuner.files.extxyz import read_frame
from neptuner.files.frames import Frame
from neptuner.files.text import open_text


def survey_frames(path: str | Path) -> tuple[list[Frame], list[InputError]]:
    """Read every frame that can be read, and what :func:`~neptuner.files.extxyz.read_frames` would say of the others.

    After a frame that cannot be read, reading goes on at the next line that looks like the first one of a frame: a
    number alone, and a comment line after it. Of a frame only the first error is known.

    Raises
    ------
    InputError
        If the file cannot be read as text at all, or is empty.
    """
    with open_text(path) as file:
        lines = file.readlines()
    if all(line.isspace() for line in lines):
        raise InputError("is empty, expected frames in extended XYZ", path=path)
    return _survey(lines, str(path))


def _survey(lines: Sequence[str], path: str) -> tuple[list[Frame], list[InputError]]:
    frames: list[Frame] = []
    errors: list[InputError] = []
    at, number = 0, 1
    while at < len(lines):
        place = Place(path, number, at + 1)
        try:
            at, number = _read(lines, at, place, frames), number + 1
        except InputError as error:
            errors.append(error)
            number += _begins_frame(lines, at)
            at = _next_frame(lines, at + 1)
    return frames, errors


def _read(lines: Sequence[str], at: int, place: Place, frames: list[Frame]) -> int:
    """Append the frame that begins at a line; the line after it."""
    if lines[at].isspace():
        if all(line.isspace() for line in lines[at:]):
            return len(lines)
        raise place.error("is a blank line, where GPUMD silently stops reading; delete the line", place.line)
    n_atoms = read_count(lines[at], place)
    frames.append(read_frame(n_atoms, lines[at + 1 : at + 2 + n_atoms], place))
    return at + 2 + n_atoms


def _next_frame(lines: Sequence[str], at: int) -> int:
    while at < len(lines) and not _begins_frame(lines, at):
        at += 1
    return at


def _begins_frame(lines: Sequence[str], at: int) -> bool:
    alone = lines[at].strip()
    return alone.isascii() and alone.isdecimal() and "=" in "".join(lines[at + 1 : at + 2])
