"""Thermal conductivity of J14 at 900 K by HNEMD and by Green-Kubo, against GPUMD's own runs of the same potential.

    python benchmarks/kappa_j14.py prepare ../shared/data/j14-hnemd-900K WORK
    python benchmarks/kappa_j14.py run WORK --jobs 2          (hours; killed at any time, the same command goes on)
    neptuner kappa WORK/fe-4e-4
    python benchmarks/kappa_j14.py figure ../shared/data/j14-hnemd-900K WORK/fe-4e-4 benchmarks/results/kappa_j14.png

Does it depend on the size of the cell? Equilibrium fluctuations of smaller ones, driven runs of one as large as
GPUMD's, and all of them in one figure and in fits over the edge of the cell:

    python benchmarks/kappa_j14.py prepare ../shared/data/j14-hnemd-900K WORK --force 0 --edge 3
    python benchmarks/kappa_j14.py prepare ../shared/data/j14-hnemd-900K WORK --edge 10 --time-step 5 \\
        --equilibration 10 --no-spectrum
    python benchmarks/kappa_j14.py run WORK
    neptuner kappa WORK/fe-0-216-atoms --json > benchmarks/results/kappa_j14/216-atoms.json
    neptuner kappa WORK/fe-4e-4-8000-atoms --json > benchmarks/results/kappa_j14/8000-atoms.json
    python benchmarks/kappa_j14.py sizes benchmarks/results/kappa_j14/*.json benchmarks/results/kappa_j14_sizes.png

The replicates are cells of 1000 atoms with as many of each cation but their own order; lattice parameter, thermostat
and driving force are those of GPUMD's run.in, whose cell has 8000 atoms. Time steps are longer than its 1 fs, because
more picoseconds come of the same work: the fastest vibrations take 50 fs. Outputs are at the same times whatever the
time step, so that runs of several can be read together.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import chi2

from neptuner.engines.conductivity import conductivity
from neptuner.engines.conductivity_result import Conductivity
from neptuner.files.masses import default_masses
from neptuner.files.structure import Structure, read_structure, write_structure
from neptuner.report.style import BAND, COMBINED, CYCLE, DPI, styled

Floats = NDArray[np.float64]

RUN = """\
potential     nep.txt
velocity      900 seed {seed}

time_step     {time_step}
ensemble      nvt_nhc 900 900 100
dump_thermo   {picosecond}
run           {equilibration}

ensemble      nvt_nhc 900 900 100
{driven}compute_hac   {hac} {correlation} 10
{spectrum}dump_thermo   {picosecond}
run           {production}
"""

LATTICE = 4.273557981
"""Of GPUMD's cell, in angstrom."""
PRODUCTION = 250
"""In picoseconds."""
CUTOFF = 5.0
"""In picoseconds: Green-Kubo values of all sizes are read at about this correlation time, when all is over."""


def cell(source: Structure, seed: int, edge: int = 5) -> Structure:
    """`edge` rock-salt cells along each edge of the same lattice parameter, cations in equal shares at random."""
    lattice, cations = source.cell[0, 0] / 10.0, sorted(set(source.species.tolist()) - {"O"})
    sites = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    corners = np.array(list(np.ndindex(edge, edge, edge)), dtype=float)
    places = (corners[:, None, :] + sites).reshape(-1, 3)
    order = np.resize(cations, len(places))
    np.random.default_rng(seed).shuffle(order)
    species = np.concatenate([order, np.full(len(places), "O")])
    positions = lattice * np.concatenate([places, places + np.array([0.5, 0.0, 0.0])])
    none = np.zeros((0, len(species)), dtype=np.int64)
    masses = default_masses(species.tolist())
    return Structure(species, positions, edge * lattice * np.eye(3), (True, True, True), masses, None, none)


@dataclass(frozen=True)
class Plan:
    """What run.in asks for."""

    force: str
    """In 1/angstrom; ``0``: no driving force."""
    edge: int
    """Of the cell, in rock-salt cells."""
    time_step: int
    """In femtoseconds."""
    equilibration: int
    """In picoseconds."""
    correlation: int
    """Longest correlation time in picoseconds."""
    spectrum: bool

    @property
    def folder(self) -> str:
        """Where its runs go."""
        return f"fe-{self.force}" + ("" if self.edge == 5 else f"-{8 * self.edge**3}-atoms")


def script(plan: Plan, seed: int) -> str:
    """run.in with outputs every picosecond, heat currents every 10 fs, and the spectrum's every 4 or 5."""
    picosecond, shc = 1000 // plan.time_step, max(1, 4 // plan.time_step)
    return RUN.format(
        seed=seed,
        time_step=plan.time_step,
        picosecond=picosecond,
        equilibration=plan.equilibration * picosecond,
        production=PRODUCTION * picosecond,
        driven="" if plan.force == "0" else f"compute_hnemd {picosecond} 0 {plan.force} 0\n",
        hac=10 // plan.time_step,
        correlation=100 * plan.correlation,
        spectrum=f"compute_shc   {shc} {500 // (shc * plan.time_step)} 1 1000 400\n" if plan.spectrum else "",
    )


def prepare(source: Path, work: Path, plan: Plan, replicates: range) -> None:
    """Write a folder for each replicate."""
    given = read_structure(source / "model.xyz")
    for seed in replicates:
        folder = work / plan.folder / f"run{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        write_structure(folder / "model.xyz", cell(given, seed, plan.edge))
        shutil.copyfile(source / "nep.txt", folder / "nep.txt")
        (folder / "run.in").write_text(script(plan, seed))
        print(folder)


def run(work: Path, jobs: int, skin: float) -> None:
    """Run or go on with every folder, some at a time, one thread each."""

    def one(folder: Path) -> int:
        command = [sys.executable, "-m", "neptuner", "md", folder, "--threads", "1", "--skin", skin, "--resume"]
        with (folder / "log.txt").open("a") as log:
            return subprocess.run(list(map(str, command)), stdout=log, stderr=log, check=False).returncode

    folders = sorted((path.parent for path in work.glob("*/*/run.in")), key=lambda path: (len(path.name), path.name))
    with ThreadPoolExecutor(jobs) as pool:
        for folder, code in zip(folders, pool.map(one, folders), strict=True):
            print(folder, "done" if code == 0 else f"exit code {code}", flush=True)


@styled
def figure(theirs: Conductivity, ours: Conductivity) -> Figure:
    """Running average of driven runs and running integral of equilibrium fluctuations, beside GPUMD's value."""
    drawn = Figure(figsize=(8.6, 3.2), layout="constrained")
    left, right = drawn.subplots(1, 2, sharey=True)
    assert ours.equilibrium is not None
    running, green_kubo = ours.driven[0].running, ours.equilibrium.green_kubo
    assert green_kubo is not None
    _band(left, running.time_ps, running.mean, running.error)
    _band(right, green_kubo.time, green_kubo.running, green_kubo.running_error)
    right.axvspan(*green_kubo.plateau_ps, color=BAND, alpha=0.5, lw=0, label="averaged")
    for axes in (left, right):
        axes.axhline(theirs.kappa, color=COMBINED, lw=1.2, label=f"GPUMD, 8000 atoms: {theirs.kappa:.3f}")
        axes.set_xlim(left=0)
    left.set(xlabel=f"time (ps), each of {ours.runs} runs", ylabel="κ (W/mK)", title="HNEMD", ylim=(0, 4))
    right.set(xlabel="correlation time (ps)", title=f"Green-Kubo, {green_kubo.n_series} series")
    right.legend(loc="lower right")
    return drawn


def _band(axes: Axes, time: Floats, mean: Floats, error: Floats) -> None:
    axes.fill_between(time, mean - error, mean + error, color=CYCLE[4], alpha=0.4, lw=0, label="standard error")
    axes.plot(time, mean, color=CYCLE[0], label="1000 atoms")


def pooled(found: Sequence[Mapping[str, Any]], method: str) -> tuple[float, float] | None:
    """Conductivity and standard error in W/mK of independent sets of runs of equal length; None without that method.

    Driven runs are pooled one by one, and the error is the larger of that from their spread and that of the
    fluctuation-dissipation theorem. Green-Kubo values of sets are weighted with their numbers of series; of the two
    values of each set, that with the cut-off nearer to `CUTOFF` is taken.

    Parameters
    ----------
    found
        What `neptuner kappa --json` printed of each set.
    """
    if method == "HNEMD":
        driven = [one for one in found if "per_run" in one]
        return _driven(driven) if driven else None
    sets = [one["green_kubo"]["autocorrelation"] for one in found if one["green_kubo"] is not None]
    return _mean(np.array([_near_cutoff(one) for one in sets])) if sets else None


def _driven(found: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    runs = np.array([run["kappa"] for one in found for run in one["per_run"]])
    _, expected = _mean(np.array([(one["kappa"], one["errors"]["predicted"], one["runs"]) for one in found]))
    return runs.mean(), max(runs.std(ddof=1) / np.sqrt(len(runs)), expected)


def _mean(sets: Floats) -> tuple[float, float]:
    """Mean and its error of rows of value, error and weight."""
    kappa, error, weight = sets.T
    weight = weight / weight.sum()
    return weight @ kappa, np.sqrt(np.sum((weight * error) ** 2))


def _near_cutoff(one: Mapping[str, Any]) -> tuple[float, float, float]:
    """Value, error and number of series at the cut-off of the data or at the later one."""
    later = one.get("later_cutoff_ps", np.inf)
    if abs(later - CUTOFF) < abs(one["cutoff_ps"] - CUTOFF):
        return one["later_kappa"], one["later_error"], one["n_series"]
    return one["kappa"], one["standard_error"], one["n_series"]


@dataclass(frozen=True)
class Point:
    """A conductivity of one size of cell in W/mK."""

    series: str
    """A key of `SERIES`."""
    atoms: int
    kappa: float
    error: float


GPUMD = "HNEMD, GPUMD, 1 fs"
SERIES = {
    "Green-Kubo, 5 fs": ("o", CYCLE[0], 0.97),
    "Green-Kubo, 2 fs": ("o", CYCLE[1], 0.91),
    "HNEMD, 5 fs": ("o", CYCLE[2], 1.03),
    GPUMD: ("D", COMBINED, 1.0),
}
"""Marker, colour and shift of each."""


def read_points(files: Sequence[Path]) -> list[Point]:
    """Read what `neptuner kappa --json` printed; files NAME-runs-... of one name are pooled."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for file in files:
        groups.setdefault(file.stem.partition("-runs-")[0], []).append(json.loads(file.read_text()))
    points = []
    for name, found in groups.items():
        for method in ("Green-Kubo", "HNEMD"):
            value = pooled(found, method)
            series = GPUMD if name.startswith("gpumd") else f"{method}, {2 if name.endswith('-2fs') else 5} fs"
            if value is not None:
                points.append(Point(series, found[0]["atoms"], *value))
    return points


@dataclass(frozen=True)
class Fit:
    """kappa = bulk + slope / edge."""

    values: Floats
    """``(2,)``: slope in W/mK angstrom, bulk in W/mK."""
    covariance: Floats
    probability: float
    """Of scatter as large as that around the line."""
    constant: float
    """The same without a slope."""

    def at(self, atoms: int) -> tuple[float, float]:
        """Conductivity and standard error in W/mK."""
        place = np.array([1 / edge(atoms), 1.0])
        return place @ self.values, np.sqrt(place @ self.covariance @ place)


def edge(atoms: int) -> float:
    """Edge of a cell in angstrom."""
    return LATTICE * np.cbrt(atoms / 8)


def fit(points: Sequence[Point]) -> Fit:
    """Fit conductivities with weights of their errors."""
    inverse = np.array([1 / edge(point.atoms) for point in points])
    kappa, error = np.array([(point.kappa, point.error) for point in points]).T
    chances, found = [], []
    for degree in (0, 1):
        found.append(np.polyfit(inverse, kappa, degree, w=1 / error, cov="unscaled"))
        off = np.sum(((kappa - np.polyval(found[-1][0], inverse)) / error) ** 2)
        chances.append(float(chi2.sf(off, len(points) - degree - 1)))
    return Fit(*found[1], probability=chances[1], constant=chances[0])


def told(name: str, found: Fit) -> str:
    """Tell a fit in a line."""
    (slope, bulk), (slope_error, bulk_error) = found.values, np.sqrt(np.diag(found.covariance))
    there, error = found.at(8000)
    return (
        f"{name}: ({bulk:.3f} +- {bulk_error:.3f}) + ({slope:.2f} +- {slope_error:.2f}) A / L,"
        f" p = {found.probability:.2f}; constant p = {found.constant:.1e}; 8000 atoms {there:.3f} +- {error:.3f}"
    )


@styled
def sizes(points: Sequence[Point], line: Fit) -> Figure:
    """Conductivity against the number of atoms, with standard errors and a fit."""
    drawn = Figure(figsize=(5.6, 3.4), layout="constrained")
    axes = drawn.subplots()
    for series, (marker, colour, shift) in SERIES.items():
        if own := [point for point in points if point.series == series]:
            x, y, error = zip(*((shift * point.atoms, point.kappa, point.error) for point in own), strict=True)
            axes.errorbar(x, y, error, fmt=marker, capsize=3, color=colour, label=series)
    ticks = sorted({point.atoms for point in points})
    x = np.geomspace(ticks[0], ticks[-1])
    axes.plot(x, [line.at(atoms)[0] for atoms in x], color="0.6", lw=1, zorder=0, label="a + b / edge, all values")
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(atoms) for atoms in ticks])
    axes.minorticks_off()
    axes.set(xlabel="atoms", ylabel="\u03ba (W/mK)", ylim=(0, 3))
    axes.legend(loc="lower right")
    return drawn


def compare_sizes(files: Sequence[Path], output: Path) -> None:
    """Print all values and fits, and draw them."""
    points = read_points(files)
    for point in points:
        print(f"{point.atoms:5} {point.series:20} {point.kappa:.3f} +- {point.error:.3f}")
    line = fit(points)
    print(told("all values", line))
    print(told("without GPUMD's", fit([point for point in points if point.series != GPUMD])))
    sizes(points, line).savefig(output, dpi=DPI)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("prepare")
    first.add_argument("source", type=Path)
    first.add_argument("work", type=Path)
    first.add_argument("--force", default="4e-4", help="driving force in 1/angstrom; 0: none")
    first.add_argument("--edge", type=int, default=5, help="of the cell, in rock-salt cells of 8 atoms")
    first.add_argument("--time-step", type=int, default=2, choices=(1, 2, 5), help="in femtoseconds")
    first.add_argument("--equilibration", type=int, default=20, help="in picoseconds")
    first.add_argument("--correlation", type=int, default=20, help="longest correlation time in picoseconds")
    first.add_argument("--no-spectrum", dest="spectrum", action="store_false", help="leave out compute_shc")
    first.add_argument("--replicates", type=int, default=8, help="number of the last")
    first.add_argument("--first", type=int, default=1, help="number of the first")
    second = commands.add_parser("run")
    second.add_argument("work", type=Path)
    second.add_argument("--jobs", type=int, default=2)
    second.add_argument("--skin", type=float, default=2.0, help="of neighbour lists, in angstrom")
    third = commands.add_parser("figure")
    third.add_argument("source", type=Path)
    third.add_argument("runs", type=Path)
    third.add_argument("output", type=Path)
    fourth = commands.add_parser("sizes")
    fourth.add_argument("files", type=Path, nargs="+", help="of neptuner kappa --json")
    fourth.add_argument("output", type=Path)
    options = parser.parse_args()
    if options.command == "figure":
        drawn = figure(conductivity([options.source]), conductivity([options.runs], with_stacie=False))
        drawn.savefig(options.output, dpi=DPI)
    elif options.command == "sizes":
        compare_sizes(options.files, options.output)
    elif options.command == "run":
        run(options.work, options.jobs, options.skin)
    else:
        replicates = range(options.first, options.replicates + 1)
        plan = Plan(
            options.force,
            options.edge,
            options.time_step,
            options.equilibration,
            options.correlation,
            options.spectrum,
        )
        prepare(options.source, options.work, plan, replicates)


if __name__ == "__main__":
    main()
