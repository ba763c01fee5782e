"""What the live page is told of a study."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_study import LOG, RunningStudy
from neptuner.errors import InputError
from neptuner.live import state as live_state
from neptuner.live import trials as live_trials
from neptuner.live.best import best_so_far
from neptuner.live.state import LiveStudy
from neptuner.study.store import open_store


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStudy]:
    """A study that somebody works on, looked at anew for every question."""
    monkeypatch.setattr(live_state, "SHORTEST", 0.0)
    study = RunningStudy(tmp_path / "study")
    with open_store(study.folder):
        yield study


def test_everything_at_first_then_what_has_changed(study: RunningStudy) -> None:
    first, other = study.running
    study.grow(first, 5)
    live = LiveStudy(study.folder)
    whole = live.state()
    assert whole["whole"]
    assert [trial["id"] for trial in whole["trials"]] == [trial["id"] for trial in study.results["trials"]]
    assert whole["runs"] == {"pending": 2, "running": 2, "done": 12, "failed": 2}
    assert all(words in whole["summary"] for words in ('<section class="verdict', "Hyper-parameters", "Models"))
    nothing = live.state(whole["revision"])
    assert (nothing["trials"], nothing["whole"], "summary" in nothing) == ([], False, False)
    study.grow(first, 1)
    study.grow(other, 2)
    later = live.state(whole["revision"])
    assert [trial["id"] for trial in later["trials"]] == [first, other]
    curve = next(trial for trial in later["trials"] if trial["id"] == first)
    assert curve["step"] == curve["points"][0][-1] == 500
    assert len(curve["points"][0]) == len(curve["points"][1]) == 5  # the first row was a header
    assert {"active": True, "finished": False, "phase": "extended"}.items() <= later.items()


def test_a_training_that_ends_is_told_with_its_last_row(study: RunningStudy) -> None:
    name = study.running[0]
    study.grow(name, 3)
    live = LiveStudy(study.folder)
    before = live.state()["revision"]
    study.grow(name, 100)
    trial = next(trial for trial in study.results["trials"] if trial["id"] == name)
    cell = {"min": 0.1, "avg": 0.125}
    losses = {
        quantity: dict.fromkeys(("train", "validation", "test"), cell) for quantity in ("energy", "force", "virial")
    }
    trial |= {"state": "done", "seconds": 12.0, "loss": losses, "reduction": losses}
    study.write()
    state = live.state(before)
    told = next(trial for trial in state["trials"] if trial["id"] == name)
    assert (told["state"], told["loss"], told["step"], told["gain"]) == ("done", 0.125, 4000, None)
    assert "summary" in state


def test_failed_trainings_keep_their_reason_and_log(study: RunningStudy) -> None:
    live = LiveStudy(study.folder)
    failed = [trial for trial in live.state()["trials"] if trial["state"] == "failed"]
    assert [trial["id"] for trial in failed] == study.failed
    assert failed[0]["error"] == "train.xyz, frame 3: the lattice is singular"
    assert failed[0]["change"] == "neuron 10"
    assert live.log(study.failed[0]) == LOG


def test_only_the_end_of_a_long_log_is_given_in_whole_lines(study: RunningStudy) -> None:
    path = study.folder / "trials" / study.running[0] / "log.txt"
    path.write_text("".join(f"line {number:6d}\n" for number in range(10_000)))
    log = LiveStudy(study.folder).log(study.running[0])
    assert log is not None
    assert 60_000 < len(log) <= live_state.LOG_TAIL
    assert log.startswith("line ")
    assert log.endswith("line   9999\n")


@pytest.mark.parametrize("name", ["", "..", "../../etc", "baseline", "trials/x"])
def test_a_log_is_looked_up_never_found_by_its_path(study: RunningStudy, name: str) -> None:
    assert LiveStudy(study.folder).log(name) is None


def test_a_log_outside_the_study_is_not_shown(study: RunningStudy, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("secret")
    study.results["trials"][0]["directory"] = ".."
    study.write()
    assert LiveStudy(study.folder).log(study.results["trials"][0]["id"]) is None


def test_a_reader_of_another_server_begins_anew(study: RunningStudy) -> None:
    live = LiveStudy(study.folder)
    number = len(study.results["trials"])
    for since in (live.state()["revision"] - 10_000, live.state()["revision"] + 10_000):
        state = live.state(since)
        assert state["whole"]
        assert len(state["trials"]) == number
        assert "summary" in state


def test_a_plan_with_fewer_trainings_is_told_in_whole(study: RunningStudy) -> None:
    live = LiveStudy(study.folder)
    before = live.state()["revision"]
    gone = study.results["trials"].pop()
    study.write()
    state = live.state(before)
    assert state["whole"]
    assert gone["id"] not in [trial["id"] for trial in state["trials"]]


def test_nobody_works_on_a_study_whose_lock_is_free(tmp_path: Path) -> None:
    state = LiveStudy(RunningStudy(tmp_path / "study").folder).state()
    assert not state["active"]
    assert state["runs"]["running"] == 0
    assert state["runs"]["pending"] == 4


def test_a_study_that_has_just_begun(study: RunningStudy) -> None:
    results = study.folder / "results.json"
    (study.folder / "manifest.json").write_text("{}")
    results.unlink()
    live = LiveStudy(study.folder)
    assert live.state().items() >= {"phase": "preparation", "trials": [], "name": "study"}.items()
    assert "runs" not in live.state()
    study.write()
    assert live.state()["runs"]["running"] == 2


def test_a_damaged_file_leaves_what_was_known(study: RunningStudy) -> None:
    live = LiveStudy(study.folder)
    live.state()
    for damage in ('{"schema": 99}', "{}", '{"schema": 1}', "["):
        (study.folder / "results.json").write_text(damage)
        state = live.state()
        assert state["problem"]
        assert state["runs"]["running"] == 2
    study.write()
    assert live.state()["problem"] == ""


@pytest.mark.parametrize("key", ["finished", "data", "sweep", "combined"])
def test_a_file_that_lacks_something_is_a_problem_not_a_crash(study: RunningStudy, key: str) -> None:
    kept = {name: value for name, value in study.results.items() if name != key}
    (study.folder / "results.json").write_text(json.dumps(kept))
    state = LiveStudy(study.folder).state()
    study.write()
    assert state["problem"] == (
        f"{study.folder / 'results.json'}: does not follow its schema, docs/results.md (has no {key!r}): was it changed"
        " by hand? `neptuner study` with the same arguments writes it again, without training anew"
    )
    assert state["phase"] == "preparation"


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no study directory"):
        LiveStudy(tmp_path)


def test_the_latest_events_come_first(study: RunningStudy) -> None:
    with (study.folder / "journal.jsonl").open("a") as file:
        file.write('{"time": "2026')  # being written
    assert [event["event"] for event in LiveStudy(study.folder).state()["events"]] == ["finished", "started"]


def test_the_best_model_is_compared_at_equal_steps(study: RunningStudy) -> None:
    best = best_so_far(study.results)
    assert best is not None
    losses = {c["name"]: c["loss"]["force"]["validation"]["avg"] for c in _models(study) if c["loss"]}
    assert best.name == min(losses, key=losses.__getitem__)
    assert "extended" not in best.name
    assert (best.loss, best.baseline) == (losses[best.name], losses["baseline"])
    assert best.gain > 0
    for parameter in study.results["sweep"]:
        parameter["values"] = []
    study.results["combined"] = None
    alone = best_so_far(study.results)
    assert alone is not None
    assert (alone.name, alone.gain) == ("baseline", 0.0)
    study.results["baseline"]["loss"] = None
    assert best_so_far(study.results) is None


def _models(study: RunningStudy) -> list[dict]:
    results = study.results
    return [results["baseline"], results["combined"], *(c for p in results["sweep"] for c in p["values"])]


def test_time_left_follows_from_the_pace(study: RunningStudy) -> None:
    for trial in study.results["trials"]:
        if trial["state"] == "done":
            trial["seconds"] = 0.01 * trial["steps"]
    likely = {"trials": 30, "seconds": 400.0}
    study.results["cost"] = {
        "predicted": {"places": 2, "likely": likely, "least": likely, "most": likely, "md": 60.0, "first": 1.0},
        "actual": {"trials": 16, "seconds": 100.0, "md_seconds": None, "memory": None, "disk": None},
        "ratio": {"training": 1.25, "seconds": None, "memory": None, "disk": None, "md_seconds": None},
    }
    for size in (likely, study.results["cost"]["predicted"]):
        size |= {"memory": 1e6, "disk": 1e6}
    study.write()
    os.utime(study.folder / "results.json", (time.time(), time.time() - 50))
    study.grow(study.running[0], 11)  # a header and 10 of 40 rows: 1000 of 4000 steps
    cost = LiveStudy(study.folder).state()["cost"]
    assert cost["left"] == pytest.approx(0.01 * (3000 + 3 * 4000) / 2)  # the winners are known, nothing else follows
    assert cost["spent"] == pytest.approx(150, abs=5)
    assert (cost["likely"], cost["ratio"], cost["md_predicted"]) == (400.0, 1.25, 60.0)


def test_curves_come_in_little_by_little(study: RunningStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_trials, "PATIENCE", -1.0)
    live = LiveStudy(study.folder)
    assert not any(trial["points"][0] for trial in live.state()["trials"])
    monkeypatch.setattr(live_trials, "PATIENCE", 10.0)
    later = [trial for trial in live.state()["trials"] if trial["points"][0]]
    assert len(later) == sum(trial["state"] == "done" for trial in study.results["trials"]) > 5


def test_a_thousand_trainings_are_cheap_to_follow(study: RunningStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_trials, "PATIENCE", 60.0)
    one = next(trial for trial in study.results["trials"] if trial["state"] == "done")
    study.results["trials"] += [{**one, "id": f"more-{k}"} for k in range(1000)]
    study.write()
    live = LiveStudy(study.folder)
    revision = live.state()["revision"]
    live.state(revision)
    study.grow(study.running[0], 3)
    begin = time.process_time()
    state = live.state(revision)
    assert time.process_time() - begin < 0.1
    assert len(json.dumps(state)) < 20_000
    assert [trial["id"] for trial in state["trials"] if trial["points"][0]] == study.running[:1]
