"""``dump_thermo``, ``dump_xyz`` and ``dump_restart``: the state itself."""

from __future__ import annotations

from dataclasses import replace

from neptuner.files.script import DumpRestart, DumpThermo, DumpXyz
from neptuner.files.structure import Structure, format_structure
from neptuner.files.thermo_out import format_thermo_row
from neptuner.files.trajectory import format_frame, wrap
from neptuner.md.measures.base import Context, Stateless, chosen_atoms
from neptuner.md.state import State, System
from neptuner.units import EV_PER_CUBIC_ANGSTROM_IN_GPA, FEMTOSECONDS_PER_UNIT


class ThermoRows(Stateless):
    """Rows of thermo.out."""

    def __init__(self, settings: DumpThermo, context: Context) -> None:
        self.settings, self.context = settings, context

    def sample(self, number: int, state: State) -> None:
        """Append a row."""
        if number % self.settings.interval:
            return
        pressure = EV_PER_CUBIC_ANGSTROM_IN_GPA * state.pressure
        six = pressure[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        row = format_thermo_row(state.temperature, state.kinetic_energy, state.site.energy, six, state.cell)
        self.context.outputs.append("thermo.out", row)


class Trajectory(Stateless):
    """Frames of a trajectory."""

    def __init__(self, settings: DumpXyz, context: Context) -> None:
        self.settings, self.context = settings, context
        self.needs_virials = "virial" in settings.quantities

    def sample(self, number: int, state: State) -> None:
        """Append a frame, or write it to a file of its own."""
        if number % self.settings.interval:
            return
        text, name = frame_text(self.settings, self.context.system, state), self.settings.filename
        if name.endswith("*"):
            self.context.outputs.replace(f"{name[:-1]}{number}", text)
        else:
            self.context.outputs.append(name, text)


def frame_text(settings: DumpXyz, system: System, state: State) -> str:
    """One frame in the format of ``dump_xyz``."""
    atoms, site = chosen_atoms(system, settings.group), state.site
    return format_frame(
        unwrapped_structure(state, system),
        time=state.time,
        energy=site.energy,
        virial=site.virial,
        stress=state.pressure,
        quantities=settings.quantities,
        forces=state.forces,
        potentials=site.energies,
        virials=site.virials,
        atoms=None if isinstance(atoms, slice) else atoms,
        precision=settings.precision,
    )


class Restart(Stateless):
    """restart.xyz, which can take the place of model.xyz."""

    def __init__(self, settings: DumpRestart, context: Context) -> None:
        self.settings, self.context = settings, context

    def sample(self, number: int, state: State) -> None:
        """Write the file anew."""
        if number % self.settings.interval == 0:
            self.context.outputs.replace("restart.xyz", format_structure(as_structure(state, self.context.system)))


def as_structure(state: State, system: System) -> Structure:
    """Make a model.xyz of a state, velocities included and atoms wrapped into the cell."""
    structure = unwrapped_structure(state, system)
    return replace(structure, positions=wrap(state.positions, state.cell, system.pbc))


def unwrapped_structure(state: State, system: System) -> Structure:
    """The same with atoms where they are."""
    return Structure(
        species=system.species,
        positions=state.positions,
        cell=state.cell,
        pbc=system.pbc,
        masses=system.masses,
        velocities=state.velocities / FEMTOSECONDS_PER_UNIT,
        groups=system.groups,
    )
