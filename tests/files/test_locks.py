"""Locks on open files: one holder at a time, shared looks, patience, file systems without locks."""

from __future__ import annotations

import errno
import fcntl
import time
from pathlib import Path
from typing import Any

import pytest

from neptuner.files.locks import take, take_within


def test_one_holds_it_until_the_file_is_closed(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as first, (tmp_path / "lock").open("a") as second:
        assert take(first.fileno())
        assert take(first.fileno())  # again, by the same
        assert not take(second.fileno())
        assert not take(second.fileno(), shared=True)
        first.close()
        assert take(second.fileno())


def test_looks_do_not_exclude_each_other(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as first, (tmp_path / "lock").open("a") as second:
        assert take(first.fileno(), shared=True)
        assert take(second.fileno(), shared=True)
        assert not take(first.fileno())


def test_patience_ends(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as first, (tmp_path / "lock").open("a") as second:
        assert take_within(first.fileno(), 0.0)
        began = time.monotonic()
        assert not take_within(second.fileno(), 0.2)
        assert time.monotonic() - began >= 0.2
        assert not take_within(second.fileno(), 600.0, given_up=lambda: True)
        first.close()
        assert take_within(second.fileno(), 0.0)


def test_waits_until_the_other_is_done(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as first, (tmp_path / "lock").open("a") as second:
        assert take(first.fileno())
        looks = iter(range(3))

        def close_at_the_third_look() -> bool:
            if next(looks) == 2:
                first.close()
            return False

        assert take_within(second.fileno(), 60.0, given_up=close_at_the_third_look)


def test_without_locks_everybody_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with (tmp_path / "lock").open("a") as file:
        assert take(file.fileno())
