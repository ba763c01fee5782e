"""What a study says of its results: gains, verdicts, interactions, further replicates."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from neptuner.study.statistics.interactions import interaction, removals

WINNERS = {"n_max 2 4": 0.1, "batch 7": 0.05, "batch 3": -0.05}
SINGLES = {"n_max": "n", "batch": "b"}


def losses(
    factors: dict[str, float], *, noise: float = 0.0, seeds: int = 4, draw: int = 0
) -> dict[str, dict[int, float]]:
    random = np.random.default_rng(draw)
    blocks = 1.0 + 0.05 * random.normal(size=seeds)
    return {
        name: {k: float(factor * blocks[k] * np.exp(noise * random.normal())) for k in range(seeds)}
        for name, factor in factors.items()
    }


def test_independent_changes_multiply() -> None:
    found = interaction(losses({"base": 1.0, "n": 0.9, "b": 0.8, "both": 0.72}), "base", "both", SINGLES)
    assert found is not None
    assert dict(found.singles) == pytest.approx({"n_max": 10.0, "batch": 20.0})
    assert (found.sum_of_singles, found.independent, found.combined) == pytest.approx((30.0, 28.0, 28.0))
    assert found.excess == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("both", "words"), [(0.60, "help each other"), (0.80, "partly do the same")])
def test_changes_that_depend_on_each_other(both: float, words: str) -> None:
    found = interaction(losses({"base": 1.0, "n": 0.9, "b": 0.8, "both": both}, noise=0.005), "base", "both", SINGLES)
    assert found is not None and found.low is not None and found.high is not None
    assert found.low < found.excess < found.high and words in found.sentence
    assert found.excess == pytest.approx(100 * (1 - both / 0.72), abs=2.0)


def test_interval_of_the_interaction_covers() -> None:
    covered = 0
    for draw in range(300):
        noisy = losses({"base": 1.0, "n": 0.9, "b": 0.8, "both": 0.72}, noise=0.03, seeds=3, draw=draw)
        found = interaction(noisy, "base", "both", SINGLES)
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= 0.0 <= found.high
    assert 0.92 <= covered / 300 <= 0.99


def test_one_replicate_or_one_change_says_nothing() -> None:
    single = interaction(losses({"base": 1.0, "n": 0.9, "b": 0.8, "both": 0.7}, seeds=1), "base", "both", SINGLES)
    assert single is not None and single.low is None and "cannot be told" in single.sentence
    assert interaction(losses({"base": 1.0, "n": 0.9, "both": 0.9}), "base", "both", {"n_max": "n"}) is None
    assert (
        interaction({"base": {1: 1.0}, "n": {2: 1.0}, "b": {1: 1.0}, "both": {1: 1.0}}, "base", "both", SINGLES) is None
    )


def test_removal_is_the_gain_over_the_reduced_model() -> None:
    table = losses({"base": 1.0, "both": 0.72, "no n": 0.8, "no b": 0.9}, noise=1e-4)
    found = removals(table, "both", {"n_max": "no n", "batch": "no b", "neuron": "not run"})
    assert set(found) == {"n_max", "batch"}
    assert found["n_max"].gain == pytest.approx(10.0, abs=0.1) and found["batch"].gain == pytest.approx(20.0, abs=0.1)


def test_whole_study_is_assessed(project) -> None:
    project.edit("replicates = 2", "replicates = 3")
    project.fake(gains=WINNERS, noise=0.004)
    statistics = project.run()["statistics"]
    assert (statistics["split"], statistics["looks"]) == ("test", 1)
    gain = statistics["gains"]["n_max=2-4"]["force"]["validation"]["avg"]
    assert gain["low"] < gain["gain"] < gain["high"] and gain["gain"] == pytest.approx(100 * 0.1 / 1.12, abs=1.5)
    assert gain["pairs"] == 3 and statistics["gains"]["n_max=2-4"]["force"]["test"]["min"] is not None
    verdicts = {name: v["verdict"] for name, v in statistics["verdicts"].items()}
    assert verdicts["n_max=2-4"] == verdicts["combined"] == "better" and verdicts["batch=3"] == "worse"
    assert statistics["stability"]["n_max"]["n_max=2-4"] > 0.99
    assert statistics["interaction"]["combined"] == pytest.approx(100 * 0.15 / 1.12, abs=1.5)
    assert set(statistics["ablation"]) == {"n_max", "batch"}
    assert statistics["ablation"]["n_max"]["verdict"] == "better"
    assert statistics["noise_floor"]["test"]["replicate_sd_percent"] > 0


def test_without_replicates_nothing_is_certain(project) -> None:
    project.edit("replicates = 2", "replicates = 1")
    project.fake(gains=WINNERS)
    statistics = project.run()["statistics"]
    assert {v["verdict"] for v in statistics["verdicts"].values()} == {"not settled"}
    assert statistics["noise_floor"]["test"]["replicate_sd_percent"] is None
    assert statistics["gains"]["combined"]["force"]["test"]["avg"]["low"] is None


def test_open_decisions_get_more_replicates(project) -> None:
    """Only what a decision depends on is repeated, with seeds that the baseline has, too."""
    project.edit("replicates = 2", "replicates = 2\nmost_replicates = 5")
    project.fake(gains={"n_max 2 4": 0.3, "batch 7": 0.04, "batch 3": -0.3}, noise=0.03)
    results = project.run()
    seeds = {}
    for trial in results["trials"]:
        seeds.setdefault(trial["name"], set()).add(trial["seed"])
    assert len(seeds["batch=3"]) == 2 < len(seeds["batch=7"]) <= 5
    assert seeds["batch=7"] <= seeds["baseline"] and len(seeds["combined"]) == len(seeds["baseline"])
    assert results["statistics"]["looks"] == 4
    assert any("a decision is open" in line for line in project.lines)
    started = Counter(project.events("started"))
    assert project.run() == results and Counter(project.events("started")) == started


def test_budget_of_further_replicates(project) -> None:
    project.edit("replicates = 2", "replicates = 2\nmost_replicates = 5\nextra_runs = 2")
    project.fake(gains={"n_max 2 4": 0.3, "batch 7": 0.04, "batch 3": -0.3}, noise=0.03)
    first = [t for t in project.run()["trials"] if t["phase"] in ("baseline", "sweep")]
    assert len(first) == 2 * 4 + 2
