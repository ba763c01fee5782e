"""A set of frames as a file in ``data/``, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neptuner.files.digest import file_hash
from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame


def write_set(path: Path, frames: Sequence[Frame]) -> dict[str, Any]:
    """Write frames; ``{path, sha256, frames, atoms}``, the path relative to the study directory."""
    write_frames(path, frames)
    return {
        "path": f"{path.parent.name}/{path.name}",
        "sha256": file_hash(path),
        "frames": len(frames),
        "atoms": sum(frame.n_atoms for frame in frames),
    }
