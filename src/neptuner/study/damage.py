"""Readers of a ``results.json`` that was changed by hand, or is of a version in between, end in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neptuner.errors import InputError, NeptunerError

_RAISED = (AttributeError, KeyError, TypeError, IndexError, ValueError, RecursionError)
"""What reading such a file can raise."""


@contextmanager
def refuse_damage(path: Path) -> Iterator[None]:
    """Raise an :class:`~neptuner.errors.InputError` about the file where reading its content fails in the block."""
    try:
        yield
    except NeptunerError:
        raise
    except _RAISED as error:
        what = f"has no {error}" if type(error) is KeyError else repr(error)
        raise InputError(
            f"does not follow its schema, docs/results.md ({what}): was it changed by hand? `neptuner study` with the"
            " same arguments writes it again, without training anew",
            path=path,
        ) from error
