"""The manual builds, every warning an error, and what it shows asks for nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from manual_pages import DOCS, MANUAL

pytest.importorskip("furo", reason="Sphinx and furo are not installed (pip install 'neptuner[docs]')")
pytest.importorskip("myst_parser", reason="MyST is not installed (pip install 'neptuner[docs]')")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(folder / "trees"), str(DOCS), str(folder / "html")],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_is_built(site: Path) -> None:
    assert [page for page in MANUAL if not (site / page.relative_to(DOCS)).with_suffix(".html").exists()] == []


def test_formulas_are_drawn(site: Path) -> None:
    for page in DOCS.glob("theory/*.md"):
        html = (site / "theory" / page.with_suffix(".html").name).read_text()
        marks = re.findall(r"^\$\$", page.read_text(), re.MULTILINE)
        assert html.count('<div class="math"><svg') == len(marks) // 2 > 0


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(r"<(?:script|img|iframe)[^>]+src=\"https?://|<link[^>]+rel=\"stylesheet\"[^>]+href=\"https?://")
    assert [path.name for path in site.rglob("*.html") if loads.search(path.read_text())] == []


def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    from typer.main import get_command

    from neptuner.cli.app import app

    html = (site / "reference" / "commands.html").read_text()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f'id="neptuner-{name}"' in html
        wanted = {option for one in command.params for option in one.opts if option.startswith("--")}
        assert {option for option in wanted if option not in html} == set()


def test_public_python_names_are_in_the_reference(site: Path) -> None:
    import neptuner

    html = (site / "reference" / "api.html").read_text()
    names = set(neptuner.__all__) - {"__version__"}
    assert {name for name in names if f">{name}<" not in html} == set()
