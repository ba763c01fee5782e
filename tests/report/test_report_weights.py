"""The weights of the compared models: tables, figure, and the numbers kept between reports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import make_study

from models import random_frame
from neptuner.files.extxyz import write_frames
from neptuner.report import weights_data
from neptuner.report.gallery import Drawing
from neptuner.report.reading import load_results
from neptuner.report.style import render
from neptuner.report.weights_data import weights_of
from neptuner.report.weights_figures import NAME, descriptor_worth
from neptuner.report.weights_page import weights_section


def frames_of(*elements: str) -> list:
    """Labelled frames of some elements, one after the other."""
    frames = [random_frame(seed, n_atoms=5, labels=True) for seed in range(6)]
    return [replace(frame, species=np.resize(np.array(elements), frame.n_atoms)) for frame in frames]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("weights") / "s", replicates=1, atoms=6, rows=12)
    (folder / "data").mkdir()
    write_frames(folder / "data" / "validation.xyz", frames_of("Te", "Pb"))
    return folder


def test_nothing_is_said_without_frames(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", replicates=1, atoms=6, rows=12)
    assert weights_section(load_results(folder), {}) is None
    assert not (folder / "weights.json").exists()


def test_nothing_is_said_of_frames_that_lack_a_species(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", replicates=1, atoms=6, rows=12)
    (folder / "data").mkdir()
    write_frames(folder / "data" / "validation.xyz", frames_of("Te"))
    assert weights_section(load_results(folder), {}) is None


def test_tables_hold_the_numbers_of_the_analysis(study: Path) -> None:
    results = load_results(study)
    drawing = Drawing(NAME, "title", "caption", missing="left out")
    section, found = weights_section(results, {NAME: drawing}), weights_of(results)
    assert section is not None
    assert found is not None
    assert [model.title for model in found.models] == ["baseline, 1,000 steps", "combined-extended, 4,000 steps"]
    assert section["drawing"] is drawing
    for row, model in zip(section["table"].rows, found.models, strict=True):
        texts = [cell.text for cell in row.cells]
        most = max(model.analysis["components"], key=lambda c: c["growth"])
        dead = sum(n["dead"] for n in model.analysis["neurons"])
        assert texts[:3] == [model.title, f"{model.parameters:,}", f"{dead} of {2 * neurons(model)}"]
        assert texts[4] == f"{most['kind']}, n = {most['n']}"
        assert row.cells[4].detail == f"+{most['growth']:.1f} %"
    sizes = {row.cells[0].text: [cell.text for cell in row.cells[1:]] for row in section["sizes"].rows}
    for place, model in enumerate(found.models):
        least = next(row for row in model.analysis["sizes"] if row["part"] == "neuron")["least"]
        assert sizes["neuron"][3 * place : 3 * place + 3] == [str(neurons(model)), str(least["1"]), str(least["5"])]
    assert "neptuner prune trials/combined-extended-r0" in section["sentences"][-1]


def neurons(model: weights_data.ModelWeights) -> int:
    return len(model.analysis["neurons"][0]["influence"])


def test_numbers_are_kept_until_a_model_changes(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, calls = load_results(study), []
    before = weights_of(results)
    analyse = weights_data.analyse_weights
    monkeypatch.setattr(weights_data, "analyse_weights", lambda *a, **k: calls.append(1) or analyse(*a, **k))
    assert weights_of(results) == before
    assert not calls
    assert results.baseline is not None
    path = results.folders(results.baseline)[0] / "nep.txt"
    path.write_text(path.read_text().replace("60 30", "61 30"))
    assert weights_of(results) == before
    assert len(calls) == 1
    assert len(json.loads((study / "weights.json").read_text())["analyses"]) == 3


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 0, "analyses": {}}', '{"schema": 1}'])
def test_a_damaged_file_of_kept_numbers_is_made_anew(study: Path, content: str) -> None:
    expected = weights_of(load_results(study))
    (study / "weights.json").write_text(content)
    assert weights_of(load_results(study)) == expected
    assert len(json.loads((study / "weights.json").read_text())["analyses"]) == 2


def test_the_figure_shows_every_descriptor_of_both_models(study: Path) -> None:
    found = weights_of(load_results(study))
    assert found is not None
    figure = descriptor_worth(found.models)
    panels = figure.axes[: len(found.models)]
    assert [axes.get_title(loc="left") for axes in panels] == [model.title for model in found.models]
    assert [len(axes.texts) for axes in panels] == [len(model.analysis["components"]) for model in found.models]
    assert panels[0].get_yticklabels()[0].get_text() == "radial"
    assert len(render(figure, "svg")) < 200_000
