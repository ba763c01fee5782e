"""Text files read with one clear sentence for each way in which that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from neptuner.errors import InputError


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Open a text file: UTF-8 with or without a byte order mark, any line ends.

    Raises
    ------
    InputError
        If the file is missing, a folder, unreadable, or (raised while reading) not UTF-8.
    """
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"there is no such file; {_near(Path(path))}", path=path) from None
    except IsADirectoryError:
        raise InputError("is a folder, expected a file", path=path) from None
    except PermissionError:
        raise InputError("may not be read; check its permissions", path=path) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not UTF-8 text (byte {error.object[error.start]:#04x}); is it binary or compressed?",
            path=path,
        ) from None


def read_text(path: str | Path) -> str:
    """Whole content of a text file; see :func:`open_text`."""
    with open_text(path) as file:
        return file.read()


def _near(path: Path) -> str:
    """What may have been meant."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    near = get_close_matches(path.name, [other.name for other in path.parent.iterdir() if other.is_file()], n=1)
    return f"did you mean {near[0]}?" if near else "check its name and the folder"
