"""What the weights of the baseline and the final model are worth, over the validation frames of a study.

The numbers are kept in ``weights.json`` of the study directory, by the hashes of model and frames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neptuner.engines.pruning import labelled_frames
from neptuner.engines.weight_analysis import analyse_weights
from neptuner.errors import InputError
from neptuner.files.atomic import write_text
from neptuner.files.digest import file_hash
from neptuner.potential.model import Model
from neptuner.report.data import Configuration, Results
from neptuner.report.evaluation import model_title

SCHEMA = 1

MOST_ATOMS = 1000
"""Atoms of the validation frames that are looked at: some seconds for two models."""


@dataclass(frozen=True)
class ModelWeights:
    """One trained model and what its parts are worth."""

    title: str
    path: str
    """Of its nep.txt, relative to the study directory."""
    parameters: int
    analysis: Mapping[str, Any]
    """What :func:`neptuner.engines.weight_analysis.analyse_weights` returns."""


@dataclass(frozen=True)
class Weights:
    """The models that are compared, and the frames they were looked at with."""

    models: tuple[ModelWeights, ...]
    frames: str
    """Their file, relative to the study directory."""
    split: str


def weights_of(results: Results) -> Weights | None:
    """Analyse the baseline and the final model; None where models or frames are gone or do not fit together."""
    split = "validation" if any(d.split == "validation" for d in results.data) else "train"
    frames = next((d.path for d in results.data if d.split == split), "")
    chosen = [c for c in (results.baseline, results.final) if c is not None and c.done and results.folders(c)]
    if not chosen or not frames or not (results.folder / frames).is_file():
        return None
    try:
        models = tuple(_model_weights(results, c, results.folder / frames) for c in chosen)
    except InputError:
        return None
    return Weights(models, frames, split)


def _model_weights(results: Results, configuration: Configuration, frames: Path) -> ModelWeights:
    path = results.folders(configuration)[0] / "nep.txt"
    model = Model.read(path)
    analysis = _cached(results.folder / "weights.json", f"{file_hash(path)}-{file_hash(frames)}")
    if analysis is None:
        analysis = analyse_weights(model, labelled_frames(frames, model.settings.elements), most_atoms=MOST_ATOMS)
        _keep(results.folder / "weights.json", f"{file_hash(path)}-{file_hash(frames)}", analysis)
    relative = path.relative_to(results.folder).as_posix()
    return ModelWeights(model_title(configuration), relative, len(model.values), analysis)


def _cached(path: Path, key: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = _read(path).get(key)
    return found


def _keep(path: Path, key: str, analysis: Mapping[str, Any]) -> None:
    write_text(path, json.dumps({"schema": SCHEMA, "analyses": {**_read(path), key: analysis}}, indent=1) + "\n")


def _read(path: Path) -> dict[str, Any]:
    """Analyses by key; none where the file is absent, damaged or of another version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found["analyses"]) if found["schema"] == SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
