"""Sphinx configuration."""

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "neptuner"
author = "The neptuner developers"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "formulas",
    "generated_parts",
    "percent_notebooks",
]
exclude_patterns = ["_build", "_ext", "_static", "conf.py"]

html_theme = "furo"
html_title = "neptuner"
html_math_renderer = "drawn"
html_copy_source = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["manual.css"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say what things are; annotations would name private aliases
napoleon_use_rtype = False
napoleon_use_ivar = True


def setup(app: Sphinx) -> None:
    """Let blocks of code be called what they are."""
    for name in ("nep.in", "run.in", "xyz"):
        app.add_lexer(name, TextLexer)
