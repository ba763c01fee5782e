"""What a training by GPUMD's ``nep`` leaves: errors of the last rows' models, predictions, train.json."""

from __future__ import annotations

import shutil
from collections.abc import Container, Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any

from neptuner import __version__
from neptuner.engines.comparison import compare, summary
from neptuner.engines.gpumd_session import LOG, Ended, Session, Task, kept_steps
from neptuner.engines.member import CHECKPOINT, RESTART
from neptuner.engines.options import SNES
from neptuner.engines.outputs import write_outputs, write_summary
from neptuner.engines.summary import judged_curves
from neptuner.errors import NeptunerError
from neptuner.files.atomic import write_text
from neptuner.files.frames import Frame
from neptuner.files.loss_out import (
    VALIDATION_HEADER,
    Loss,
    format_loss_row,
    format_validation_row,
    read_loss_out,
    read_validation_out,
)
from neptuner.files.nep_in import as_settings
from neptuner.files.nep_restart import write_nep_restart
from neptuner.kernels.engine import Outputs
from neptuner.kernels.prediction import predict
from neptuner.machine import machine_facts, usable_cpus
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.training.loss import Errors, LossWeights

Rmse = dict[str, float | None]
Judged = dict[int, dict[str, Errors]]
"""Errors on ``validation`` and ``test`` of the model of each row that was kept, by the step of the row."""

_LEFT = ("nep.in", "loss.out", LOG)


def conclude(session: Session, ended: Ended) -> dict[str, Any]:
    """Judge the models of the last rows, predict with the best, write train.json, and tidy up.

    Raises
    ------
    NeptunerError
        If there is no model, or its errors are not finite.
    """
    task, standing = session.task, session.standing
    if standing.best is None:
        raise NeptunerError(_no_model(session, ended))
    _rewrite_curves(task, session.first_step, _judge(task, session.first_step))
    model = Model.read(task.folder / "nep.txt")
    content = _summary(session, ended, _predict_all(task, model))
    if session.search is not None:
        write_nep_restart(task.folder / RESTART, *session.search)
    write_summary(task.folder, content)
    (task.folder / CHECKPOINT).unlink(missing_ok=True)
    _tidy(task)
    return content


def _no_model(session: Session, ended: Ended) -> str:
    task = session.task
    if session.standing.last is not None:
        return f"the training by GPUMD diverged: no row of {task.where / 'loss.out'} has a model with finite numbers"
    reason = "the time limit came" if ended == "time limit" else "GPUMD ended"
    return f"{reason} before the first row of loss.out, so that there is no model; see {task.where / LOG}"


def _judge(task: Task, first_step: int) -> Judged:
    judged: Judged = {}
    for step in kept_steps(task):
        model = Model.read(task.kept / f"{step}.txt")
        sets = {"validation": task.inputs.validation, "test": task.inputs.test}
        judged[first_step + step] = {
            name: _errors(_rmse(frames, _predict(task, model, frames))) for name, frames in sets.items() if frames
        }
    return judged


def _rewrite_curves(task: Task, first_step: int, judged: Judged) -> None:
    """Put the errors of the judged models into loss.out and validation.out.

    Where there is a test set, rows among them whose model was not kept are dropped, and if fewer than asked were kept
    all other rows: their zeros would be taken for errors.
    """
    since = first_step if len(judged) < task.last_rows else min(judged) - 1
    path, drop = task.folder / "loss.out", bool(task.inputs.test)
    loss = read_loss_out(path)
    curves = (getattr(loss, name) for name in Loss.columns[1:])
    rows = [(step, row) for step, *row in zip(loss.raw_steps.tolist(), *curves, strict=True)]
    kept = [(step, row) for step, row in rows if step <= since or step in judged or not drop]
    write_text(path, "".join(_loss_row(step, row, judged.get(step, {})) for step, row in kept))
    if task.inputs.validation:
        _rewrite_validation(task.folder / "validation.out", {step for step, _ in kept}, judged)


def _loss_row(step: int, row: Sequence[float], judged: Mapping[str, Errors]) -> str:
    return format_loss_row(step, *row[:6], *(_columns(judged["test"]) if "test" in judged else row[6:]))


def _rewrite_validation(path: Path, steps: Container[int], judged: Judged) -> None:
    before = read_validation_out(path)
    rows = zip(before.raw_steps.tolist(), before.energy, before.force, before.virial, strict=True)
    lines = [
        format_validation_row(step, *(_columns(judged[step]["validation"]) if step in judged else row))
        for step, *row in rows
        if step in steps
    ]
    write_text(path, VALIDATION_HEADER + "".join(lines))


def _columns(errors: Errors) -> tuple[float, float, float]:
    """As the curves have them: 0 for what has no labels."""
    return errors.energy, errors.force, 0.0 if isnan(errors.virial) else errors.virial


def _predict_all(task: Task, model: Model) -> dict[str, Rmse]:
    """Write the prediction files; RMSEs of the three sets."""
    inputs, rmse = task.inputs, {}
    for name, frames in (("train", inputs.all_train), ("test", inputs.test)):
        if frames:
            outputs = _predict(task, model, frames)
            write_outputs(task.folder, name, frames, outputs)
            rmse[name] = _rmse(frames, outputs)
    if len(inputs.train) != len(inputs.all_train):
        rmse["train"] = _rmse(inputs.train, _predict(task, model, inputs.train))
    if inputs.validation:
        rmse["validation"] = _rmse(inputs.validation, _predict(task, model, inputs.validation))
    return rmse


def _predict(task: Task, model: Model, frames: Sequence[Frame]) -> Outputs:
    return predict(model, frames, threads=task.options.threads or usable_cpus())


def _rmse(frames: Sequence[Frame], outputs: Outputs) -> Rmse:
    found = summary(compare(frames, outputs))
    return {f"rmse_{quantity}": found[f"rmse_{quantity}"] for quantity in ("energy", "force", "virial")}


def _errors(rmse: Rmse) -> Errors:
    return Errors(*(nan if value is None else value for value in rmse.values()))


def _summary(session: Session, ended: Ended, rmse: Mapping[str, Rmse]) -> dict[str, Any]:
    """Content of train.json, as :func:`neptuner.engines.summary.summarise` makes it of our own trainings."""
    task, standing = session.task, session.standing
    inputs, options = task.inputs, task.options
    assert standing.best is not None
    steps = task.steps if ended == "steps" else session.done
    ms_per_step = 1e3 * standing.seconds / steps
    batches = -(-len(inputs.train) // inputs.nep_in.batch)
    score = _errors(rmse.get("validation", rmse["train"])).weighted(LossWeights.from_nep_in(inputs.nep_in))
    sets = {"train": inputs.train, "validation": inputs.validation, "test": inputs.test}
    return {
        "schema": 1,
        "neptuner": __version__,
        "machine": machine_facts(),
        "engine": f"gpumd {task.version}",
        "optimizer": SNES,
        "steps": steps,
        "best_step": standing.best[1].step,
        "ended": ended,
        "stopped": False,
        "seconds": standing.seconds,
        "ms_per_step": ms_per_step,
        "frames_per_s": 1e3 * len(inputs.train) / batches / ms_per_step if ms_per_step else None,
        "seed": options.seed,
        "seeded_from": "clock",
        "restarts": session.restarts,
        "threads": options.threads or usable_cpus(),
        "time_limit": options.time_limit,
        "start": None,
        "parameters": parameter_count(task.settings),
        "settings": as_settings(inputs.nep_in),
        "energy_offsets": {"common": 0.0, "by_type": [0.0] * len(inputs.nep_in.type)},
        "masked_shear_frames": inputs.masked,
        "prepared": None,
        "peak_memory": None,
        "remarks": [*session.remarks],
        "sha256": inputs.sha256,
        "score": score,
        "convergence": judged_curves(task.folder),
        **{name: _set_summary(frames, rmse.get(name)) for name, frames in sets.items()},
    }


def _set_summary(frames: Sequence[Frame], rmse: Rmse | None) -> dict[str, Any] | None:
    if rmse is None:
        return None
    return {"frames": len(frames), "atoms": sum(frame.n_atoms for frame in frames), **rmse}


def _tidy(task: Task) -> None:
    """Leave of the sub-folder what tells how ``nep`` ran."""
    for path in task.where.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in _LEFT:
            path.unlink()
