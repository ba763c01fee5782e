# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # Notebook: a potential in Python
#
# Train a potential, compare it with its labels, and use it in ASE. This page is a notebook in
# [jupytext's](https://jupytext.readthedocs.io) percent format: open `docs/tutorial/use-a-model.py` in Jupyter, or run
# it as a program in the source folder. A test of neptuner runs it.

# %%
import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk

import neptuner

# %% [markdown]
# ## Train
#
# A folder with `nep.in`, `train.xyz` and `test.xyz`, as for GPUMD. A hundred steps take a second or two (and the first
# time a minute, for compiling); real trainings take thousands.

# %%
folder = Path(tempfile.mkdtemp())
for name in ("train.xyz", "test.xyz", "nep.in"):
    shutil.copy(Path("examples/j14") / name, folder)

summary = neptuner.train(folder, steps=100, threads=1)
print(f"{summary['parameters']} parameters, {summary['seconds']:.1f} s")
print(f"force RMSE on test: {1000 * summary['test']['rmse_force']:.0f} meV/angstrom")

# %% [markdown]
# ## Where is it wrong?
#
# `neptuner.predict` gives what the command of that name prints.

# %%
errors = neptuner.predict(folder / "nep.txt", folder / "test.xyz", threads=1, worst=1)
for element, found in errors["by_element"].items():
    print(f"{element:2s} {1000 * found['rmse_force']:6.0f} meV/angstrom, {found['atoms']} atoms")

# %% [markdown]
# The same by hand, for a parity plot of forces. Training data are periodic in all directions.

# %%
nep = neptuner.NEP.read(folder / "nep.txt")
frames = neptuner.read_frames(folder / "test.xyz")
predicted = np.concatenate([nep.energy_forces_virial(frame).forces for frame in frames])
labels = np.concatenate([frame.forces for frame in frames])
rmse = np.sqrt(np.mean((predicted - labels) ** 2))
assert abs(rmse - errors["rmse_force"]) < 1e-4

figure, axes = plt.subplots(figsize=(4, 4))
axes.plot(labels.ravel(), predicted.ravel(), ".", markersize=2)
axes.axline((0, 0), slope=1, color="gray", linewidth=1)
axes.set_xlabel("force of the label (eV/Å)")
axes.set_ylabel("predicted force (eV/Å)")
figure.tight_layout()

# %% [markdown]
# ## In ASE
#
# A lattice parameter of MgO, from the energies of a few volumes. Energies of a crystal by a potential that has only
# seen mixtures are a test of how far it carries, not a result.

# %%
crystal = bulk("MgO", "rocksalt", a=4.2, cubic=True)
crystal.calc = nep.calculator(precision="double")
lengths = np.linspace(4.05, 4.40, 8)
energies = []
for length in lengths:
    crystal.set_cell(length * np.eye(3), scale_atoms=True)
    energies.append(crystal.get_potential_energy())
a, b, c = np.polyfit(lengths, energies, 2)
print(f"lattice parameter {-b / (2 * a):.3f} angstrom")

# %% [markdown]
# ## Descriptors
#
# What the network sees of every atom, one row each: the first two principal components tell oxygen from the cations.

# %%
frame = frames[0]
x = nep.descriptors(frame, scaled=True)
centred = x - x.mean(axis=0)
components = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
oxygen = frame.species == "O"
print(f"first component: O {components[oxygen, 0].mean():+.2f}, cations {components[~oxygen, 0].mean():+.2f}")
