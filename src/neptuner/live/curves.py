"""Loss curves of trainings in progress, each file read on from where it was read last."""

from __future__ import annotations

import math
import os
from pathlib import Path

BLOCK = 1 << 20
"""Bytes read at a time; a longer file is taken in over several calls."""
MOST_POINTS = 240
"""Of a curve, beyond which every second one is left out."""

_COLUMNS = {"energy": 1, "force": 2, "virial": 3}
"""Of ``validation.out``; the training losses of ``loss.out`` stand three further to the right."""


class GrowingFile:
    """A text file that another program appends to, or begins anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inode, self._place = -1, 0

    def read_on(self) -> tuple[list[str], bool]:
        """Complete lines that are new, and whether they are those of another file than before."""
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                anew = found.st_ino != self._inode or found.st_size < self._place
                if anew:
                    self._inode, self._place = found.st_ino, 0
                file.seek(self._place)
                block = file.read(BLOCK)
        except OSError:  # not there yet, or just being replaced
            return [], False
        whole = block[: block.rfind(b"\n") + 1]
        self._place += len(whole)
        return whole.decode("ascii", "replace").splitlines(), anew


class LossCurve:
    """Loss of a training over its steps: on validation, or on the training frames where none are held out.

    Parameters
    ----------
    folder
        The training directory.
    metric
        ``energy``, ``force`` or ``virial``.
    """

    def __init__(self, folder: Path, metric: str) -> None:
        self._folder, self._metric = folder, metric
        self._file = GrowingFile(folder / "loss.out")
        self._begin_anew()

    @property
    def points(self) -> list[tuple[int, float]]:
        """Steps and losses in eV/atom or eV/angstrom; the last row is always among them."""
        return self._kept if self.last is None or self._kept[-1:] == [self.last] else [*self._kept, self.last]

    def advance(self) -> bool:
        """Read what is new; return whether anything is."""
        self._choose_file()
        lines, anew = self._file.read_on()
        if anew:
            self._begin_anew()
        for line in lines:
            self._take(line.split())
        return anew or bool(lines)

    def _choose_file(self) -> None:
        name = "validation.out" if (self._folder / "validation.out").exists() else "loss.out"
        if name != self._file.path.name:
            self._file = GrowingFile(self._folder / name)

    def _begin_anew(self) -> None:
        self.step = 0
        """Last step told of."""
        self.last: tuple[int, float] | None = None
        """Step and loss of the last row with a loss."""
        self._kept: list[tuple[int, float]] = []
        self._rows, self._stride, self._before = 0, 1, 0

    def _take(self, words: list[str]) -> None:
        column = _COLUMNS[self._metric] + (3 if self._file.path.name == "loss.out" else 0)
        try:
            step, loss = self._before + int(words[0]), float(words[column])
        except (ValueError, IndexError):  # a header
            return
        if step <= self.step:  # a restart counts from the beginning
            self._before = self.step
            step = self._before + int(words[0])
        self.step = step
        if math.isfinite(loss) and loss > 0.0:
            self._add((step, loss))

    def _add(self, point: tuple[int, float]) -> None:
        self.last = point
        if self._rows % self._stride == 0:
            self._kept.append(point)
        self._rows += 1
        if len(self._kept) > MOST_POINTS:
            self._kept, self._stride = self._kept[::2], 2 * self._stride
