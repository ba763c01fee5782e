"""Everything that is checked before a study may write or train, and the frames it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neptuner import __version__
from neptuner.engines.gpumd_training import find_nep, nep_version
from neptuner.errors import InputError
from neptuner.files.atomic import write_text
from neptuner.files.digest import file_hash
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame, check_frames
from neptuner.files.nep_in import read_nep_in
from neptuner.files.nep_in_gpumd import check_for_gpumd
from neptuner.files.text import read_text
from neptuner.machine import machine_facts
from neptuner.study.data.sets import write_set
from neptuner.study.data.split import SPLIT_RULE, split_frames
from neptuner.study.md.structure import Crystal, choose_crystal, read_crystal
from neptuner.study.plan import SCHEMA, Plan, make_plan
from neptuner.study.search.sampler import need_optuna
from neptuner.study.search.space import Space, make_space
from neptuner.study.spec import StudySpec
from neptuner.study.store import SPLIT_FILES, Store, read_json
from neptuner.training.defaults import default_steps, resolve
from neptuner.training.split import FEWEST_FRAMES

LONGEST_TAIL = 0.2
"""Part of a training that should be judged at most."""

Facts = dict[str, dict[str, Any] | None]
"""``{path, sha256, frames, atoms}`` of each split; None where there is none."""


@dataclass(frozen=True)
class PreparedStudy:
    """A study that may be run: nothing in its input is wrong."""

    spec: StudySpec
    plan: Plan
    frames: dict[str, list[Frame]]
    """Frames of each split; the test set may be absent."""
    source: dict[str, Any]
    """What the split is made from: hashes of the files, fraction and seed."""
    crystal: Crystal | None = None
    """What molecular dynamics begins with; None if there is none."""
    space: Space | None = None
    """Of the joint search; None if there is none."""
    speed_crystal: Crystal | None = None
    """What the speed of its models is measured with; None if it is not."""

    @property
    def remarks(self) -> list[str]:
        """What is allowed, but hardly meant."""
        baseline, rows = self.plan.baseline, self.spec.last_rows
        share = rows * baseline.nep_in.output_interval / baseline.steps
        if share <= LONGEST_TAIL:
            return []
        fitting = max(1, round(LONGEST_TAIL * baseline.steps / rows))
        return [
            f"the last {rows} rows of loss.out are the last {100 * min(1.0, share):.0f} % of a training of "
            f"{baseline.steps} steps, so that its beginning counts, too; with `output_interval {fitting}` in "
            f"{self.spec.baseline.name} they are the last {100 * LONGEST_TAIL:.0f} %"
        ]


def prepare(spec: StudySpec) -> PreparedStudy:
    """Read and check everything that a study names.

    Raises
    ------
    InputError
        In one sentence for the first thing that is wrong.
    """
    nep_in = read_nep_in(spec.baseline)
    train, held_out = split_frames(_read(spec.train, nep_in.type), spec.validation, spec.seed, spec.group)
    frames = {"train": train, "validation": held_out}
    if spec.test is not None:
        frames["test"] = _read(spec.test, nep_in.type)
    if spec.metric == "virial":
        _need_virials(spec, frames)
    snes = spec.engine == "gpumd"
    baseline = nep_in if snes else resolve(nep_in, train)
    plan = make_plan(spec, baseline, default_steps(baseline, snes=snes) if spec.steps is None else spec.steps)
    _check_engine(spec, plan)
    _check_parts(spec, train)
    crystal = _crystal(spec, nep_in.type, train)
    space, speed_crystal = _search(spec, plan, train, crystal)
    source = {
        "train": file_hash(spec.train),
        "test": None if spec.test is None else file_hash(spec.test),
        "validation": spec.validation,
        "group": spec.group,
        "seed": spec.seed,
        "split": SPLIT_RULE,
    }
    return PreparedStudy(spec, plan, frames, source, crystal, space, speed_crystal)


def _check_parts(spec: StudySpec, train: list[Frame]) -> None:
    """Refuse parts of the training frames that nothing can be learnt from."""
    smallest = min(spec.learning_curve, default=1.0)
    if smallest * len(train) < FEWEST_FRAMES:
        raise InputError(
            f"learning_curve.fractions has {smallest:g}, which is less than {FEWEST_FRAMES} of the {len(train)} "
            "training frames; choose larger fractions",
            path=spec.path,
        )


def _check_engine(spec: StudySpec, plan: Plan) -> None:
    """Refuse what GPUMD does not take; where its program is not on this machine, each training will tell."""
    if spec.engine == "embedded":
        return
    try:
        version = nep_version(find_nep())
    except InputError:
        if spec.launcher.kind == "local":
            raise
        return
    for configuration in plan.first:
        check_for_gpumd(configuration.nep_in, version, spec.path)


def _search(
    spec: StudySpec, plan: Plan, train: list[Frame], crystal: Crystal | None
) -> tuple[Space | None, Crystal | None]:
    """Space of the joint search, and the structure that speeds are measured with; None each where it is not needed."""
    if spec.search is None:
        return None, None
    need_optuna()
    space = make_space(spec.search, plan.baseline.nep_in, spec.path)
    shortest = spec.search.steps(plan.baseline.steps, 0)
    if shortest < spec.last_rows:
        raise InputError(
            f"search.rungs is {spec.search.rungs}, so that the shortest trainings take {shortest} steps, fewer than "
            f"study.last_rows ({spec.last_rows}); choose fewer rungs or more steps",
            path=spec.path,
        )
    if not spec.search.needs_speed:
        return space, None
    return space, crystal or choose_crystal(train, spec.train.name)


def _crystal(spec: StudySpec, elements: Sequence[str], train: list[Frame]) -> Crystal | None:
    if spec.md is None:
        return None
    return (
        choose_crystal(train, spec.train.name)
        if spec.md.structure is None
        else read_crystal(spec.md.structure, elements)
    )


def install(study: PreparedStudy, store: Store) -> tuple[Facts, bool]:
    """Put study.toml, the frames and the manifest into the study directory, if they are not there.

    Returns
    -------
    Facts about the data, and whether study.toml was another one before.

    Raises
    ------
    InputError
        If the directory holds a study of other data.
    """
    manifest = read_json(store.folder / "manifest.json")
    if manifest is None or not _intact(store, manifest["data"]):
        _refuse_other_data(study, store, manifest)
        data = _write_data(study, store)
        store.write_json("manifest.json", _manifest(study, data))
    else:
        _refuse_other_data(study, store, manifest)
        data = manifest["data"]
    return data, _copy_spec(study.spec, store)


def _read(path: Path, elements: Sequence[str]) -> list[Frame]:
    frames = read_frames(path)
    check_frames(frames, elements)
    return frames


def _need_virials(spec: StudySpec, frames: dict[str, list[Frame]]) -> None:
    for split in ("train", "validation"):
        if all(frame.virial is None for frame in frames[split]):
            raise InputError(
                f'study.metric is "virial", but no {split} frame of {spec.train.name} has a virial; '
                'choose "energy" or "force"',
                path=spec.path,
            )


def _refuse_other_data(study: PreparedStudy, store: Store, manifest: dict[str, Any] | None) -> None:
    source = study.source if manifest is None else manifest["source"]
    changed = [key for key, value in study.source.items() if source.get(key) != value]
    if changed:
        raise InputError(
            f"was made with other data ({', '.join(changed)} changed), so its trials cannot be compared with "
            "new ones; choose another directory with --out, or delete this one",
            path=store.folder,
        )


def _intact(store: Store, data: Facts) -> bool:
    """Whether the frames in the study directory are those of the manifest."""
    files = [(store.folder / facts["path"], facts["sha256"]) for facts in data.values() if facts is not None]
    return all(path.is_file() and file_hash(path) == expected for path, expected in files)


def _write_data(study: PreparedStudy, store: Store) -> Facts:
    store.data.mkdir(exist_ok=True)
    facts: Facts = dict.fromkeys(SPLIT_FILES)
    for split, frames in study.frames.items():
        facts[split] = write_set(store.data / SPLIT_FILES[split], frames)
    return facts


def _manifest(study: PreparedStudy, data: Facts) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "neptuner": __version__,
        "name": study.spec.name,
        "seed": study.spec.seed,
        "source": study.source,
        "data": data,
        "machine": machine_facts(),
    }


def _copy_spec(spec: StudySpec, store: Store) -> bool:
    copy, text = store.folder / "study.toml", read_text(spec.path)
    changed = copy.exists() and read_text(copy) != text
    if changed or not copy.exists():
        write_text(copy, text)
    return changed
