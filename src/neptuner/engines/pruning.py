"""A smaller potential from a trained one: first what is without effect, then what costs least accuracy for its work.

One part at a time is taken out (see :mod:`neptuner.engines.folding`): the one whose removal raises the errors least for
the operations it saves. The errors of the whole data set decide how far it goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neptuner import __version__
from neptuner.engines.inputs import in_full_periodicity
from neptuner.engines.shrinking import (
    Errors,
    Step,
    all_errors,
    descend,
    growth,
    least_sizes,
    make_trial,
    operations,
)
from neptuner.engines.weight_analysis import analyse_weights
from neptuner.errors import InputError
from neptuner.files.digest import file_hash
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame, mask_missing_shear
from neptuner.files.l_max import normal_l_max, written_l_max
from neptuner.files.nep_in_keywords import convert, find_keyword
from neptuner.machine import usable_cpus
from neptuner.potential.model import Model
from neptuner.potential.prune import compact
from neptuner.potential.settings import Settings

SIZES = ("n_max", "basis_size", "l_max", "neuron")
"""Keywords of nep.in that pruning lowers."""


def prune(
    model: str | Path,
    data: str | Path | None = None,
    *,
    tolerance: float | None = None,
    keep: Sequence[str] = (),
    out: str | Path | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Make a potential smaller.

    Parameters
    ----------
    model
        A nep.txt.
    data
        Extended xyz file with energies, forces and perhaps virials, best the frames it was trained on; needed for
        anything that is not exact.
    tolerance
        Per cent by which no RMSE over the data (energy, force, virial) may grow; None and no ``keep``: only parts
        without any effect are left out.
    keep
        Sizes as lines of nep.in, for example ``"neuron 20"``: without a tolerance they are what is made, with one
        they are lower bounds.
    out
        Where to write the smaller nep.txt.
    threads
        Number of threads; None takes every processor.

    Returns
    -------
    What ``neptuner prune --json`` prints; ``docs/prune.md`` lists it.

    Raises
    ------
    InputError
        For a bad file or option, or data that lack forces or a species of the potential.
    """
    whole = Model.read(model)
    kept = read_sizes(keep, whole.settings)
    if tolerance is not None and not 0.0 <= tolerance < np.inf:
        raise InputError(f"the tolerance is {tolerance} %, expected 0 or more")
    if data is None and (tolerance is not None or keep):
        raise InputError("pruning beyond what is exact needs frames with labels; give the data set behind the nep.txt")
    frames = None if data is None else labelled_frames(data, whole.settings.elements)
    cores = threads or usable_cpus()
    smaller, steps = compact(whole), list[Step]()
    if frames is not None and (tolerance is not None or keep):
        steps = shrink(smaller, frames, kept, tolerance, threads=cores)
        smaller = compact(steps[-1].model) if steps else smaller
    if out is not None:
        smaller.write(out)
    return {
        "analysis": None if frames is None else analyse_weights(whole, frames, threads=cores),
        **_report((whole, smaller), steps, frames, cores),
        "provenance": _provenance(model, data),
    }


def read_sizes(lines: Sequence[str], settings: Settings) -> dict[str, tuple[int, ...]]:
    """Read sizes that are to be kept, by keyword.

    Raises
    ------
    InputError
        For a line that is not a size of nep.in, or one above that of the potential.
    """
    sizes: dict[str, tuple[int, ...]] = {}
    for line in lines:
        name, *words = line.split() or [""]
        if name not in SIZES:
            raise InputError(f"`--keep {line}` is not a size, expected one of {', '.join(SIZES)} and its numbers")
        values = tuple(int(value) for value in convert(find_keyword(name), words))
        values, before = normal_l_max(values) if name == "l_max" else values, getattr(settings, name)
        if len(values) != len(before) or any(new > old for new, old in zip(values, before, strict=True)):
            raise InputError(f"`--keep {line}` is not within the potential's own sizes, `{size_line(settings, name)}`")
        sizes[name] = values
    return sizes


def size_line(settings: Settings, name: str) -> str:
    """Write a size as nep.in has it."""
    values = getattr(settings, name)
    return " ".join(map(str, (name, *(written_l_max(values) if name == "l_max" else values))))


def labelled_frames(data: str | Path, elements: Sequence[str]) -> list[Frame]:
    """Read frames with forces that hold every species of a potential and no other.

    Raises
    ------
    InputError
        For frames that do not.
    """
    frames, _ = mask_missing_shear(in_full_periodicity(read_frames(data)))
    check_species(frames, elements)
    for frame in frames:
        if frame.forces is None:
            message = "has no forces, by which parts of the potential are judged; add columns `forces:R:3`"
            raise InputError(message, path=frame.path, frame=frame.number, line=frame.line)
    return frames


def check_species(frames: Sequence[Frame], elements: Sequence[str]) -> None:
    """Check that frames hold every species of a potential and no other.

    Raises
    ------
    InputError
        If they do not.
    """
    path = frames[0].path if frames else None
    found = {symbol for frame in frames for symbol in frame.species.tolist()}
    if unknown := sorted(found - set(elements)):
        raise InputError(f"has {' '.join(unknown)}, which the potential lacks ({' '.join(elements)})", path=path)
    if absent := [symbol for symbol in elements if symbol not in found]:
        raise InputError(f"has no {' '.join(absent)}, expected atoms of every species of the potential", path=path)


def shrink(
    model: Model,
    frames: list[Frame],
    kept: Mapping[str, tuple[int, ...]],
    tolerance: float | None,
    *,
    threads: int = 1,
) -> list[Step]:
    """Take out one part after the other.

    Parameters
    ----------
    model
        The potential, without idle parts.
    frames
        Labelled frames with every species.
    kept
        Lowest sizes by keyword.
    tolerance
        Per cent by which no error over all frames may grow; None: go down to ``kept``, and leave other sizes alone.
    threads
        Number of threads.
    """
    sizes: dict[str, Any] = dict(kept)
    floor = replace(model.settings if tolerance is None else least_sizes(model.settings), **sizes)
    trial = make_trial(model, frames, threads)
    limit = np.inf if tolerance is None else tolerance / 100.0
    steps = list(descend(model, trial, floor, limit))
    before = all_errors(model, frames, threads)
    while steps and growth(all_errors(steps[-1].model, frames, threads), before) > limit:
        steps.pop()
    return steps


def _report(
    models: tuple[Model, Model], steps: Sequence[Step], frames: Sequence[Frame] | None, threads: int
) -> dict[str, Any]:
    neighbors = _mean_neighbors(models[0], frames, threads)
    before, after = (_described(model, frames, neighbors, threads) for model in models)
    return {
        "before": before,
        "after": after,
        "operations_ratio": None if neighbors is None else after["operations"] / before["operations"],
        "steps": [{"part": step.part, **_sizes(step.settings), **_rmse(step.errors)} for step in steps],
        "frames": 0 if frames is None else len(frames),
        "atoms": 0 if frames is None else sum(frame.n_atoms for frame in frames),
    }


def _provenance(model: str | Path, data: str | Path | None) -> dict[str, Any]:
    hashes = {"model": file_hash(Path(model))} | ({} if data is None else {"data": file_hash(Path(data))})
    return {"neptuner": __version__, "sha256": hashes}


def _mean_neighbors(model: Model, frames: Sequence[Frame] | None, threads: int) -> tuple[float, float] | None:
    return None if frames is None else make_trial(model, frames, threads, most_atoms=1000).neighbors


def _described(
    model: Model, frames: Sequence[Frame] | None, neighbors: tuple[float, float] | None, threads: int
) -> dict[str, Any]:
    described: dict[str, Any] = {**_sizes(model.settings), "parameters": len(model.values)}
    if frames is not None and neighbors is not None:
        described |= {"operations": operations(model.settings, neighbors)}
        described |= _rmse(all_errors(model, frames, threads))
    return described


def _sizes(settings: Settings) -> dict[str, list[int]]:
    return {name: [int(word) for word in size_line(settings, name).split()[1:]] for name in SIZES}


def _rmse(errors: Errors) -> dict[str, float]:
    return {f"rmse_{name}": value for name, value in errors.items()}
