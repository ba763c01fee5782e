"""Gains, intervals, verdicts, the ablation and the learning curve on the page of a study."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle
from synthetic_study import make_study

from neptuner.report import gain_figures, learning, numbers
from neptuner.report.data import Results
from neptuner.report.gallery import Drawing, draw_all, gain_name
from neptuner.report.learning_page import steps_up
from neptuner.report.page import html_page, markdown_page
from neptuner.report.reading import load_results
from neptuner.report.statistics_data import Judged, Statistics, read_statistics
from neptuner.report.style import render
from neptuner.report.tables import chosen_table, phase_table, sweep_table
from neptuner.study.statistics.gains import Gain

LOUD = {"n_max": {"2 2": 1.12, "6 6": 0.9}, "neuron": {"10": 1.05, "40": 0.93}}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "s"
    return make_study(folder, replicates=3, sweep=LOUD, ablation=True, fractions=(0.25, 0.5), noise=0.01)


@pytest.fixture(scope="module")
def results(study: Path) -> Results:
    return load_results(study)


def raw_of(study: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((study / "results.json").read_text())
    return content


def pages(results: Results, drawings: Mapping[str, Drawing] | None = None) -> list[str]:
    """Both pages as plain text; without drawings given, without figures, which take their time."""
    if drawings is None:
        names = ["baseline-curves", "gains", "force-curves", "force-parity", "weights", "cost"]
        names += [gain_name(p) for p in results.sweep] + ["learning-curve"] * bool(results.learning_curve)
        names += ["ablation"] * bool(results.ablation or results.statistics.interaction)
        drawings = {name: Drawing(name, name, "", missing="left out") for name in names}
    page = re.sub(r"<(style|svg|script)\b.*?</\1>", " ", html_page(results, drawings), flags=re.DOTALL)
    page = html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u00a0", " ")
    markdown = markdown_page(results, drawings).replace("\\", "").replace("*", "")
    return [" ".join(page.split()), " ".join(markdown.split())]


def signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", numbers.MINUS)


def interval(raw: dict[str, Any]) -> str:
    return f"({signed(raw['low'])} to {signed(raw['high'])} %)"


def test_reads_everything(study: Path, results: Results) -> None:
    raw, found = raw_of(study)["statistics"], results.statistics
    assert found.known and found.looks == 1
    assert len(found.gains) == sum(bool(g) for n in raw["gains"].values() for q in n.values() for s in q.values()
                                   for g in s.values())  # fmt: skip
    gain = raw["gains"]["n_max=6-6"]["energy"]["validation"]["min"]
    assert found.gains["n_max=6-6", "energy", "validation", "min"] == Gain(**gain)
    assert found.floor("test").replicate_sd_percent == raw["noise_floor"]["test"]["replicate_sd_percent"]
    assert set(found.removals) == {"n_max", "neuron"}
    assert [c.fraction for c in results.learning_curve] == [0.25, 0.5]
    assert [c.name for c in results.ablation] == ["combined-without-n_max", "combined-without-neuron"]
    assert read_statistics(None) == Statistics()


def test_every_setting_has_gain_interval_p_and_verdict(study: Path, results: Results) -> None:
    verdicts = raw_of(study)["statistics"]["verdicts"]
    assert {v["verdict"] for v in verdicts.values()} >= {"better", "worse"}
    for parameter in results.sweep:
        table = sweep_table(results, parameter)
        assert (
            str(table.rows[0].cells[1])
            == f"± {numbers.spread(results.statistics.floor('test').replicate_sd_percent)} (noise floor)"
        )
        shares = []
        for row, configuration in zip(table.rows[1:], parameter.values, strict=True):
            raw = verdicts[configuration.name]
            assert str(row.cells[1]) == f"{signed(raw['gain']['gain'])} % {interval(raw['gain'])}"
            assert row.cells[2].text == raw["verdict"]
            assert row.cells[2].detail == f"({numbers.probability(raw['adjusted_p'])})"
        shares = [int(row.cells[3].text.split()[0]) for row in table.rows]
        assert sum(shares) == pytest.approx(100, abs=2)


def test_pages_agree(study: Path, results: Results) -> None:
    raw = raw_of(study)["statistics"]
    for page in pages(results):
        verdicts = [v for name, v in raw["verdicts"].items() if "without" not in name]
        for found in (*verdicts, *raw["ablation"].values()):
            assert interval(found["gain"]) in page
        assert "adjusted by Holm's method for all comparisons of a phase, and" in page
        assert page.count("noise floor ±") >= 4
        assert f"On test, {raw['interaction']['sentence']}." in page


def test_looks_are_told(results: Results) -> None:
    several = replace(results, statistics=replace(results.statistics, looks=4))
    for page in pages(several):
        assert "and for 4 looks at growing data (Pocock), and only p below 0.05" in page
        assert "3 replicates or more" in page


def test_chosen_values_have_gains_on_both_splits(study: Path, results: Results) -> None:
    gains = raw_of(study)["statistics"]["gains"]
    for row, parameter in zip(chosen_table(results).rows, results.sweep, strict=True):
        for cell, split in zip(row.cells[3:5], ("validation", "test"), strict=True):
            assert cell.detail == interval(gains[parameter.best]["force"][split]["avg"])
        assert str(row.cells[-1]).endswith("(better)")


def test_extended_models_are_compared_with_each_other(results: Results) -> None:
    cells = [row.cells for row in phase_table(results).rows]
    before, after = (np.mean(list(learning.losses_of(results, c).values())) for c in results.phases[2:])
    assert cells[3][0].text == "combined-extended"
    assert cells[3][1].text == f"{signed(float(100 * (1 - after / before)))} %"
    assert cells[2][1].text == cells[2][2].text == numbers.NOTHING


def test_ablation_says_what_a_removal_costs(study: Path, results: Results) -> None:
    raw = raw_of(study)["statistics"]
    for page in pages(results):
        section = page[page.index("Do the gains add up?") : page.index("Accuracy against cost")]
        assert "worse without it" in section
        assert f"{signed(raw['interaction']['sum_of_singles'])} %" in section
        assert f"{signed(raw['interaction']['independent'])} %" in section


def test_ablation_that_is_not_run_yet(results: Results) -> None:
    waiting = replace(
        results,
        finished=False,
        ablation=tuple(replace(c, runs=()) for c in results.ablation),
        runs=tuple(r for r in results.runs if r.phase != "ablation"),
        statistics=replace(results.statistics, removals={}, interaction=None),
    )
    for page in pages(waiting, draw_all(replace(waiting, runs=()))):
        section = page[page.index("Do the gains add up?") : page.index("Accuracy against cost")]
        assert section.count("not run yet") == 2
        assert "has not been trained without its changes yet" in section


def test_without_ablation_there_is_no_section(tmp_path: Path) -> None:
    for page in pages(load_results(make_study(tmp_path / "s", sweep={"n_max": {"6 6": 0.9}}))):
        assert "Do the gains add up?" not in page
        assert "Learning curve" not in page


def test_learning_curve(results: Results) -> None:
    points = learning.sizes(results)
    assert [(p.frames, len(p.losses)) for p in points] == [(5, 3), (10, 3), (20, 3)]
    gains = steps_up(points)
    assert gains[0] is not None
    assert gains[0].gain == pytest.approx(100 * (1 - points[1].mean / points[0].mean))
    axes = learning.learning_curve(points, results).axes[0]
    drawn = np.concatenate([c.get_offsets() for c in axes.collections if isinstance(c, PathCollection)])
    expected = [[p.frames, loss] for p in points for loss in p.losses.values()]
    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(expected, axis=0))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    for page in pages(results):
        assert "Training on 20 frames in place of 10 lowers the test force loss by" in page
        assert "By the law a + b/n^c, fitted to all replicates, 40 frames would lower it by" in page
        assert "twice the frames would bring more than that" in page


def test_learning_curve_of_two_sizes_has_no_law(tmp_path: Path) -> None:
    results = load_results(make_study(tmp_path / "s", fractions=(0.5,)))
    for page in pages(results):
        assert "Training on 20 frames in place of 10" in page
        assert "By the law" not in page
    assert render(learning.learning_curve(learning.sizes(results), results), "svg").count(b"<path") > 20


def test_learning_curve_that_is_not_run_yet(results: Results) -> None:
    waiting = replace(results, learning_curve=tuple(replace(c, runs=()) for c in results.learning_curve))
    for page in pages(waiting):
        assert "The models on parts of the frames have not been trained yet." in page


def bars(axes: Any) -> list[float]:
    return [p.get_width() for p in axes.patches if isinstance(p, Rectangle) and p.get_height() < 1]


def test_all_gains_in_one_figure(results: Results) -> None:
    rows = [(name, found) for name, found in results.statistics.verdicts.items() if "without" not in name]
    figure = gain_figures.all_gains(rows, 0.5, "gain (%)")
    axes = figure.axes[0]
    np.testing.assert_allclose(bars(axes), [found.gain.gain for _, found in rows])
    assert [t.get_text() for t in axes.get_yticklabels()] == [name for name, _ in rows]
    lines = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"]
    ends = [[found.gain.low, found.gain.high] for _, found in rows]
    np.testing.assert_allclose([line for line in lines if line[0] != line[1]], ends)


def test_intervals_wider_than_the_axes_end_in_arrows() -> None:
    wide = Judged(Gain(5.0, -1e43, 99.0, 0.5, 2, 1.0, "block model"), "not settled", 0.5)
    axes = gain_figures.all_gains([("a", wide)], 1.0, "gain (%)").axes[0]
    low, high = axes.get_xlim()
    assert -30 < low < -5 and 5 < high < 30
    assert {line.get_marker() for line in axes.lines} >= {"<", ">"}


def test_ablation_figure_holds_both_gains(results: Results) -> None:
    statistics = results.statistics
    alone = {p.name: statistics.gains[p.best or "", "force", "test", "avg"] for p in results.sweep}
    assert statistics.interaction is not None
    axes = gain_figures.ablation_bars(alone, statistics.removals, statistics.interaction, "gain (%)").axes[0]
    expected = [g for p in results.sweep for g in (alone[p.name].gain, statistics.removals[p.name].gain.gain)]
    expected += [statistics.interaction.sum_of_singles, statistics.interaction.combined]
    np.testing.assert_allclose(bars(axes), expected)


def test_large_sweep_shows_the_largest_gains(tmp_path: Path, results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gain_figures, "MOST_SETTINGS", 3)
    drawn: list[str] = []
    monkeypatch.setattr(gain_figures, "all_gains", lambda rows, floor, label: drawn.extend(n for n, _ in rows) or "")
    drawing = draw_all(replace(results, runs=(), ablation=(), learning_curve=()))["gains"]
    assert "The 3 with the largest gains of 4 settings." in drawing.caption
    assert drawn == ["n_max 6 6", "neuron 10", "neuron 40", "combined"]


def test_file_without_statistics_still_gives_a_page(tmp_path: Path) -> None:
    results = load_results(make_study(tmp_path / "s", statistics=False))
    assert not results.statistics.known
    drawings = draw_all(replace(results, runs=()))
    assert drawings["gains"].drawn and drawings["gain-n_max"].drawn
    for page in pages(results, drawings):
        assert "Not settled. The combined model lowers" in page
        assert "judged by an earlier version" in page
        assert "noise floor unknown" in page


def test_sentences_on_speed_and_leakage(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s")
    sentences = {"faster": {"sentence": "It is merely faster."}, "leakage": {"sentence": "No near-copies were found."}}
    (folder / "results.json").write_text(json.dumps({**raw_of(folder), **sentences}))
    for page in pages(load_results(folder)):
        assert "It is merely faster." in page and "No near-copies were found." in page
