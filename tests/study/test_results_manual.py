"""The manual's page on results.json lists what a study with everything in it writes."""

from __future__ import annotations

from functools import partial

import pytest

from manual_keys import listed, listed_after

PAGE = "results.md"
MD = """
[md]
time_ps = 4
equilibration_ps = 1
supercell = [2, 2, 2]
fe = [2e-4, 4e-4]
correction = true
correction_models = 3
"""
after = partial(listed_after, page=PAGE)


def test_molecular_dynamics(project) -> None:
    text = project.toml.read_text().replace("replicates = 2", "replicates = 1")
    project.write("study.toml", text + MD)
    project.fake(gains={"n_max 2 4": 0.1, "batch 7": 0.05, "batch 3": -0.05})
    md = project.run()["md"]
    assert md.keys() == after("`failed` holds failed runs of molecular dynamics, too.")
    assert md["screen"]["final"].keys() == after("A **screen** is")
    assert md["structure"].keys() == after("| `structure` |")
    assert {frozenset(run) for run in md["runs"]} == {frozenset(after("A **run** is"))}
    assert md["comparison"].keys() == after("The **comparison** is")
    assert md["correction"].keys() <= after("The **correction** is")
    model = md["models"]["final"]
    assert model.keys() == after("A **model**:")
    assert model["running"].keys() == after("| `running` |")
    assert model["spectrum"] is None or model["spectrum"].keys() == after("| `spectrum` |")
    assert model["scan"].keys() == after("| `scan` |")


def test_joint_search(project) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed (pip install 'neptuner[search]')")
    from search_drive import GOOD, SPACE, SearchLauncher, fake_speed_command

    extra = 'trials = 12\nrungs = 2\nobjectives = ["accuracy", "md_speed"]\n'
    project.write("study.toml", project.toml.read_text() + SPACE.replace("trials = 12\n", extra))
    project.fake(gains=GOOD)
    search = project.run(launcher=SearchLauncher(1), measure=fake_speed_command)["search"]
    assert search.keys() == listed("Joint search (`search`)", PAGE)
    assert search["known"][0].keys() == after("models of earlier phases that the search began with: `")
    assert search["pruning"].keys() == after("null with one rung, else")
