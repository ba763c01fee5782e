"""Pages from templates: one self-contained HTML document, with its style, scripts and charts inside."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Chart = dict[str, Any]
"""``data`` and ``layout`` of a figure of Plotly; :mod:`neptuner.report.charts` makes them."""


def html_document(template: str, charts: Mapping[str, Chart] | None = None, **context: Any) -> str:
    """Fill in a template that extends ``base.html.j2``.

    Parameters
    ----------
    template
        Its name under ``templates/``.
    charts
        What ``<figure data-chart="name">`` shows, by name.
    context
        What else the template names.
    """
    environment = _environment(autoescape=True)
    environment.globals["asset"] = asset
    environment.filters |= {"bind": _bind, "json": script_json}
    return _encodable(environment.get_template(template).render(charts=charts or {}, **context))


def markdown_document(template: str, **context: Any) -> str:
    """Fill in a template of a Markdown page."""
    environment = _environment(autoescape=False)
    environment.filters["cell"] = lambda value: re.sub(r"([|\\`*_<>\[\]])", r"\\\1", " ".join(str(value).split()))
    return _encodable(environment.get_template(template).render(**context))


@cache
def asset(name: str) -> Markup:
    """Return a file of ``assets/`` to stand inside a page."""
    return Markup((files("neptuner.report") / "assets" / name).read_text(encoding="utf-8"))


def script_json(value: Any) -> Markup:
    """Return JSON that may stand in a ``<script>``: arrays of numpy to six digits, null for what is not finite."""
    text = json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(_encodable(text).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _encodable(text: str) -> str:
    """Put a question mark for each byte of a file name that is not UTF-8, which no page can hold."""
    return text.encode("utf-8", "replace").decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return _short(value)
    return value


def _short(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _bind(sentence: str) -> str:
    """Keep a number and its unit on one line."""
    return re.sub(r" (%|±|eV|meV|W/mK)", "\u00a0\\1", sentence).replace("± ", "±\u00a0")


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("neptuner.report", "templates"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
