"""Relax a crystal with a NEP, then its equation of state and, if phonopy is installed, its phonons.

Usage: python ase_relax.py NEP.txt CRYSTAL.xyz [RELAXED.xyz]
"""

import sys
from importlib.util import find_spec

import numpy as np
from ase import Atoms
from ase.eos import calculate_eos
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.optimize import BFGS
from ase.units import GPa

from neptuner import NEP

if len(sys.argv) < 3:
    sys.exit(__doc__)
atoms = read(sys.argv[2], index=0)
atoms.calc = calculator = NEP.read(sys.argv[1]).calculator(precision="double")

print(f"energy before   {atoms.get_potential_energy():.6f} eV")
converged = BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.01, steps=500)
print(f"energy relaxed  {atoms.get_potential_energy():.6f} eV" + ("" if converged else ", not converged"))
print(f"largest force   {np.linalg.norm(atoms.get_forces(), axis=1).max():.6f} eV/angstrom")
print(f"volume          {atoms.get_volume():.4f} cubic angstrom")
if len(sys.argv) > 3:
    write(sys.argv[3], atoms)

volume, _, bulk_modulus = calculate_eos(atoms, npoints=7, eps=0.06).fit()
print(f"EOS volume      {volume:.4f} cubic angstrom, bulk modulus {bulk_modulus / GPa:.1f} GPa")

if find_spec("phonopy"):
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(symbols=list(atoms.symbols), cell=atoms.cell[:], positions=atoms.positions)
    phonon = Phonopy(cell, supercell_matrix=np.diag([2, 2, 2]), primitive_matrix="P")
    phonon.generate_displacements(distance=0.01)
    phonon.forces = [
        calculator.get_forces(Atoms(supercell.symbols, supercell.positions, cell=supercell.cell, pbc=True))
        for supercell in phonon.supercells_with_displacements
    ]
    phonon.produce_force_constants()
    phonon.run_mesh([8, 8, 8])
    frequencies = phonon.mesh.frequencies
    print(f"phonons         {frequencies.min():.3f} to {frequencies.max():.3f} THz")
else:
    print("phonons         skipped: phonopy is not installed")
