"""The pages of the manual, taken apart: blocks of code, links, anchors, commands."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))

FRONT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")]
MANUAL = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
EXAMPLES = sorted((ROOT / "examples").glob("*/README.md"))
PAGES = [*FRONT, *MANUAL, *EXAMPLES]


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: Path
    line: int
    """Of its first line, from 1."""
    language: str
    """Empty for an indented block."""
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def name_of(page: Path) -> str:
    """Name of a page for the reports of pytest."""
    return str(page.relative_to(ROOT))


@cache
def source(page: Path) -> str:
    """Text of a page as Sphinx sees it."""
    from generated_parts import filled

    return filled(page.read_text())


def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(source(page))


def blocks(page: Path) -> list[Block]:
    """Every block of code of a page, directives of MyST excepted."""
    found = []
    for token in tokens(page):
        language = token.info.split()[0] if token.info.split() else ""
        if token.type in ("fence", "code_block") and not language.startswith("{") and token.map is not None:
            found.append(Block(page, token.map[0] + 2, language, token.content))
    return found


def links(page: Path) -> list[str]:
    """Targets of every link and image of a page."""
    inline = [child for token in tokens(page) for child in token.children or []]
    found = [
        str(child.attrGet("href") or child.attrGet("src")) for child in inline if child.type in ("link_open", "image")
    ]
    return [target for target in found if target != "None"]


def anchors(page: Path) -> set[str]:
    """What may stand behind ``#`` in a link to the page: its headings, as GitHub and MyST name them."""
    found, known = set(), tokens(page)
    for opening, inline in pairwise(known):
        if opening.type == "heading_open":
            words = "".join(child.content for child in inline.children or [] if child.type in ("text", "code_inline"))
            found.add(re.sub(r"[^\w\- ]", "", words.lower().strip()).replace(" ", "-"))
    return found


@dataclass(frozen=True)
class Command:
    """A command line of a page and what it is said to print."""

    block: Block
    text: str
    expected: tuple[str, ...] = ()


def commands(block: Block) -> Iterator[Command]:
    """Command lines of a block: all of ``bash``, those behind a prompt in ``console``."""
    if block.language == "bash":
        yield Command(block, block.text)
        return
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    for part in parts:
        line, *printed = part.rstrip("\n").split("\n")
        yield Command(block, line, tuple(printed))


def calls(text: str) -> Iterator[list[str]]:
    """Words of every call of ``neptuner`` in shell text, without what it is redirected to."""
    joined = re.sub(r"<<'(\w+)'.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE).replace("\\\n", " ")
    for line in joined.splitlines():
        for part in re.split(r"&&|;|\|", line.split(" #")[0]):
            words = shlex.split(part.split(">")[0])
            while words and re.fullmatch(r"\w+=\S*|srun|nohup|exec", words[0]):
                words = words[1:]
            if words and Path(words[0]).name == "neptuner":
                yield words[1:]
