"""What the baseline and the final model say of held-out frames: errors by frame and by element."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.files.predictions import Predictions, read_predictions
from neptuner.report import numbers
from neptuner.report.data import Configuration, Results

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Model:
    """Predictions of the first replicate of a configuration."""

    key: str
    """``baseline`` or ``final``."""
    title: str
    predictions: Predictions


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions of the models that are compared, and the frames they are of."""

    split: str
    """``test``, or ``train`` where the study has no test set."""
    models: tuple[Model, ...] = ()
    frames: tuple[Frame, ...] = ()
    """Empty where their file is gone or is not the one that was predicted."""
    path: str = ""
    """File of the frames, relative to the study directory."""
    problem: str = ""
    """Why there are no models."""

    @property
    def owners(self) -> NDArray[np.int_]:
        """Index of the frame of every atom, ``(n_atoms,)``; empty without frames."""
        return np.repeat(np.arange(len(self.frames)), [frame.n_atoms for frame in self.frames])

    @property
    def species(self) -> NDArray[np.str_]:
        """Chemical symbol of every atom, ``(n_atoms,)``; empty without frames."""
        return np.concatenate([np.empty(0, dtype="<U2"), *(frame.species for frame in self.frames)])


def evaluate(results: Results) -> Evaluation:
    """Read the predictions of the baseline and the final model; what cannot be read is a sentence."""
    chosen = [("baseline", results.baseline), ("final", results.final)]
    pairs = [(key, c) for key, c in chosen if c is not None and c.done]
    if not pairs:
        return Evaluation("test", problem="No model has been trained yet.")
    try:
        folders = [_first_folder(results, c) for _, c in pairs]
        split = "test" if all((folder / "force_test.out").is_file() for folder in folders) else "train"
        models = tuple(
            Model(key, model_title(c), read_predictions(folder, split))
            for (key, c), folder in zip(pairs, folders, strict=True)
        )
    except InputError as error:
        return Evaluation("test", problem=f"This figure cannot be drawn: {error}.")
    path = next((d.path for d in results.data if d.split == split), "")
    return Evaluation(split, models, _frames(results.folder / path, models), path)


def model_title(configuration: Configuration) -> str:
    """Name a model by its configuration and its steps."""
    steps = f", {numbers.count(configuration.steps)} steps" if configuration.steps else ""
    return f"{configuration.name}{steps}"


def values(model: Model, quantity: str) -> tuple[Array, Array]:
    """Return predictions and references, each ``(rows, components)`` in eV/atom or eV/angstrom; nan without a label."""
    p = model.predictions
    predicted, reference = {
        "energy": (p.energy[:, None], p.energy_reference[:, None]),
        "force": (p.force, p.force_reference),
        "virial": (p.virial, p.virial_reference),
    }[quantity]
    return predicted, reference


def rmse(model: Model, quantity: str) -> float:
    """Root-mean-square error of a component over all frames; nan without labels."""
    return _root_mean_square(np.subtract(*values(model, quantity)))


def frame_errors(evaluation: Evaluation, model: Model, quantity: str) -> Array:
    """Root-mean-square error of each frame, ``(n_frames,)``; nan without labels."""
    square = np.subtract(*values(model, quantity)) ** 2
    if quantity == "force":
        owners = evaluation.owners
        known = np.isfinite(square)
        total = np.bincount(owners, np.where(known, square, 0).sum(axis=1), len(evaluation.frames))
        count = np.bincount(owners, known.sum(axis=1), len(evaluation.frames))
    else:
        total, count = np.nansum(square, axis=1), np.isfinite(square).sum(axis=1)
    mean: Array = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return np.sqrt(mean)


def element_errors(evaluation: Evaluation, model: Model) -> dict[str, float]:
    """Root-mean-square error of a force component by element, in eV/angstrom; empty without frames."""
    error = np.subtract(*values(model, "force"))
    species = evaluation.species
    found = {str(name): _root_mean_square(error[species == name]) for name in np.unique(species)}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def worst_first(evaluation: Evaluation) -> NDArray[np.int_]:
    """Order frames by the force error of the last model, the largest first; ``(n_frames,)``."""
    errors = frame_errors(evaluation, evaluation.models[-1], "force")
    return np.argsort(-np.nan_to_num(errors, nan=-1.0), kind="stable")


def label_of(frame: Frame) -> str:
    """What the comment line of a frame says beside its numbers, cut where it is long."""
    words = " ".join(f"{key}={value}" for key, value in frame.info.items())
    return words if len(words) <= 120 else f"{words[:119]}…"


def _frames(path: Path, models: tuple[Model, ...]) -> tuple[Frame, ...]:
    try:
        frames = tuple(read_frames(path)) if path.is_file() else ()
    except InputError:
        return ()
    sizes = len(frames), sum(frame.n_atoms for frame in frames)
    fits = all((len(m.predictions.energy), len(m.predictions.force)) == sizes for m in models)
    return frames if fits else ()


def _first_folder(results: Results, configuration: Configuration) -> Path:
    folders = results.folders(configuration)
    if not folders:
        raise InputError(f"names no trial directory for {configuration.name}", path=results.folder / "results.json")
    return folders[0]


def _root_mean_square(error: Array) -> float:
    known = error[np.isfinite(error)]
    return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")
