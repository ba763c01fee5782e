"""What `neptuner status` and the live page say of a results.json that somebody changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from neptuner.errors import InputError
from neptuner.study.status import read_status

RUN = {"id": "baseline-r0", "phase": "baseline", "state": "done", "directory": "trials/baseline-r0", "steps": 10}
RESULTS = {"schema": 1, "name": "mgo", "finished": True, "trials": [RUN], "failed": [], "md": None}


def study(folder: Path, **replaced: Any) -> Path:
    (folder / "results.json").write_text(json.dumps({**RESULTS, **replaced}))
    return folder


def test_counts_runs_by_state(tmp_path: Path) -> None:
    trials = [RUN, RUN | {"id": "baseline-r1", "state": "failed"}]
    found = read_status(study(tmp_path, trials=trials, md={"runs": [RUN | {"id": "md/one"}]}))
    assert found["runs"] == {"pending": 0, "running": 0, "done": 2, "failed": 1}
    assert (found["finished"], found["phase"]) == (True, "done")


@pytest.mark.parametrize(
    ("replaced", "named"),
    [
        ({"trials": 4}, "TypeError"),
        ({"failed": None}, "'NoneType' object is not iterable"),
        ({"failed": [{"id": "baseline-r0"}]}, "has no 'error'"),
        ({"trials": [{}]}, "has no 'state'"),
        ({"trials": [3]}, "not subscriptable"),
        ({"md": [1]}, "has no attribute 'get'"),
        ({"md": {"runs": [{"id": "md/one", "steps": 4}]}}, "has no 'state'"),
    ],
)
def test_a_file_changed_by_hand_ends_in_a_sentence(tmp_path: Path, replaced: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=f"results.json: does not follow its schema.*{named}.*changed by hand"):
        read_status(study(tmp_path, **replaced))


@pytest.mark.parametrize("key", RESULTS)
def test_every_key_is_missed(tmp_path: Path, key: str) -> None:
    (tmp_path / "results.json").write_text(json.dumps({name: value for name, value in RESULTS.items() if name != key}))
    if key == "md":  # a study without that phase has none
        read_status(tmp_path)
    else:
        with pytest.raises(InputError, match=f"has no '{key}'|has schema None"):
            read_status(tmp_path)
