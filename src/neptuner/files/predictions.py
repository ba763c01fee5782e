"""What a model says beside what was to be learnt: ``{energy,force,virial,stress}_{train,test}.out``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.atomic import write_text
from neptuner.files.frames import Frame
from neptuner.files.text import read_text
from neptuner.units import EV_PER_CUBIC_ANGSTROM_IN_GPA

MISSING = -1e6
"""What GPUMD writes for a reference that does not exist."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions and references of a data set; nan where a reference does not exist."""

    energy: NDArray[np.float64]
    """Predicted energies in eV/atom, ``(n_frames,)``."""
    energy_reference: NDArray[np.float64]
    force: NDArray[np.float64]
    """Predicted forces in eV/angstrom, ``(n_atoms, 3)`` with the atoms of all frames."""
    force_reference: NDArray[np.float64]
    virial: NDArray[np.float64]
    """Predicted virials in eV/atom, ``(n_frames, 6)``: xx yy zz xy yz zx."""
    virial_reference: NDArray[np.float64]


def write_predictions(
    folder: str | Path,
    name: str,
    frames: Sequence[Frame],
    energy: NDArray[np.float64],
    forces: NDArray[np.float64],
    virial: NDArray[np.float64],
) -> None:
    """Write the four files of a data set in GPUMD's format, each atomically.

    Parameters
    ----------
    folder, name
        Where, and the data set (``train``, ``test``): ``energy_<name>.out`` and so on.
    frames
        The references.
    energy
        Predicted total energies in eV, ``(n_frames,)``.
    forces
        Predicted forces in eV/angstrom, ``(n_atoms, 3)`` with the atoms of all frames.
    virial
        Predicted total virials in eV, ``(n_frames, 6)``: xx yy zz xy yz zx.
    """
    atoms = np.array([frame.n_atoms for frame in frames], dtype=np.float64)[:, None]
    to_gpa = EV_PER_CUBIC_ANGSTROM_IN_GPA / np.array([frame.volume for frame in frames])[:, None]
    virial_reference = np.array([_or_nan(frame.virial, (6,)) for frame in frames]).reshape(-1, 6)
    energy_reference = np.array([_or_nan(frame.energy, ()) for frame in frames])[:, None]
    force_reference = [_or_nan(frame.forces, (frame.n_atoms, 3)) for frame in frames]
    _write(folder, f"energy_{name}.out", np.asarray(energy)[:, None] / atoms, energy_reference / atoms)
    _write(folder, f"force_{name}.out", forces, np.concatenate([np.empty((0, 3)), *force_reference]))
    _write(folder, f"virial_{name}.out", virial / atoms, virial_reference / atoms)
    _write(folder, f"stress_{name}.out", virial * to_gpa, virial_reference * to_gpa)


def read_predictions(folder: str | Path, name: str) -> Predictions:
    """Read what :func:`write_predictions`, or GPUMD, wrote.

    Raises
    ------
    InputError
        If one of the energy, force and virial files is missing or not a table of numbers.
    """
    energy, energy_reference = _read(Path(folder) / f"energy_{name}.out", 1)
    force, force_reference = _read(Path(folder) / f"force_{name}.out", 3)
    virial, virial_reference = _read(Path(folder) / f"virial_{name}.out", 6)
    return Predictions(energy[:, 0], energy_reference[:, 0], force, force_reference, virial, virial_reference)


def _or_nan(label: float | NDArray[np.float64] | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.full(shape, np.nan if label is None else label)


def _write(folder: str | Path, name: str, predicted: NDArray[np.float64], reference: NDArray[np.float64]) -> None:
    table = np.hstack([predicted, np.where(np.isnan(reference), MISSING, reference)])
    row = " ".join(["%g"] * table.shape[1]) + "\n"
    write_text(Path(folder) / name, "".join([row % tuple(values) for values in table.tolist()]))


def _read(path: Path, n_components: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows = [line.split() for line in read_text(path).splitlines()]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2 * n_components:
            raise InputError(
                f"has {len(row)} columns, expected {2 * n_components}: predictions, then references",
                path=path,
                line=number,
            )
    try:
        table = np.array(rows, dtype=np.float64).reshape(-1, 2 * n_components)
    except ValueError as error:
        raise InputError(f"holds something that is not a number ({error})", path=path) from None
    reference = table[:, n_components:]
    return table[:, :n_components], np.where(reference == MISSING, np.nan, reference)
