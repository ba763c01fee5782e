"""Predict the frames of a file and compare them with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neptuner import __version__
from neptuner.engines.comparison import by_element, by_size, compare, summary, worst_frames
from neptuner.engines.inputs import in_full_periodicity
from neptuner.engines.outputs import write_outputs
from neptuner.errors import InputError
from neptuner.files.digest import file_hash
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame, mask_missing_shear
from neptuner.kernels.engine import Outputs
from neptuner.kernels.prediction import predict as predict_frames
from neptuner.machine import usable_cpus
from neptuner.potential.model import Model


def predict(
    model: str | Path,
    data: str | Path,
    *,
    out: str | Path | None = None,
    threads: int | None = None,
    worst: int = 5,
    keep_zero_shear: bool = False,
) -> dict[str, Any]:
    """Predict the frames of an extended xyz file and compare with its labels, as far as it has them.

    Parameters
    ----------
    model
        A nep.txt.
    data
        Extended xyz file.
    out
        Folder for GPUMD's prediction files ``*_test.out``.
    threads
        Number of threads; None takes every processor.
    worst
        How many of the worst frames to list.
    keep_zero_shear
        Believe shear virials of exactly zero where the forces say that they are missing.

    Returns
    -------
    ``frames``, ``atoms`` and ``masked_shear_frames``; ``rmse_``, ``mae_`` and ``r2_`` of ``energy`` (eV/atom),
    ``force`` (eV/angstrom) and ``virial`` (eV/atom), None without labels; the same ``by_element`` and ``by_size``;
    ``worst_frames``; ``provenance``.

    Raises
    ------
    InputError
        For a bad file or option, a species the model does not know, or numbers that are not finite.
    """
    if threads is not None and threads < 1:
        raise InputError(f"the number of threads is {threads}, expected 1 or more")
    if worst < 0:
        raise InputError(f"the number of worst frames is {worst}, expected 0 or more")
    nep = Model.read(model)
    frames = in_full_periodicity(read_frames(data))
    _check_species(frames, nep.settings.elements)
    masked = 0
    if not keep_zero_shear:
        frames, masked = mask_missing_shear(frames)
    outputs = _evaluate(nep, frames, threads or usable_cpus())
    _check_finite(frames, outputs)
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        write_outputs(Path(out), "test", frames, outputs)
    comparison = compare(frames, outputs)
    return {
        "frames": len(frames),
        "atoms": sum(frame.n_atoms for frame in frames),
        **summary(comparison),
        "masked_shear_frames": masked,
        "by_element": by_element(comparison),
        "by_size": by_size(comparison),
        "worst_frames": worst_frames(comparison, worst),
        "provenance": {
            "neptuner": __version__,
            "sha256": {"model": file_hash(Path(model)), "data": file_hash(Path(data))},
            "precision": outputs.forces.dtype.name,
        },
    }


def _evaluate(model: Model, frames: Sequence[Frame], threads: int) -> Outputs:
    return predict_frames(model, frames, threads=threads)


def _check_species(frames: Sequence[Frame], elements: Sequence[str]) -> None:
    for frame in frames:
        unknown = sorted(set(frame.species.tolist()) - set(elements))
        if unknown:
            raise InputError(
                f"has {' '.join(unknown)}, which the potential lacks ({' '.join(elements)})",
                path=frame.path,
                frame=frame.number,
                line=frame.line,
            )


def _check_finite(frames: Sequence[Frame], outputs: Outputs) -> None:
    for frame, energy, virial in zip(frames, outputs.energy, outputs.virial, strict=True):
        if not np.isfinite([energy, *virial]).all():
            raise InputError(
                "the potential gives an energy or virial that is not finite; are two atoms at the same place?",
                path=frame.path,
                frame=frame.number,
                line=frame.line,
            )
