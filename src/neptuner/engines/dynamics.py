"""Molecular dynamics here: a folder with run.in, model.xyz and nep.txt, as GPUMD's ``gpumd`` takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from neptuner.engines.dynamics_checks import check_script, check_trajectories, remarks
from neptuner.engines.md_summary import OUTPUTS, SUMMARY, input_hashes, read_finished, summary_head, write_summary
from neptuner.engines.potential import DTYPES, check_options, species_index
from neptuner.errors import InputError
from neptuner.files.run_in import read_script
from neptuner.files.script import DumpXyz, Run, Script
from neptuner.files.structure import Structure, read_structure, replicate, write_structure
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_weights import site_weights
from neptuner.machine import usable_cpus
from neptuner.md.checkpoint import Checkpoint, load, save
from neptuner.md.measures.dumps import as_structure
from neptuner.md.outputs import Outputs
from neptuner.md.simulation import ExplosionError, Simulation, Standing, first_state
from neptuner.md.state import State, System
from neptuner.potential.model import Model
from neptuner.signals import StopWish, stop_wish

CHECKPOINT, LAST_GOOD = "md_checkpoint.npz", "last_good.xyz"
RESULTS = (*OUTPUTS, "heat_current.npz")
"""Files that an earlier run may have left, trajectories and restart.xyz apart."""


@dataclass(frozen=True)
class DynamicsOptions:
    """How to run; what to run is in run.in."""

    threads: int = field(default_factory=usable_cpus)
    precision: str = "single"
    """Of the work on pairs of atoms; ``single`` is GPUMD's."""
    skin: float = 1.0
    """Extra reach of neighbour lists in angstrom."""
    seed: int = 1
    """Of thermostats, and of velocities whose keyword has none."""
    resume: bool = False
    """Go on from a checkpoint, if there is one."""
    overwrite: bool = False
    """Replace the results of an earlier run."""
    checkpoint_interval: float = 60.0
    """Seconds between two checkpoints."""


@dataclass(frozen=True)
class Progress:
    """How a run is going."""

    line: int | None
    """Line of its ``run`` in run.in."""
    number: int
    """Steps done of this run."""
    steps: int
    done: float
    """Share of all steps of the script."""
    temperature: float
    """In kelvin."""
    ns_per_day: float
    seconds_left: float


class DynamicsObserver:
    """Is told how a simulation goes; this one tells nobody."""

    def remark(self, sentence: str) -> None:
        """Take a sentence worth knowing."""

    def relaxed(self, step: int, energy: float, largest: float) -> None:
        """Take a step of a minimisation: energy in eV, largest force component in eV/angstrom."""

    def progress(self, progress: Progress) -> None:
        """Take how it goes, every half second or so."""


@dataclass(frozen=True, eq=False)
class _Inputs:
    folder: Path
    script: Script
    structure: Structure
    model: Model
    sha256: dict[str, str]


def run_dynamics(
    folder: str | Path, options: DynamicsOptions | None = None, observer: DynamicsObserver | None = None
) -> dict[str, Any]:
    """Carry out the run.in of a folder.

    Parameters
    ----------
    folder
        Folder with ``run.in``, ``model.xyz`` and the potential that run.in names.
    options
        How to run.
    observer
        Is told how it goes.

    Returns
    -------
    The content of md.json; ``"finished": false`` if a signal ended the simulation early.

    Raises
    ------
    InputError
        For bad input, before the first step.
    ExplosionError
        When a run gets out of control; ``last_good.xyz`` holds the last intact state.
    """
    options, observer = options or DynamicsOptions(), observer or DynamicsObserver()
    check_options(options.precision, options.threads, options.skin)
    if not 0 <= options.seed < 2**63:
        raise InputError(f"the seed is {options.seed}, expected 0 to 2^63 - 1")
    inputs = read_inputs(Path(folder))
    checkpoint = _checkpoint(inputs, options)
    if isinstance(checkpoint, dict):
        return checkpoint
    for sentence in remarks(inputs.script, inputs.structure, inputs.model, options.seed):
        observer.remark(sentence)
    with stop_wish() as wish:
        return _carry_out(inputs, options, observer, checkpoint, wish)


def read_inputs(folder: Path) -> _Inputs:
    """Read and check all that a simulation needs.

    Raises
    ------
    InputError
        For the first thing that is wrong.
    """
    script = read_script(folder / "run.in")
    structure = read_structure(folder / "model.xyz")
    path = folder / script.potential
    model = Model.read(path)
    species_index(structure.species, model.settings.elements, structure.path)
    structure = replicate(structure, script.replicate)
    check_script(script, structure)
    inputs = ("run.in", "model.xyz", script.potential)
    check_trajectories(script, folder, {*inputs, "restart.xyz", CHECKPOINT, SUMMARY, LAST_GOOD, *RESULTS})
    return _Inputs(folder, script, structure, model, input_hashes(folder, script))


def _checkpoint(inputs: _Inputs, options: DynamicsOptions) -> Checkpoint | dict[str, Any] | None:
    """Checkpoint to go on from, summary of a finished simulation, or None to begin."""
    folder = inputs.folder
    if options.resume:
        found = read_finished(folder, inputs.sha256)
        if found is not None and _is_of(found, options):
            return found
    if options.resume and (folder / CHECKPOINT).exists():
        checkpoint = load(folder / CHECKPOINT)
        _refuse_other_inputs(checkpoint, inputs, options)
        return checkpoint
    if not options.overwrite:
        _refuse_to_overwrite(inputs)
    return None


def _is_of(summary: dict[str, Any], options: DynamicsOptions) -> bool:
    """Whether a summary is that of these options."""
    found = (summary.get("precision"), summary.get("skin_angstrom"), summary.get("seed"))
    return found == (options.precision, options.skin, options.seed)


def _identity(inputs: _Inputs, options: DynamicsOptions) -> dict[str, Any]:
    own = {"precision": options.precision, "skin": options.skin, "seed": options.seed}
    return {"sha256": inputs.sha256, "options": own}


def _refuse_other_inputs(checkpoint: Checkpoint, inputs: _Inputs, options: DynamicsOptions) -> None:
    asked, path = _identity(inputs, options), inputs.folder / CHECKPOINT
    for what, now in (asked["sha256"] | asked["options"]).items():
        before = (checkpoint.identity["sha256"] | checkpoint.identity["options"]).get(what)
        if before != now:
            raise InputError(
                f"belongs to a simulation with another {what}; put that back, or begin anew (--overwrite)", path=path
            )


def _refuse_to_overwrite(inputs: _Inputs) -> None:
    names = [*RESULTS, *_trajectories(inputs.script), CHECKPOINT]
    for name in names:
        if (inputs.folder / name).exists():
            unfinished = (inputs.folder / CHECKPOINT).exists()
            hint = "go on with it (--resume), or " if unfinished else ""
            raise InputError(
                f"is there from an earlier run; {hint}move it away or replace it (--overwrite)",
                path=inputs.folder / name,
            )


def _trajectories(script: Script) -> list[str]:
    runs = [action for action in script.actions if isinstance(action, Run)]
    names = [m.filename for run in runs for m in run.measures if isinstance(m, DumpXyz)]
    return [name for name in names if not name.endswith("*")]


def _carry_out(
    inputs: _Inputs,
    options: DynamicsOptions,
    observer: DynamicsObserver,
    checkpoint: Checkpoint | None,
    wish: StopWish,
) -> dict[str, Any]:
    system = make_system(inputs.structure, inputs.model)
    evaluator = make_evaluator(inputs, system, options)
    if checkpoint is None:
        standing = _first_standing(inputs, options, system, evaluator)
        _remove_earlier(inputs)
    else:
        standing = checkpoint.standing
        evaluator.restore(checkpoint.anchor)
    with Outputs(inputs.folder, checkpoint.sizes if checkpoint else None) as outputs:
        spent = checkpoint.seconds if checkpoint else 0.0
        watch = _Watch(inputs, options, observer, evaluator, outputs, wish, spent)
        simulation = Simulation(
            inputs.script, system, inputs.model.settings.elements, evaluator, outputs, watch, options.seed
        )
        watch.stand(standing)
        try:
            state_at_end = simulation.carry_out(standing)
        except ExplosionError as error:
            _save_wreck(inputs, options, watch, error, system)
            raise
        outputs.flush()
    summary = _summary(inputs, options, watch, standing, finished=state_at_end is not None)
    write_summary(inputs.folder, summary)
    if state_at_end is not None:
        (inputs.folder / CHECKPOINT).unlink(missing_ok=True)
    return summary


def _first_standing(inputs: _Inputs, options: DynamicsOptions, system: System, evaluator: Evaluator) -> Standing:
    given = inputs.structure
    try:
        state = first_state(system, given.positions, given.cell, given.velocities, evaluator, options.seed)
    except ValueError as error:
        raise InputError(str(error), path=given.path) from error
    return Standing(state, has_velocities=given.velocities is not None)


def make_system(structure: Structure, model: Model) -> System:
    """Take what does not change of a structure, with species as the potential counts them."""
    types = species_index(structure.species, model.settings.elements, structure.path)
    return System(
        structure.species, types, np.ascontiguousarray(structure.masses), structure.pbc,
        structure.groups,
    )  # fmt: skip


def make_evaluator(inputs: _Inputs, system: System, options: DynamicsOptions) -> Evaluator:
    """Make what gives energies and forces of the structure."""
    try:
        weights = site_weights(inputs.model, DTYPES[options.precision])
    except ValueError as error:
        raise InputError(str(error), path=inputs.script.potential) from error
    return Evaluator(weights, system.types, system.pbc, skin=options.skin, threads=options.threads)


def _remove_earlier(inputs: _Inputs) -> None:
    for name in (CHECKPOINT, *RESULTS, *_trajectories(inputs.script), SUMMARY, LAST_GOOD):
        (inputs.folder / name).unlink(missing_ok=True)


class _Watch:
    """Keeps the clock, the checkpoint and the observer."""

    def __init__(
        self,
        inputs: _Inputs,
        options: DynamicsOptions,
        observer: DynamicsObserver,
        evaluator: Evaluator,
        outputs: Outputs,
        wish: StopWish,
        spent: float,
    ) -> None:
        self.inputs, self.options, self.observer, self.wish = inputs, options, observer, wish
        self.evaluator, self.outputs = evaluator, outputs
        runs = [action.steps if isinstance(action, Run) else 0 for action in inputs.script.actions]
        self.before, self.total = np.concatenate([[0], np.cumsum(runs)]).tolist(), sum(runs)
        self.spent, self.begin = spent, perf_counter()
        self.next_checkpoint = self.begin + options.checkpoint_interval
        self.next_look, self.first = self.begin, -1

    @property
    def seconds(self) -> float:
        return self.spent + perf_counter() - self.begin

    def relaxed(self, step: int, energy: float, largest: float) -> None:
        self.observer.relaxed(step, energy, largest)

    def stepped(self, action: int, number: int, state: State) -> None:
        now = perf_counter()
        done = self.before[action] + number
        if self.first < 0:  # speed is that of this process, without compilation
            self.first, self.started = done, now
        if now < self.next_look and done < self.total:
            return
        self.next_look = now + 0.5
        self.outputs.flush()
        run = self.inputs.script.actions[action]
        assert isinstance(run, Run)
        rate = (done - self.first) / max(now - self.started, 1e-9)
        self.observer.progress(
            Progress(
                run.line, number, run.steps, done / self.total, state.temperature,
                86400.0 * rate * run.time_step * 1e-6, (self.total - done) / rate if rate > 0.0 else np.inf,
            )
        )  # fmt: skip

    def wants_standing(self) -> bool:
        return perf_counter() >= self.next_checkpoint

    def stand(self, standing: Standing) -> None:
        anchor = self.evaluator.anchor
        assert anchor is not None
        identity = _identity(self.inputs, self.options)
        checkpoint = Checkpoint(standing, anchor, self.outputs.sizes(), self.seconds, identity)
        save(self.inputs.folder / CHECKPOINT, checkpoint)
        self.next_checkpoint = perf_counter() + self.options.checkpoint_interval

    def should_stop(self) -> bool:
        return self.wish.signal is not None


def _save_wreck(
    inputs: _Inputs, options: DynamicsOptions, watch: _Watch, error: ExplosionError, system: System
) -> None:
    """Keep the last intact state and say what happened."""
    write_structure(inputs.folder / LAST_GOOD, as_structure(error.good, system))
    watch.outputs.flush()
    summary = _summary(inputs, options, watch, Standing(error.good), finished=False)
    atom = None if error.atom is None else error.atom + 1
    summary["exploded"] = {"step": error.step, "atom": atom, "sentence": str(error)}
    write_summary(inputs.folder, summary)
    (inputs.folder / CHECKPOINT).unlink(missing_ok=True)


def _summary(
    inputs: _Inputs, options: DynamicsOptions, watch: _Watch, standing: Standing, *, finished: bool
) -> dict[str, Any]:
    state, script, n_atoms = standing.state, inputs.script, inputs.structure.n_atoms
    rate = (state.step - watch.first) / max(1e-9, perf_counter() - watch.started) if watch.first >= 0 else None
    return {
        **summary_head(finished=finished, hashes=inputs.sha256),
        "seconds": watch.seconds,
        "atoms": n_atoms,
        "steps": state.step,
        "steps_asked": watch.total,
        "time_ps": 1e-3 * state.time,
        "atom_steps_per_s": None if rate is None else rate * n_atoms,
        "ns_per_day": None if rate is None or state.step == 0 else 86400e-6 * rate * state.time / state.step,
        "threads": options.threads,
        "precision": options.precision,
        "skin_angstrom": options.skin,
        "seed": options.seed,
        "rebuilds": watch.evaluator.rebuilds,
        "temperature_k": state.temperature,
        "cell": state.cell.tolist(),
        "warnings": remarks(script, inputs.structure, inputs.model, options.seed),
    }
