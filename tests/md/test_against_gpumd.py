"""Long runs of the published J14 potential beside GPUMD's own: ``pytest -m slow tests/md``, an hour on two cores."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from neptuner.engines.dynamics import run_dynamics
from neptuner.files.structure import Structure, read_structure, write_structure
from neptuner.files.thermo_out import Thermo, read_thermo
from neptuner.transport.series import blocking

pytestmark = pytest.mark.slow

NVE = """\
potential nep.txt
minimize fire 1e-3 200
velocity 300 seed 1
ensemble nvt_bdp 300 300 100
run 3000
ensemble nve
dump_thermo 10
run 20000
"""
NVT = """\
potential nep.txt
velocity 900 seed 1
ensemble nvt_nhc 900 900 100
run 5000
ensemble nvt_nhc 900 900 100
dump_thermo 10
run 12000
"""


@pytest.fixture
def j14(shared_data: Path) -> Path:
    return shared_data / "j14-hnemd-900K"


def corner(structure: Structure, cells: int) -> Structure:
    """Some of the 10 x 10 x 10 rock-salt cells."""
    edge = structure.cell[0, 0]
    size, shifted = edge / 10 * cells, (structure.positions + edge / 40) % edge
    mine = (shifted < size).all(axis=1)
    none = np.zeros((0, int(mine.sum())), np.int64)
    cell = size * np.eye(3)
    return Structure(structure.species[mine], shifted[mine], cell, (True,) * 3, structure.masses[mine], None, none)


def thermo_of(folder: Path, source: Path, structure: Structure, script: str) -> Thermo:
    shutil.copyfile(source / "nep.txt", folder / "nep.txt")
    write_structure(folder / "model.xyz", structure)
    (folder / "run.in").write_text(script)
    run_dynamics(folder)
    return read_thermo(folder / "thermo.out")


def test_energy_is_conserved_in_single_precision(j14: Path, tmp_path: Path) -> None:
    """512 atoms, 20 ps at 1 fs: below a microelectronvolt an atom and picosecond."""
    structure = corner(read_structure(j14 / "model.xyz"), 4)
    assert structure.n_atoms == 512
    thermo = thermo_of(tmp_path, j14, structure, NVE)
    energy = (thermo.kinetic + thermo.potential) / structure.n_atoms
    assert len(energy) == 2000
    assert abs(np.polyfit(0.01 * np.arange(2000), energy, 1)[0]) < 1e-6
    assert 250 < thermo.temperature.mean() < 350


def test_energy_and_pressure_at_900_kelvin_are_gpumds(j14: Path, tmp_path: Path) -> None:
    """8000 atoms in the same box: means within three standard errors of each other."""
    ours = thermo_of(tmp_path, j14, read_structure(j14 / "model.xyz"), NVT)
    theirs = read_thermo(j14 / "thermo_run1.out")
    for name, mine, other in (
        ("potential", ours.potential, theirs.potential[20:]),
        ("pressure", ours.pressure[:, :3].mean(axis=1), theirs.pressure[20:, :3].mean(axis=1)),
    ):
        first, second = blocking(mine), blocking(other)
        error = np.hypot(first.standard_error, second.standard_error)
        assert abs(first.mean - second.mean) < 3 * error, name
