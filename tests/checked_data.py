"""Small data sets for `neptuner check` and its page: one that is fine, and one with faults at known places."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audit.generated_set import generate
from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame

N_TRAIN, N_TEST = 24, 12
KINDS = ("cool", "hot")


def clean_frames() -> tuple[list[Frame], list[Frame]]:
    """Training and test frames of Mg, Ca, O and S and of two types, in which there is nothing to mend."""
    data = generate(0, N_TRAIN, N_TEST)
    return _typed(data.train), _typed(data.test)


def _typed(frames: list[Frame]) -> list[Frame]:
    return [replace(frame, info={"config_type": KINDS[k % 2]}) for k, frame in enumerate(frames)]


def write_clean(folder: Path) -> tuple[Path, Path]:
    """Write ``train.xyz`` and ``test.xyz``."""
    return _write(folder, *clean_frames())


NO_NUMBER, NET_FORCE = 3, (5, 7, 8, 10, 12)
"""Frames of the flawed training set: a word for a coordinate; forces that do not add up to zero."""


def write_flawed(folder: Path) -> tuple[Path, Path]:
    """Write the same with faults; the test set begins with a copy of the first training frame."""
    train, test = clean_frames()
    for number in NET_FORCE:
        frame = train[number - 1]
        assert frame.forces is not None
        train[number - 1] = replace(frame, forces=frame.forces + 0.02)
    paths = _write(folder, train, [train[0], *test[1:]])
    lines = paths[0].read_text().splitlines(keepends=True)
    at = bad_line() - 1
    lines[at] = lines[at].replace(lines[at].split()[1], "oops", 1)
    paths[0].write_text("".join(lines))
    return paths


def bad_line() -> int:
    """Line of the word that is no number, from 1: the first atom of its frame."""
    return sum(frame.n_atoms + 2 for frame in clean_frames()[0][: NO_NUMBER - 1]) + 3


def _write(folder: Path, train: list[Frame], test: list[Frame]) -> tuple[Path, Path]:
    paths = folder / "train.xyz", folder / "test.xyz"
    for path, frames in zip(paths, (train, test), strict=True):
        write_frames(path, frames)
    return paths
