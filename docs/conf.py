"""Sphinx configuration."""

project = "neptuner"
author = "The neptuner developers"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "neptuner"
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
