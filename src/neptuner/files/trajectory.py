"""Frames of a trajectory, as GPUMD's ``dump_xyz`` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neptuner.files.structure import Structure

QUANTITIES = ("mass", "velocity", "force", "potential", "unwrapped_position", "virial", "group_labels")
"""What a frame may hold besides species and positions, in the order of its columns."""

_PROPERTIES = {
    "mass": "mass:R:1",
    "velocity": "vel:R:3",
    "force": "forces:R:3",
    "potential": "energy_atom:R:1",
    "unwrapped_position": "unwrapped_position:R:3",
    "virial": "virial:R:9",
}
_FORMATS = {"single": "%.9g", "double": "%.17g"}


def format_frame(
    structure: Structure,
    *,
    time: float,
    energy: float,
    virial: NDArray[np.float64],
    stress: NDArray[np.float64],
    quantities: Sequence[str] = (),
    forces: NDArray[np.float64] | None = None,
    potentials: NDArray[np.float64] | None = None,
    virials: NDArray[np.float64] | None = None,
    atoms: NDArray[np.int64] | None = None,
    precision: Literal["single", "double"] = "single",
) -> str:
    """One frame of a trajectory to append, line end included.

    Parameters
    ----------
    structure
        Atoms; positions are written wrapped into the cell, and as they are for `unwrapped_position`.
    time
        In femtoseconds.
    energy
        Total potential energy in eV.
    virial
        Total virial of the potential in eV, ``(3, 3)``.
    stress
        Whole pressure in eV per cubic angstrom, kinetic part included, positive when compressed, ``(3, 3)``;
        this is GPUMD's sign, opposite to that of training frames and of ASE.
    quantities
        Further columns, of :data:`QUANTITIES`.
    forces, potentials, virials
        Of each atom, ``(n_atoms, 3)`` in eV/angstrom, ``(n_atoms,)`` in eV, ``(n_atoms, 3, 3)`` in eV; needed
        for `force`, `potential` and `virial`.
    atoms
        Indices of the atoms to write; None: all.
    precision
        Nine or 17 digits.
    """
    form = _FORMATS[precision]
    values = {
        "mass": structure.masses,
        "velocity": structure.velocities,
        "force": forces,
        "potential": potentials,
        "unwrapped_position": structure.positions,
        "virial": virials,
    }
    chosen = [name for name in QUANTITIES if name in quantities and name != "group_labels"]
    columns = [_column(name, values[name], structure.n_atoms) for name in chosen]
    labels = structure.groups if "group_labels" in quantities else structure.groups[:0]
    properties = ["species:S:1:pos:R:3", *(_PROPERTIES[name] for name in chosen)]
    properties += [f"group:I:{len(labels)}"] if len(labels) else []
    comment = _format_comment(structure, time, energy, virial, stress, form)
    rows = _format_rows(structure, columns, labels, slice(None) if atoms is None else atoms, form)
    return f"{len(rows)}\n{comment} Properties={':'.join(properties)}\n{''.join(rows)}"


def wrap(
    positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: tuple[bool, bool, bool]
) -> NDArray[np.float64]:
    """Positions moved into the cell along its periodic directions; those inside are left as they are."""
    fractional = np.linalg.solve(cell.T, positions.T).T
    wrapped: NDArray[np.float64] = positions - np.where(pbc, np.floor(fractional), 0.0) @ cell
    return wrapped


def _column(name: str, values: NDArray[np.float64] | None, n_atoms: int) -> NDArray[np.float64]:
    if values is None:
        raise ValueError(f"a frame with `{name}` needs its values")
    return values.reshape(n_atoms, -1)


def _format_rows(
    structure: Structure,
    columns: Sequence[NDArray[np.float64]],
    labels: NDArray[np.int64],
    atoms: NDArray[np.int64] | slice,
    form: str,
) -> list[str]:
    numbers = np.hstack([wrap(structure.positions, structure.cell, structure.pbc), *columns])[atoms]
    row = "%s" + f" {form}" * numbers.shape[1] + " %d" * len(labels) + "\n"
    lines = zip(structure.species[atoms].tolist(), numbers.tolist(), labels.T[atoms].tolist(), strict=True)
    return [row % (symbol, *reals, *integers) for symbol, reals, integers in lines]


def _format_comment(
    structure: Structure,
    time: float,
    energy: float,
    virial: NDArray[np.float64],
    stress: NDArray[np.float64],
    form: str,
) -> str:
    pbc = " ".join("FT"[periodic] for periodic in structure.pbc)
    tensors = {"Lattice": structure.cell, "virial": virial, "stress": stress}
    text = {name: " ".join(form % value for value in tensor.ravel().tolist()) for name, tensor in tensors.items()}
    return (
        f'Time={time:.8f} pbc="{pbc}" Lattice="{text["Lattice"]}" energy={form % energy}'
        f' virial="{text["virial"]}" stress="{text["stress"]}"'
    )
