"""``train.json``: what was trained, how, and what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neptuner import __version__
from neptuner.engines.inputs import Inputs
from neptuner.engines.options import TrainOptions
from neptuner.files.loss_out import read_loss_out, read_validation_out
from neptuner.files.nep_in import as_settings
from neptuner.machine import machine_facts, peak_memory
from neptuner.potential.parameters import parameter_count
from neptuner.training.convergence import convergence
from neptuner.training.dataset import Dataset
from neptuner.training.loop import LoopSettings, Trained
from neptuner.training.loss import Errors
from neptuner.training.offsets import Offsets
from neptuner.training.records import DataSets


def summarise(
    folder: Path,
    inputs: Inputs,
    sets: DataSets,
    options: TrainOptions,
    loop: LoopSettings,
    trained: Trained,
    offsets: Offsets,
    remarks: list[str],
) -> dict[str, Any]:
    """Make the content of train.json of a training in ``folder``."""
    best, steps = trained.best, max(1, trained.last.step)
    ms_per_step = 1e3 * trained.step_seconds / steps
    frames_per_step = sets.train.n_frames / -(-sets.train.n_frames // inputs.nep_in.batch)
    return {
        "schema": 1,
        "neptuner": __version__,
        "machine": machine_facts(),
        "optimizer": options.optimizer,
        "steps": trained.last.step,
        "best_step": best.step,
        "ended": trained.ended,
        "stopped": trained.ended == "signal",
        "seconds": trained.seconds,
        "ms_per_step": ms_per_step,
        "frames_per_s": 1e3 * frames_per_step / ms_per_step if ms_per_step else None,
        "seed": options.seed,
        "threads": loop.threads,
        "time_limit": loop.time_limit,
        "start": None if options.start is None else str(options.start),
        "parameters": parameter_count(trained.model.settings),
        "settings": as_settings(inputs.nep_in),
        "energy_offsets": {"common": offsets.common, "by_type": offsets.by_type.tolist()},
        "masked_shear_frames": inputs.masked,
        "prepared": {"bytes": sets.train.prepared.nbytes, "stored": sets.train.prepared.stored},
        "peak_memory": peak_memory(),
        "remarks": remarks,
        "sha256": inputs.sha256,
        "score": (best.train if best.validation is None else best.validation).weighted(loop.loss),
        "convergence": judged_curves(folder),
        "train": _set_summary(sets.train, best.train),
        "validation": _set_summary(sets.validation, best.validation),
        "test": _set_summary(sets.test, best.test),
    }


def judged_curves(folder: Path) -> dict[str, Any]:
    """Judge the force errors' curves; None for a curve that is missing or too short."""
    loss = read_loss_out(folder / "loss.out")
    curves = {"train": (loss.steps, loss.force_train)}
    if (folder / "validation.out").exists():
        validation = read_validation_out(folder / "validation.out")
        curves["validation"] = (validation.steps, validation.force)
    judged = {name: convergence(steps, force) for name, (steps, force) in curves.items()}
    return {name: None if one is None else vars(one) for name, one in judged.items()}


def _set_summary(data: Dataset | None, errors: Errors | None) -> dict[str, Any] | None:
    if data is None or errors is None:
        return None
    pairs = (("energy", errors.energy), ("force", errors.force), ("virial", errors.virial))
    rmses = {f"rmse_{name}": None if np.isnan(value) else value for name, value in pairs}
    return {"frames": data.n_frames, "atoms": data.n_atoms, **rmses}
