"""Notebooks in jupytext's percent format (``.py``) as pages of the manual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from myst_parser.parsers.sphinx_ import MystParser

CELL = re.compile(r"^# %%(?P<kind>.*)\n", re.MULTILINE)


def as_markdown(text: str) -> str:
    """Turn cells into Markdown: comments of Markdown cells become text, all others blocks of code."""
    return "\n".join(_cells(text))


def _cells(text: str) -> Iterator[str]:
    parts = CELL.split(text)
    for kind, body in zip(parts[1::2], parts[2::2], strict=True):
        if "[markdown]" in kind:
            yield re.sub(r"^# ?", "", body, flags=re.MULTILINE)
        else:
            yield f"```python\n{body.strip()}\n```\n"


class PercentParser(MystParser):
    """Reads a notebook as the Markdown that it stands for."""

    supported = ("percent",)

    def parse(self, inputstring: str, document: Any) -> None:
        """Parse the notebook's Markdown."""
        super().parse(as_markdown(inputstring), document)


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx read ``.py`` files."""
    app.add_source_suffix(".py", "percent")
    app.add_source_parser(PercentParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
