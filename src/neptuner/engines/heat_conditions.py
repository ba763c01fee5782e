"""What runs of a folder were made with: atoms, cell, potential, script, and the temperatures and cells on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.nep_txt import read_nep_txt
from neptuner.files.run_in import read_script
from neptuner.files.script import DumpThermo, Group, Run, Script
from neptuner.files.structure import Structure, read_structure, thicknesses
from neptuner.files.thermo_out import Thermo, read_thermo
from neptuner.transport.series import blocking, transient

Floats = NDArray[np.float64]

OUTPUTS = ("thermo.out", "kappa.out", "hac.out", "shc.out", "heat_current.npz")


@dataclass(frozen=True, eq=False)
class Conditions:
    """One folder."""

    directory: Path
    script: Script
    structure: Structure
    """As in model.xyz, not replicated."""
    cutoff: float | None
    """Radial cutoff of the potential in angstrom; None where no NEP was found."""
    potential: Path | None
    thermo: Thermo | None
    files: tuple[Path, ...]
    """Every file that was read or will be."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """Runs of the script in order."""
        return tuple(action for action in self.script.actions if isinstance(action, Run))

    @property
    def composition(self) -> dict[str, int]:
        """Atoms of each element in the simulated cell."""
        copies = int(np.prod(self.script.replicate))
        counts = Counter(self.structure.species.tolist())
        return {element: copies * counts[element] for element in sorted(counts)}

    @property
    def n_atoms(self) -> int:
        """Atoms in the simulated cell."""
        return sum(self.composition.values())

    def thickness(self, run: Run) -> float:
        """Smallest distance in angstrom between opposite faces of the simulated cell across a periodic direction."""
        thick = thicknesses(self._cell(run))
        return float(min((thick[i] for i in range(3) if self.structure.pbc[i]), default=np.inf))

    def volume(self, run: Run) -> float:
        """Mean volume in cubic angstrom over a run; without rows of it, that of the row before or of model.xyz."""
        cells = self._thermo_rows(run)[1]
        if cells is None or len(cells) == 0:
            return float(abs(np.linalg.det(self._cell(run))))
        return float(np.abs(np.linalg.det(cells)).mean())

    def fraction(self, group: Group | None) -> float:
        """Part of the atoms in a group, which is taken for its part of the volume."""
        if group is None:
            return 1.0
        groups = self.structure.groups
        if group.method >= len(groups):
            raise InputError(
                f"has {len(groups)} grouping methods, but compute_shc asks for number {group.method}",
                path=self.structure.path,
            )
        part = float(np.mean(groups[group.method] == group.label))
        if part == 0:
            raise InputError(f"has no atom in group {group.label} of compute_shc", path=self.structure.path)
        return part

    def mean_temperature(self, run: Run) -> tuple[float, float] | None:
        """Mean temperature of a run and its standard error in kelvin; None with fewer than ten rows."""
        temperatures = self._thermo_rows(run)[0]
        if temperatures is None or len(temperatures) < 10:
            return None
        known = blocking(temperatures[transient([temperatures]) :])
        return known.mean, known.standard_error

    def _cell(self, run: Run) -> Floats:
        """Cell at the end of a run as far as known, ``(3, 3)``."""
        cells = self._thermo_rows(run)[1]
        if cells is not None and len(cells):
            return np.asarray(cells[-1], dtype=np.float64)
        before = self._rows_before(run)
        if self.thermo is not None and 0 < before <= len(self.thermo.cell):
            return np.asarray(self.thermo.cell[before - 1], dtype=np.float64)
        return self.structure.cell * np.array(self.script.replicate, dtype=np.float64)[:, None]

    def _thermo_rows(self, run: Run) -> tuple[Floats | None, Floats | None]:
        """Temperatures ``(n,)`` and cells ``(n, 3, 3)`` along a run."""
        if self.thermo is None:
            return None, None
        begin = self._rows_before(run)
        rows = slice(begin, begin + _rows_of(run))
        return self.thermo.temperature[rows], self.thermo.cell[rows]

    def _rows_before(self, run: Run) -> int:
        """Rows of thermo.out before those of a run; of several simulations in the file the last one counts."""
        runs = self.runs
        number = next(i for i, one in enumerate(runs) if one is run)
        whole = sum(map(_rows_of, runs))
        found = 0 if self.thermo is None else len(self.thermo.temperature)
        return max(0, found - whole) + sum(map(_rows_of, runs[:number]))


def read_conditions(directory: Path) -> Conditions:
    """Read run.in and what belongs to it in a folder, or for the atoms and the potential in the folder above.

    Raises
    ------
    InputError
        If run.in or model.xyz is missing or damaged; a potential that is missing or no NEP is passed over.
    """
    script = read_script(directory / "run.in")
    model = next((folder / "model.xyz" for folder in _near(directory) if (folder / "model.xyz").is_file()), None)
    if model is None:
        raise InputError("there is no such file, here or in the folder above", path=directory / "model.xyz")
    potential, cutoff = _read_potential(directory, script)
    thermo = directory / "thermo.out"
    outputs = [directory / name for name in OUTPUTS if (directory / name).is_file()]
    return Conditions(
        directory=directory,
        script=script,
        structure=read_structure(model),
        cutoff=cutoff,
        potential=potential,
        thermo=read_thermo(thermo) if thermo.is_file() else None,
        files=(directory / "run.in", model, *([potential] if potential is not None else []), *outputs),
    )


def _near(directory: Path) -> tuple[Path, Path]:
    return directory, directory / ".." if directory.name in ("", "..") else directory.parent


def _read_potential(directory: Path, script: Script) -> tuple[Path | None, float | None]:
    candidates = [directory / script.potential]
    candidates += [folder / name for folder in _near(directory) for name in (Path(script.potential).name, "nep.txt")]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        return None, None
    try:
        return path, max(read_nep_txt(path).cutoff[0::2])
    except InputError:  # of another kind, which GPUMD may know
        return path, None


def _rows_of(run: Run) -> int:
    return sum(run.steps // measure.interval for measure in run.measures if isinstance(measure, DumpThermo))
