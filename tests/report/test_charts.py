from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_study import make_study

from neptuner.report import charts, cost_charts, curve_charts, gain_charts
from neptuner.report.data import Results
from neptuner.report.gain_figures import gain_rows
from neptuner.report.noise import floor_of
from neptuner.report.reading import load_results
from neptuner.report.style import BASELINE, COMBINED, SPLIT_COLORS, SPLIT_HATCHES
from neptuner.report.template import asset, script_json


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load_results(make_study(tmp_path_factory.mktemp("study") / "s", ablation=True, fractions=(0.25, 0.5)))


def test_curves_hold_every_training(results: Results) -> None:
    data = curve_charts.all_curves_chart(results)["data"]
    assert len(data) == sum(run.state == "done" for run in results.runs)
    run = next(r for r in results.runs if r.name == "baseline")
    table = np.loadtxt(results.folder / str(run.directory) / "loss.out")
    assert any(np.array_equal(t["y"], table[:, 8]) for t in data if t["name"] == "baseline")
    shown = [t["name"] for t in data if t["showlegend"]]
    assert len(shown) == len(set(shown))
    assert set(shown) >= {"baseline", "combined", "combined-extended", "n_max", "neuron", "ablation", "learning curve"}


def test_gains_and_their_intervals_are_those_of_the_table(results: Results) -> None:
    chart = gain_charts.all_gains_chart(results)
    drawn = {
        name: (x, x - low if low is not None else None, x + high if high is not None else None)
        for t in chart["data"]
        for name, x, low, high in zip(t["y"], t["x"], t["error_x"]["arrayminus"], t["error_x"]["array"], strict=True)
    }
    for name, found in gain_rows(results):
        assert drawn[name] == pytest.approx((found.gain.gain, found.gain.low, found.gain.high))
    floor = floor_of(results)
    assert [(s["x0"], s["x1"]) for s in chart["layout"]["shapes"]] == [(-floor, floor)]


def test_cost_and_learning_hold_their_points(results: Results) -> None:
    cost = cost_charts.cost_chart(results)["data"]
    assert sum(len(t["x"]) for t in cost[1:]) == len(results.configurations)
    learning = {t.get("name"): t for t in curve_charts.learning_chart(results)["data"]}
    assert learning["means"]["x"] == [5, 10, 20]
    assert len(learning["replicates"]["x"]) == 3 * results.replicates


@given(st.integers(1, 3000), st.integers(2, 200), st.booleans())
def test_thinned_keeps_both_ends_and_the_order(size: int, most: int, log: bool) -> None:
    rows = charts.thinned(size, most, log=log)
    assert rows[0] == 0
    assert rows[-1] == size - 1
    assert len(rows) <= max(most, 1)
    assert np.all(np.diff(rows) > 0)


def test_panels_do_not_overlap_wide_or_narrow() -> None:
    for count in (2, 3):
        axes = [(charts.axis("x"), charts.axis("y"))] * count
        found = charts.panels([], axes, 300)
        names = ["", *map(str, range(2, count + 1))]
        wide = [found["layout"][f"xaxis{n}"]["domain"] for n in names]
        tall = [found["narrow"][f"yaxis{n}"]["domain"] for n in names][::-1]
        for spans in (wide, tall):
            assert spans[0][0] == pytest.approx(0)
            assert spans[-1][1] == pytest.approx(1)
            assert all(b[0] - a[1] > 0.05 for a, b in pairwise(spans))


@given(st.lists(st.floats() | st.text() | st.none() | st.integers(-(2**53), 2**53)))
def test_script_json_is_json_and_cannot_end_the_script(value: list) -> None:
    text = script_json({"a": value})
    assert "<" not in text
    back = json.loads(text)["a"]
    for given_, found in zip(value, back, strict=True):
        if isinstance(given_, float):
            assert found == pytest.approx(given_, rel=1e-5) if np.isfinite(given_) else found is None
        else:
            assert found == given_


def test_script_json_of_arrays() -> None:
    assert script_json({"x": np.array([1.0, np.nan, 0.123456789]), "n": np.int64(3)}) == '{"x":[1,null,0.123457],"n":3}'


def test_assets_ask_for_nothing() -> None:
    for name in ("page.js", "report.js", "page.css"):
        assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import |@import|url\(", asset(name)), name
    assert "MIT" in Path(charts.__file__).with_name("assets").joinpath("plotly-LICENSE.txt").read_text()


def grey(color: str) -> float:
    """Lightness of a colour on a grey printer, 0 to 1."""
    red, green, blue = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_what_stands_side_by_side_differs_in_grey() -> None:
    looks = [(grey(SPLIT_COLORS[split]), SPLIT_HATCHES[split]) for split in SPLIT_COLORS]
    looks.append((grey(BASELINE), "no bar beside the splits"))
    for place, (light, hatch) in enumerate(looks):
        assert all(hatch != other or abs(light - lightness) > 0.15 for lightness, other in looks[:place])
    assert abs(grey(BASELINE) - grey(COMBINED)) > 0.15
