"""A commented ``study.toml`` for the frames and settings of a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from neptuner.errors import InputError
from neptuner.files.frames import Frame, check_frames
from neptuner.files.gpumd_version import LATEST
from neptuner.files.nep_in import KEYWORDS, NepIn, as_settings, replace_values
from neptuner.files.nep_in_gpumd import check_for_gpumd
from neptuner.study.data.grouping import suggest_group
from neptuner.study.folder import Folder
from neptuner.study.md.structure import read_crystal
from neptuner.study.prepare import LONGEST_TAIL
from neptuner.training.defaults import DEFAULT_STEPS, MOST_STEPS, resolve

EPOCHS = 30
"""Times through the training frames that are enough to tell settings apart."""
FEWEST_STEPS = 1000
MOST_LAST_ROWS = 10

Values = Sequence[int | list[int]]


def format_draft(folder: Folder, nep_in: NepIn, jobs: int) -> str:
    """The text of a ``study.toml`` in which every key is explained, with values for the frames of a folder.

    Parameters
    ----------
    folder
        Where it will be.
    nep_in
        Settings of its ``nep.in``.
    jobs
        Trainings at a time.

    Raises
    ------
    InputError
        For a frame that cannot be trained on with these settings.
    """
    check_frames(folder.frames + folder.test_frames, nep_in.type)
    settings = resolve(nep_in, folder.frames)
    steps, steps_reason = choose_steps(settings, len(folder.frames))
    group, group_reason = _group(folder.frames)
    md, md_reason = _dynamics(folder.structure, settings.type)
    text = _template().render(
        train=folder.train.name, train_facts=_facts(folder.frames),
        test=None if folder.test is None else folder.test.name, test_facts=_facts(folder.test_frames),
        last_rows=choose_last_rows(settings, steps), steps=steps, steps_reason=steps_reason, jobs=jobs,
        group=group, group_reason=group_reason, sweep=choose_sweep(settings, len(folder.frames)),
        md=md, md_reason=md_reason,
    )  # fmt: skip
    return "\n\n".join(_aligned(part) for part in text.split("\n\n"))


def _template() -> Template:
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["toml"] = json.dumps
    return environment.from_string(files("neptuner.study").joinpath("study.toml.j2").read_text("utf-8"))


def _aligned(part: str) -> str:
    """A part of the text with its comments, each after a tab, one below the other."""
    lines = [line.split("\t") for line in part.split("\n")]
    width = max((len(line[0]) for line in lines if len(line) > 1), default=0)
    return "\n".join(" ".join([line[0].ljust(width), *line[1:]]) if len(line) > 1 else line[0] for line in lines)


def choose_steps(nep_in: NepIn, n_frames: int) -> tuple[int, str]:
    """Steps of a training of the sweep, and why: those of nep.in, or some times through all frames."""
    if "generation" in nep_in.given and 0 < nep_in.generation <= MOST_STEPS:
        return nep_in.generation, "generation of nep.in"
    wanted = round(EPOCHS * n_frames / nep_in.batch, -2)
    steps = int(min(max(wanted, FEWEST_STEPS), DEFAULT_STEPS))
    times = steps * nep_in.batch / n_frames
    return steps, f"{times:,.0f} times through the frames, enough to tell settings apart"


def choose_last_rows(nep_in: NepIn, steps: int) -> int:
    """Rows of the loss curve that count: as many as are not too far back, at least one and at most ten."""
    return min(MOST_LAST_ROWS, max(1, int(LONGEST_TAIL * steps / nep_in.output_interval)))


def choose_sweep(nep_in: NepIn, n_frames: int) -> list[tuple[str, Values, str]]:
    """Keywords to vary, values on both sides of the baseline's that GPUMD takes, and what they mean."""
    width, batch = nep_in.neuron[0], nep_in.batch
    proposed: dict[str, Values] = {
        "n_max": _below_and_above(nep_in.n_max),
        "basis_size": _below_and_above(nep_in.basis_size),
        "l_max": [[nep_in.l_max[0], *flags] for flags in ((0, 0), (2, 0), (2, 1))],
        "neuron": [[width // 2], [2 * width], [width, width]],
        "batch": [batch // 2, 2 * batch],
    }
    sweep = [(keyword, _useful(nep_in, keyword, values, n_frames)) for keyword, values in proposed.items()]
    return [(keyword, values, KEYWORDS[keyword].doc) for keyword, values in sweep if values]


def _below_and_above(values: Sequence[int]) -> list[list[int]]:
    return [[max(0, value + change) for value in values] for change in (-2, 2)]


def _useful(nep_in: NepIn, keyword: str, values: Values, n_frames: int) -> Values:
    """Those of the values that nep.in and GPUMD take and that are not the baseline's own."""
    own = as_settings(nep_in)
    return [
        value
        for value in values
        if (variant := _variant(nep_in, keyword, value)) is not None
        and as_settings(variant) != own
        and variant.batch <= max(n_frames, nep_in.batch)
    ]


def _variant(nep_in: NepIn, keyword: str, value: int | list[int]) -> NepIn | None:
    """The settings with another value of a keyword; None where that is not allowed."""
    try:
        variant = replace_values(nep_in, {keyword: value})
    except InputError:
        return None
    return variant if _runs(variant) or not _runs(nep_in) else None


def _runs(nep_in: NepIn) -> bool:
    """Whether GPUMD takes the settings, but for NEP3, which only older versions do."""
    try:
        check_for_gpumd(replace(nep_in, version=4), LATEST)
    except InputError:
        return False
    return True


def _facts(frames: Sequence[Frame]) -> str:
    atoms = sum(frame.n_atoms for frame in frames)
    return f"{len(frames):,} frames, {atoms:,} atoms"


def _group(frames: Sequence[Frame]) -> tuple[str | None, str]:
    """Key of the comment lines for ``study.group``, or None, and why."""
    group = suggest_group(frames)
    if group is None:
        return None, "key of the comment lines that names frames which are alike, if there are such: none was found"
    if not group.in_comment:
        return None, f"frames of equal {group.key} are alike: name it by a key of the comment lines, and that key here"
    return group.key, "frames are alike that have the same value of this key; they stay on one side of the split"


def _dynamics(structure: Path | None, elements: Sequence[str]) -> tuple[str, str]:
    """What switches ``[md]`` off, and a remark: it is on if there is a structure that can be used."""
    if structure is None:
        return "# ", "to begin with"
    try:
        atoms = read_crystal(structure, elements).structure.n_atoms
    except InputError as error:
        return "# ", f"cannot be used ({error.message})"
    return "", f"{atoms:,} atoms, to begin with"
