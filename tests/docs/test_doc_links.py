"""Every link of the manual leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from manual_pages import DOCS, MANUAL, PAGES, ROOT, anchors, links, name_of, source

EXTERNAL = re.compile(r"https?://[a-z0-9.-]+\.[a-z]{2,}(/[^\s<>\"]*)?", re.IGNORECASE)


def problem(page: Path, target: str) -> str | None:
    """What is wrong with a link; None if nothing is."""
    if "://" in target:
        return None if EXTERNAL.fullmatch(target) else "is not an address"
    name, _, anchor = unquote(target).partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.is_relative_to(ROOT) or not path.exists():
        return "does not exist"
    if anchor and path.suffix == ".md" and anchor not in anchors(path):
        return "has no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = {target: fault for target in links(page) if (fault := problem(page, target))}
    assert wrong == {}


def test_a_wrong_link_is_found() -> None:
    page = DOCS / "index.md"
    assert problem(page, "nowhere.md") == "does not exist"
    assert problem(page, "md.md#no-such-heading") == "has no such heading"
    assert problem(page, "https//gpumd.org") == "does not exist"
    assert problem(page, "http://gpumd") == "is not an address"
    assert problem(page, "md.md#keywords") is None


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = set()
    for page in MANUAL:
        for table in re.findall(r"^```\{toctree\}\n(.*?)^```", source(page), re.DOTALL | re.MULTILINE):
            entries = [line for line in table.splitlines() if line and not line.startswith(":")]
            names = [re.sub(r"^.*<(.*)>$", r"\1", entry) for entry in entries]
            listed |= {(page.parent / f"{name}.md").resolve() for name in names}
    assert set(MANUAL) - listed == {DOCS / "index.md"}


@pytest.mark.parametrize("page", MANUAL, ids=name_of)
def test_every_footnote_is_said_and_meant(page: Path) -> None:
    text = source(page)
    definition = re.compile(r"^\[\^([\w-]+)\]:", re.MULTILINE)
    used = set(re.findall(r"\[\^([\w-]+)\]", definition.sub("", text)))
    assert sorted(definition.findall(text)) == sorted(used)
