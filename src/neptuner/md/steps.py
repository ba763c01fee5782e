"""One step: thermostat, velocity Verlet, thermostat, barostat, in GPUMD's order (``src/main_gpumd/run.cu``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neptuner.files.script import Ensemble, Run
from neptuner.kernels.chunks import SiteOutputs
from neptuner.kernels.motion import drifted, driven, fastest, kicked
from neptuner.md.barostats import Barostat
from neptuner.md.state import Field, Floats, State, System, changed
from neptuner.md.thermostats import Berendsen, Bussi, Isolated, Langevin, NoseHoover, Thermostat
from neptuner.md.velocities import without_momentum, without_momentum_of_groups
from neptuner.units import FEMTOSECONDS_PER_UNIT


@dataclass(frozen=True, eq=False)
class Stepper:
    """Takes the steps of one run."""

    system: System
    run: Run
    field: Field
    thermostat: Thermostat
    barostat: Barostat | None
    driving: Floats | None
    """Driving force of heat in 1/angstrom, ``(3,)``."""

    def begin(self, state: State) -> State:
        """Prepare the first step of the run: forces are computed anew."""
        return self._with_forces(self.thermostat.begin(state))

    def advance(self, state: State, number: int) -> State:
        """Take step ``number`` of the run, counted from 0."""
        run, system = self.run, self.system
        target = target_temperature(run.ensemble, number / run.steps)
        state = self._corrected(state, number)
        femtoseconds = self._time_step(state)
        dt = femtoseconds / FEMTOSECONDS_PER_UNIT
        state = self.thermostat.before(state, target, dt)
        velocities = kicked(state.velocities, state.forces, system.masses, 0.5 * dt)
        positions = drifted(state.positions, velocities, dt)
        state = self._with_forces(changed(state, positions=positions, velocities=velocities))
        velocities = kicked(state.velocities, state.forces, system.masses, 0.5 * dt)
        state = self.thermostat.after(changed(state, velocities=velocities), target, dt)
        if self.barostat is not None:
            state = self.barostat.scale(state, target)
        return changed(state, step=state.step + 1, time=state.time + femtoseconds)

    def _with_forces(self, state: State) -> State:
        site = self.field(state.positions, state.cell)
        return changed(state, site=site, forces=self._acting(site))

    def _acting(self, site: SiteOutputs) -> Floats:
        """Forces with the driving force of GPUMD's ``src/force/force.cu``, whose mean is taken off."""
        if self.driving is None or site.virials is None:
            return site.forces
        return driven(site.forces, site.virials, self.driving)

    def _corrected(self, state: State, number: int) -> State:
        run, system = self.run, self.system
        if run.correct_velocity is None or number % run.correct_velocity:
            return state
        if run.correct_group is None:
            velocities = without_momentum(state.velocities, state.positions, system.masses)
        else:
            labels = system.groups[run.correct_group]
            velocities = without_momentum_of_groups(state.velocities, state.positions, system.masses, labels)
        return changed(state, velocities=velocities)

    def _time_step(self, state: State) -> float:
        """In femtoseconds; shorter where an atom would go farther than allowed."""
        if self.run.max_distance is None:
            return self.run.time_step
        speed = np.sqrt(fastest(state.velocities)[1]) / FEMTOSECONDS_PER_UNIT
        return min(self.run.time_step, self.run.max_distance / speed) if speed > 0.0 else self.run.time_step


def target_temperature(ensemble: Ensemble, fraction: float) -> float:
    """Target in kelvin after a fraction of the run."""
    return ensemble.t_start + (ensemble.t_stop - ensemble.t_start) * fraction


def make_stepper(run: Run, system: System, field: Field, driving: Floats | None) -> Stepper:
    """Make what takes the steps of a run."""
    barostat = Barostat.of(run.ensemble, system.pbc)
    return Stepper(system, run, field, _thermostat(run, system), barostat, driving)


def _thermostat(run: Run, system: System) -> Thermostat:
    ensemble = run.ensemble
    if ensemble.kind == "nve":
        return Isolated(system)
    if ensemble.kind == "nvt_nhc":
        dt = run.time_step / FEMTOSECONDS_PER_UNIT
        return NoseHoover(system, ensemble.t_coupling * dt, ensemble.t_start)
    if ensemble.kind == "nvt_lan":
        return Langevin(system, ensemble.t_coupling)
    if ensemble.kind in ("nvt_ber", "npt_ber"):
        return Berendsen(system, ensemble.t_coupling)
    return Bussi(system, ensemble.t_coupling)
