"""Write a cell of J14: rock salt with magnesium, cobalt, nickel, copper and zinc at random in equal shares.

    python examples/kappa/make_cell.py 4 examples/kappa/hnemd/model.xyz --seed 1

The first number counts conventional cells of eight atoms along each edge: 4 gives 512 atoms, 5 gives 1000.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from neptuner.files.masses import default_masses
from neptuner.files.structure import Structure, write_structure

CATIONS = ("Mg", "Co", "Ni", "Cu", "Zn")
LATTICE = 4.24
"""Lattice parameter in angstrom, as measured."""


def rock_salt(cells: int, seed: int) -> Structure:
    """Rock salt with random cations, shares as equal as the number of sites allows."""
    sites = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    corners = np.array(list(np.ndindex(cells, cells, cells)), dtype=float)
    cations = (corners[:, None, :] + sites).reshape(-1, 3)
    symbols = np.resize(CATIONS, len(cations))
    np.random.default_rng(seed).shuffle(symbols)
    species = np.concatenate([symbols, np.full(len(cations), "O")])
    positions = LATTICE * np.concatenate([cations, cations + np.array([0.5, 0.0, 0.0])])
    masses, none = default_masses(species.tolist()), np.zeros((0, len(species)), dtype=np.int64)
    return Structure(species, positions, cells * LATTICE * np.eye(3), (True, True, True), masses, None, none)


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write_structure(options.path, rock_salt(options.cells, options.seed))


if __name__ == "__main__":
    main()
