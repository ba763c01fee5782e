"""What may befall a study directory: torn files, a full disk, deleted folders, copies, and hostile names."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptuner.errors import InputError, Interrupted
from neptuner.launch.local import LocalLauncher
from neptuner.study.journal import BLOCK, Journal
from neptuner.study.plan import _name
from neptuner.study.prepare import prepare
from neptuner.study.run import run_study
from neptuner.study.spec import read_spec
from neptuner.study.store import Store, format_json, open_store

HOSTILE = ["../x", "/", "a;b", "$(touch x)", "..", "n\u0303\u2028", "a\nb", "-rf", "x" * 400]


# -- the journal -----------------------------------------------------------------------------------


def test_study_goes_on_from_a_journal_cut_anywhere(project) -> None:
    """Whatever a crash leaves of the journal, trials stay, and each is told finished exactly once."""
    calm = project.run()
    started = Counter(project.events("started"))
    path = project.out / "journal.jsonl"
    content = path.read_bytes()
    for length in range(0, len(content), len(content) // 6):
        path.write_bytes(content[:length])
        assert project.run()["trials"] == calm["trials"]
        assert Counter(project.events("finished")) == Counter({run["id"]: 1 for run in calm["trials"]})
        assert Counter(project.events("started")) <= started


@pytest.mark.parametrize("tail", [b"", b"{", b"\0" * 3000, b"x" * (2 * BLOCK)])
def test_long_torn_tail_is_cut(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    complete = b"".join(b'{"event": "finished", "id": "%d"}\n' % k for k in range(5000))
    path.write_bytes(complete + tail)
    journal = Journal(path)
    assert path.read_bytes() == complete
    assert sum(1 for _ in journal.read()) == 5000


@pytest.mark.parametrize("line", ["nonsense", "[1]", "{}", '{"id": "a"}'])
def test_damage_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(f'{{"event": "started", "id": "a"}}\n{line}\n')
    with pytest.raises(InputError, match=r"line 2: is damaged: expected a JSON object.*finished trials are kept"):
        list(Journal(path).read())


class HalfFull:
    """A file that takes half of what is written to it, as on a disk that is filling up."""

    def __init__(self, file) -> None:
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def __getattr__(self, name: str):
        return getattr(self._file, name)

    def write(self, content: bytes) -> int:
        return self._file.write(content[: len(content) // 2])


def test_full_disk_leaves_no_half_line_in_the_journal(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("started", id="a")
    opened = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, *args, **options: HalfFull(opened(self, *args, **options)))
        with pytest.raises(OSError, match="No space left"):
            journal.write("finished", id="a")
    journal.write("finished", id="a")
    assert [event["event"] for event in journal.read()] == ["started", "finished"]


# -- a full disk, at any moment ----------------------------------------------------------------------


@pytest.mark.parametrize("moment", [0, 2, 9, 27])
@pytest.mark.parametrize("where", ["journal", "prepare", "results"])
def test_full_disk_at_any_moment(project, monkeypatch, where: str, moment: int) -> None:
    """One sentence, exit code 3, and the same command goes on to the results of an undisturbed study."""
    owner, name = {"journal": (Journal, "write"), "prepare": (Store, "prepare"), "results": (Store, "write_json")}[
        where
    ]
    original, calls = getattr(owner, name), []

    def full_after_a_while(self, *args, **options):
        calls.append(name)
        if len(calls) > moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full_after_a_while)
        try:
            project.run()
        except Interrupted as error:
            assert re.search(r"cannot be written \(.*No space left.*\); mend it and run the same command", str(error))
        except OSError:
            assert where == "results" and moment == 0  # the manifest: nothing has begun, and the command line tells it
        else:
            assert len(calls) <= moment
    results = project.run()
    assert results["finished"] and not results["failed"]
    assert max(Counter(project.events("finished")).values()) == 1


# -- deleted, copied, damaged directories ------------------------------------------------------------


def test_trial_directory_deleted_while_it_runs(project) -> None:
    """The run fails with a sentence that says why, and the next session trains it."""
    script = "import os, shutil, sys; shutil.rmtree(sys.argv[1])"

    def command(spec, run, folder):
        from drive import fake_command

        lost = run.configuration.name == "batch=3" and run.replicate == 0
        return [sys.executable, "-c", script, str(folder)] if lost else fake_command(spec, run, folder)

    results = project.run(launcher=LocalLauncher(2), command=command)
    (failed,) = results["failed"]
    assert failed["error"] == "its directory was deleted while it ran"
    again = project.run()
    assert again["finished"] and not again["failed"]


@pytest.mark.parametrize("what", ["trials", "trials/baseline-r0", "trials/baseline-r0/train.json", "data"])
def test_deleted_between_sessions(project, what: str) -> None:
    calm = project.run()
    path = project.out / what
    if "baseline" in what:
        path = next(project.out.glob(what.replace("baseline-r0", "baseline-r0-*")))
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    assert project.run() == calm
    again = [run for run, count in Counter(project.events("started")).items() if count > 1]
    assert len(again) == {"trials": len(calm["trials"]), "data": 0}.get(what, 1)
    told = [line for line in project.lines if "starts anew: it had finished, but its results are gone" in line]
    assert len(told) == len(again)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"digest": 3}', '{"digest": "a", "command": "rm"}'])
def test_damaged_note_of_a_trial(project, content: str) -> None:
    calm = project.run()
    (project.out / calm["trials"][0]["directory"] / "trial.json").write_text(content)
    assert project.run()["trials"] == calm["trials"]


def test_copy_of_a_study_leaves_the_jobs_of_the_original_alone(project) -> None:
    results = project.run()
    run = results["trials"][0]["id"]
    (project.out / "trials" / run / "train.json").unlink()
    with open_store(project.out) as store:
        assert [job.name for job in store.unfinished_jobs()] == [run]
    shutil.copytree(project.out, project.folder / "copy", symlinks=True)
    with open_store(project.folder / "copy") as store:
        assert store.unfinished_jobs() == [] and run in store.known().values()


# -- names -------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.integers(), st.floats(), st.text()), min_size=1, max_size=60))
def test_names_are_safe_in_paths(words: list[float | str]) -> None:
    name = _name("n_max", tuple(words))
    assert re.fullmatch(r"n_max=[A-Za-z0-9.+_-]{1,100}", name) or "".join(map(str, words)) == ""
    assert len(name) < 120


def test_different_values_have_different_names() -> None:
    values = [("a;b",), ("a_b",), ("a/b",), ("x" * 300,), ("x" * 301,), (1,) * 200, (1,) * 201]
    assert len({_name("n_max", value) for value in values}) == len(values)


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_refused_before_anything_is_written(project, word: str) -> None:
    before = set(project.folder.rglob("*"))
    text = project.toml.read_text()
    for old, new in (("n_max = ", f"{json.dumps(word)} = "), ("batch = [3, 7]", f"batch = [{json.dumps(word)}]")):
        project.write("study.toml", text.replace(old, new))
        with pytest.raises(InputError):
            project.run()
    assert set(project.folder.rglob("*")) == before


@pytest.mark.parametrize("word", [word for word in HOSTILE if "/" not in word and word != ".."])
def test_hostile_name_of_the_study_itself(project, word: str) -> None:
    """No shell ever sees a name: what it is called, it is stored under, and nothing else comes to be."""
    name = word[:100]
    toml = project.toml.rename(project.folder / f"{name}.toml")
    project.write("study.toml", toml.read_text())
    from drive import fake_command

    before = {path.name for path in project.folder.iterdir()}
    spec = read_spec(toml)
    results = run_study(spec, toml.with_suffix(""), launcher=LocalLauncher(2), command=fake_command)
    assert results["finished"] and not results["failed"] and results["name"] == spec.name
    assert {path.name for path in project.folder.iterdir()} - before == {toml.with_suffix("").name}


# -- results.json ------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_json_is_what_it_was(content: dict) -> None:
    assert json.loads(format_json(content)) == content


def test_json_has_a_line_for_each_trial() -> None:
    text = format_json({"trials": [{"id": 1}, {"id": 2}], "winners": {"a": [1, 2]}, "steps": 3})
    assert (
        text == '{\n "trials": [\n  {"id": 1},\n  {"id": 2}\n ],\n "winners": {\n  "a": [1, 2]\n },\n "steps": 3\n}\n'
    )


def test_numbers_that_json_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        format_json({"a": {"b": float("nan")}})


# -- many values -------------------------------------------------------------------------------------


def test_keyword_that_the_baseline_leaves_to_the_trainer(project) -> None:
    project.edit("batch = [3, 7]", "lambda_1 = [0.1]")
    (_, parameter) = project.run()["sweep"]
    assert parameter["baseline_value"] == ["default"] and parameter["values"][0]["name"] == "lambda_1=0.1"


def test_thousands_of_values_are_planned_in_a_moment(project) -> None:
    """Each value once, found without comparing it with all others."""
    values = [k / 1000 for k in range(1, 2001)]
    project.edit("batch = [3, 7]", f"lambda_f = {values + values}")
    begin = time.process_time()
    plan = prepare(read_spec(project.toml)).plan
    assert len(plan.sweep[1].values) == 1999  # 1.0 is the baseline's
    assert time.process_time() - begin < 10
