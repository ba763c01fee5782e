"""Parts of the training frames, for the learning curve: files in ``data/`` beside the full set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from neptuner.files.atomic import write_text
from neptuner.files.digest import file_hash
from neptuner.files.frames import Frame
from neptuner.study.data.sets import write_set
from neptuner.study.plan import subset_name
from neptuner.study.statistics.learning_curve import nested_subsets
from neptuner.study.store import Store, read_json

NOTE = "subsets.json"

Subsets = dict[float, dict[str, Any]]
"""``{path, sha256, frames, atoms}`` by the fraction of the training frames."""


def install_subsets(frames: Sequence[Frame], fractions: Sequence[float], seed: int, store: Store) -> Subsets:
    """Write the subsets that are not there yet; each is a part of every larger one.

    Parameters
    ----------
    frames
        Training frames.
    fractions
        Below one, in increasing order.
    seed
        Of the choice.
    store
        The study directory.
    """
    if not fractions:
        return {}
    known = read_json(store.data / NOTE) or {}
    found: Subsets = {}
    for fraction, indices in zip(fractions, nested_subsets(frames, fractions, seed), strict=True):
        name = subset_name(fraction)
        facts, path = known.get(name), store.data / f"{name}.xyz"
        if facts is None or not path.is_file() or file_hash(path) != facts["sha256"]:
            facts = write_set(path, [frames[index] for index in indices])
        found[fraction] = facts
    content = known | {subset_name(fraction): facts for fraction, facts in found.items()}
    write_text(store.data / NOTE, json.dumps(content, indent=1) + "\n")
    return found
