"""The exceptions a user can meet.

::

    NeptunerError
    ├── InputError     bad input: a file, a keyword, an option          (exit code 2)
    └── Interrupted    stopped before the end; the work can be resumed  (exit code 3)
"""

from __future__ import annotations

from pathlib import Path


class NeptunerError(Exception):
    """Base of everything neptuner raises on purpose; its text is one clear sentence."""

    exit_code = 1


class InputError(NeptunerError, ValueError):
    """Bad input: where it stands, what was found, what was expected and how to mend it.

    Parameters
    ----------
    message
        What was found and what was expected, in one sentence without the place.
    path, frame, line
        The file, the frame counted from 1, and the line counted from 1, where known.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        path: str | Path | None = None,
        frame: int | None = None,
        line: int | None = None,
    ) -> None:
        self.message, self.path, self.frame, self.line = message, path, frame, line
        place = [str(path)] if path is not None else []
        place += [f"frame {frame}"] if frame is not None else []
        place += [f"line {line}"] if line is not None else []
        super().__init__(f"{', '.join(place)}: {message}" if place else message)


class Interrupted(NeptunerError):  # noqa: N818 - not an error
    """Stopped by a signal or a time limit before the end; what is on disk is usable and resumable."""

    exit_code = 3
