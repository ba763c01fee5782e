"""The examples run, on a potential trained in seconds on ASE's EMT for ordered CuAu."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.optimize import BFGS

import neptuner
from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame
from neptuner.files.run_in import read_script
from neptuner.files.script import ComputeHac, ComputeHnemd, DumpThermo, Run
from neptuner.files.structure import read_structure
from neptuner.study.spec import read_spec

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "ase_relax.py"
NEP_IN = """type 2 Cu Au
cutoff 5 5
n_max 4 4
basis_size 6 6
l_max 4 1
neuron 10
batch 10
generation 1500
output_interval 100
"""


def cuau(a: float) -> Atoms:
    """CuAu in the L1_0 structure, cubic."""
    atoms = bulk("Cu", cubic=True, a=a)
    atoms.symbols[:2] = "Au"
    return atoms


def labelled(rng: np.random.Generator) -> Frame:
    """A strained and rattled crystal with labels of EMT."""
    atoms = cuau(3.75)
    strain = np.diag(rng.uniform(0.92, 1.08, size=3)) + rng.uniform(-0.02, 0.02, size=(3, 3))
    atoms.set_cell(atoms.cell[:] @ strain, scale_atoms=True)
    atoms.positions += rng.normal(size=(4, 3)) * rng.uniform(0.0, 0.12)
    atoms.calc = EMT()
    virial = -atoms.get_volume() * atoms.get_stress()[[0, 1, 2, 5, 3, 4]]
    return Frame(
        np.array(list(atoms.symbols)),
        atoms.positions,
        atoms.cell[:],
        energy=atoms.get_potential_energy(),
        forces=atoms.get_forces(),
        virial=virial,
    )


@pytest.fixture(scope="module")
def nep_txt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuau")
    rng = np.random.default_rng(0)
    write_frames(folder / "train.xyz", [labelled(rng) for _ in range(80)])
    (folder / "nep.in").write_text(NEP_IN)
    neptuner.train(folder, threads=1)
    return folder / "nep.txt"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the example; its warnings are errors."""
    command = [sys.executable, "-W", "error", str(EXAMPLE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_relaxation_equation_of_state_and_phonons(nep_txt: Path, tmp_path: Path) -> None:
    start = cuau(3.85)
    start.rattle(0.05, seed=1)
    write(tmp_path / "crystal.xyz", start, format="extxyz")
    done = run(nep_txt, tmp_path / "crystal.xyz", tmp_path / "relaxed.xyz")
    assert done.returncode == 0, done.stderr
    lines = {line[:16].strip(): line[16:] for line in done.stdout.splitlines()}
    numbers = {name: float(re.match(r"\S+", text)[0]) for name, text in lines.items() if name != "phonons"}
    assert "not converged" not in done.stdout
    assert numbers["energy relaxed"] < numbers["energy before"] - 0.1
    assert numbers["largest force"] < 0.01
    assert numbers["EOS volume"] == pytest.approx(numbers["volume"], rel=1e-3)
    assert lines["phonons"].endswith(("THz", "skipped: phonopy is not installed"))
    relaxed = read(tmp_path / "relaxed.xyz")
    assert relaxed.get_potential_energy() == pytest.approx(numbers["energy relaxed"], abs=1e-5)
    start.calc = EMT()
    BFGS(FrechetCellFilter(start), logfile=None).run(fmax=0.01)
    assert relaxed.get_volume() == pytest.approx(start.get_volume(), rel=0.02)
    assert relaxed.cell.lengths()[0] < 0.97 * relaxed.cell.lengths()[1]  # tetragonal, as in EMT


def test_without_arguments_it_says_how_to_use_it() -> None:
    done = run()
    assert done.returncode == 1
    assert "Usage: python ase_relax.py NEP.txt CRYSTAL.xyz" in done.stderr


KAPPA = EXAMPLE.parent / "kappa"
CATIONS = ("Mg", "Co", "Ni", "Cu", "Zn")


@pytest.mark.parametrize("kind", ["hnemd", "green-kubo"])
def test_kappa_scripts_are_what_they_say(kind: str) -> None:
    script = read_script(KAPPA / kind / "run.in")
    runs = [action for action in script.actions if isinstance(action, Run)]
    assert [run.steps for run in runs] == [10000, 10000, 200000]
    wanted = {"hnemd": ComputeHnemd, "green-kubo": ComputeHac}[kind]
    assert [type(measure) for measure in runs[-1].measures if not isinstance(measure, DumpThermo)][:1] == [wanted]
    assert runs[-1].target_temperature == 300


def test_kappa_cell_is_rock_salt_with_equal_shares(tmp_path: Path) -> None:
    path = tmp_path / "model.xyz"
    command = [sys.executable, KAPPA / "make_cell.py", "5", path, "--seed", "2"]
    subprocess.run(list(map(str, command)), check=True, timeout=60)
    structure = read_structure(path)
    species, counts = np.unique(structure.species, return_counts=True)
    assert dict(zip(species.tolist(), counts.tolist(), strict=True)) == {"O": 500, **dict.fromkeys(CATIONS, 100)}
    atoms = Atoms(structure.species.tolist(), structure.positions, cell=structure.cell, pbc=True)
    distances = atoms.get_all_distances(mic=True)[0]
    assert np.sort(distances)[1:7] == pytest.approx(np.full(6, 2.12))
    assert set(structure.species[np.argsort(distances)[1:7]].tolist()) == {"O"}


def test_kappa_study_is_valid() -> None:
    spec = read_spec(KAPPA / "study.toml")
    assert spec.train.exists()
    assert spec.baseline.exists()
    assert spec.md is not None
    assert spec.md.fe == (2e-3, 1e-3, 4e-3)
