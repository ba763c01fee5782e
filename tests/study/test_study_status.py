"""What `neptuner status` and the live page say of a results.json that somebody changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from neptuner.errors import InputError
from neptuner.study.status import read_results, read_status

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
        ({"name": 3}, "`name`"),
        ({"trials": {}}, "`trials`"),
        ({"failed": None, "finished": "yes"}, "`finished`, `failed`"),
        ({"trials": [{}]}, "`directory`, `id`, `state`, `steps`"),
        ({"trials": [3]}, "`directory`, `id`, `state`, `steps`"),
        ({"md": []}, "`md`"),
        ({"md": {"runs": [{"id": "md/one", "state": "done", "steps": 4}]}}, "`directory`"),
    ],
)
def test_a_file_changed_by_hand_ends_in_a_sentence(tmp_path: Path, replaced: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=f"results.json.*no valid {named}, which neptuner writes"):
        read_results(study(tmp_path, **replaced))
