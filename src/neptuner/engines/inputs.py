"""Read and check everything a training directory holds, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neptuner.engines.options import SNES, TrainOptions
from neptuner.errors import InputError
from neptuner.files.digest import file_hash
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame, check_frames, mask_missing_shear
from neptuner.files.nep_in import NepIn, read_nep_in
from neptuner.training.defaults import resolve
from neptuner.training.split import validation_mask


@dataclass(frozen=True)
class Inputs:
    """A training directory, read and checked."""

    nep_in: NepIn
    """With the trainer's own defaults filled in."""
    all_train: list[Frame]
    """Every frame of train.xyz, in its order."""
    train: list[Frame]
    validation: list[Frame]
    test: list[Frame]
    masked: int
    """Frames whose shear virial was written as zeros and is taken for missing."""
    sha256: dict[str, str]
    """Hash of each file read."""


def read_inputs(folder: Path, options: TrainOptions) -> Inputs:
    """Read nep.in, train.xyz, and where present valid.xyz and test.xyz.

    Without valid.xyz a fraction of train.xyz is held out at random, the same share of every cell size.

    Raises
    ------
    InputError
        For the first thing that is wrong.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder; expected one with nep.in and train.xyz", path=folder)
    if not 0.0 <= options.held_out < 1.0:
        raise InputError(f"the validation fraction is {options.held_out}, expected 0 to below 1")
    nep_in = read_nep_in(folder / "nep.in")
    sets = {name: _labelled(folder / name, nep_in, needed=name == "train.xyz") for name in SETS}
    masked = 0
    if not options.keep_zero_shear:
        for name, frames in sets.items():
            sets[name], count = mask_missing_shear(frames)
            masked += count
    all_train, validation, test = (sets[name] for name in SETS)
    train = all_train
    if not validation:
        held_out = validation_mask(all_train, options.held_out, options.seed)
        train = [frame for frame, held in zip(all_train, held_out, strict=True) if not held]
        validation = [frame for frame, held in zip(all_train, held_out, strict=True) if held]
    hashes = {name: file_hash(folder / name) for name in ("nep.in", *SETS) if (folder / name).exists()}
    nep_in = nep_in if options.optimizer == SNES else resolve(nep_in, train)
    return Inputs(nep_in, all_train, train, validation, test, masked, hashes)


SETS = ("train.xyz", "valid.xyz", "test.xyz")


def _labelled(path: Path, nep_in: NepIn, *, needed: bool) -> list[Frame]:
    if not needed and not path.exists():
        return []
    frames = read_frames(path)
    check_frames(frames, nep_in.type)
    return in_full_periodicity(frames)


def in_full_periodicity(frames: Sequence[Frame]) -> list[Frame]:
    """Make every frame periodic in three directions, as training always is in GPUMD."""
    return [frame if all(frame.pbc) else replace(frame, pbc=(True, True, True)) for frame in frames]
