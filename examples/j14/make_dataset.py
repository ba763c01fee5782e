#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "ase==3.29.0",
#     "chgnet==0.4.2",
#     "numpy==2.4.6",
#     "pymatgen==2026.10.24",
#     "torch==2.13.0",
# ]
# ///
"""Make the J14 example data set: (Mg,Co,Ni,Cu,Zn)O labelled with CHGNet.

Writes ``train.xyz`` and ``test.xyz``, extended XYZ as GPUMD's ``nep`` reads it.
The labels (energy, forces, virial) are those of the pretrained machine-learned
potential CHGNet 0.3.0, whose weights come inside the chgnet wheel.  They are
NOT first-principles data.

Three kinds of frame, a third each, named by the key ``config_type``:

strained  the ideal rock-salt lattice under a random symmetric strain (every
          diagonal component up to +-4 %, every tensor shear up to +-2.5 %),
          with a small random displacement of the atoms (0 to 0.05 A)
rattled   gaussian displacements with a standard deviation of 0.02 to 0.12 A;
          every other frame also carries a small strain (up to +-1.5 %)
md        frames 40 fs apart from short Langevin dynamics (2 fs time step) at
          300 to 1500 K; every other run is at a changed volume

A *base* is one random decoration of the cation sites in one cell.  No two bases
are equivalent by symmetry, and a base belongs to one kind and to one of the two
sets, so no frame of ``test.xyz`` shares its cation arrangement, or its MD run,
with a frame of ``train.xyz``.

Run it with ``uv run make_dataset.py --out DIR`` or, with the dependencies above
installed, ``python make_dataset.py --out DIR``.  On one CPU core the default
set takes about twenty minutes.  Existing data files are never overwritten.
"""

import argparse
import math
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from ase import units
from ase.atoms import Atoms
from ase.build import bulk
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.neighborlist import neighbor_list
from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import CHGNet

CATIONS = ("Mg", "Co", "Ni", "Cu", "Zn")
MODEL = "0.3.0"  # the pretrained CHGNet model, trained on MPtrj
LABEL = f"chgnet-{MODEL}"
KINDS = ("strained", "rattled", "md")

# Lattice parameters (A) of the unstrained cells.  The measured one of J14 is
# 4.24 A; CHGNet, like the PBE functional it learned from, prefers about 4.28 A.
LATTICE_RANGE = (4.22, 4.31)

# The cells: number of atoms -> shapes.  "cubic" repeats the 8-atom cube,
# "primitive" the 2-atom rhombohedral cell.
CELLS = {
    16: (("primitive", (2, 2, 2)), ("cubic", (1, 1, 2))),
    24: (("primitive", (2, 2, 3)), ("cubic", (1, 1, 3))),
    32: (("primitive", (2, 2, 4)), ("cubic", (1, 2, 2))),
    48: (("cubic", (1, 2, 3)), ("primitive", (2, 3, 4))),
    64: (("cubic", (2, 2, 2)), ("primitive", (2, 4, 4))),
}
SHARES = {16: 0.32, 24: 0.26, 32: 0.20, 48: 0.12, 64: 0.10}

FRAMES_PER_BASE = {"strained": 2, "rattled": 2, "md": 5}

MAX_NORMAL_STRAIN = 0.04
MAX_SHEAR_STRAIN = 0.025
MAX_RATTLED_STRAIN = 0.015
STRAINED_RATTLE = (0.0, 0.05)  # A
RATTLE_RANGE = (0.02, 0.12)  # A

MD_TEMPERATURES = (300.0, 1500.0)  # K
MD_LENGTH_SCALE = (0.975, 1.030)  # on the cell lengths, for every other run
MD_TIMESTEP = 2.0  # fs
MD_FRICTION = 0.02  # 1/fs
MD_EQUILIBRATION = 40  # steps before the first frame
MD_SPACING = 20  # steps between frames

MAX_FORCE = 15.0  # eV/A; frames with a larger force are discarded
MAX_TRIES = 50


# ----------------------------------------------------------------- structures


def draw_species(n_cations: int, rng: np.random.Generator) -> list[str]:
    """Random cations near equimolar: each of the five occurs at least once."""
    while True:
        species = list(CATIONS) * (n_cations // len(CATIONS))
        extra = n_cations - len(species)
        species += list(rng.choice(CATIONS, size=extra, replace=False))
        # Let the composition vary a little: reassign about a tenth of the sites.
        for i in np.flatnonzero(rng.random(n_cations) < 0.1):
            species[i] = str(rng.choice(CATIONS))
        if set(species) == set(CATIONS):
            return [str(s) for s in rng.permutation(species)]


def draw_base(n_atoms: int, rng: np.random.Generator) -> Atoms:
    """An ideal rock-salt cell of n_atoms atoms with random cations."""
    shapes = CELLS[n_atoms]
    shape, repeat = shapes[rng.integers(len(shapes))]
    a = rng.uniform(*LATTICE_RANGE)
    atoms = bulk("MgO", "rocksalt", a=a, cubic=shape == "cubic") * repeat
    symbols = np.array(atoms.get_chemical_symbols(), dtype=object)
    sites = symbols == "Mg"
    symbols[sites] = draw_species(int(sites.sum()), rng)
    atoms.symbols = list(symbols)
    atoms.info["lattice_parameter"] = a
    return atoms


def fingerprint(base: Atoms) -> tuple:
    """A key that is the same for decorations equivalent by symmetry.

    For every cation: its element and the elements in its first four cation
    shells.  Different decorations can in principle share a key, in which case
    one of them is not used; equivalent ones always do.
    """
    cations = base[[s != "O" for s in base.symbols]]
    scale = 1.0 / base.info["lattice_parameter"]
    cations.set_cell(cations.cell * scale, scale_atoms=True)
    i, j, d = neighbor_list("ijd", cations, 1.45)
    symbols = cations.get_chemical_symbols()
    shells: list[Counter] = [Counter() for _ in cations]
    for a, b, distance in zip(i, j, d, strict=True):
        shells[a][(round(float(distance), 3), symbols[b])] += 1
    sites = Counter((symbols[k], tuple(sorted(c.items()))) for k, c in enumerate(shells))
    divisor = math.gcd(*sites.values())  # a repeated cell is the same crystal
    return tuple(sorted((key, n // divisor) for key, n in sites.items()))


def random_strain(rng: np.random.Generator, normal: float, shear: float) -> np.ndarray:
    """A symmetric strain tensor: hydrostatic + uniaxial + shear parts."""
    # Half of the diagonal is common to the three axes, so that volumes spread
    # more widely than three independent draws would make them.
    diagonal = normal * 0.5 * (rng.uniform(-1, 1) + rng.uniform(-1, 1, size=3))
    xy, xz, yz = rng.uniform(-shear, shear, size=3)
    strain = np.diag(diagonal)
    strain[0, 1] = strain[1, 0] = xy
    strain[0, 2] = strain[2, 0] = xz
    strain[1, 2] = strain[2, 1] = yz
    return strain


def deform(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """A strained copy of atoms; the atoms move with the cell."""
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell @ (np.eye(3) + strain), scale_atoms=True)
    return atoms


def displace(atoms: Atoms, sigma: float, rng: np.random.Generator) -> Atoms:
    """A copy with gaussian displacements that leave the mean position alone."""
    atoms = atoms.copy()
    shift = rng.normal(scale=sigma, size=(len(atoms), 3))
    atoms.positions += shift - shift.mean(axis=0)
    return atoms


# --------------------------------------------------------------------- labels


class Labeller:
    """Labels a frame with CHGNet: energy, forces, virial."""

    def __init__(self) -> None:
        model = CHGNet.load(model_name=MODEL, use_device="cpu", verbose=False)
        self.calculator = CHGNetCalculator(model=model, use_device="cpu")
        self.discarded = 0

    def __call__(self, atoms: Atoms, **info) -> Atoms | None:
        """The labelled frame, or None if a force in it is too large.

        Cell and positions are rounded as they will be written before they are
        labelled, so the labels belong exactly to the geometry in the file.
        """
        frame = Atoms(
            atoms.get_chemical_symbols(),
            positions=np.round(atoms.positions, 6),
            cell=np.round(atoms.cell.array, 8),
            pbc=True,
        )
        self.calculator.calculate(frame)
        results = self.calculator.results
        stress = np.asarray(results["stress"], dtype=float)  # eV/A^3, 3 x 3
        forces = np.asarray(results["forces"], dtype=float)
        energy = float(results["energy"])  # eV, of the whole cell
        if not (np.isfinite(forces).all() and np.isfinite(stress).all() and np.isfinite(energy)):
            raise RuntimeError("CHGNet returned a number that is not finite")
        if np.linalg.norm(forces, axis=1).max() > MAX_FORCE:
            self.discarded += 1
            return None
        # GPUMD's virial is the total one, in eV, positive under compression;
        # ASE's stress is per volume and positive under tension.
        virial = -frame.get_volume() * 0.5 * (stress + stress.T)
        frame.info = {"energy": energy, "virial": virial, **info}
        frame.arrays["force"] = forces
        return frame


def format_frame(frame: Atoms) -> str:
    """One frame of extended XYZ, in the dialect of GPUMD's nep."""

    def numbers(values, decimals: int) -> str:
        return " ".join(f"{v:.{decimals}f}" for v in np.ravel(values))

    info = dict(frame.info)
    comment = [
        f'Lattice="{numbers(frame.cell.array, 8)}"',
        "Properties=species:S:1:pos:R:3:force:R:3",
        f"energy={info.pop('energy'):.6f}",
        f'virial="{numbers(info.pop("virial"), 6)}"',
        'pbc="T T T"',
    ]
    comment += [f"{key}={value}" for key, value in info.items()]
    lines = [str(len(frame)), " ".join(comment)]
    for symbol, position, force in zip(
        frame.get_chemical_symbols(), frame.positions, frame.arrays["force"], strict=True
    ):
        lines.append(f"{symbol:<2s}" + "".join(f" {v:11.6f}" for v in (*position, *force)))
    return "\n".join(lines) + "\n"


# --------------------------------------------------------------------- frames


def until_labelled(draw, label: Labeller) -> Atoms:
    """Call draw() for (atoms, info) until its frame is not discarded."""
    for _ in range(MAX_TRIES):
        atoms, info = draw()
        frame = label(atoms, **info)
        if frame is not None:
            return frame
    raise RuntimeError(f"no frame with forces below {MAX_FORCE} eV/A in {MAX_TRIES} tries")


def strained_frames(base, n, rng, label, info):
    """Yield n labelled frames of the kind strained."""
    for _ in range(n):

        def draw():
            strain = random_strain(rng, MAX_NORMAL_STRAIN, MAX_SHEAR_STRAIN)
            sigma = rng.uniform(*STRAINED_RATTLE)
            return displace(deform(base, strain), sigma, rng), info | {"rattle": f"{sigma:.3f}"}

        yield until_labelled(draw, label)


def rattled_frames(base, n, rng, label, info):
    """Yield n labelled frames of the kind rattled."""
    for k in range(n):

        def draw(k=k):
            atoms = base
            if k % 2:
                strain = random_strain(rng, MAX_RATTLED_STRAIN, MAX_RATTLED_STRAIN)
                atoms = deform(base, strain)
            sigma = rng.uniform(*RATTLE_RANGE)
            return displace(atoms, sigma, rng), info | {"rattle": f"{sigma:.3f}"}

        yield until_labelled(draw, label)


def md_frames(base, n, rng, label, info, temperature, rescale):
    """Yield n labelled frames of one Langevin run."""
    scale = rng.uniform(*MD_LENGTH_SCALE) if rescale else 1.0
    atoms = deform(base, (scale - 1.0) * np.eye(3))
    atoms.calc = label.calculator
    # The run starts on ideal sites, and about half of the kinetic energy goes
    # into the potential energy: hence velocities at twice the temperature.
    thermalize_momenta(atoms, temperature_K=2.0 * temperature, rng=rng)
    dynamics = Langevin(
        atoms,
        timestep=MD_TIMESTEP * units.fs,
        temperature_K=temperature,
        friction=MD_FRICTION / units.fs,
        fixcm=False,
        rng=rng,
    )
    info = info | {"md_temperature": f"{temperature:.0f}"}
    dynamics.run(MD_EQUILIBRATION)
    written = 0
    for _ in range(MAX_TRIES):
        frame = label(atoms, **info, md_step=dynamics.get_number_of_steps())
        if frame is not None:
            yield frame
            written += 1
        if written == n:
            return
        dynamics.run(MD_SPACING)
    raise RuntimeError(f"a run at {temperature:.0f} K gives forces above {MAX_FORCE} eV/A")


# ----------------------------------------------------------------------- plan


def share_out(total: int, shares: dict[int, float]) -> dict[int, int]:
    """Whole numbers near total * shares that add up to total, none 0 if possible."""
    counts = dict.fromkeys(shares, 1 if total >= len(shares) else 0)
    while sum(counts.values()) < total:
        # Give the next one to the size that is furthest behind its share.
        key = max(shares, key=lambda k: shares[k] * total - counts[k])
        counts[key] += 1
    return counts


def plan(n_frames: int, kind: str) -> list[tuple[int, int]]:
    """The bases of one kind: pairs (number of atoms, number of frames)."""
    per_base = FRAMES_PER_BASE[kind]
    n_bases = math.ceil(n_frames / per_base)
    sizes = [s for s, n in share_out(n_bases, SHARES).items() for _ in range(n)]
    frames = [per_base] * n_bases
    for k in range(n_bases * per_base - n_frames):  # the first few are one short
        frames[k % n_bases] -= 1
    return list(zip(sizes, frames, strict=True))


def generate(split: str, n_total: int, seed: int, label: Labeller, seen: set):
    """All frames of one of the two sets, one at a time."""
    split_id = ("train", "test").index(split)
    for kind_id, kind in enumerate(KINDS):
        n_frames = n_total // 3 + (kind_id < n_total % 3)
        bases = plan(n_frames, kind)
        # Temperatures spread evenly over the range, in random order.
        order = np.random.default_rng([seed, split_id, kind_id])
        temperatures = order.permutation(np.linspace(*MD_TEMPERATURES, num=max(len(bases), 1)))
        for index, (n_atoms, n) in enumerate(bases):
            # Every base has a random stream of its own.
            rng = np.random.default_rng([seed, split_id, kind_id, index])
            while True:
                base = draw_base(n_atoms, rng)
                key = fingerprint(base)
                if key not in seen:
                    break
            seen.add(key)
            info = {"config_type": kind, "base": f"{split}-{kind}-{index:03d}", "label": LABEL}
            if kind == "strained":
                yield from strained_frames(base, n, rng, label, info)
            elif kind == "rattled":
                yield from rattled_frames(base, n, rng, label, info)
            else:
                yield from md_frames(base, n, rng, label, info, float(temperatures[index]), index % 2 == 1)


# ----------------------------------------------------------------------- main


def summarise(frames: list[Atoms]) -> str:
    """Counts and ranges, as Markdown table rows."""
    lines = ["| kind | " + " | ".join(f"{s} atoms" for s in CELLS) + " | all |"]
    lines.append("|---|" + "---:|" * (len(CELLS) + 1))
    for kind in (*KINDS, "all"):
        chosen = [f for f in frames if kind in ("all", f.info["config_type"])]
        sizes = Counter(len(f) for f in chosen)
        cells = " | ".join(str(sizes[s]) for s in CELLS)
        lines.append(f"| {kind} | {cells} | {len(chosen)} |")
    energy = np.array([f.info["energy"] / len(f) for f in frames])
    norm = np.concatenate([np.linalg.norm(f.arrays["force"], axis=1) for f in frames])
    component = np.concatenate([f.arrays["force"].ravel() for f in frames])
    virial = np.array([f.info["virial"] / len(f) for f in frames])
    diagonal = virial[:, [0, 1, 2], [0, 1, 2]]
    off = virial[:, [0, 0, 1], [1, 2, 2]]
    net = max(np.abs(f.arrays["force"].sum(axis=0)).max() for f in frames)
    elements = Counter(s for f in frames for s in f.get_chemical_symbols())
    lines += [
        "",
        f"energy per atom (eV): {energy.min():.3f} to {energy.max():.3f}, "
        f"mean {energy.mean():.3f}, std {energy.std():.3f}",
        f"|force| (eV/A): mean {norm.mean():.3f}, largest {norm.max():.3f}; "
        f"components: mean {component.mean():.1e}, std {component.std():.3f}, "
        f"largest {np.abs(component).max():.3f}",
        f"virial per atom (eV), diagonal: {diagonal.min():.3f} to {diagonal.max():.3f}, "
        f"mean {diagonal.mean():.3f}, std {diagonal.std():.3f}",
        f"virial per atom (eV), off-diagonal: {off.min():.3f} to {off.max():.3f}, std {off.std():.3f}",
        f"largest component of a frame's net force (eV/A): {net:.1e}",
        "atoms: " + ", ".join(f"{k} {elements[k]}" for k in (*CATIONS, "O")),
    ]
    return "\n".join(lines)


def main() -> None:
    """Read the command line and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=14, help="random seed (default 14)")
    parser.add_argument("--out", type=Path, default=Path(), help="folder to write into")
    parser.add_argument("--train", type=int, default=300, metavar="N", help="training frames")
    parser.add_argument("--test", type=int, default=80, metavar="N", help="test frames")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of torch")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    wanted = {"train": args.train, "test": args.test}
    for split in wanted:
        for path in (args.out / f"{split}.xyz", args.out / f"{split}.xyz.part"):
            if path.exists():
                sys.exit(f"{path} exists already: choose another --out, or move it away")

    label = Labeller()
    seen: set = set()  # fingerprints of the bases used so far, in both sets
    start = time.monotonic()
    for split, n_total in wanted.items():
        path = args.out / f"{split}.xyz"
        part = args.out / f"{split}.xyz.part"  # grows frame by frame
        frames = []
        with part.open("x") as file:
            for frame in generate(split, n_total, args.seed, label, seen):
                file.write(format_frame(frame))
                file.flush()
                frames.append(frame)
                if len(frames) % 10 == 0 or len(frames) == n_total:
                    seconds = time.monotonic() - start
                    print(f"{split}: {len(frames)} of {n_total}, {seconds:.0f} s", flush=True)
        part.rename(path)
        print(f"\n{path}\n\n{summarise(frames)}\n", flush=True)
    print(f"{len(seen)} bases; frames discarded for large forces: {label.discarded}")


if __name__ == "__main__":
    main()
