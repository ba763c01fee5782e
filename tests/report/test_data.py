from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import make_study

from neptuner.errors import InputError
from neptuner.report.data import Statistic
from neptuner.report.reading import load_results, text


def change(study: Path, **replaced: Any) -> Path:
    path = study / "results.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **replaced}))
    return study


def test_reads_every_phase(tmp_path: Path) -> None:
    results = load_results(make_study(tmp_path / "s"))
    raw = json.loads((tmp_path / "s" / "results.json").read_text())
    assert [c.name for c in results.phases] == ["baseline", "combined", "baseline-extended", "combined-extended"]
    assert results.final is results.combined_extended
    assert results.baseline is not None
    assert results.baseline.loss_of("force", "test").avg == raw["baseline"]["loss"]["force"]["test"]["avg"]
    assert results.baseline.settings["type"] == "2 Te Pb"
    assert [p.best_value for p in results.sweep] == ["6 6", "40"]
    assert len(results.configurations) == 4 + 5
    assert all(folder.is_dir() for c in results.configurations for folder in results.folders(c))


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_refuses_other_schema(tmp_path: Path, schema: object) -> None:
    study = change(make_study(tmp_path / "s", phases=("none",)), schema=schema)
    with pytest.raises(InputError, match=r"results\.json: schema is .*expected 1"):
        load_results(study)


def test_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run `neptuner study` first"):
        load_results(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_refuses_what_is_no_object(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"results\.json"):
        load_results(tmp_path)


@pytest.mark.parametrize("replaced", [{"metric": "charm"}, {"trials": [{}]}, {"last_rows": None}, {"sweep": 3}])
def test_refuses_what_breaks_the_schema(tmp_path: Path, replaced: dict[str, Any]) -> None:
    study = change(make_study(tmp_path / "s", phases=("none",)), **replaced)
    with pytest.raises(InputError, match="does not follow its schema"):
        load_results(study)


def test_not_a_number_counts_as_missing(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", phases=("baseline",))
    raw = json.loads((study / "results.json").read_text())
    raw["baseline"]["loss"]["force"]["test"] = {"min": float("nan"), "avg": float("inf")}
    results = load_results(change(study, baseline=raw["baseline"]))
    assert results.baseline is not None
    assert results.baseline.loss_of("force", "test") == Statistic()


def test_no_virial_no_test(tmp_path: Path) -> None:
    results = load_results(make_study(tmp_path / "s", virial=False, test=False))
    assert results.judged_split == "validation"
    assert results.baseline is not None
    assert ("virial", "train") not in results.baseline.loss
    assert ("virial", "validation") not in results.baseline.rmse
    assert ("force", "test") not in results.baseline.loss


@pytest.mark.parametrize(
    ("value", "expected"), [([4, 2, 0], "4 2 0"), (0.1, "0.1"), ("Te", "Te"), (["Te", 1.0], "Te 1"), (30, "30")]
)
def test_values_as_words(value: object, expected: str) -> None:
    assert text(value) == expected
