"""Ends of files that grow: logs and the journal of a study."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

JOURNAL_TAIL = 16_384
"""Bytes from the end of the journal that are read."""
EVENTS = 30


def tail(path: Path, size: int) -> str:
    """Last lines of a text file, at most so many bytes of it."""
    with path.open("rb") as file:
        begin = max(0, file.seek(0, os.SEEK_END) - size)
        file.seek(begin)
        content = file.read(size)
    if begin:
        content = content[content.find(b"\n") + 1 :]
    return content.decode("utf-8", "replace")


def last_events(journal: Path) -> list[dict[str, Any]]:
    """Last events of a journal, the latest first."""
    try:
        lines = tail(journal, JOURNAL_TAIL).splitlines()
    except OSError:
        return []
    events = []
    for line in reversed(lines):
        try:
            events.append(json.loads(line))
        except ValueError:  # being written
            continue
    return events[:EVENTS]
