"""What a folder has for a study that is yet to be written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.study.data.split import split_frames

NOT_FOR_TRAINING = ("test.xyz", "valid.xyz", "model.xyz")
"""Files with frames that have another use."""


@dataclass(frozen=True)
class Folder:
    """Files of a folder; None where there is no such file."""

    path: Path
    train: Path
    frames: list[Frame]
    """Of ``train``."""
    test: Path | None
    test_frames: list[Frame]
    nep_in: Path | None
    structure: Path | None
    """``model.xyz``."""


def look_into(path: Path) -> Folder:
    """Find and read the frames of a folder.

    Raises
    ------
    InputError
        If there are no frames to train on, too few, or something is wrong with them.
    """
    if not path.is_dir():
        raise InputError("there is no such folder", path=path)
    train, test = _training_frames(path), _existing(path / "test.xyz")
    frames = read_frames(train)
    split_frames(frames, 0.1, 1)
    test_frames = [] if test is None else read_frames(test)
    return Folder(path, train, frames, test, test_frames, _existing(path / "nep.in"), _existing(path / "model.xyz"))


def _training_frames(folder: Path) -> Path:
    """``train.xyz``, or the only other file of frames."""
    if (folder / "train.xyz").exists():
        return folder / "train.xyz"
    others = sorted(path for path in folder.glob("*.xyz") if path.name not in NOT_FOR_TRAINING)
    if len(others) == 1:
        return others[0]
    found = f"rename one of {', '.join(path.name for path in others)}" if others else "put one there"
    raise InputError(f"has no train.xyz with the frames to train on; {found}", path=folder)


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None
