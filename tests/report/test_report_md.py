"""Molecular dynamics on the page of a study."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_md import synthetic_md
from synthetic_study import make_study

from neptuner.errors import InputError
from neptuner.report import dynamics
from neptuner.report.dynamics_data import Dynamics, read_dynamics
from neptuner.report.reading import load_results
from neptuner.report.style import render
from neptuner.report.write import write_report

NAMES = ("md-running", "md-kappa", "md-spectrum", "md-force-error")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("study") / "s", md=synthetic_md())
    write_report(folder)
    return folder


def read(**options: object) -> Dynamics:
    found = read_dynamics(synthetic_md(**options))
    assert found is not None
    return found


def pages(folder: Path) -> list[str]:
    """Both pages of a study as plain text."""
    page = re.sub(r"<(style|svg)\b.*?</\1>", " ", (folder / "report.html").read_text(), flags=re.DOTALL)
    page = html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u00a0", " ")
    markdown = (folder / "report.md").read_text().replace("\\", "").replace("*", "")
    return [" ".join(page.split()), " ".join(markdown.split())]


def test_verdict_stands_at_the_top_and_first_in_its_section(study: Path) -> None:
    verdict = synthetic_md()["verdict"].replace("*", "")
    for page in pages(study):
        top = page.index(f"Molecular dynamics: {verdict}")
        section = page.index("Molecular dynamics: does the better model change the physics?")
        assert top < page.index("Runs done") < section < page.index("How it was done")
        assert page[section:].index(verdict) < page[section:].index("95 % interval")
        assert "No molecular dynamics was asked for" not in page


def test_table_has_conductivities_with_errors(study: Path) -> None:
    md = load_results(study).md
    assert md is not None
    for page in pages(study):
        for model in md.models.values():
            assert f"{model.name}" in page and f"{model.kappa:.3g} ± 0.09" in page
            assert f"{model.interval[0]:.3g} to {model.interval[1]:.3g}" in page
        assert "drift 2e-05 meV/atom/ps over 2 ps at constant energy" in page
        assert page.count("The run is too short for blocking to be trusted.") == 0
        assert "baseline: the run is too short for blocking to be trusted." in page
        assert "Without force error" in page and "no force error" in page and "3 ± 0.31" in page
        assert "The extrapolation to zero goes further than the force errors span." in page
        assert "3 x 3 x 2 copies: 1,152 atoms" in page and "driving force of 0.0002 1/Å" in page
        assert "All runs of molecular dynamics" in page and "md/final-r2-0123456789" in page


def test_figures_are_drawn(study: Path) -> None:
    for name in NAMES:
        png, svg = ((study / "figures" / f"{name}.{kind}").read_bytes() for kind in ("png", "svg"))
        assert png.startswith(b"\x89PNG") and len(png) > 5000 and svg.count(b"<path") > 20
    shown = re.findall(r"!\[[^\]]*\]\(figures/([^)]+)\.png\)", (study / "report.md").read_text())
    assert [name for name in shown if name.startswith("md-")] == list(NAMES)


def test_markdown_tables_are_square(study: Path) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", (study / "report.md").read_text(), flags=re.MULTILINE):
        assert len({re.sub(r"\\.", "", line).count("|") for line in block.splitlines()}) == 1


def test_ids_are_unique(study: Path) -> None:
    page = re.sub(r"(?s)<script[^>]*>.*?</script>", "", (study / "report.html").read_text())
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_running_averages_are_those_given() -> None:
    md = read()
    figure = dynamics.running(md)
    assert not isinstance(figure, str)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    for model in md.models.values():
        np.testing.assert_array_equal(lines[model.name].get_ydata(), model.running.mean)
    assert figure.axes[0].get_xlabel() == "averaging time of a run (ps)"
    long = {k: replace(m, running=replace(m.running, time=m.running.time * 1000)) for k, m in md.models.items()}
    figure = dynamics.running(replace(md, models=long))
    assert figure.axes[0].get_xlabel() == "averaging time of a run (ns)"
    assert figure.axes[0].lines[0].get_xdata()[-1] == pytest.approx(20)


def test_bars_show_conductivities_and_single_runs() -> None:
    md = read()
    figure = dynamics.bars(md)
    assert not isinstance(figure, str)
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert heights == [model.kappa for model in md.models.values()]
    dots = [collection.get_offsets() for collection in figure.axes[0].collections if len(collection.get_offsets()) == 3]
    for key, points in zip(md.models, dots, strict=True):
        expected = [run.kappa for run in md.runs if run.kind == "kappa" and run.model == key]
        np.testing.assert_allclose(np.asarray(points)[:, 1], expected)


def test_spectrum_is_against_frequency() -> None:
    md = read()
    figure = dynamics.spectra(md)
    assert not isinstance(figure, str)
    spectrum = md.models["baseline"].spectrum
    np.testing.assert_allclose(figure.axes[0].lines[0].get_xdata(), spectrum.omega / (2 * np.pi))
    assert 10 < figure.axes[0].get_xlim()[1] < 64  # the empty end is left out


def test_fit_shows_every_model() -> None:
    correction = read().correction
    assert correction is not None
    figure = dynamics.force_error_fit(correction)
    assert {text.get_text() for text in figure.axes[0].texts} == {point.name for point in correction.points}
    assert figure.axes[0].lines[0].get_ydata()[0] == pytest.approx(correction.kappa)


def test_every_axis_has_a_label_and_drawing_is_deterministic() -> None:
    md = read()
    assert md.correction is not None
    for draw in (dynamics.running, dynamics.bars, dynamics.spectra, lambda md: dynamics.force_error_fit(md.correction)):
        first, second = draw(md), draw(md)
        assert not isinstance(first, str) and not isinstance(second, str)
        assert all(axes.get_xlabel() and axes.get_ylabel() for axes in first.axes)
        assert render(first, "svg") == render(second, "svg")


def waiting() -> dict:
    verdict = "Not run yet: molecular dynamics follows when every training is settled."
    return synthetic_md(
        correction=False, state="waiting", verdict=verdict, models={}, screen={}, runs=[], comparison=None, atoms=None,
        supercell=None,
    )  # fmt: skip


def test_nothing_run_yet(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", phases=("baseline",), replicates=1, md=waiting())
    write_report(folder)
    for page in pages(folder):
        assert "Molecular dynamics: Not run yet" in page
        assert page.count("No run has given a conductivity.") == 2 and "There are no runs." in page
        assert "All runs of molecular dynamics" not in page
    assert not list((folder / "figures").glob("md-*"))


def test_unstable_model(tmp_path: Path) -> None:
    md = synthetic_md(correction=False, comparison=None, verdict="The model combined-extended is not stable.")
    nothing = ("kappa", "standard_error", "interval", "running", "spectrum", "spread_error", "blocked_error")
    md["models"]["final"] |= dict.fromkeys((*nothing, "ns_per_day")) | {"runs": [], "error_from": None}
    md["screen"]["final"] |= {"passed": False, "sentence": "it blew up: an atom is lost"}
    folder = make_study(tmp_path / "s", phases=("baseline",), replicates=1, md=md)
    write_report(folder)
    for page in pages(folder):
        cells = " ".join(page.replace("|", "").split())
        assert "no (it blew up: an atom is lost)" in page
        assert "combined-extended (final) \u2013 \u2013 0 \u2013 \u2013 no" in cells
    assert (folder / "figures" / "md-kappa.png").exists()


def test_failed_screen_says_why() -> None:
    md = synthetic_md()
    md["screen"]["final"] |= {"passed": False, "sentence": None, "error": "cannot be started"}
    found = read_dynamics(md)
    assert found is not None and found.screens["final"].sentence == "cannot be started"


def test_notes_and_scans(tmp_path: Path) -> None:
    note = "No value of the sweep beat the baseline, so there is no combined model."
    correction = {"split": "test", "points": [], "kappa": None, "problem": "There is no correction of the force error."}
    md = synthetic_md(scan=True, note=note, warnings=["the potential of x cannot be used"]) | {"correction": correction}
    folder = make_study(tmp_path / "s", phases=("baseline",), replicates=1, md=md)
    write_report(folder)
    for page in pages(folder):
        assert note in page and "There is no correction of the force error." in page
        assert "Driving-force scan of baseline: linear within errors up to Fe = 0.0004/Å" in page
        assert "The potential of x cannot be used." in page and "driving force of 0.0002 and 0.0004 1/Å" in page
    assert not (folder / "figures" / "md-force-error.png").exists()


def test_null_in_a_curve_is_a_gap() -> None:
    md = synthetic_md()
    md["models"]["final"]["running"]["mean"][3] = None
    md["models"]["final"]["spectrum"]["error"] = None
    found = read_dynamics(md)
    assert found is not None and np.isnan(found.models["final"].running.mean[3])
    assert all(not isinstance(draw(found), str) for draw in (dynamics.running, dynamics.spectra))


@pytest.mark.parametrize(
    "changes", [{"verdict": None}, {"models": {"final": {}}}, {"runs": [{}]}, {"fe_per_angstrom": 3}]
)
def test_damaged_md_is_told(tmp_path: Path, changes: dict) -> None:
    md = synthetic_md(**changes)
    if changes.get("verdict", "") is None:
        del md["verdict"]
    folder = make_study(tmp_path / "s", phases=("none",), md=md)
    with pytest.raises(InputError, match="does not follow its schema"):
        load_results(folder)


def test_no_md_has_no_section(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", phases=("none",))
    write_report(folder)
    assert all("does the better model change the physics?" not in page for page in pages(folder))
