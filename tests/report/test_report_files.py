from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from synthetic_md import synthetic_md
from synthetic_study import make_study

from neptuner.errors import InputError
from neptuner.files.digest import file_hash
from neptuner.report import browser
from neptuner.report.provenance import provenance
from neptuner.report.reading import load_results
from neptuner.report.write import write_report


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("study") / "s", frames=True, ablation=True, md=synthetic_md())
    write_report(folder, pdf=True)
    return folder


def numbers_of(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,.]*\d|\d", text))


def test_markdown_holds_every_number_of_the_page(study: Path) -> None:
    page = re.sub(r"(?s)<(style|script|svg)\b.*?</\1>", " ", (study / "report.html").read_text())
    page = html.unescape(re.sub(r"<[^>]+>", " ", page[page.index("<main>") :]))
    markdown = (study / "report.md").read_text().replace("\\", "")
    assert len(numbers_of(page)) > 300
    assert numbers_of(page) - numbers_of(markdown) == set()


def test_figures_for_paper_are_pdf(study: Path) -> None:
    figures = study / "figures"
    drawn = {path.stem for path in figures.glob("*.png")}
    assert {path.stem for path in figures.glob("*.pdf")} == drawn
    assert all(path.read_bytes().startswith(b"%PDF") for path in figures.glob("*.pdf"))
    assert b"/FontType 3" not in (figures / "cost.pdf").read_bytes()


def test_a_report_without_pdf_leaves_no_older_one(study: Path) -> None:
    (study / "report.pdf").write_bytes(b"older")
    write_report(study)
    assert not list(study.rglob("*.pdf"))


def test_provenance_has_hashes_and_commands(study: Path) -> None:
    results = load_results(study)
    found = provenance(results)
    assert results.final is not None
    folder = results.folders(results.final)[0]
    cells = {row.cells[1].text: row.cells[2].text for row in found.files.rows}
    assert cells[str((folder / "nep.txt").relative_to(study))] == file_hash(folder / "nep.txt")
    assert cells["data/test.xyz"] == "0123456789abcdef" * 4
    assert found.commands[0] == "pip install neptuner==0.1.0"
    assert found.commands[-1] == "neptuner report s"


def test_command_of_a_training_is_that_of_its_trial(study: Path) -> None:
    results = load_results(study)
    assert results.final is not None
    folder = results.folders(results.final)[0]
    words = '["python", "-m", "neptuner", "train", "/elsewhere/x", "--steps", "9", "--resume", "--json"]'
    (folder / "trial.json").write_text(f'{{"command": {words}}}')
    assert f"neptuner train s/{folder.relative_to(study)} --steps 9" in provenance(results).commands


def test_printing_needs_a_browser(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="no Chromium, Chrome or Edge on PATH"):
        browser.print_page(study / "report.html", study / "report.pdf")


def test_a_browser_that_fails_is_told(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(browser, "find_browser", lambda: str(program))
    with pytest.raises(InputError, match="no display"):
        browser.print_page(study / "report.html", study / "report.pdf")
    assert not (study / "report.pdf").exists()


@pytest.mark.skipif(browser.find_browser() is None, reason="needs chromium")
def test_page_is_printed(study: Path) -> None:
    browser.print_page(study / "report.html", study / "report.pdf")
    content = (study / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert len(content) > 100_000
