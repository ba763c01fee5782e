"""A script carried out: minimisations and runs one after the other, from a state and back to it.

What happens outside - files, clocks, signals - reaches the loop through :class:`Listener`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from neptuner.errors import NeptunerError
from neptuner.files.script import ComputeHnemd, Minimize, Run, Script, Velocity
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.motion import fastest
from neptuner.md.measures.base import Context, Measurement
from neptuner.md.measures.make import make_measurement
from neptuner.md.minimize import minimize
from neptuner.md.outputs import Outputs
from neptuner.md.state import Floats, State, System
from neptuner.md.steps import Stepper, make_stepper
from neptuner.md.velocities import first_velocities
from neptuner.units import FEMTOSECONDS_PER_UNIT

FARTHEST = 1.0
"""Angstrom that no atom of an intact simulation moves in one step."""

HOTTEST = 1e5
"""Kelvin that no intact simulation reaches."""

MOST_STRAIN = 0.1
"""Strain that the cell of no intact simulation takes in one step."""


class ExplosionError(NeptunerError):
    """A run that got out of control at a step, counted from the beginning; ``good`` is the last state before."""

    def __init__(self, sentence: str, good: State, step: int, atom: int | None = None) -> None:
        super().__init__(sentence)
        self.good, self.step, self.atom = good, step, atom


@dataclass
class Standing:
    """Where a simulation is between two steps."""

    state: State
    action: int = 0
    """Place in the script's actions."""
    number: int = 0
    """Steps done of this action, if it is a run."""
    has_velocities: bool = False
    """Whether velocities were given with the structure; ``velocity`` is then ignored, as in GPUMD."""
    measurements: list[dict[str, Any]] = field(default_factory=list)
    """Snapshot of each measurement of the run."""


class Listener(Protocol):
    """Is told how a simulation goes."""

    def stepped(self, action: int, number: int, state: State) -> None:
        """A step of a run is done."""

    def relaxed(self, step: int, energy: float, largest: float) -> None:
        """A step of a minimisation is done."""

    def wants_standing(self) -> bool:
        """Whether to hand out the standing now."""

    def stand(self, standing: Standing) -> None:
        """Take the standing, to keep it."""

    def should_stop(self) -> bool:
        """Whether to stop here."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """Everything that does not change while a script is carried out."""

    script: Script
    system: System
    elements: tuple[str, ...]
    evaluator: Evaluator
    outputs: Outputs
    listener: Listener
    seed: int
    """Of velocities whose keyword has no seed."""

    def carry_out(self, standing: Standing) -> State | None:
        """Go on from a standing to the end; None if the listener stopped it before.

        Raises
        ------
        ExplosionError
            When a run gets out of control.
        """
        while standing.action < len(self.script.actions):
            action = self.script.actions[standing.action]
            if isinstance(action, Velocity):
                standing.state = self._with_velocities(action, standing)
            elif isinstance(action, Minimize):
                standing.state = self._minimized(action, standing.state)
            elif not self._carry_out_run(action, standing):
                return None
            standing.action, standing.number, standing.measurements = standing.action + 1, 0, []
        return standing.state

    def _minimized(self, action: Minimize, state: State) -> State:
        self.evaluator.virials = False
        try:
            return minimize(state, self.evaluator.evaluate, action, self.listener.relaxed)
        except ValueError as error:
            where = f"the minimization{_of_line(action.line)}"
            raise ExplosionError(f"{where} is out of control: {error}", state, state.step) from error

    def _with_velocities(self, action: Velocity, standing: Standing) -> State:
        if standing.has_velocities:
            return standing.state
        seed = self.seed if action.seed is None else action.seed
        state, masses = standing.state, self.system.masses
        return replace(state, velocities=first_velocities(masses, state.positions, action.temperature, seed))

    def _carry_out_run(self, run: Run, standing: Standing) -> bool:
        """Take the steps of a run that are left; False if it was stopped."""
        context = Context(self.system, run, self.outputs, self.elements)
        measurements = [make_measurement(measure, context) for measure in run.measures]
        driving = driving_force(run)
        needs = driving is not None or any(measurement.needs_virials for measurement in measurements)
        self.evaluator.virials = needs
        stepper = make_stepper(run, self.system, self.evaluator.evaluate, driving)
        if standing.number == 0:
            standing.state = self._guarded(stepper, standing.state, lambda: stepper.begin(standing.state), run, 0)
        else:
            for measurement, snapshot in zip(measurements, standing.measurements, strict=True):
                measurement.restore(snapshot)
        while standing.number < run.steps:
            if self.listener.should_stop() or self.listener.wants_standing():
                standing.measurements = [measurement.snapshot() for measurement in measurements]
                self.listener.stand(standing)
                if self.listener.should_stop():
                    return False
            self._step(stepper, standing, measurements)
        for measurement in measurements:
            measurement.finish(standing.state)
        return True

    def _step(self, stepper: Stepper, standing: Standing, measurements: list[Measurement]) -> None:
        before, number = standing.state, standing.number
        standing.state = self._guarded(
            stepper, before, lambda: stepper.advance(before, number), stepper.run, number + 1
        )  # fmt: skip
        standing.number = number + 1
        for measurement in measurements:
            measurement.sample(standing.number, standing.state)
        self.listener.stepped(standing.action, standing.number, standing.state)

    def _guarded(self, stepper: Stepper, before: State, make: Callable[[], State], run: Run, number: int) -> State:
        """Make the next state and check that it is intact."""
        step = before.step + (1 if number else 0)
        try:
            state = make()
        except ValueError as error:
            raise ExplosionError(f"{_where(run, number)} {error}", before, step) from error
        limited = run.max_distance is not None and run.max_distance <= FARTHEST
        wrong = what_is_wrong(state, 0.0 if limited else run.time_step) or _what_is_wrong_with_cell(before, state)
        if wrong is None:
            return state
        sentence, atom = wrong
        who = "" if atom is None else f" (atom {atom + 1}, {stepper.system.species[atom]})"
        raise ExplosionError(f"{_where(run, number)} {sentence}{who}", before, step, atom)


def driving_force(run: Run) -> Floats | None:
    """Driving force of heat of a run in 1/angstrom, ``(3,)``; None without one."""
    for measure in run.measures:
        if isinstance(measure, ComputeHnemd):
            return np.array(measure.force)
    return None


def what_is_wrong(state: State, time_step: float) -> tuple[str, int | None] | None:
    """Say why a state cannot be intact, and of which atom; None for an intact one.

    Parameters
    ----------
    state
        After a step.
    time_step
        In femtoseconds.
    """
    if not math.isfinite(float(state.forces.sum()) + float(state.velocities.sum())):
        finite = np.isfinite(state.forces).all(axis=1) & np.isfinite(state.velocities).all(axis=1)
        return "forces are no longer finite numbers", int(np.argmin(finite))
    if not math.isfinite(state.site.energy):
        return "the energy is no longer a finite number", None
    atom, speed = fastest(state.velocities)
    moved = math.sqrt(speed) * time_step / FEMTOSECONDS_PER_UNIT
    if moved > FARTHEST:
        return f"an atom moves {moved:.3g} angstrom in one step", int(atom)
    if state.temperature > HOTTEST:
        return f"the temperature has become {state.temperature:.3g} K", int(atom)
    return None


def _what_is_wrong_with_cell(before: State, after: State) -> tuple[str, int | None] | None:
    """Say by how much the cell changed where no barostat can mean it."""
    if after.cell is before.cell:
        return None
    strain = float(np.abs(np.linalg.solve(before.cell, after.cell) - np.eye(3)).max())
    if strain <= MOST_STRAIN:
        return None
    return f"the cell is strained by {strain:.3g} in one step; are the moduli of the barostat far too small?", None


def _where(run: Run, number: int) -> str:
    return f"step {number} of the run{_of_line(run.line)} is out of control:"


def _of_line(line: int | None) -> str:
    return "" if line is None else f" of line {line}"


def first_state(
    system: System, positions: Floats, cell: Floats, velocities: Floats | None, evaluator: Evaluator, seed: int
) -> State:
    """Make the state that a script begins with; without velocities it has those of 300 K, as in GPUMD.

    Parameters
    ----------
    system
        The atoms.
    positions, cell
        ``(n_atoms, 3)`` and ``(3, 3)`` in angstrom.
    velocities
        ``(n_atoms, 3)`` in angstrom per femtosecond, or None.
    evaluator
        The potential.
    seed
        Of all random numbers.
    """
    own = None if velocities is None else velocities * FEMTOSECONDS_PER_UNIT
    drawn = first_velocities(system.masses, positions, 300.0, seed) if own is None else own
    site = evaluator.evaluate(positions, cell)
    chain = np.zeros((2, 4))
    return State(positions, drawn, cell, site, site.forces, np.zeros((3, 3)), chain, seed=seed)
