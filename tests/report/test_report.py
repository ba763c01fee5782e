from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import LAST_ROWS, make_study

from neptuner.errors import InputError
from neptuner.report.gallery import Drawing, gain_name
from neptuner.report.page import html_page, markdown_page, picture
from neptuner.report.reading import load_results
from neptuner.report.template import asset
from neptuner.report.write import write_report

FIGURES = (
    "baseline-curves",
    "gains",
    "ablation",
    "gain-n_max",
    "gain-neuron",
    "force-curves",
    "force-parity",
    "energy-parity",
    "virial-parity",
    "weights",
    "cost",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("study") / "s", failing=("neuron=10",))
    assert write_report(folder) == folder / "report.html"
    return folder


def words(page: str) -> str:
    """The text of an HTML page with plain blanks, tables included, figures not."""
    page = re.sub(r"<(style|svg|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    page = html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u00a0", " ")
    return " ".join(page.split())


def pages(folder: Path) -> list[str]:
    """Both pages of a study as plain text, without the time it takes to draw."""
    results = load_results(folder)
    names = [*FIGURES, *(gain_name(p) for p in results.sweep)]
    drawings = {name: Drawing(name, name, "", missing="left out") for name in names}
    markdown = markdown_page(results, drawings).replace("\\", "").replace("*", "")
    return [words(html_page(results, drawings)), " ".join(markdown.split())]


def last_rows(folder: Path, name: str, column: int) -> np.ndarray:
    """MIN and AVG of a column of loss.out, averaged over the replicates of a configuration."""
    tables = [np.loadtxt(path)[-LAST_ROWS:, column] for path in sorted(folder.glob(f"trials/{name}-r*/loss.out"))]
    return np.mean([[t.min(), t.mean()] for t in tables], axis=0)


def expected_cells(folder: Path, name: str) -> list[str]:
    """Train MIN, Train AVG, Test MIN, Test AVG of the force and their reductions, from the files themselves."""
    cells = []
    for column in (5, 8):
        base, value = last_rows(folder, "baseline", column), last_rows(folder, name, column)
        reductions = 100 * (base - value) / base
        for number, reduction in zip(value, reductions, strict=True):
            cells.append(f"{number:.4f}" + ("" if name == "baseline" else f" ({reduction:+.1f}".replace("-", "\u2212")))
    return cells


@pytest.mark.parametrize("name", ["baseline", "n_max=2-2", "n_max=6-6", "neuron=40", "combined", "combined-extended"])
def test_tables_hold_the_numbers_of_the_files(study: Path, name: str) -> None:
    text = words((study / "report.html").read_text())
    markdown = (study / "report.md").read_text()
    for cell in expected_cells(study, name):
        assert cell in text
        assert cell in markdown


def test_verdict_comes_first(study: Path) -> None:
    text = words((study / "report.html").read_text())
    base, value = last_rows(study, "baseline", 8)[1], last_rows(study, "combined", 8)[1]
    place = text.index(f"by {100 * (base - value) / base:.1f} % (95 % interval of the gain")
    assert text.index("The combined model lowers the test force loss (AVG of the last 10 rows)") < place
    assert place < text.index(f"{base:.4f} → {value:.4f} eV/Å") < text.index("What was chosen")


def test_figures_are_files_with_content(study: Path) -> None:
    assert {p.name for p in (study / "figures").iterdir()} == {f"{n}.{k}" for n in FIGURES for k in ("png", "svg")}
    for name in FIGURES:
        png, svg = ((study / "figures" / f"{name}.{kind}").read_bytes() for kind in ("png", "svg"))
        assert png.startswith(b"\x89PNG")
        assert len(png) > 5_000
        assert svg.count(b"<path") > 20
        assert b"<dc:date>" not in svg


def test_html_is_one_file(study: Path) -> None:
    page = (study / "report.html").read_text()
    assert len(page) < 6e6
    page = re.sub(r"(?s)(<script[^>]*>).*?</script>", r"\1</script>", page)
    references = re.findall(r'\b(?:src|href|xlink:href|data|action)\s*=\s*"([^"]*)"', page)
    assert all(r.startswith(("#", "data:")) for r in references)
    assert all(r.startswith("#") for r in re.findall(r"url\(([^)]*)\)", page))
    assert not re.search(r'<link rel="(?!icon)|<iframe|@import', page)
    assert page.count("<figure") == page.count("<svg ") + page.count('<img src="data:image/png') == len(FIGURES)
    named = re.findall(r'data-chart="([^"]+)"', page)
    assert sorted(named) == sorted(set(FIGURES) - {"weights"})


def test_every_chart_names_its_axes_and_only_colours_of_the_page(study: Path) -> None:
    page = (study / "report.html").read_text()
    found = re.search(r'id="charts">(.*?)</script>', page, flags=re.DOTALL)
    assert found
    known = set(re.findall(r"(--[\w]+):", asset("page.css")))
    for name, chart in json.loads(found[1]).items():
        assert set(re.findall(r'"(--\w+)', json.dumps(chart))) <= known
        assert all(a["title"]["text"] for k, a in chart["layout"].items() if k.startswith("xaxis"))
        values = [v for t in chart["data"] for k in "xy" for v in t[k] if v is not None]
        assert len(values) > 4, name


def test_ids_are_unique_and_references_resolve(study: Path) -> None:
    class Ids(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.ids: list[str] = []
            self.targets: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for key, value in attrs:
                if key == "id":
                    self.ids.append(value or "")
                elif value and (found := re.search(r"url\(#(.+?)\)", value)):
                    self.targets.add(found[1])
                elif value and key.endswith("href") and value.startswith("#"):
                    self.targets.add(value[1:])

    parser = Ids()
    parser.feed((study / "report.html").read_text())
    assert len(parser.ids) == len(set(parser.ids))
    assert parser.targets
    assert parser.targets <= set(parser.ids)


def test_setup_data_and_runs(study: Path) -> None:
    raw = json.loads((study / "results.json").read_text())
    for page in pages(study):
        for keyword in raw["baseline"]["settings"]:
            assert f" {keyword} " in page
        assert "0123456789abcdef" in page
        assert all(t["directory"] in page for t in raw["trials"])
        assert "No molecular dynamics was asked for" in page


def test_failed_runs_have_their_sentence(study: Path) -> None:
    for page in pages(study):
        assert "Failed runs" in page
        assert page.count("train.xyz, frame 3: the lattice is singular") == 2
        assert "Without results: 10." in page


def test_markdown_shows_the_figures(study: Path) -> None:
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (study / "report.md").read_text())
    assert sorted(shown) == sorted(f"figures/{n}.png" for n in FIGURES)
    assert all((study / path).is_file() for path in shown)


def test_markdown_tables_are_square(study: Path) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", (study / "report.md").read_text(), flags=re.MULTILINE)
    assert len(blocks) == 14
    for block in blocks:
        rows = [re.sub(r"\\.", "", line) for line in block.splitlines()]
        assert len(rows) >= 3
        assert len({line.count("|") for line in rows}) == 1


def test_large_svg_becomes_png() -> None:
    drawing = Drawing("big", "A <title>", "", png=b"png", svg=b"<svg " + b" " * 300_000 + b"></svg>", width=500)
    assert picture(drawing).startswith('<img src="data:image/png;base64,cG5n" alt="A &lt;title&gt;"')


def test_names_are_escaped(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", phases=("none",))
    raw = json.loads((folder / "results.json").read_text())
    raw["name"] = "<script>alert(1)</script> & a|b"
    (folder / "results.json").write_text(json.dumps(raw))
    results = load_results(folder)
    drawings = {n: Drawing(n, n, "", missing="no") for n in (*FIGURES, *(gain_name(p) for p in results.sweep))}
    assert "<script>alert" not in html_page(results, drawings)
    assert "a\\|b" in markdown_page(results, drawings)


def test_one_replicate(tmp_path: Path) -> None:
    for page in pages(make_study(tmp_path / "s", replicates=1)):
        assert "The noise is unknown" in page
        assert "±" not in page
        assert "so there are no error bars" in page


@pytest.mark.parametrize("phases", [("none",), ("baseline",), ("baseline", "sweep")])
def test_unfinished(tmp_path: Path, phases: tuple[str, ...]) -> None:
    folder = make_study(tmp_path / "s", phases=phases, replicates=1)
    for page in pages(folder):
        assert "No verdict yet" in page
        assert "combined" in page
        assert "not run yet" in page
        assert "not finished" in page


def test_unfinished_study_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", phases=("baseline",), replicates=1, virial=False, test=False)
    (folder / "figures").mkdir()
    (folder / "figures" / "gain-n_max.png").write_bytes(b"of an earlier report")
    write_report(folder)
    page = words((folder / "report.html").read_text())
    assert "The sweep of n_max has not been run yet." in page
    drawn = {p.stem for p in (folder / "figures").iterdir()}
    assert drawn == {"baseline-curves", "force-curves", "force-parity", "energy-parity", "weights", "cost"}
    assert "The train set holds no reference virials." in page


def test_damaged_trial_costs_one_figure(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", phases=("baseline",), replicates=1)
    next(folder.glob("trials/baseline-*/nep.txt")).write_text("not a model\n")
    next(folder.glob("trials/baseline-*/loss.out")).unlink()
    write_report(folder)
    assert {p.stem for p in (folder / "figures").iterdir()} == {
        "force-parity", "energy-parity", "virial-parity", "cost",
    }  # fmt: skip
    page = words((folder / "report.html").read_text())
    assert page.count("This figure cannot be drawn:") == 3


def test_no_virial_no_test(tmp_path: Path) -> None:
    for page in pages(make_study(tmp_path / "s", virial=False, test=False)):
        assert "Virial RMSE" not in page
        assert "Test MIN" not in page
        assert "there is no test set" in page


def test_nothing_won(tmp_path: Path) -> None:
    for page in pages(make_study(tmp_path / "s", sweep={"n_max": {"2 2": 1.1, "1 1": 1.3}})):
        assert "The baseline stands" in page
        assert "The baseline's 4 4 stays" in page
        assert "nothing to combine" in page


def test_other_schema_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"schema": 2}')
    with pytest.raises(InputError, match="expected 1"):
        write_report(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]
