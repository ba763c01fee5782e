"""Formulas as drawings within the page: the same in every browser, without scripts, fonts or requests to anywhere."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import Any

from docutils import nodes
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from sphinx.util import logging

logger = logging.getLogger(__name__)

FONT = FontProperties(size=10, math_fontfamily="stix")
EM = 8.5
"""Points of the drawing that stand for the size of a letter of the text around it."""
MARGIN = 0.5
"""Points around a drawing; letters lean out of their boxes a little."""
SUM = re.compile(r"\\sum(?:[_^](?:\{[^{}]*\}|\w))*")
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}


@cache
def draw(tex: str) -> str:
    """Draw a formula as an SVG element in the colour of the text around it, on its line.

    Raises
    ------
    ValueError
        If it has something that Matplotlib's mathtext has not.
    """
    text = f"${_plain(tex)}$"
    width, height, depth, *_ = MathTextParser("path").parse(text, dpi=72, prop=FONT)
    outline = " ".join(
        LETTERS[code] + ("" if code == Path.CLOSEPOLY else " ".join(f"{value:.2f}" for value in points))
        for points, code in TextPath((0, 0), text, prop=FONT).iter_segments(simplify=False)
    )
    left, below, width, height = -MARGIN, depth + MARGIN, width + 2 * MARGIN, height + 2 * MARGIN
    size = f'width="{width / EM:.3f}em" height="{height / EM:.3f}em" style="vertical-align:{-below / EM:.3f}em"'
    box = f"{left:.2f} {below - height:.2f} {width:.2f} {height:.2f}"
    label = escape(" ".join(tex.split()), quote=True)
    shape = f'<path fill="currentColor" transform="scale(1 -1)" d="{outline}"/>'
    return f'<svg role="img" aria-label="{label}" {size} viewBox="{box}">{shape}</svg>'


def _plain(tex: str) -> str:
    """Write in mathtext's words what it has other words for."""
    text = re.sub(r"\\begin\{pmatrix\}(.*?)\\end\{pmatrix\}", _columns, " ".join(tex.split()))
    return SUM.sub(r"\g<0> \\,", text)  # mathtext leaves no space behind the sign


def _columns(found: re.Match[str]) -> str:
    above, below = (row.split("&") for row in found[1].split(r"\\"))
    pairs = (rf"\genfrac{{}}{{}}{{0}}{{}}{{{a.strip()}}}{{{b.strip()}}}" for a, b in zip(above, below, strict=True))
    return r"\left( " + r" \; ".join(pairs) + r" \right)"


def _drawn(node: nodes.math | nodes.math_block) -> str:
    try:
        text = node.astext()
        return draw(text.replace(r"\frac", r"\dfrac") if isinstance(node, nodes.math_block) else text)
    except ValueError as error:
        logger.warning("formula: %s", error, location=node)
        return ""


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(f'<span class="math">{_drawn(node)}</span>')
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{_drawn(node)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Add the renderer ``drawn``."""
    app.add_html_math_renderer("drawn", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
