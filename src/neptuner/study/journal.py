"""``journal.jsonl``: what happened in a study, one JSON object a line, appended only."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neptuner.errors import InputError


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
        line = json.dumps({"time": time, "event": event, **details}) + "\n"
        with self._path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """Events so far.

        Raises
        ------
        InputError
            If the file was damaged by other hands.
        """
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise InputError(f"is damaged ({error}); delete it, finished trials are kept", path=self._path) from None


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
