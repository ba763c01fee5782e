"""Output files that grow while a run goes on, and are cut back to a checkpoint when it is resumed."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import IO

from neptuner.errors import InputError
from neptuner.files.atomic import write_text


class Outputs:
    """Files of one folder that are only ever appended to."""

    def __init__(self, folder: Path, sizes: dict[str, int] | None = None) -> None:
        """Begin anew, or go on from a checkpoint.

        Parameters
        ----------
        folder
            Where the files are.
        sizes
            Bytes of each file at the checkpoint; what was written later is cut off.

        Raises
        ------
        InputError
            If a file is shorter than at the checkpoint.
        """
        self.folder = folder
        self._files: dict[str, IO[bytes]] = {}
        for name, size in (sizes or {}).items():
            _check_size(folder / name, size)
        for name, size in (sizes or {}).items():
            self._files[name] = (folder / name).open("r+b")
            self._files[name].truncate(size)
            self._files[name].seek(size)

    def append(self, name: str, text: str) -> None:
        """Add text to a file."""
        self._file(name).write(text.encode())

    def replace(self, name: str, text: str) -> None:
        """Write a whole file in one step."""
        write_text(self.folder / name, text)

    def sizes(self) -> dict[str, int]:
        """Bytes of each file, all of them on disk."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        return {name: file.tell() for name, file in self._files.items()}

    def flush(self) -> None:
        """Let other programs see what was appended."""
        for file in self._files.values():
            file.flush()

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def _file(self, name: str) -> IO[bytes]:
        if name not in self._files:
            self._files[name] = (self.folder / name).open("wb")
        return self._files[name]


def _check_size(path: Path, size: int) -> None:
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        raise InputError(
            "is missing, but the checkpoint says that it holds results; put it back or begin anew (--overwrite)",
            path=path,
        ) from None
    if found < size:
        raise InputError(
            f"holds {found} bytes, the checkpoint says {size}; put the file back or begin anew (--overwrite)",
            path=path,
        )
