"""Kinds of faults that data sets have, each planted into the generated set, and where an audit must find it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from generated_set import FREE_ENERGY, DataSet, generate, labelled

from neptuner.files.frames import Frame

File = Literal["train", "test", "nep.in"]
Change = Callable[[DataSet], None]
Edit = Callable[[list[str]], None]

COUNT, COMMENT, ATOM = 0, 1, 2
"""Lines of a frame, from its first one; ``ATOM + k`` is that of atom k, counted from 0."""
LAST, AFTER = 1000, 1001
"""The last line of a frame, and the one after it."""
GPA, KBAR = 160.21766, 1602.1766


@dataclass(frozen=True)
class Fault:
    """A fault, and the finding that it must lead to."""

    kind: str
    code: str
    file: File = "train"
    frame: int | None = 7
    line: int | None = COMMENT
    """From the first line of the frame; in ``nep.in``, where there are no frames, from the first of the file."""
    severity: str = "error"
    words: str = ""
    """Part of the message."""
    change: Change | None = None
    edit: Edit | None = None
    """Change of the lines of each frame concerned."""
    edited: int | None = None
    """Frame whose lines are changed, where it is another one."""
    frames: Sequence[int] = ()
    """Every frame that the finding must name."""
    also: tuple[str, ...] = ()
    """Codes of other findings that the fault may cause."""


def one(change: Callable[[Frame], Frame], number: int = 7, file: File = "train") -> Change:
    """Change a single frame."""
    return some(change, [number], file)


def some(change: Callable[[Frame], Frame], numbers: Sequence[int] | None = None, file: File = "train") -> Change:
    """Change frames of these numbers; all of the file without any."""

    def plant(data: DataSet) -> None:
        frames = data.train if file == "train" else data.test
        for number in numbers or range(1, len(frames) + 1):
            frames[number - 1] = change(frames[number - 1])

    return plant


def everywhere(change: Callable[[Frame], Frame]) -> Change:
    """Change all frames of both files."""

    def plant(data: DataSet) -> None:
        some(change)(data)
        some(change, file="test")(data)

    return plant


def comment(old: str, new: str) -> Edit:
    """Replace text of the comment line."""
    return line(COMMENT, old, new)


def line(which: int, old: str, new: str) -> Edit:
    """Replace the first such text of a line."""

    def edit(lines: list[str]) -> None:
        assert old in lines[which]
        lines[which] = lines[which].replace(old, new, 1)

    return edit


def word(which: int, column: int, new: str) -> Edit:
    """Replace a word of a line; an empty one takes it away."""

    def edit(lines: list[str]) -> None:
        words = lines[which].split()
        lines[which] = " ".join(filter(None, [*words[:column], new, *words[column + 1 :]])) + "\n"

    return edit


def key(name: str, value: str | None) -> Edit:
    """Give a key of the comment line another value, or take it away."""

    def edit(lines: list[str]) -> None:
        before, after = lines[COMMENT].split(f"{name}=", 1)
        rest = after.split('" ', 1)[1] if after[0] == '"' else after.split(" ", 1)[1]
        lines[COMMENT] = before + (f"{name}={value} " if value is not None else "") + rest

    return edit


def drop(which: int) -> Edit:
    """Take a line away."""
    return lambda lines: lines.__delitem__(which)


def truncate(lines: list[str]) -> None:
    """Keep the first half of the atoms."""
    del lines[ATOM + (len(lines) - ATOM) // 2 :]


def times(**factors: float) -> Callable[[Frame], Frame]:
    """Multiply labels by factors."""
    return lambda frame: replace(frame, **{name: getattr(frame, name) * by for name, by in factors.items()})


def stress(unit: float) -> Callable[[Frame], Frame]:
    """Write the virial over the volume in a unit of so many eV/angstrom^3."""
    return lambda frame: replace(frame, virial=frame.virial / frame.volume * unit)


def per_atom(name: str) -> Callable[[Frame], Frame]:
    """Divide a label by the number of atoms."""
    return lambda frame: replace(frame, **{name: getattr(frame, name) / frame.n_atoms})


def components(*order: int) -> Callable[[Frame], Frame]:
    """Put the components of the virial into another order."""
    return lambda frame: replace(frame, virial=frame.virial[list(order)])


def without_shear(frame: Frame) -> Frame:
    """Make the off-diagonal virials zero."""
    return replace(frame, virial=np.where(np.arange(6) < 3, frame.virial, 0.0))


def without_column(axis: int) -> Callable[[Frame], Frame]:
    """Make the forces along one direction zero."""
    return lambda frame: replace(frame, forces=np.where(np.arange(3) == axis, 0.0, frame.forces))


def onto_another(by: float) -> Callable[[Frame], Frame]:
    """Put the fourth atom next to the second, without new labels."""

    def change(frame: Frame) -> Frame:
        positions = frame.positions.copy()
        positions[3] = positions[1] + [by, 0.0, 0.0]
        return replace(frame, positions=positions)

    return change


def far_away(frame: Frame) -> Frame:
    """Give a frame much room, with one atom on its own."""
    cell = frame.cell * 3.0
    positions = frame.positions.copy()
    positions[4] = cell.sum(axis=0) * 0.7
    return replace(frame, cell=cell, positions=positions)


def pushed(frame: Frame) -> Frame:
    """Add the same to the force on each atom."""
    return replace(frame, forces=frame.forces + np.array([0.05, 0.0, 0.0]))


def great_force(frame: Frame) -> Frame:
    """Add a great pair of forces to two atoms."""
    forces = frame.forces.copy()
    forces[2] += [60.0, 0.0, 0.0]
    forces[5] -= [40.0, 0.0, 0.0]
    forces[6] -= [20.0, 0.0, 0.0]
    return replace(frame, forces=forces)


def thin(frame: Frame) -> Frame:
    """Keep one layer of the two, in half of the cell."""
    cell = frame.cell * np.array([[1.0], [1.0], [0.5]])
    return labelled(replace(frame, species=frame.species[::2], positions=frame.positions[::2], cell=cell))


def swelled(frame: Frame) -> Frame:
    """Write a wrong cell: the third vector is too long."""
    return replace(frame, cell=frame.cell * np.array([[1.0], [1.0], [3.0]]))


def shifted(frame: Frame) -> Frame:
    """Move all atoms, and write the same labels again."""
    return replace(frame, positions=frame.positions + np.array([0.7, 0.2, -0.4]))


def copied(source: int, target: int, change: Callable[[Frame], Frame] = shifted) -> Change:
    """Write a training frame once more, moved, over another one."""

    def plant(data: DataSet) -> None:
        data.train[target - 1] = change(data.train[source - 1])

    return plant


def forces_of(source: int, target: int) -> Change:
    """Write the forces of one frame also for another one of as many atoms."""

    def plant(data: DataSet) -> None:
        assert data.train[source - 1].n_atoms == data.train[target - 1].n_atoms
        data.train[target - 1] = replace(data.train[target - 1], forces=data.train[source - 1].forces)

    return plant


def leaked(source: int, target: int) -> Change:
    """Write a training frame, with atoms moved a little, into the test set."""

    def plant(data: DataSet) -> None:
        frame = data.train[source - 1]
        step = 0.01 * np.random.default_rng(0).normal(size=frame.positions.shape)
        data.test[target - 1] = labelled(replace(frame, positions=frame.positions + step))

    return plant


def renamed(old: str, new: str, file: File, numbers: Sequence[int] | None = None, most: int = 1000) -> Change:
    """Give atoms of an element another name, and new labels if the potential has it."""

    def change(frame: Frame) -> Frame:
        species = frame.species.astype("U2")
        species[np.flatnonzero(species == old)[:most]] = new
        named = replace(frame, species=species)
        return labelled(named) if new in FREE_ENERGY else named

    return some(change, numbers, file)


def colder_test(data: DataSet) -> None:
    """Draw the test set from displacements of a third."""
    calm = generate(5).test
    data.test[:] = [labelled(replace(frame, positions=_ideal(frame))) for frame in calm]


def _ideal(frame: Frame) -> np.ndarray:
    """Positions with two thirds of the displacements from half multiples of lattice vectors taken away."""
    lattice = frame.cell / np.round(np.linalg.norm(frame.cell, axis=1) / 3.3)[:, None]
    parts = frame.positions @ np.linalg.inv(lattice)
    corner = np.where(np.arange(frame.n_atoms) < frame.n_atoms // 2, 0.0, 0.5)[:, None]
    ideal = np.round(parts - corner) + corner
    return (ideal + (parts - ideal) / 3.0) @ lattice


def settings(text: str) -> Change:
    """Write another ``nep.in``."""

    def plant(data: DataSet) -> None:
        data.nep_in = text

    return plant


ALL = range(1, 49)
OF_24_ATOMS = [k for k, frame in enumerate(generate().train, 1) if frame.n_atoms == 24]
WITH_SULPHUR = [k for k, frame in enumerate(generate().train, 1) if "S" in frame.species]

FAULTS = (
    # Frames that cannot be read.
    Fault("count too large", "unreadable", line=AFTER, words="the next frame starts here", edit=drop(ATOM)),
    Fault("count too small", "unreadable", frame=8, edited=7, line=-1, words="expected the number of atoms",
          edit=lambda lines: lines.append(lines[-1]), also=("unreadable",)),
    Fault("column missing", "unreadable", line=ATOM + 4, words="6 columns, expected 7", edit=word(ATOM + 4, 5, "")),
    Fault("not a number", "unreadable", line=ATOM + 3, words="1.2.3", edit=word(ATOM + 3, 4, "1.2.3")),
    Fault("nan in forces", "unreadable", line=ATOM + 5, words="nan", edit=word(ATOM + 5, 6, "nan")),
    Fault("overflow of a format", "unreadable", words="****", edit=key("energy", "********")),
    Fault("Lattice missing", "unreadable", words="no Lattice", edit=comment("Lattice=", "Cell=")),
    Fault("Lattice without volume", "unreadable", words="zero volume", edit=key("Lattice", '"6 0 0 0 6 0 6 6 0"')),
    Fault("Properties missing", "unreadable", words="no Properties", edit=comment("Properties=", "Columns=")),
    Fault("quote not closed", "unreadable", words="quote", edit=comment('" pbc', " pbc")),
    Fault("six virials", "unreadable", words="6 numbers", edit=key("virial", '"1 2 3 4 5 6"')),
    Fault("species misspelled", "unreadable", line=ATOM + 1, words="not a chemical symbol",
          edit=word(ATOM + 1, 0, "mG")),
    Fault("blank line", "unreadable", line=COUNT, words="blank line", edit=lambda lines: lines.insert(0, "\n")),
    Fault("truncated frame", "unreadable", line=AFTER, words="the next frame starts here", edit=truncate),
    Fault("truncated file", "unreadable", frame=48, line=LAST, words="the file ends after", edit=truncate),
    # Labels that are missing.
    Fault("energy missing", "no-energy", edit=key("energy", None)),
    Fault("forces missing", "no-forces", change=one(lambda frame: replace(frame, forces=None))),
    Fault("some virials missing", "no-virial", frame=9, frames=(9, 11, 30), severity="note",
          change=some(lambda frame: replace(frame, virial=None), [9, 11, 30])),
    Fault("virial of zeros", "zero-virial", severity="warning", change=one(times(virial=0.0)), frames=(7,)),
    Fault("no shear in a class", "missing-shear", frame=OF_24_ATOMS[0], severity="warning", frames=OF_24_ATOMS,
          words="all of 24 atoms, and no others", change=some(without_shear, OF_24_ATOMS)),
    # Forces.
    Fault("forces of zeros", "zero-forces", change=one(times(forces=0.0))),
    Fault("no forces along y", "zero-forces", words="along y", change=one(without_column(1))),
    Fault("gradients for forces", "force-sign", change=one(times(forces=-1.0))),
    Fault("forces in Ry/bohr", "force-unit", words="Ry/bohr", change=one(times(forces=1 / 25.711043))),
    Fault("forces in Ha/bohr", "force-unit", words="Ha/bohr", change=one(times(forces=1 / 51.422067))),
    Fault("forces in kcal/mol", "force-unit", words="kcal/mol", change=one(times(forces=23.060548)),
          also=("large-force", "net-force")),
    Fault("all forces in Ha/bohr", "energy-unit", frame=1, words="forces are in Ha/bohr", frames=ALL,
          change=everywhere(times(forces=1 / 51.422067)), also=("virial-unit",)),
    Fault("all forces in kcal/mol", "energy-unit", frame=1, words="forces in kcal/mol", frames=ALL,
          change=everywhere(times(forces=23.060548)), also=("net-force", "virial-unit")),
    Fault("forces of other atoms", "force-mismatch",
          change=one(lambda frame: replace(frame, forces=np.roll(frame.forces, 5, axis=0)))),
    Fault("forces of another frame", "copied-forces", frame=OF_24_ATOMS[9], also=("force-mismatch",),
          change=forces_of(OF_24_ATOMS[2], OF_24_ATOMS[9])),
    Fault("net force", "net-force", severity="warning", words="add up", change=one(pushed)),
    Fault("great force", "large-force", severity="warning", line=ATOM + 2, change=one(great_force)),
    # Energies.
    Fault("energy outlier", "energy-outlier", severity="warning", words="the energy is +0.",
          change=one(lambda frame: replace(frame, energy=frame.energy + 0.3 * frame.n_atoms))),
    Fault("some energies in Ha", "energy-unit", words="Ha", change=some(times(energy=1 / 27.211386), [7, 20, 33])),
    Fault("an energy per atom", "energy-unit", words="per atom", change=one(per_atom("energy"))),
    Fault("all energies in Ry", "energy-unit", frame=1, words="in Ry", frames=ALL,
          change=some(times(energy=1 / 13.605693))),
    Fault("all energies per atom", "energy-unit", frame=1, words="per atom", frames=ALL,
          change=some(per_atom("energy"))),
    Fault("energies and forces of opposite signs", "energy-unit", frame=1, words="opposite signs", frames=ALL,
          change=some(times(energy=-1.0))),
    Fault("energies of all electrons", "low-energy", frame=1, severity="warning", frames=ALL,
          change=some(lambda frame: replace(frame, energy=frame.energy - 2000.0 * frame.n_atoms))),
    # Virials.
    Fault("virials of the wrong sign", "virial-unit", frame=1, words="wrong sign", change=some(times(virial=-1.0)),
          frames=ALL),
    Fault("one virial of the wrong sign", "virial-unit", words="wrong sign", change=one(times(virial=-1.0))),
    Fault("virials per atom", "virial-unit", frame=1, words="per atom", change=some(per_atom("virial")), frames=ALL),
    Fault("virials over volume", "virial-unit", frame=1, words="eV/angstrom^3", change=some(stress(1.0)), frames=ALL),
    Fault("virials in GPa", "virial-unit", frame=1, words="GPa", change=some(stress(GPA)), frames=ALL),
    Fault("virials in kbar, positive in tension", "virial-unit", frame=1, words="kbar that is positive under tension",
          change=some(stress(-KBAR)), frames=ALL),
    Fault("one virial in kbar", "virial-unit", words="kbar", change=one(stress(KBAR))),
    Fault("stress in GPa", "virial-unit", frame=1, words="`stress` is in GPa", frames=ALL, change=some(stress(-GPA)),
          edit=comment("virial=", "stress=")),
    Fault("stress that is a virial", "virial-unit", frame=1, words="`stress` holds a virial", frames=ALL,
          edit=comment("virial=", "stress=")),
    Fault("Voigt's order for VASP's", "virial-order", frame=1, words="xy holds zx, yz holds xy, zx holds yz",
          change=some(components(0, 1, 2, 5, 3, 4)), frames=ALL),
    Fault("diagonal in another order", "virial-order", frame=1, words="xx holds yy, yy holds xx",
          change=some(components(1, 0, 2, 3, 4, 5)), frames=ALL),
    # Geometry.
    Fault("atom twice", "short-distance", line=ATOM + 3, change=one(onto_another(0.0)), also=("force-mismatch",)),
    Fault("atoms too close", "short-distance", line=ATOM + 3, severity="warning", change=one(onto_another(1.6)),
          also=("force-mismatch",)),
    Fault("an atom alone", "alone", line=ATOM + 4, severity="warning", change=one(far_away),
          also=("density", "force-mismatch", "energy-outlier")),
    Fault("wrong cell", "density", severity="warning", change=one(swelled), also=("force-mismatch", "energy-outlier")),
    Fault("cell thinner than the cutoff", "thin-cell", severity="note", change=one(thin), frames=(7,)),
    Fault("a slab without vacuum", "no-vacuum", severity="warning",
          change=one(lambda frame: replace(frame, pbc=(True, True, False)))),
    Fault("left-handed cell", "left-handed", severity="note", frames=(7,),
          change=one(lambda frame: labelled(replace(frame, cell=frame.cell[[1, 0, 2]])))),
    Fault("positions in fractions", "short-distance", line=ATOM + 7, change=one(
        lambda frame: replace(frame, positions=frame.positions @ np.linalg.inv(frame.cell) % 1.0)),
        also=("force-mismatch", "zero-forces", "energy-outlier")),
    Fault("lengths in nm", "too-dense", words="0.017 cubic angstrom", change=one(
        lambda frame: replace(frame, positions=frame.positions / 10, cell=frame.cell / 10))),
    # Frames that come twice.
    Fault("duplicate", "duplicate", frame=31, severity="warning", words="frame 7", change=copied(7, 31)),
    Fault("conflicting energy", "conflict", frame=31, words="frame 7, but the energy differs by",
          also=("energy-outlier",), change=copied(
        7, 31, lambda frame: replace(shifted(frame), energy=frame.energy + 0.5))),
    Fault("conflicting forces", "conflict", frame=31, words="frame 7, but forces differ", change=copied(
        7, 31, lambda frame: replace(shifted(frame), forces=1.3 * frame.forces))),
    # The sets against each other.
    Fault("leaked frame", "leakage", file="test", frame=5, severity="warning", words="test frame 5 like 7",
          frames=(5,), change=leaked(7, 5)),
    Fault("test easier than training", "easy-test", file="test", frame=1, severity="warning", change=colder_test),
    Fault("element only in the test set", "element-not-trained", file="test", frame=4, words="Sr",
          change=renamed("O", "Sr", "test", [4], 1), also=("element-not-in-type",)),
    Fault("element only in the training set", "element-not-tested", frame=WITH_SULPHUR[0], severity="note", words="S",
          change=renamed("S", "O", "test"), also=("energy-outlier",)),
    Fault("rare element", "rare-element", frame=WITH_SULPHUR[3], severity="warning", words="only 1 atoms of Se",
          change=renamed("S", "Se", "train", [WITH_SULPHUR[3]], 1), also=("element-not-in-type", "element-not-tested")),
    # The settings.
    Fault("element missing in type", "element-not-in-type", frame=WITH_SULPHUR[0], line=None, words="S is not in",
          change=settings("type 3 Mg Ca O\ncutoff 6 4\n")),
    Fault("element of type missing in data", "element-without-frames", file="nep.in", frame=None, line=None,
          severity="warning", words="Zn", change=settings("type 5 Mg Ca O S Zn\ncutoff 6 4\n")),
    Fault("keyword misspelled", "nep-in", file="nep.in", frame=None, line=2,
          change=settings("type 4 Mg Ca O S\ncutoff 6 4\nnmax 4 4\n")),
)  # fmt: skip
"""Every kind, planted into ``generate(0)``."""
