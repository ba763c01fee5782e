"""A training on disk: everything needed to go on to the bit, in one file that is replaced in one step."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neptuner.errors import InputError
from neptuner.files.atomic import write_bytes
from neptuner.potential.model import Model
from neptuner.potential.settings import Settings
from neptuner.training.loop import Standing
from neptuner.training.loss import Errors
from neptuner.training.process import Snapshot
from neptuner.training.records import Row

SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a file of :func:`save` holds."""

    process: Snapshot
    standing: Standing
    identity: dict[str, Any]
    """What the training was asked to do: settings, seed, hashes of the data."""


def save(path: Path, process: Snapshot, standing: Standing, identity: Mapping[str, Any]) -> None:
    """Write a checkpoint; a crash leaves the old one or the new."""
    best = {} if standing.best is None else _model_arrays(standing.best[0])
    arrays = _prefixed("process", process) | _prefixed("good", standing.good) | _prefixed("best", best)
    meta = {
        "schema": SCHEMA,
        "identity": identity,
        "best": None if standing.best is None else asdict(standing.best[1]),
        "last": None if standing.last is None else asdict(standing.last),
        "rollbacks": standing.rollbacks,
        "seconds": standing.seconds,
        "judging": standing.judging,
    }
    content = io.BytesIO()
    everything: dict[str, Any] = {"meta": np.array(json.dumps(meta)), **arrays}
    np.savez(content, **everything)
    write_bytes(path, content.getvalue(), sync=True)


def load(path: Path, settings: Settings) -> Checkpoint:
    """Read a checkpoint of a potential of given shape.

    Raises
    ------
    InputError
        If the file is damaged or of another version.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        if meta["schema"] != SCHEMA:
            raise InputError(f"is of schema {meta['schema']}, expected {SCHEMA}; delete it to begin anew", path=path)
        standing = Standing(
            best=None if meta["best"] is None else (_model(_part("best", arrays), settings), _row(meta["best"])),
            last=None if meta["last"] is None else _row(meta["last"]),
            good=_part("good", arrays),
            **{name: meta[name] for name in ("rollbacks", "seconds", "judging")},
        )
        return Checkpoint(_part("process", arrays), standing, meta["identity"])
    except (OSError, AttributeError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"is damaged ({error}); delete it to begin anew", path=path) from None


def check_identity(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to go on with another training.

    Raises
    ------
    InputError
        Naming the first thing that differs.
    """
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"belongs to another training: {name} was {found.get(name)}, now it is {value}; ask for the same, or"
                " delete the file to begin anew",
                path=path,
            )


def _prefixed(prefix: str, arrays: Snapshot) -> Snapshot:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _part(prefix: str, arrays: Snapshot) -> Snapshot:
    start = f"{prefix}/"
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}


def _model_arrays(model: Model) -> Snapshot:
    return {
        "values": model.values,
        "q_scaler": model.q_scaler,
        "max_neighbors": np.array(model.max_neighbors, dtype=np.int64),
    }


def _model(arrays: Snapshot, settings: Settings) -> Model:
    radial, angular = (int(number) for number in arrays["max_neighbors"].tolist())
    values, q_scaler = (np.array(arrays[name], dtype=float) for name in ("values", "q_scaler"))
    return Model(settings, values, q_scaler, (radial, angular))


def _row(fields: dict[str, Any]) -> Row:
    sets = {name: fields[name] and Errors(**fields[name]) for name in ("train", "validation", "test")}
    return Row(**{**fields, **sets})
