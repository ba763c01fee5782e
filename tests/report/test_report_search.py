from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_search import synthetic_search
from synthetic_study import make_study

from neptuner.report import search as figures
from neptuner.report.gallery import Drawing, _search_drawings
from neptuner.report.page import markdown_page
from neptuner.report.reading import load_results
from neptuner.report.search_page import MOST_ROWS, front_table, search_section, trials_table
from neptuner.report.write import write_report

NAMES = ("search-pareto", "search-progress", "search-importances")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with a joint search."""
    folder = with_search(tmp_path_factory.mktemp("study") / "s", synthetic_search())
    write_report(folder)
    return folder


def with_search(folder: Path, raw: dict[str, Any] | None) -> Path:
    """A synthetic study with this search."""
    path = make_study(folder, replicates=1, sweep={"neuron": {"40": 0.9}}) / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"search": raw}))
    return folder


def read(folder: Path, raw: dict[str, Any] | None) -> Any:
    return load_results(with_search(folder, raw))


def test_both_pages_show_front_trials_and_figures(study: Path) -> None:
    page = html.unescape((study / "report.html").read_text()).replace("\u00a0", " ")
    markdown = (study / "report.md").read_text().replace("\\", "")
    search = synthetic_search()
    for text in (page, markdown):
        assert "Joint search" in text and "Models that cannot be beaten" in text
        for model in search["pareto"]:
            assert model["nep"] in text
        assert f"Of 14 trials {search['best']['name']}" in text
        assert "none of 1" not in text and "1 of 1 should have been kept" in text
        assert "1 setting that nep.in forbids cost no training" in text
        assert "\u22120.25 from 250 to 1,000 steps (5 trials)" in text
    for name in NAMES:
        assert (study / "figures" / f"{name}.png").stat().st_size > 1000
        assert f"(figures/{name}.png)" in markdown


def test_tables_of_markdown_have_equal_columns(study: Path) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", (study / "report.md").read_text(), flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_figure_of_the_front_has_every_model(tmp_path: Path) -> None:
    results = read(tmp_path / "s", synthetic_search())
    figure = figures.pareto(results.search, results)
    axes = figure.axes[0]
    drawn = sum(len(c.get_offsets()) for c in axes.collections)
    assert drawn == len(results.search.in_full) == 2 + sum(t.rung == 1 for t in results.search.trials)
    line = axes.lines[0]
    assert np.allclose(line.get_xdata(), [t.speed for t in results.search.pareto])
    assert np.all(np.diff(line.get_xdata()) > 0) and np.all(np.diff(line.get_ydata()) >= 0)
    labels = [text.get_text() for text in figure.legends[0].texts]
    assert {"baseline", "combined", "search", "Pareto front"} <= set(labels) and len(labels) == len(set(labels))


def test_best_so_far_never_rises(tmp_path: Path) -> None:
    results = read(tmp_path / "s", synthetic_search())
    figure = figures.progress(results.search, results)
    best = figure.axes[0].lines[0].get_ydata()
    assert np.all(np.diff(best) <= 0)
    allowed = [t.loss for t in results.search.trials if t.rung == 1 and t.feasible]
    assert min(best) == pytest.approx(min(allowed))


def test_importances_are_per_cent_and_ordered(tmp_path: Path) -> None:
    results = read(tmp_path / "s", synthetic_search())
    axes = figures.importance(results.search).axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([30, 70])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["neuron", "n_max"]


def test_tables(tmp_path: Path) -> None:
    results = read(tmp_path / "s", synthetic_search(MOST_ROWS + 7))
    table = trials_table(results, results.search)
    assert len(table.rows) == MOST_ROWS
    assert [row.cells[0].text for row in table.rows if row.best] == [results.search.best]
    steps = [int(row.cells[2].text.replace(",", "")) for row in table.rows]
    assert steps == sorted(steps, reverse=True)
    front = front_table(results, results.search)
    assert [row.cells[0].text for row in front.rows] == [m.name for m in results.search.pareto]
    section = search_section(results, {})
    assert section is not None and f"first {MOST_ROWS} of {MOST_ROWS + 7} trials" in section["note"]


def test_without_speeds_and_rungs_less_is_shown(tmp_path: Path) -> None:
    results = read(tmp_path / "s", synthetic_search(speeds=False, rungs=(1000,)))
    assert "No speed" in figures.pareto(results.search, results)
    sentences = " ".join(search_section(results, {})["sentences"])
    assert "foretold" not in sentences and "cannot be beaten" not in sentences
    assert [drawing.name for drawing in _search_drawings(results, results.search)] == [*NAMES[1:]]


def page_of(results: Any) -> str:
    """The page without its figures, which take long to draw."""
    return markdown_page(results, defaultdict(lambda: Drawing("none", "none", "", missing="not drawn")))


def test_a_search_that_waits_says_so(tmp_path: Path) -> None:
    raw = synthetic_search() | {
        "state": "waiting", "trials": [], "known": [], "best": None, "pareto": [], "importances": None, "pruning": None
    }  # fmt: skip
    results = read(tmp_path / "s", raw)
    assert search_section(results, {})["sentences"] == ["The joint search begins when the phases before it have ended."]
    assert "Joint search" in page_of(results)


def test_no_section_without_a_search(tmp_path: Path) -> None:
    results = read(tmp_path / "s", None)
    assert results.search is None and search_section(results, {}) is None
    assert "Joint search" not in page_of(results)
