from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from neptuner.errors import NeptunerError
from neptuner.study.plan import SEARCH

pytest.importorskip("optuna")


def search_study(project, *, extra: str = "", space: str | None = None, **wishes: Any) -> None:
    from search_drive import GOOD, SPACE

    text = project.toml.read_text() + (SPACE if space is None else space)
    project.write("study.toml", text.replace("trials = 12\n", f"trials = 12\n{extra}"))
    project.fake(gains=GOOD, **wishes)


def run(project, jobs: int = 1, **options: Any) -> tuple[dict[str, Any], Any]:
    from search_drive import SearchLauncher, fake_speed_command

    launcher = SearchLauncher(jobs, **options)
    return project.run(launcher=launcher, measure=fake_speed_command), launcher


def decisions(project) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (project.out / "search.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "time"} for line in lines]


def test_search_comes_last_and_keeps_its_budget(project) -> None:
    search_study(project)
    results, launcher = run(project)
    search = results["search"]
    assert results["finished"] and search["state"] == "done" and search["budget"] == 12
    assert [t["name"] for t in search["trials"]] == [f"search-{n:04d}" for n in range(1, 13)]
    assert project.phases == ["baseline", "sweep", "combined", "extended", SEARCH]
    order = [t["phase"] for t in results["trials"]]
    assert order.index(SEARCH) == len(order) - 12 and launcher.trainings == len(order)
    points = [json.dumps(t["params"], sort_keys=True) for t in search["trials"]]
    assert len(set(points)) == 12  # none is tried twice
    for trial in search["trials"]:
        settings = next(t["settings"] for t in results["trials"] if t["directory"] == trial["directory"])
        assert all(settings[keyword] == value for keyword, value in trial["params"].items())
        assert settings["batch"] == results["baseline"]["settings"]["batch"]  # not searched
    assert {t["seed"] for t in results["trials"] if t["phase"] == SEARCH} == {1}


def test_what_earlier_phases_know_is_the_beginning(project) -> None:
    search_study(project)
    results, _ = run(project)
    known = results["search"]["known"]
    # batch is not in the space; the combined model is n_max=2-4, for it alone won
    assert [k["name"] for k in known] == ["baseline", "n_max=2-4"]
    tried = [t["params"] for t in results["search"]["trials"]]
    assert all(k["values"] not in tried for k in known)
    baseline = next(t for t in results["trials"] if t["name"] == "baseline" and t["seed"] == 1)
    assert known[0]["loss"] == pytest.approx(baseline["loss"]["force"]["validation"]["avg"])


def test_best_is_the_lowest_loss_and_compared_with_the_same_seed(project) -> None:
    search_study(project)
    search = run(project)[0]["search"]
    best = min(search["trials"], key=lambda t: t["loss"])
    assert search["best"]["name"] == best["name"] and search["best"]["loss"] == best["loss"]
    baseline = search["known"][0]["loss"]
    assert search["best"]["reduction"] == pytest.approx(100 * (baseline - best["loss"]) / baseline)
    assert [p["name"] for p in search["pareto"]] == [best["name"]]  # without speeds
    assert (project.out / search["best"]["nep"]).read_text().startswith("fake with a gain")
    shares = search["importances"]
    assert sum(share["mean"] for share in shares.values()) == pytest.approx(1)
    assert set(shares) == {"n_max", "neuron", "lambda_f"} and all(share["sd"] >= 0 for share in shares.values())


def test_a_killed_search_goes_on_with_the_same_trials(project, tmp_path: Path) -> None:
    from search_drive import Killed

    search_study(project, extra="rungs = 2\n")
    whole, launcher = run(project)
    expected = decisions(project)
    (project.folder / "study").rename(project.folder / "undisturbed")
    before, trained = 0, 0
    for kill in (4, 3, 2, 5):
        with pytest.raises(Killed):
            run(project, die_before=kill + before)
        if (project.out / "search.jsonl").exists():
            with (project.out / "search.jsonl").open("a") as file:
                file.write('{"event": "asked", "numb')  # a crash in the middle of a line
        before = 8 if not trained else 0
        trained += kill
    again, _ = run(project)
    assert decisions(project) == expected
    assert again["search"] == whole["search"]
    finished = Counter(project.events("finished"))
    assert set(finished.values()) == {1} and len(finished) == launcher.trainings


def test_rungs_promote_the_best_and_test_the_others(project) -> None:
    search_study(project, extra="rungs = 3\nreduction = 2\ncontrol = 2\n", space=None)
    results, _ = run(project)
    search = results["search"]
    assert search["rungs"] == [25, 50, 100]
    rungs = Counter(t["rung"] for t in search["trials"])
    assert rungs[0] >= 4 and rungs[2] >= 3
    by_steps = Counter(t["steps"] for t in results["trials"] if t["phase"] == SEARCH)
    assert by_steps[25] == 12 and 5 <= by_steps[50] <= 9  # more than half, for it does not wait for the others
    short = [t for t in results["trials"] if t["steps"] == 25]
    assert all(t["settings"]["output_interval"] in ([2], [3]) for t in short)
    assert [t["origin"] for t in search["trials"]][:3] == ["known", "known", "tpe"]
    assert {t["rung"] for t in search["trials"][:2]} == {0}  # their trainings in full were there before
    pruning = search["pruning"]
    assert len(pruning["control"]) == 2 and not set(pruning["control"]) & set(pruning["promoted"])
    # the fake trainer adds the same for all at a rung, so that short trainings foretell the order exactly
    assert pruning["rank_correlation"][0]["coefficient"] == pytest.approx(1.0)
    assert pruning["control_kept"] == 0 and not pruning["control_best"]
    assert 0 < pruning["prediction_error_percent"] < 10
    kept = {t["name"]: t["loss_in_full"] for t in search["trials"]}
    assert search["best"]["loss"] == pytest.approx(min(v for v in kept.values()), rel=0.03)


def test_several_places_are_filled(project) -> None:
    search_study(project, extra="rungs = 2\n")
    results, launcher = run(project, jobs=3)
    assert len(results["search"]["trials"]) == 12 and results["finished"]
    assert len({t["id"] for t in results["trials"]}) == launcher.trainings


def test_speed_is_measured_once_a_shape_and_makes_a_front(project) -> None:
    search_study(project, extra='objectives = ["accuracy", "md_speed"]\n')
    results, launcher = run(project)
    search = results["search"]
    shapes = {(tuple(t["params"]["n_max"]), tuple(t["params"]["neuron"])) for t in search["trials"]}
    shapes |= {(tuple(k["values"]["n_max"]), tuple(k["values"]["neuron"])) for k in search["known"]}
    assert len(launcher.measured) == len(set(launcher.measured)) == len(shapes)
    front = search["pareto"]
    assert len(front) > 1
    speeds, losses = [p["md_speed"] for p in front], [p["loss"] for p in front]
    assert speeds == sorted(speeds) and losses == sorted(losses)
    everything = [*search["trials"], *search["known"]]
    for point in front:
        assert not any(t["md_speed"] >= point["md_speed"] and t["loss"] < point["loss"] for t in everything)
        assert (project.out / point["nep"]).exists()
    again, second = run(project)
    assert again["search"] == search and second.measured == []


def test_constraints_keep_slow_models_out(project) -> None:
    search_study(project, extra="md_speed_min = 3e4\n")
    search = run(project)[0]["search"]
    slow = [t for t in search["trials"] if t["md_speed"] < 3e4]
    assert slow and all(not t["feasible"] and t["violations"]["md_speed_min"] > 0 for t in slow)
    assert search["best"]["md_speed"] >= 3e4
    fast = [t for t in search["trials"] if t["md_speed"] >= 3e4]
    assert search["best"]["loss"] == min(t["loss"] for t in fast)


def test_a_speed_that_cannot_be_measured_fails_the_trial(project) -> None:
    search_study(project, extra='objectives = ["accuracy", "md_speed"]\n')
    results, _ = run(project, broken=("neuron 40",))
    failed = [t for t in results["search"]["trials"] if t["params"]["neuron"] == [40]]
    assert failed and {t["error"] for t in failed} == {"the speed cannot be measured: the run is out of control"}
    assert all(p["values"]["neuron"] != [40] for p in results["search"]["pareto"])
    assert results["finished"]


def test_failed_trainings_do_not_stop_the_search(project) -> None:
    search_study(project, extra="rungs = 2\n", fail=["neuron 20"])
    search = run(project)[0]["search"]
    failed = [t for t in search["trials"] if t["state"] == "failed"]
    assert failed and {tuple(t["params"]["neuron"]) for t in failed} == {(20,)}
    assert search["state"] == "done" and search["best"]["values"]["neuron"] != [20]


def test_settings_that_nep_in_forbids_cost_nothing(project) -> None:
    space = "\n[search]\ntrials = 12\n[search.space]\ncutoff = { low = [3, 2.5], high = [6, 5], step = 0.5 }\n"
    search_study(project, space=space)
    search = run(project)[0]["search"]
    assert len(search["trials"]) == 12 and search["refused"]
    assert all("angular <= radial" in refused["reason"] for refused in search["refused"])
    assert all(angular <= radial for radial, angular in (t["params"]["cutoff"] for t in search["trials"]))


def test_a_small_space_is_searched_to_its_end(project) -> None:
    space = "\n[search]\ntrials = 12\n[search.space]\nneuron = [10, 20, 30]\nn_max = [[4, 4], [2, 4]]\n"
    search_study(project, space=space)
    results, _ = run(project)
    assert len(results["search"]["trials"]) == 4 and results["finished"]  # two of the six are known
    assert "joint search: no setting is left to try after 4 trials" in project.lines


def test_a_changed_space_keeps_what_still_fits(project) -> None:
    search_study(project)
    first = run(project)[0]["search"]
    project.edit("neuron = [10, 20, 40]", "neuron = [10, 40]")
    second = run(project)[0]["search"]
    kept = [t["name"] for t in first["trials"] if t["params"]["neuron"] != [20]]
    assert [t["name"] for t in second["trials"]][: len(kept)] == kept
    assert len(second["trials"]) == 12 and second["trials"][-1]["name"] > "search-0012"


def test_without_optuna_a_sentence_says_what_to_install(project, monkeypatch: pytest.MonkeyPatch) -> None:
    search_study(project)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NeptunerError, match=r"pip install 'neptuner\[search\]'"):
        run(project)
    assert not project.out.exists()


def test_too_many_rungs_are_refused(project) -> None:
    search_study(project, extra="rungs = 5\n")
    with pytest.raises(NeptunerError, match=r"search.rungs is 5, so that the shortest trainings take 1 steps"):
        run(project)


def test_a_study_without_a_search_says_so(project) -> None:
    project.fake()
    assert project.run()["search"] is None
