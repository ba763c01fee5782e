"""Files replaced in one step, so that a crash leaves the old content or the new, never half of it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_bytes(path: str | Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file atomically: a temporary file in the same folder, then ``os.replace``.

    Parameters
    ----------
    path
        File to write; its folder must exist. A symbolic link is replaced, its target stays as it is.
    content
        Everything the file shall hold.
    sync
        Wait until the disk has the bytes, for files that must survive a power cut.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename is not None:  # the file that was asked for, not the temporary one
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str, *, sync: bool = False) -> None:
    """Write a text file (UTF-8, line ends as given) atomically; see :func:`write_bytes`."""
    write_bytes(path, text.encode(), sync=sync)
