"""The notebooks run as programs, from the source folder, and are notebooks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from manual_pages import DOCS, ROOT

NOTEBOOKS = sorted((DOCS / "tutorial").glob("*.py"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    for name in ("train.xyz", "test.xyz", "nep.in"):
        (tmp_path / "examples" / "j14").mkdir(exist_ok=True)
        shutil.copy(ROOT / "examples" / "j14" / name, tmp_path / "examples" / "j14")
    environment = os.environ | {"MPLBACKEND": "agg", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(notebook)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_jupytext_sees_the_same_cells(notebook: Path) -> None:
    jupytext = pytest.importorskip("jupytext", reason="jupytext is not installed (pip install 'neptuner[docs]')")
    pytest.importorskip("myst_parser", reason="MyST is not installed (pip install 'neptuner[docs]')")
    cells = jupytext.reads(notebook.read_text(), fmt="py:percent").cells
    assert {cell.cell_type for cell in cells} == {"markdown", "code"}
    from percent_notebooks import as_markdown

    page = as_markdown(notebook.read_text())
    assert all(cell.source.strip().split("\n")[0] in page for cell in cells)
    assert page.count("```python") == sum(cell.cell_type == "code" for cell in cells)
