"""The page of an audit: what it says, and that it agrees with the audit."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from checked_data import KINDS, N_TEST, N_TRAIN, clean_frames, write_clean, write_flawed
from models import random_frame
from neptuner.audit.audit import Audit, audit
from neptuner.audit.findings import Finding, Group
from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame
from neptuner.report import check_charts
from neptuner.report.check_page import check_page
from neptuner.report.check_tables import FEW, MOST, SHOWN, found_on_page, ranges
from neptuner.report.descriptor_map import descriptor_map
from neptuner.study.data.frame_distance import fingerprints


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return audit(*write_flawed(tmp_path_factory.mktemp("flawed")))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return audit(*write_clean(tmp_path_factory.mktemp("clean")))


def audited(frames: list[Frame], folder: Path) -> Audit:
    """Audit some frames as a training set."""
    write_frames(folder / "train.xyz", frames)
    return audit(folder / "train.xyz")


def charts_of(result: Audit) -> dict:
    return check_charts.check_charts(result, check_charts.find_points(result))


def shown_in(page: str) -> set[str]:
    """Charts that have a place on a page."""
    return set(re.findall(r'<figure data-chart="([a-z-]+)"', page))


def test_everything_is_on_the_page(flawed: Audit) -> None:
    page = check_page(flawed)
    assert "<h1>train.xyz and test.xyz</h1>" in page
    assert "Do not train on these data yet: mend one kind of error, and look at 2 kinds of warnings." in page
    assert "Looked at 23 training frames of 488 atoms and 12 test frames of 256 atoms: O, Mg, S and Ca." in page
    assert "All frames have energies, all frames have forces and all frames have virials." in page
    assert "found `oops`, expected a finite number" in page
    for code in {finding.code for finding in flawed.findings}:
        assert f"<code>{code}</code>" in page
    assert shown_in(page) == {"compositions", "energy-by-set", "descriptors-by-set", "forces", "neighbours"}
    assert flawed.suggestion is not None
    for reason in flawed.suggestion.reasons.values():
        assert reason.replace("'", "&#39;") in page
    assert set(re.findall(r'<a href="#(\w+)"', page)) <= set(re.findall(r'<h2 id="(\w+)"', page))


def test_it_is_one_file_of_modest_size(flawed: Audit) -> None:
    page = check_page(flawed)
    assert len(page) < 3e6
    without_scripts = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r'(?:src|href)="(?!#|data:)', without_scripts) == []


def test_verdicts_of_the_three_kinds(flawed: Audit, clean: Audit) -> None:
    assert 'class="verdict worse"' in check_page(flawed)
    fine = check_page(clean)
    assert 'class="verdict better"' in fine
    assert "Neither errors nor warnings" in fine
    warned = check_page(replace(clean, findings=[Finding("warning", "net-force", "net", "mend it")]))
    assert 'class="verdict "' in warned
    assert "No errors; look at one kind of warning before you train." in warned
    assert "Nothing was found that has to be mended." in check_page(replace(clean, findings=[]))


def test_messages_are_shown_as_text(clean: Audit) -> None:
    found = Finding("error", "unreadable", "found `<b>&`, expected a number", "mend <i>it</i>", "a<b.xyz", 3, 4)
    page = check_page(replace(clean, findings=[found]))
    assert "found `&lt;b&gt;&amp;`, expected a number" in page
    assert "mend &lt;i&gt;it&lt;/i&gt;" in page
    assert "a&lt;b.xyz, frame 3, line 4" in page


def test_many_findings_of_a_kind_are_behind_a_click() -> None:
    many = tuple(Finding("warning", "net-force", f"the {k}th", "mend it", "a.xyz", k, k) for k in range(1, MOST + 8))
    found = found_on_page(Group("warning", "net-force", many))
    assert [len(found.places), len(found.others), found.left_out] == [SHOWN, MOST - SHOWN, 7]
    assert found.places[1].where == "a.xyz, frame 2, line 2"
    assert found.fixes == ("mend it",)
    assert found.n_frames == str(MOST + 7)


def test_frames_of_a_finding_are_ranges() -> None:
    assert ranges([1, 2, 3, 5, 8, 9]) == "1\u20133, 5, 8\u20139"
    assert ranges([4]) == "4"
    assert ranges([]) == ""
    one = Finding("note", "thin-cell", "thin", "mend it", "a.xyz", 1, 2, tuple(range(1, 200)))
    other = replace(one, frames=tuple(range(1, 200, 2)))
    short, long = (found_on_page(Group("note", "thin-cell", (each,))).places[0] for each in (one, other))
    assert short.is_short
    assert short.frames == "1\u2013199"
    assert len(long.frames) > FEW
    assert not long.is_short


def test_compositions_lie_between_the_corners_of_their_elements(clean: Audit) -> None:
    chart = charts_of(clean)["compositions"]
    corners = {note["text"]: np.array([note["x"], note["y"]]) / 1.12 for note in chart["layout"]["annotations"]}
    assert corners.keys() == {f"<b>{symbol}</b>" for symbol in ("O", "Mg", "S", "Ca")}
    training = next(trace for trace in chart["data"] if trace["name"] == "training")
    for x, y, words in zip(training["x"], training["y"], training["text"], strict=True):
        counts = {symbol: int(n or 1) for symbol, n in re.findall(r"([A-Z][a-z]?)(\d*)", words.split("<br>")[0])}
        place = sum(n * corners[f"<b>{symbol}</b>"] for symbol, n in counts.items()) / sum(counts.values())
        np.testing.assert_allclose([x, y], place, atol=1e-12)
    assert sum(int(words.split("<br>")[1].split()[0]) for words in training["text"]) == N_TRAIN


def test_two_elements_make_bars_and_one_composition_nothing(tmp_path: Path) -> None:
    two = [random_frame(k, n_atoms=5 + k % 2, labels=True) for k in range(12)]
    chart = charts_of(audited(two, tmp_path))["compositions"]
    assert {trace["type"] for trace in chart["data"]} == {"bar"}
    assert sum(chart["data"][0]["y"]) == 12
    same = audited([random_frame(k, n_atoms=6, labels=True) for k in range(4)], tmp_path)
    assert "compositions" not in charts_of(same)
    assert 'id="compositions"' not in check_page(same)


def test_points_have_the_colour_of_their_kind_and_a_ring_if_they_are_named(flawed: Audit) -> None:
    charts = charts_of(flawed)
    for name in ("energy", "descriptors"):
        by_set, by_type = ([t for t in charts[f"{name}-by-{by}"]["data"] if t["marker"]["symbol"] != "circle-open"]
                           for by in ("set", "type"))  # fmt: skip
        assert {trace["name"]: len(trace["x"]) for trace in by_set} == {"training": N_TRAIN - 1, "test": N_TEST}
        assert {trace["name"] for trace in by_type} == set(KINDS)
        assert sum(len(trace["x"]) for trace in by_type) == N_TRAIN - 1 + N_TEST
    rings = charts["energy-by-set"]["data"][-1]
    assert rings["name"] == "with an error or a warning"
    assert any(words.startswith("training frame 5: ") for words in rings["text"])


def test_energies_stand_against_forces_where_volumes_are_the_same(clean: Audit, tmp_path: Path) -> None:
    frames = [replace(frame, cell=2.0 * frame.n_atoms ** (1 / 3) * np.eye(3)) for frame in clean_frames()[1]]
    same = audited(frames, tmp_path)
    assert "volume" in charts_of(clean)["energy-by-set"]["layout"]["xaxis"]["title"]["text"]
    assert "force" in charts_of(same)["energy-by-set"]["layout"]["xaxis"]["title"]["text"]
    assert "Energy against force" in check_page(same)
    assert "Energy against volume" in check_page(clean)


def test_distributions_of_forces_add_up(clean: Audit) -> None:
    traces = charts_of(clean)["forces"]["data"]
    assert [trace["name"] for trace in traces] == ["O", "Mg", "S", "Ca"] * 2
    assert [trace["showlegend"] for trace in traces] == [True] * 4 + [False] * 4
    for trace in traces:
        assert sum(trace["y"]) == pytest.approx(100.0)


def test_suggested_cutoffs_stand_where_their_neighbours_are_counted(clean: Audit) -> None:
    assert clean.suggestion is not None
    assert clean.neighbours is not None
    radial, angular = clean.suggestion.nep_in.cutoff
    layout = charts_of(clean)["neighbours"]["layout"]
    assert {shape["x0"] for shape in layout["shapes"]} == {radial, angular}
    count = clean.neighbours.within(angular)
    assert f"angular {angular:g} Å: {count:.0f}" in [note["text"] for note in layout["annotations"]]


def test_frames_without_labels_have_no_charts_of_them(tmp_path: Path) -> None:
    bare = [replace(frame, energy=None, forces=None, virial=None) for frame in clean_frames()[1]]
    result = audited(bare, tmp_path)
    page = check_page(result)
    assert shown_in(page) == {"compositions", "descriptors-by-set", "neighbours"}
    assert "No frames have energies, no frames have forces and no frames have virials." in page


def test_of_very_many_frames_some_are_points_those_with_findings_among_them(
    flawed: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_charts, "MOST_POINTS", 5)
    points = check_charts.find_points(flawed)
    assert len(points.marked) < len(points.chosen) <= 5 + len(points.marked)
    assert set(points.marked) <= set(points.chosen)
    charts = check_charts.check_charts(flawed, points)
    training, test, *_ = charts["descriptors-by-set"]["data"]
    assert len(training["x"]) + len(test["x"]) == len(points.chosen)


def test_many_types_are_put_together(tmp_path: Path) -> None:
    kinds = [f"kind{k % 12}" for k in range(N_TRAIN - 1)]
    frames = [replace(f, info={"config_type": kind}) for f, kind in zip(clean_frames()[0], kinds, strict=False)]
    names = check_charts.find_points(audited(frames, tmp_path)).types
    assert len(set(names)) == check_charts.MOST_TYPES + 1
    assert "others" in names
    assert "kind11" not in names


def test_structure_map_knows_no_order_nor_elements_and_keeps_distances() -> None:
    frames = clean_frames()[0][:8]
    turned = [replace(frame, species=frame.species[::-1], positions=frame.positions[::-1]) for frame in frames]
    swapped = [replace(f, species=np.where(f.species == "Mg", "Ca", f.species)) for f in frames]
    places, shares = descriptor_map(fingerprints(frames))
    for others in (turned, swapped):
        np.testing.assert_allclose(descriptor_map(fingerprints(others))[0], places, atol=1e-5)
    assert 0.0 < shares[1] <= shares[0] <= 1.0
    twice, _ = descriptor_map(fingerprints([*frames, frames[0]]))
    np.testing.assert_allclose(twice[0], twice[-1], atol=1e-9)
    assert np.ptp(places[:, 0]) >= np.ptp(places[:, 1]) > 0


def test_structure_map_is_the_same_from_either_product() -> None:
    frames = [random_frame(k, n_atoms=6) for k in range(40)]
    prints = fingerprints(frames)
    places, _ = descriptor_map(prints)  # more frames than components
    averages = np.array(
        [np.r_[a.mean(axis=0), a.std(axis=0)] for a in (np.sort(p.atoms, axis=1)[:, :16] for p in prints)]
    )
    centred = averages - averages.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(places), np.abs(u[:, :2] * s[:2]), atol=1e-6)
    few = descriptor_map(prints[:9])[0]  # fewer
    centred = averages[:9] - averages[:9].mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(few), np.abs(u[:, :2] * s[:2]), atol=1e-6)


def test_structure_map_of_next_to_nothing() -> None:
    assert descriptor_map([])[0].shape == (0, 2)
    places, shares = descriptor_map(fingerprints(clean_frames()[0][:1]))
    np.testing.assert_array_equal(places, np.zeros((1, 2)))
    np.testing.assert_array_equal(shares, np.zeros(2))


def test_a_page_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "train.xyz").write_text("2\nProperties=species:S:1\nMg\nO\n")
    page = check_page(audit(tmp_path / "train.xyz"))
    assert shown_in(page) == set()
    assert "No frame could be read." in page
    assert '<script type="application/json" id="charts">{}</script>' in page


def test_charts_go_into_json(flawed: Audit) -> None:
    page = check_page(flawed)
    inside = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert inside is not None
    assert json.loads(inside[1]).keys() == charts_of(flawed).keys()
