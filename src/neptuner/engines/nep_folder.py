"""The folder in which GPUMD's ``nep`` runs: what it needs, and the rows, models and search states it has completed.

``nep`` writes, in this order, nep.txt, the row of loss.out and nep.restart, the latter after the search has moved on
(GPUMD ``src/main_nep/snes.cu``, ``fitness.cu``). From 4.4 on `save_potential` keeps copies that are named by their
generation. From older versions the two files are taken while loss.out stands still; a row that is followed too fast
has no model then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError, NeptunerError
from neptuner.files.atomic import write_bytes
from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame
from neptuner.files.nep_restart import read_nep_restart
from neptuner.potential.model import Model

Floats = NDArray[np.float64]

_NUMBER = re.compile(r"-?(?:\d+\.\d{5}|nan|inf)")
_STEP_WIDTH = 8


class NepFolder:
    """Follows one run of ``nep``.

    Parameters
    ----------
    path
        The folder.
    count
        Number of trainable parameters.
    saves_every_row
        Whether nep.in makes ``nep`` keep the files of every row.
    """

    def __init__(self, path: Path, count: int, *, saves_every_row: bool) -> None:
        self.path, self._count, self._saves = path, count, saves_every_row
        self._offset = self._size()
        self._last = 0
        for old in path.glob("nep_gen*"):
            old.unlink()

    def rows(self) -> list[tuple[int, list[float]]]:
        """Generation and the nine losses of each row that was completed since the last call."""
        if self._size() == self._offset:
            return []
        with (self.path / "loss.out").open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        self._offset += len(whole) + 1 if whole else 0
        rows = [self._parse(line) for line in whole.decode(errors="replace").splitlines()]
        self._last = rows[-1][0] if rows else self._last
        return rows

    def take_model(self, generation: int, target: Path) -> Model | None:
        """Put the nep.txt of the last row, or with `save_potential` of any row, to ``target``.

        None if ``nep`` was too fast for that, or the model holds numbers that are not finite.
        """
        if self._saves:
            path = self.path / f"nep_gen{generation}.txt"
            content = path.read_bytes() if path.exists() else None
            path.unlink(missing_ok=True)
        else:
            content = self._while_still("nep.txt", generation, newer=False)
        if content is None or not content.endswith(b"\n"):
            return None
        write_bytes(target, content)
        try:
            return Model.read(target)
        except InputError:
            target.unlink()
            return None

    def search(self, generation: int) -> tuple[Floats, Floats] | None:
        """Mean and spread of the search after the generation of one of the last rows; None if not complete."""
        name = f"nep_gen{generation}.restart" if self._saves else "nep.restart"
        if not self._saves and self._while_still(name, generation, newer=True) is None:
            return None
        try:
            whole = (self.path / name).read_bytes().endswith(b"\n")
            return read_nep_restart(self.path / name, self._count) if whole else None
        except (FileNotFoundError, InputError):
            return None

    def forget(self, generation: int) -> None:
        """Delete the state of the search after a generation."""
        (self.path / f"nep_gen{generation}.restart").unlink(missing_ok=True)

    def _size(self) -> int:
        path = self.path / "loss.out"
        return path.stat().st_size if path.exists() else 0

    def _parse(self, line: str) -> tuple[int, list[float]]:
        numbers = [float(word) for word in _NUMBER.findall(line[_STEP_WIDTH:])]  # wide columns have no blank between
        if len(numbers) != 9 or not line[:_STEP_WIDTH].strip().isdecimal():
            raise NeptunerError(f"{self.path / 'loss.out'}: found `{line[:60]}`, expected a generation and nine losses")
        return int(line[:_STEP_WIDTH]), numbers

    def _while_still(self, name: str, generation: int, *, newer: bool) -> bytes | None:
        """Content of a file that was last written before (``newer``: after) the last row; None if it cannot be told."""
        path, rows = self.path / name, self.path / "loss.out"
        try:
            last_row, written = rows.stat().st_mtime_ns, path.stat().st_mtime_ns
            content = path.read_bytes()
            still = (rows.stat().st_mtime_ns, path.stat().st_mtime_ns) == (last_row, written)
        except FileNotFoundError:
            return None
        in_order = written >= last_row if newer else written <= last_row
        is_last = generation == self._last and self._size() == self._offset
        return content if still and in_order and is_last else None


def write_gpumd_frames(path: Path, frames: Sequence[Frame], *, keep_masked: bool) -> None:
    """Write frames for ``nep``, without what it might take for something else.

    A virial of which some components are missing is left out as a whole, or with ``keep_masked`` written with the
    zeros it had.
    """
    bare = [replace(frame, info={}) for frame in frames]
    if not keep_masked:
        bare = [replace(frame, virial=None) if has_masked_virial(frame) else frame for frame in bare]
    write_frames(path, bare)


def has_masked_virial(frame: Frame) -> bool:
    """Whether some, or all, components of a virial are missing."""
    return frame.virial is not None and bool(np.isnan(frame.virial).any())
