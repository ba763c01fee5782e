"""A committee: the same training from several seeds, and the best of its models."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from neptuner.engines.outputs import MODEL_FILES, write_summary


def member_folder(folder: Path, number: int) -> Path:
    """Name the folder of a member, counted from 0: ``member-1`` and so on."""
    return folder / f"member-{number + 1}"


def choose_best(folder: Path, members: list[dict[str, Any]]) -> dict[str, Any]:
    """Copy the files of the member with the lowest validation loss, and write a train.json that lists all members.

    Without validation the training loss decides.
    """
    best = min(range(len(members)), key=lambda number: members[number]["score"])
    for name in MODEL_FILES:
        source = member_folder(folder, best) / name
        if source.exists():
            shutil.copyfile(source, folder / name)
    names = ("seed", "best_step", "score", "train", "validation", "test")
    listed = [
        {"folder": member_folder(folder, n).name, **{name: one[name] for name in names}}
        for n, one in enumerate(members)
    ]
    summary = members[best] | {"best_member": best + 1, "committee": listed}
    write_summary(folder, summary)
    return summary
