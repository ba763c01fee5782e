"""Keys of JSON objects as the manual lists them, for tests that compare them with real ones."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def listed(heading: str, page: str = "reference/json.md") -> set[str]:
    """Keys in the first columns of the tables under a heading."""
    text = (DOCS / page).read_text()
    section = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", text, re.DOTALL | re.MULTILINE)
    assert section is not None, f"{page} has no heading {heading!r}"
    return _keys_of_rows(section[1])


def listed_after(words: str, page: str) -> set[str]:
    """Keys between the first braces after some words, or in the table that follows a line of these words."""
    text = (DOCS / page).read_text()
    assert text.count(words) == 1, f"{page} does not say {words!r} once"
    rest = text.partition(words)[2]
    if rest.startswith("\n\n|"):
        return _keys_of_rows(rest.strip().split("\n\n")[0])
    braces = re.search(r"\{(.*?)\}", rest, re.DOTALL)
    assert braces is not None
    return {key.strip().partition(":")[0] for key in braces[1].split(",")}


def _keys_of_rows(text: str) -> set[str]:
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}
