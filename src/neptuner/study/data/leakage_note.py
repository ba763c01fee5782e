"""The test for near-copies among the data of a study, made once and kept in ``data/leakage.json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from neptuner.files.atomic import write_text
from neptuner.study.data.leakage import find_leakage
from neptuner.study.prepare import Facts, PreparedStudy
from neptuner.study.store import Store, read_json
from neptuner.study.training_control import hashes

NOTE = "leakage.json"


def note_leakage(study: PreparedStudy, store: Store, facts: Facts) -> dict[str, Any]:
    """Read what an earlier session found, or look; content of ``leakage`` in ``results.json``."""
    path, of = store.data / NOTE, hashes(facts)
    known = read_json(path)
    if known is not None and known.get("of") == of:
        return dict(known["leakage"])
    held_out = {split: frames for split, frames in study.frames.items() if split != "train"}
    found = json.loads(json.dumps(asdict(find_leakage(study.frames["train"], held_out, study.spec.seed))))
    write_text(path, json.dumps({"of": of, "leakage": found}, allow_nan=False) + "\n")
    return dict(found)
