from __future__ import annotations

from pathlib import Path

import pytest

from neptuner.errors import InputError
from neptuner.study.journal import Journal
from neptuner.study.progress import last_row, last_step


def test_events_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).write("started", id="a", pid=3)
    journal = Journal(path)
    journal.write("finished", id="a")
    first, second = journal.read()
    assert (first["event"], first["id"], first["pid"]) == ("started", "a", 3)
    assert second["event"] == "finished" and second["time"] >= first["time"]


@pytest.mark.parametrize("torn", ["{", '{"event": "finis', '{"event": "finished"}'])
def test_torn_last_line_is_cut_off(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).write("started", id="a")
    complete = path.read_text()
    path.write_text(complete + torn)
    journal = Journal(path)
    assert path.read_text() == complete
    journal.write("failed", id="a")
    assert [event["event"] for event in journal.read()] == ["started", "failed"]


def test_only_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event"')
    assert list(Journal(path).read()) == []


def test_no_journal_yet(tmp_path: Path) -> None:
    assert list(Journal(tmp_path / "journal.jsonl").read()) == []


def test_damaged_journal_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("nonsense\n")
    with pytest.raises(InputError, match=r"line 1: is damaged: .*finished trials are kept"):
        list(Journal(path).read())


def test_last_row_of_a_growing_file(tmp_path: Path) -> None:
    assert last_row(tmp_path) is None and last_step(tmp_path) == 0
    path = tmp_path / "loss.out"
    path.write_text("100 1.0 0.5")
    assert last_row(tmp_path) is None
    path.write_text("".join(f"{step} 1.0 0.5\n" for step in range(100, 50000, 100)) + "50000 1.")
    assert last_row(tmp_path) == [49900.0, 1.0, 0.5] and last_step(tmp_path) == 49900
