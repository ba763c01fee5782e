from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import make_study

from neptuner.report.cost_sentences import cost_sentences
from neptuner.report.reading import load_results

TOTAL = {"trials": 20, "seconds": 600.0, "memory": 300_000_000, "disk": 40_000_000}
PREDICTED = {
    "places": 2,
    "first": 200.0,
    "likely": TOTAL,
    "least": {**TOTAL, "seconds": 300.0},
    "most": TOTAL,
    "md": None,
}
ACTUAL = {"trials": 18, "seconds": 660.0, "md_seconds": None, "memory": 270_000_000, "disk": 44_000_000}
RATIO = {"seconds": 1.1, "memory": 0.9, "disk": 1.1, "md_seconds": None, "training": 1.05}


def sentences(folder: Path, **changes: dict[str, Any]) -> list[str]:
    """Sentences of a study with such a cost."""
    study = make_study(folder / "s")
    results = json.loads((study / "results.json").read_text())
    results["cost"] = {"predicted": PREDICTED, "actual": ACTUAL, "ratio": RATIO, **changes}
    (study / "results.json").write_text(json.dumps(results))
    return cost_sentences(load_results(study))


def test_prediction_is_compared_with_what_it_took(tmp_path: Path) -> None:
    (sentence,) = sentences(tmp_path)
    assert sentence == (
        "Cost of the trainings, predicted before the first: 10.0 min with 2 at a time (5.0 min to 10.0 min by what "
        "wins), 300 MB of memory each, 40 MB of disk. It took 11.0 min (1.10 times the prediction), 270 MB of memory "
        "(0.90) and 44 MB of disk (1.10). Steps of single trainings took 1.05 times the time predicted."
    )


def test_molecular_dynamics_has_its_own_time(tmp_path: Path) -> None:
    changes = {"actual": {**ACTUAL, "md_seconds": 60.0}, "ratio": {**RATIO, "md_seconds": 1.2, "training": None}}
    (sentence,) = sentences(tmp_path, predicted={**PREDICTED, "md": 50.0}, **changes)
    assert "of disk. Then 50 s of molecular dynamics. It took" in sentence
    assert sentence.endswith("(1.10) and 60 s of molecular dynamics (1.20).")


@pytest.mark.parametrize("unknown", ["seconds", "memory"])
def test_what_is_not_known_is_not_said(tmp_path: Path, unknown: str) -> None:
    (sentence,) = sentences(tmp_path, ratio={**RATIO, unknown: None})
    assert ("It took" in sentence) == (unknown != "seconds") and "(0.90)" not in sentence


def test_a_study_without_prediction_says_nothing(tmp_path: Path) -> None:
    assert cost_sentences(load_results(make_study(tmp_path / "s"))) == []
