"""A simulation on disk: everything needed to go on to the bit, in one file that is replaced in one step."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neptuner.errors import InputError
from neptuner.files.atomic import write_bytes
from neptuner.kernels.chunks import SiteOutputs
from neptuner.md.simulation import Standing
from neptuner.md.state import Floats, State

SCHEMA = 1
_ARRAYS = ("positions", "velocities", "cell", "forces", "kinetic", "chain")
_NUMBERS = ("step", "time", "seed")


@dataclass(frozen=True)
class Checkpoint:
    """What a file of :func:`save` holds."""

    standing: Standing
    anchor: tuple[Floats, Floats]
    """For the evaluator: positions and cell for which neighbour lists were made."""
    sizes: dict[str, int]
    """Bytes of each growing file."""
    seconds: float
    """Spent so far."""
    identity: dict[str, Any]
    """What was asked for: options, hashes of the inputs."""


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a crash leaves the old one or the new."""
    standing = checkpoint.standing
    state, site = standing.state, standing.state.site
    arrays: dict[str, Any] = {f"state/{name}": getattr(state, name) for name in _ARRAYS}
    arrays |= {"site/energies": site.energies, "site/forces": site.forces, "site/virial": site.virial}
    if site.virials is not None:
        arrays["site/virials"] = site.virials
    arrays |= {"anchor/positions": checkpoint.anchor[0], "anchor/cell": checkpoint.anchor[1]}
    for k, snapshot in enumerate(standing.measurements):
        arrays |= {f"measurement/{k}/{name}": np.asarray(value) for name, value in snapshot.items()}
    meta = {
        "schema": SCHEMA,
        "state": {name: getattr(state, name) for name in _NUMBERS},
        "standing": [standing.action, standing.number, standing.has_velocities, len(standing.measurements)],
        "sizes": checkpoint.sizes,
        "seconds": checkpoint.seconds,
        "identity": checkpoint.identity,
    }
    content = io.BytesIO()
    np.savez(content, meta=np.array(json.dumps(meta)), **arrays)
    write_bytes(path, content.getvalue(), sync=True)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another version.
    """
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        if meta["schema"] != SCHEMA:
            raise InputError(f"has schema {meta['schema']}, expected {SCHEMA}; begin anew (--overwrite)", path=path)
        return _checkpoint(arrays, meta)
    except FileNotFoundError:
        raise InputError("there is no such file", path=path) from None
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"is damaged ({error}); begin anew (--overwrite)", path=path) from None


def _checkpoint(arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> Checkpoint:
    site = SiteOutputs(
        arrays["site/energies"], arrays["site/forces"], arrays["site/virial"], arrays.get("site/virials")
    )
    state = State(site=site, **{name: arrays[f"state/{name}"] for name in _ARRAYS}, **meta["state"])
    action, number, has_velocities, count = meta["standing"]
    snapshots = [_below(arrays, f"measurement/{k}/") for k in range(count)]
    standing = Standing(state, action, number, has_velocities, snapshots)
    anchor = (arrays["anchor/positions"], arrays["anchor/cell"])
    return Checkpoint(standing, anchor, meta["sizes"], meta["seconds"], meta["identity"])


def _below(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
