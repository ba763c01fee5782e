"""``journal.jsonl``: what happened in a study, one JSON object a line, appended only."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neptuner.errors import InputError

BLOCK = 65_536
"""Bytes read at a time in search of the last complete line."""


class Journal:
    """Appends events; there is one writer at a time, the holder of the study's lock.

    Parameters
    ----------
    path
        The file; a last line that a crash left incomplete is cut off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _cut_torn_line(path)

    def write(self, event: str, **details: Any) -> None:
        """Append an event with the time, and wait until the disk has it."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = (json.dumps({"time": time, "event": event, **details}) + "\n").encode()
        with self._path.open("ab", buffering=0) as file:
            end = file.tell()
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
                os.fsync(file.fileno())
            except OSError:  # the next line would be joined to what there is of this one
                with contextlib.suppress(OSError):
                    file.truncate(end)
                raise

    def read(self) -> Iterator[dict[str, Any]]:
        """Events so far, one after the other.

        Raises
        ------
        InputError
            If the file was damaged by other hands.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield self._event(line, number)

    def _event(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict) and "event" in event:
            return event
        message = f"is damaged: expected a JSON object with an event, found {line[:40]!r}"
        raise InputError(f"{message}; delete the file, finished trials are kept", path=self._path, line=number)


def _cut_torn_line(path: Path) -> None:
    """Cut off what follows the last end of a line; only the end of the file is read, however long it is."""
    if not path.exists():
        return
    with path.open("rb") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - BLOCK)
            file.seek(begin)
            place = file.read(end - begin).rfind(b"\n")
            if place >= 0:
                end = begin + place + 1
                break
            end = begin
    if end < size:
        os.truncate(path, end)
