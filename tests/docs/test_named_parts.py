"""Files, functions and layers that the manual names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from manual_pages import DOCS, MANUAL, ROOT, name_of, source

PLACES = [ROOT, ROOT / "src" / "neptuner", ROOT / "benchmarks", ROOT / "tests", ROOT / "src" / "neptuner" / "kernels"]
EXTENDING = DOCS / "development" / "extending.md"


def spans(page: Path) -> set[str]:
    """What a page sets as code within its text."""
    text = re.sub(r"^```.*?^```", "", source(page), flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("page", MANUAL, ids=name_of)
def test_named_programs_exist(page: Path) -> None:
    named = {span for span in spans(page) if re.fullmatch(r"[\w./*-]+/[\w.*-]+\.py", span) and "NAME" not in span}
    assert {name for name in named if not any([*place.glob(name)] for place in PLACES)} == set()


def defined() -> set[str]:
    """Names of functions, classes and constants of the package and of what tests share."""
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").glob("*.py")]
    pattern = re.compile(r"^\s*(?:def|class) (\w+)|^([A-Z_]{3,})\b.*=", re.MULTILINE)
    return {name for file in files for pair in pattern.findall(file.read_text()) for name in pair if name}


def test_named_functions_exist() -> None:
    names = {span for span in spans(EXTENDING) if re.fullmatch(r"[A-Za-z_]+", span) and span != "nep"}
    packages = {path.stem for path in (ROOT / "src" / "neptuner").iterdir()}
    assert names - packages - defined() == set()
    assert {"KEYWORDS", "kernel", "sample"} <= names


def test_the_layers_are_those_that_are_enforced() -> None:
    from test_layers import RANK

    rows = re.findall(r"^\| (\d) \| (.*) \|$", EXTENDING.read_text(), re.MULTILINE)
    told = {name: int(rank) for rank, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == {name: rank for name, rank in RANK.items() if name != "__main__"}
