"""Leakage and the comparison of curves, as results.json has them."""

from __future__ import annotations

import pytest

from neptuner.errors import InputError

WINNERS = {"n_max 2 4": 0.1, "batch 7": 0.05, "batch 3": -0.05}


def test_curves_are_compared_when_all_trainings_have_ended(project) -> None:
    """The fake's gain is there from the first step to the last, so the model is better."""
    project.edit("replicates = 2", "replicates = 3")
    project.edit("steps = 100", "steps = 400")
    project.fake(gains=WINNERS, noise=0.002)
    faster = project.run()["faster"]
    combined = faster["comparisons"]["combined"]
    assert combined["verdict"] == "better" and faster["sentence"].endswith(combined["sentence"][1:])
    assert combined["at_equal_steps"]["gain"] == pytest.approx(100 * 0.15 / 1.1, abs=1.5)
    assert combined["at_equal_time"]["gain"] == pytest.approx(combined["at_equal_steps"]["gain"], abs=0.2)
    assert set(faster["comparisons"]) == {"n_max=2-4", "batch=3", "batch=7", "combined"} | {
        f"combined-without-{keyword}" for keyword in ("n_max", "batch")
    }


def test_leakage_is_looked_for_once(project, monkeypatch: pytest.MonkeyPatch) -> None:
    """All frames of the project are alike."""
    first = project.run()["leakage"]
    assert first["kind"] == "near-copies" and first["sets"]["test"]["near_copies"] == 4
    assert sum(line == first["sentence"] for line in project.lines) == 1
    monkeypatch.setattr("neptuner.study.data.leakage_note.find_leakage", lambda *_: pytest.fail("looked again"))
    assert project.run()["leakage"] == first


def test_learning_curve_trains_on_parts(project) -> None:
    project.edit("[final]", "[learning_curve]\nfractions = [0.9, 0.6]\n\n[final]")
    project.fake(gains=WINNERS)
    results = project.run()
    curve = results["learning_curve"]
    assert [c["name"] for c in curve] == ["combined-on-train-0.6", "combined-on-train-0.9"]
    assert [c["fraction"] for c in curve] == [0.6, 0.9] and all(len(c["runs"]) == 2 for c in curve)
    data = project.out / "data"
    frames = {n: (data / f"train{n}.xyz").read_text().count("Lattice") for n in ("", "-0.6", "-0.9")}
    assert frames[""] > frames["-0.9"] > frames["-0.6"] >= 10
    folder = project.out / "trials" / curve[0]["runs"][0]
    assert (folder / "train.xyz").read_text() == (data / "train-0.6.xyz").read_text()
    digests = [name.rsplit("-", 1)[1] for c in (results["combined"], *curve) for name in c["runs"]]
    assert len(set(digests)) == len(digests)
    started = project.events("started")
    assert project.run() == results and project.events("started") == started


def test_part_that_is_too_small_is_refused(project) -> None:
    project.edit("[final]", "[learning_curve]\nfractions = [0.1]\n\n[final]")
    with pytest.raises(InputError, match=r"learning_curve\.fractions has 0\.1, which is less than 10 of the 18"):
        project.run()
    assert not project.out.exists()
